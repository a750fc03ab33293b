"""The class of a Worker that is an application."""

from types import SimpleNamespace
from typing import Any, cast

from perdure import Request, Response, WorkerEntrypoint
from perdure.runtime.compat.gateway.entrypoint import entrypoint_of


async def test_every_request_is_handed_on_with_what_the_worker_has() -> None:
    seen: list[object] = []

    async def answer(*arguments: object) -> Response:
        seen.extend(arguments)
        return Response("done")

    made = entrypoint_of(answer, "the app")
    assert issubclass(made, WorkerEntrypoint)
    assert made.__name__ == "Default"
    ctx, env = cast("Any", SimpleNamespace()), cast("Any", SimpleNamespace())
    request = Request("http://a/")
    response = await cast("Any", made(ctx, env)).fetch(request)
    assert await response.text() == "done"
    assert seen == ["the app", request, env, ctx]
