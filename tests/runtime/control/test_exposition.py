"""What a collector reads, of a server with rules in its firewall."""

import asyncio

import aiohttp
from prometheus_client.parser import text_string_to_metric_families as parse

from perdure.runtime.control.exposition import expose
from perdure.runtime.control.observed import ObservedProcess
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
    text, _ = expose(await ObservedProcess(server).families(), "")
    hits = {
        tuple(sample.labels[label] for label in ("rule", "action", "outcome")): sample.value
        for family in parse(text.decode())
        for sample in family.samples
        if sample.name == "perdure_firewall_hits_total"
    }
    assert hits["no-admin", "deny", "refused"] == 2
    assert hits["no-admin", "deny", "would_have"] == 0


async def test_every_metric_is_ours_and_has_a_description(serve: Serving) -> None:
    text, content_type = expose(await ObservedProcess(await serve(MAIN)).families(), "")
    families = list(parse(text.decode()))
    assert content_type.startswith("text/plain")
    assert len(families) > 15
    assert all(family.name.startswith("perdure_") for family in families)
    assert all(family.documentation for family in families)


BUSY = """
    import asyncio
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Room(DurableObject):
        async def fetch(self, request):
            if request.parsed_url.path == "/boom":
                raise KeyError("boom")
            async with asyncio.TaskGroup() as group:
                group.create_task(self.add())
            return Response("stored")

        async def add(self):
            async def section():
                await asyncio.sleep(0.01)
                await self.ctx.storage.put("n", 1)
            await self.ctx.block_concurrency_while(section)

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await self.env.ROOM.get_by_name("a").fetch(request)
"""


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(text.decode())
        for sample in family.samples
    }


async def test_waits_at_both_gates_are_told(serve: Serving) -> None:
    server = await serve(BUSY, objects=["Room"])
    before = samples(expose(await ObservedProcess(server).families(), "")[0])
    async with aiohttp.ClientSession() as session:

        async def ask() -> int:
            async with session.get(server.url) as answer:
                return answer.status

        assert await asyncio.gather(*[ask() for _ in range(5)]) == [200] * 5
    after = samples(expose(await ObservedProcess(server).families(), "")[0])
    for gate in ("input", "output"):
        count = (f"perdure_{gate}_gate_wait_seconds_count",)
        seconds = (f"perdure_{gate}_gate_wait_seconds_sum",)
        assert after[count] > before[count]
        assert after[seconds] > before[seconds]
    # Each of the five was in its section for 10 ms, while the others waited at the gate.
    waited_s = after["perdure_input_gate_wait_seconds_sum",]
    assert waited_s - before["perdure_input_gate_wait_seconds_sum",] > 0.01
    [namespace] = server.statistics().namespaces
    assert after["perdure_input_gate_turns", namespace] == 0


async def test_errors_are_told_by_namespace_and_kind(serve: Serving) -> None:
    server = await serve(BUSY, objects=["Room"])
    [namespace] = server.statistics().namespaces
    before = samples(expose(await ObservedProcess(server).families(), "")[0])
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/boom") as answer:
        assert answer.status == 500
    after = samples(expose(await ObservedProcess(server).families(), "")[0])
    for key in (namespace, ""):  # the actor's error is its Worker's, too
        name = ("perdure_handler_errors_total", "fetch", key)
        assert after[name] - before.get(name, 0) == 1
