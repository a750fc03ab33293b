import pytest

from perdure.runtime.control.changes import refuse_changes
from perdure.runtime.control.desk import Desk
from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.host.operations.house import Told, Values
from tests.town import Listener


async def no_data(name: str, arguments: Values, told: Told) -> Values:
    raise AssertionError(name)


async def test_one_process_says_why_it_cannot_be_changed() -> None:
    desk = Desk(no_data)
    refuse_changes(desk)
    for name, arguments in (("reload", {"yes": True}), ("resize", {"workers": 3})):
        with pytest.raises(OperatorError, match="one process") as refused:
            await desk.run(name, arguments, Listener())
        assert "--workers" in refused.value.hint
