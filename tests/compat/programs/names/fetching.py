"""Requests to elsewhere, here to the program itself, and what runs them."""

import asyncio

import js
import pyodide
import pyodide_js
from js import URL, console
from pyodide.code import relaxed_call
from pyodide.http import FetchResponse, pyfetch
from pyodide.webloop import WebLoop
from workers import Response, WorkerEntrypoint


def first_only(first):
    return first


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = URL.new(request.url)
        if url.pathname == "/echo":
            return Response(f"{request.method.value} {await request.text()}", status=299)
        console.log("asked for", url.pathname)
        console.warn("for the", 2, "nd time")
        console.error("it seems")
        if url.pathname == "/js":
            answer = await js.fetch(f"{url.origin}/echo", method="POST", body="x")
            return Response.json([answer.status, await answer.text()])
        if url.pathname == "/pyodide":
            answer = await pyfetch(f"{url.origin}/echo", method="PUT", body="y")
            return Response.json([isinstance(answer, FetchResponse), answer.status, await answer.string()])
        later = asyncio.Event()
        WebLoop().call_soon(later.set)
        await later.wait()
        return Response.json([pyodide.__version__ == pyodide_js.version, relaxed_call(first_only, 1, 2, 3)])
