"""``perdure upgrade``: of a server of several processes, of one process, and of none."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.data import furnish
from tests.cli.process import Start

Invoke = Callable[..., Result]


def test_where_there_is_no_server_nothing_is_replaced(invoke: Invoke, tmp_path: Path) -> None:
    furnish(tmp_path / "data", a=1)
    result = invoke("upgrade", "--data", tmp_path / "data")
    assert result.exit_code != 0
    assert "server" in result.stderr


@pytest.mark.slow
async def test_the_operator_hears_how_many_went_over(start: Start, project: Path) -> None:
    running = await start("serve", "--port", 0, "--workers", 1)
    await running.ready()
    for words in (("upgrade",), ("upgrade", "--json")):
        ended = await (await start(*words)).ended()
        assert ended.code == 0, ended
        if "--json" in words:
            told = json.loads(ended.out)
            assert told == {"routers": 1, "moved": 0, "staying": 0, "relay_max_s": 3600.0}
        else:
            assert ended.out == "Replaced 1 router. 0 connections went over.\n"


@pytest.mark.slow
async def test_a_server_of_one_process_says_that_it_has_none(start: Start, project: Path) -> None:
    running = await start("serve", "--workers", 0, "--port", 0)
    await running.ready()
    ended = await (await start("upgrade")).ended()
    assert ended.code == 2
    assert "no routers that could be replaced" in ended.err
