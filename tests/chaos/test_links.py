"""A worker that lies, or is cut off from a living peer, goes; clients notice nothing."""

from pathlib import Path

import pytest

from tests.chaos.conftest import Start, told
from tests.chaos.points import order
from tests.chaos.run import Run
from tests.chaos.worker import GARBAGE

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_worker_whose_link_was_cut_off_ends_itself_and_nobody_else_notices(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture, garbage: str
) -> None:
    server = await start()

    async def lie() -> None:
        liar, other = (run.pid_of(room) for room in sorted(run.rooms))
        order(tmp_path, liar, garbage, 5)
        await run.until(lambda: not run.is_there(liar), "end of a worker that was cut off")
        await run.until_served()
        assert run.is_there(other), "who told the truth serves on"

    async with Run(server, tmp_path) as run:
        await run.join(4)
        await run.during(lie)
    assert "which lives, has ended" in "".join(told(caplog, "child.failed")), "it ended itself"
    assert run.report.redelivered
