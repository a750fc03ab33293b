from pathlib import Path

import pytest

from perdure.runtime.shards.supervisor.places import Place, Role
from tests.runtime.shards.supervisor.children import FIRST, ROUTER, SECOND, Staff

# What differs between event loops, test_child.py and test_control.py have on both.
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_factories=["uvloop"])]


async def test_all_that_talk_are_joined_and_a_successor_anew(staff: Staff, tmp_path: Path) -> None:
    """Each end says over the link who it is, which the other compares with what it was told."""
    second_router = Place(Role.ROUTER, "1")
    await staff.supervisor.start([ROUTER, second_router, FIRST, SECOND])
    places = (ROUTER, second_router, FIRST, SECOND)
    names = {place: f"{place} of generation {staff.process(place).generation}" for place in places}
    pairs = {(a, b) for a in places for b in places if a != b and FIRST.role in {a.role, b.role}}
    wanted = {(names[a], "linked", names[b]) for a, b in pairs}
    await staff.until(lambda: wanted <= set(staff.said))
    assert wanted == set(staff.said)

    staff.said.clear()
    staff.supervisor.tell(FIRST, b"exit")
    new = await staff.until_served(FIRST, 5)
    gone, come = names[FIRST], f"{FIRST} of generation {new.generation}"
    others = {names[place] for place in places if place != FIRST}
    wanted = {(other, "unlinked", gone) for other in others}
    wanted |= {(other, "linked", come) for other in others}
    wanted |= {(come, "linked", other) for other in others}
    await staff.until(lambda: wanted <= set(staff.said))
    assert wanted == set(staff.said)
