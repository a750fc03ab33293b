"""One call starts a server in either shape."""

from pathlib import Path

import aiohttp
import pytest

from perdure.runtime.edge.request_record import RequestRecord
from perdure.runtime.host.migration_plan import MigrationPlan
from perdure.runtime.observe.logs import LogStyle
from perdure.runtime.server import Server
from perdure.runtime.starting import Launch, start_server
from perdure.runtime.supervised import SupervisedServer
from tests.serving import Serving

MAIN = """
    import os
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response.json(os.getpid())
"""


def ignore(_: RequestRecord) -> None:
    """Nobody looks at requests here."""


def agree(_: MigrationPlan) -> bool:
    return True


@pytest.mark.parametrize(("workers", "shape"), [(0, Server), (1, SupervisedServer)])
async def test_workers_decide_on_the_shape(
    serve: Serving, tmp_path: Path, workers: int, shape: type
) -> None:
    launch = Launch(tmp_path / "data", "127.0.0.1", 0, log=LogStyle("error"), is_debugged=True)
    server = await start_server(
        serve.write(MAIN), launch, workers=workers, on_request=ignore, confirm=agree
    )
    try:
        assert isinstance(server, shape)
        assert (server.url, server.control_port) == (f"http://127.0.0.1:{server.port}", None)
        server.hang_up()  # there is none
        async with aiohttp.ClientSession() as session, session.get(server.url) as response:
            pid = await response.json()
        if isinstance(server, SupervisedServer):
            assert pid in {process.pid for process in server.supervisor.statistics().processes}
    finally:
        await server.stop(drain_s=5)
