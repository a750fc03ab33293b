"""Operations on the server itself beside those on its data."""

from dataclasses import dataclass

import pytest

from perdure.runtime.control.desk import Desk
from perdure.runtime.host.operations.errors import OperatorError
from perdure.runtime.host.operations.house import Told, Values
from tests.town import Listener, Town


@dataclass(frozen=True, slots=True)
class ResizeArguments:
    workers: int


async def resize(arguments: ResizeArguments, told: Told) -> Values:
    await told.item({"moved": 1})
    return {"workers": arguments.workers}


async def test_an_operation_that_was_added_is_carried_out(town: Town) -> None:
    desk = Desk.of(town.house)
    desk.add("resize", ResizeArguments, resize)
    listener = Listener()
    assert await desk.run("resize", {"workers": 3}, listener) == {"workers": 3}
    assert listener.items == [{"moved": 1}]


async def test_all_others_are_on_the_data(town: Town) -> None:
    await town.room().put(a=1)
    desk = Desk.of(town.house)
    assert (await desk.run("list", {}, Listener()))["count"] == 1
    with pytest.raises(OperatorError, match='no operation "resize"'):
        await desk.run("resize", {"workers": 3}, Listener())


async def test_arguments_of_another_version_are_refused(town: Town) -> None:
    desk = Desk.of(town.house)
    desk.add("resize", ResizeArguments, resize)
    with pytest.raises(OperatorError, match="does not take that"):
        await desk.run("resize", {"processes": 3}, Listener())
