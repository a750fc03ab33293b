"""Notebooks: Python code that comes by POST is run in a sandbox, and remembers what it did before.

What a model or a visitor has written may do what it likes in there, for there it stays.
"""

from dataclasses import asdict
from pathlib import Path

from perdure import Response, Sandbox, SandboxError, WorkerEntrypoint, get_sandbox

__all__ = ["Default", "Sandbox"]

PAGE = (Path(__file__).parent / "page.html").read_text()
TIMEOUT_S = 30
CODE_BYTES_MAX = 100_000


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = request.parsed_url.path
        if request.method == "GET" and path == "/":
            return Response(PAGE, headers={"content-type": "text/html; charset=utf-8"})
        if request.method != "POST":
            return Response("Not found", status=404)
        _, action, *rest = path.split("/")
        name = "/".join(rest) or "main"
        try:
            return await self.act(action, get_sandbox(self.env.SANDBOX, name), request)
        except SandboxError as error:
            answer = {"error": str(error), "code": error.code}
            return Response.json(answer, status=error.http_status)

    async def act(self, action, notebook, request):
        if action == "restart":
            for context in await notebook.list_code_contexts():
                await notebook.delete_code_context(context.id)
            return Response(None, status=204)
        if action not in {"run", "stream"}:
            return Response("Not found", status=404)
        code = await request.text()
        if len(code) > CODE_BYTES_MAX:
            return Response("That is too much code", status=413)
        if action == "run":  # all at once, as an agent has it
            return Response.json(asdict(await notebook.run_code(code, timeout=TIMEOUT_S)))
        events = await notebook.run_code_stream(code, timeout=TIMEOUT_S)
        headers = {"content-type": "text/event-stream", "cache-control": "no-store"}
        return Response(events, headers=headers)
