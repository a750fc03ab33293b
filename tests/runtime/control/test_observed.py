"""A server is what the control port asks."""

from perdure.runtime.control.observed import Observed, ObservedProcess
from tests.serving import Serving

MAIN = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response("hello")
"""


async def test_a_server_can_be_observed(serve: Serving) -> None:
    observed: Observed = ObservedProcess(await serve(MAIN))
    assert list(await observed.reasons()) == []
    series = {family.name: family.series for family in await observed.families()}
    assert series["connections"] == {(): (0,)}
    assert series["actors_live"] == {}
    assert series["alarms"]["fired",] == (0,)
    assert series["storage_degraded"] == {(): (0,)}
    assert series["firewall_origins_refused"] == {(): (0,)}
