"""What programs do with the platform's own SDK, on our modules; prints what came of it, as JSON.

Run in a process of its own: ``sdk_program.py FOLDER``, where the SDK lies in FOLDER.
"""

import asyncio
import importlib
import json
import sys
import types
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from perdure.runtime.compat.pyodide.modules import (
    make_entrypoint_helper,
    make_flags,
    make_modules,
)

ENV = types.SimpleNamespace(GREETING="hello")


def install(folder: str) -> Any:
    flags = {"python_request_headers_preserve_commas": True}
    sys.modules.update(make_modules())
    sys.modules["_cloudflare_compat_flags"] = make_flags(flags)
    sys.modules["_pyodide_entrypoint_helper"] = make_entrypoint_helper(
        lambda: ENV, lambda awaitable: None
    )
    sys.path.insert(0, folder)
    return importlib.import_module("workers")


async def raised(call: Callable[[], Any]) -> str:
    try:
        result = call()
        if asyncio.iscoroutine(result):
            await result
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


async def responses(workers: Any) -> Any:
    text = workers.Response("hi", status=201, headers={"A": "b"})
    made = workers.Response.json({"a": 1})
    cookies = workers.Response(b"x", headers=[("Set-Cookie", "a"), ("Set-Cookie", "b")])
    client = importlib.import_module("js").WebSocketPair.new()["0"]
    return {
        "repr": repr(text),
        "text": await text.text(),
        "header": text.headers["a"],
        "json": [made.headers["Content-Type"], await made.json()],
        "cookies": cookies.headers.get_all("set-cookie"),
        "upgrade": workers.Response(None, status=101, web_socket=client).status,
        "redirect": workers.Response.redirect("https://a.b/c", 301).status,
        "bad redirect": (await raised(lambda: workers.Response.redirect("https://a.b", 200)))[:10],
        "dict": await raised(lambda: workers.Response({"a": 1})),
        "used": await raised(text.text),
    }


async def requests(workers: Any) -> Any:
    request = workers.Request(
        "https://a.b/c?d", method="POST", body='{"k":[1]}', headers={"X": "1"}
    )
    form = workers.FormData({"name": "Ada"})
    form.append("file", workers.File(["abc"], "n.txt", content_type="text/plain"))
    back = await workers.Request("https://a.b/", method="POST", body=form).form_data()
    return {
        "repr": repr(request),
        "is POST": request.method == "POST",
        "header": request.headers["x"],
        "json": await request.json(),
        "used": await raised(request.text),
        "form": [back["name"], back["file"].name, await back["file"].text()],
        "blob": [workers.Blob([b"ab", "c"]).size, await workers.Blob("xyz").slice(1, 2).text()],
    }


async def values(workers: Any) -> Any:
    when = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  # naive, as the SDK gives it
    value = {"a": [1, None, b"x", when], "s": {1}, "nested": {"b": True}}
    back = workers.python_from_rpc(workers.python_to_rpc(value))
    with workers.patch_env(GREETING="patched"):
        patched = workers.env.GREETING
    return {
        "attribute": back.nested.b,
        "items": [back.a[0], back.a[1], bytes(back.a[2]).decode(), back.a[3] == when],
        "set": sorted(back["s"]),
        "tuple": await raised(lambda: workers.python_to_rpc((1,))),
        "bytearray": await raised(lambda: workers.python_to_rpc(bytearray())),
        "env": [workers.env.GREETING, patched],
    }


async def applications(workers: Any) -> Any:
    asgi, wsgi = (importlib.import_module(f"workers.{name}") for name in ("asgi", "wsgi"))

    async def streams(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"1")]})
        first = scope["path"].encode() + body
        await send({"type": "http.response.body", "body": first, "more_body": True})
        await send({"type": "http.response.body", "body": b" end"})

    def reads(environ: Any, start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Set-Cookie", "a"), ("Set-Cookie", "b")])
        return [environ["wsgi.input"].read(), b" end"]

    def request() -> Any:
        return workers.Request("https://a.b/p%20q", method="POST", body="body")

    streamed = await asgi.fetch(streams, request(), {})
    read = await wsgi.fetch(reads, request(), {})
    return {
        "asgi": [streamed.status, streamed.headers.get("x"), await streamed.text()],
        "wsgi": [read.headers.getSetCookie(), await read.text()],
    }


async def main() -> None:
    workers = install(sys.argv[1])
    parts = (responses, requests, values, applications)
    json.dump({part.__name__: await part(workers) for part in parts}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
