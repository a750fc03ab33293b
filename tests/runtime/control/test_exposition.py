"""What a collector reads, of a server with rules in its firewall."""

import aiohttp
from prometheus_client.parser import text_string_to_metric_families as parse

from perdure.runtime.control.exposition import expose
from tests.serving import Serving

MAIN = """
    from perdure import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return Response("hello")
"""
TOML = """
[[perdure.firewall]]
name = "no-admin"
path = "/admin"
action = "deny"
"""


async def test_hits_of_a_rule_are_told(serve: Serving) -> None:
    server = await serve(MAIN, toml=TOML)
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(f"{server.url}/admin") as answer:
                assert answer.status == 403
    text, _ = expose(server, "")
    hits = {
        tuple(sample.labels[label] for label in ("rule", "action", "outcome")): sample.value
        for family in parse(text.decode())
        for sample in family.samples
        if sample.name == "perdure_firewall_hits_total"
    }
    assert hits["no-admin", "deny", "refused"] == 2
    assert hits["no-admin", "deny", "would_have"] == 0


async def test_every_metric_is_ours_and_has_a_description(serve: Serving) -> None:
    text, content_type = expose(await serve(MAIN), "")
    families = list(parse(text.decode()))
    assert content_type.startswith("text/plain")
    assert len(families) > 15
    assert all(family.name.startswith("perdure_") for family in families)
    assert all(family.documentation for family in families)
