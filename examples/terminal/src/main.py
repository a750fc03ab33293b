"""A terminal in a page: each name is a computer of its own, with as many shells as you like."""

import re

from perdure import Response, Sandbox, SandboxInvalid, WorkerEntrypoint, get_sandbox

__all__ = ["Default", "Sandbox"]

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        """GET /terminal/<name>?id=1&cols=80&rows=24, upgraded; all else is in page/."""
        _, where, *rest = request.parsed_url.path.split("/")
        if where != "terminal" or len(rest) != 1:
            return Response("There is / and /terminal/<name>\n", status=404)
        if not NAME.fullmatch(rest[0]):
            return Response("A name is a-z, 0-9 and -, at most 32 of them\n", status=400)
        try:
            query = request.parsed_url.query
            cols, rows = (int(query[name]) for name in ("cols", "rows"))
        except (KeyError, ValueError):
            return Response("cols and rows are numbers\n", status=400)
        sandbox = get_sandbox(self.env.Sandbox, rest[0])
        try:
            # With an id, the shell is there for whoever asks for it again.
            return await sandbox.terminal(
                request, cols=cols, rows=rows, terminal_id=query.get("id")
            )
        except SandboxInvalid as error:
            return Response(f"{error}\n", status=error.http_status)
