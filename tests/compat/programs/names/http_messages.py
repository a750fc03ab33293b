"""Requests, responses, headers and URLs, of JavaScript's and of the SDK's."""

import js
import workers
from js import URL, Headers
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = URL.new(request.url)
        if url.pathname == "/request":
            headers = Headers.new(to_js([["X-A", "1"]]))
            made = js.Request.new("https://a.example/x?y=1", method="POST", body="b", headers=headers)
            return Response(f"{made.method} {made.url} {made.headers.get('x-a')} {await made.text()}")
        if url.pathname == "/headers":
            headers = Headers.new()
            headers.set("A", "1")
            headers.append("a", "2")
            return Response.json([headers.get("A"), headers.has("b")])
        if url.pathname == "/seen":
            told = request.js_object.headers.get("X-Tell")  # shows: request.js_object.headers.get(...)
            body = await request.json()
            return Response.json([told, request.headers["x-tell"], request.method == "POST", body])
        if url.pathname == "/url":
            return Response.json([url.pathname, url.searchParams.get("q"), not url.searchParams.get("none")])
        if url.pathname == "/response":
            return js.Response.new("made", status=201, headers=Headers.new(to_js([["X-B", "2"]])))
        made = workers.Request("https://b.example/", method="PUT", body="c")
        return workers.Response(f"{made.method.value} {made.url} {await made.text()}", headers={"X-C": "3"})
