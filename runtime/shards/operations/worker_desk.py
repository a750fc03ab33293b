"""What the supervisor can ask a worker for."""

from functools import partial

from ...control.desk import Desk
from ...host.operations.backing_up import (
    AlarmsArguments,
    HoldArguments,
    copy_alarms_of,
    hold_still,
)
from ...host.operations.house import House


def worker_desk(house: House) -> Desk:
    """Return a desk for the operations on the data of one worker, and for its part of a backup."""
    desk = Desk.of(house)
    desk.add("hold-still", HoldArguments, partial(hold_still, house), is_given_up=True)
    desk.add("copy-alarms", AlarmsArguments, partial(copy_alarms_of, house))
    return desk
