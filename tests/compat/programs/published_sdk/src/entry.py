"""All kinds of things, with the platform's own SDK, which it brings in python_modules/."""

import asgi
import js
import workers
from chat import application
from room import Room
from workers import Blob, File, FormData, Response, WorkerEntrypoint, patch_env, wsgi

__all__ = ["Default", "Prices", "Room"]


class Prices(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("prices of " + request.url)

    async def total(self, items):
        return {"total": sum(items.values()), "kind": type(items).__name__}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = js.URL.new(request.url)
        first = url.pathname.split("/")[1]
        if first == "room":
            name = url.searchParams.get("name") or "main"
            return await self.env.ROOMS.getByName(name).fetch(request)
        if first in ("asgi", "chat"):
            upgrade = (request.headers.get("upgrade") or "").lower()
            if upgrade == "websocket":
                return await asgi.websocket(application, request, self.env)
            return await asgi.fetch(application, request, self.env, self.ctx)
        return await getattr(self, "show_" + first)(request)

    async def show_vars(self, request):
        with patch_env({"GREETING": "patched"}):
            patched = workers.env.GREETING
        limits = self.env.LIMITS.to_py()
        return Response.json(
            [self.env.GREETING, workers.env.GREETING, patched, limits, workers.env.LIMITS.rooms]
        )

    async def show_calls(self, request):
        stub = self.env.ROOMS.get(self.env.ROOMS.idFromName("calls"))
        heard = []

        def hear(word):
            heard.append(word)
            return len(heard)

        value = {"n": [1, None, 2.5], "b": b"\x00\x01", "t": "text"}
        back = await stub.echo(value, more=[{"deep": True}])
        bare = await stub.kinds([1], {"a": 1}, b"x", {2}, None)
        called = await stub.call_back(hear)
        adder = await stub.adder(10)
        moment = await stub.later(workers.python_from_rpc(js.Date.new(86400000)))
        try:
            await stub.fail("as you wished")
        except Exception as error:
            failed = str(error)
        return Response.json(
            {
                "echo": [back["n"], bytes(back.b).hex(), back.t, back["more"][0].deep],
                "types": [type(back).__name__, type(back.b).__name__],
                "kinds": bare,
                "called": [called, heard],
                "adder": await adder(32),
                "moment": [type(moment).__name__, moment.timestamp()],
                "failed": "as you wished" in failed,
                "id": [stub.name, stub.id.toString() == str(self.env.ROOMS.idFromName("calls"))],
            }
        )

    async def show_messages(self, request):
        stub = self.env.ROOMS.getByName("messages")
        made = workers.Request("http://x/y", method="PUT", body="body", headers={"X-A": "b"})
        answer = await stub.serve(made, "> ")
        refused = []
        for value in (FormData({"a": "1"}), (1, 2), bytearray()):
            try:
                refused.append(await stub.again(value))
            except Exception as error:
                refused.append(str(error).rpartition(" ")[-1])
        error = await stub.again(ValueError("mine"))
        counter = await stub.counter()
        first = await counter(2)
        return Response.json(
            [
                [type(answer).__module__, answer.status, await answer.text()],
                refused,
                [isinstance(error, Exception), "mine" in str(error)],
                [first, await counter(3)],
            ]
        )

    async def show_wsgi(self, request):
        def application(environ, start_response):
            start_response("203 Fine", [("X-Path", environ["PATH_INFO"])])
            return [environ["QUERY_STRING"].encode(), environ["wsgi.input"].read(), b"!"]

        return await wsgi.fetch(application, request, self.env)

    async def show_service(self, request):
        answer = await self.env.PRICES.fetch("http://prices/list")
        total = await self.env.PRICES.total({"tea": 2, "milk": 3})
        return Response.json([await answer.text(), total.total, total["kind"]])

    async def show_fetch(self, request):
        stub = self.env.ROOMS.getByName("fetch")
        answer = await stub.fetch(
            "http://room/room/echo", method="POST", body=b"bytes", headers={"X-One": "1"}
        )
        try:
            await stub.fetch("/relative")
        except OSError as error:
            refused = str(error).partition(" (")[0]
        return Response.json([answer.status, answer.headers["x-was"], await answer.text(), refused])

    async def show_form(self, request):
        form = await request.form_data()
        file = form["file"]
        sent = FormData({"note": form["note"]})
        sent.append("copy", File([await file.bytes(), "!"], "copy.txt", content_type="text/plain"))
        there = await workers.Request("http://x/", method="POST", body=sent).form_data()
        blob = Blob([b"ab", "cd"], content_type="text/x")
        return Response.json(
            [
                form.get_all("note"),
                [file.name, await file.text()],
                [there["note"], there["copy"].name, await there["copy"].text()],
                [blob.size, blob.content_type, await blob.slice(1, 3).text()],
            ]
        )

    async def show_redirect(self, request):
        return Response.redirect("https://example.com/", 307)

    async def show_stream(self, request):
        stream = js.TransformStream.new()
        writer = stream.writable.getWriter()

        async def write():
            for part in ("one ", "two"):
                await writer.write(js.TextEncoder.new().encode(part))
            await writer.close()

        workers.wait_until(write())
        return Response(stream.readable, headers={"Content-Type": "text/plain"})

    async def show_reset(self, request):
        heard = []

        def stub():  # one is of no use any more when its object was reset
            return self.env.ROOMS.getByName("reset")

        for call in (
            lambda: stub().fetch("http://room/room/abort"),
            lambda: stub().reset(None),
            lambda: stub().reset("asked to"),
            lambda: stub().reset_at_once("at once"),
            lambda: stub().reset_in_transaction(None),
        ):
            try:
                heard.append(await call())
            except Exception as error:
                heard.append(str(error))
        starts = await stub().fetch("http://room/room/starts")
        return Response.json([heard, await starts.json(), await stub().kept()])
