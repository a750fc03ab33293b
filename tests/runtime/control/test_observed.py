"""A server is what the control port asks."""

from perdure.runtime.control.observed import Observed
from tests.serving import Serving

MAIN = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response("hello")
"""


async def test_a_server_can_be_observed(serve: Serving) -> None:
    observed: Observed = await serve(MAIN)
    assert observed.statistics().namespaces == {}
    assert observed.alarm_counts.fired == 0
    assert not observed.health().is_degraded
    assert observed.firewall.statistics().origins_refused == 0
    assert observed.edge_statistics().answered == (0,) * 6
