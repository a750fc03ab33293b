"""What is not to be had, and how a program that asks for it all the same goes on."""

from js import URL, HTMLRewriter, caches, globalThis, process
from workers import Response, WorkerEntrypoint, WorkflowEntrypoint

try:
    from js import NothingOfTheKind
except ImportError:  # shows: try: from js import … except ImportError: fallbacks
    NothingOfTheKind = None


class Nightly(WorkflowEntrypoint):
    async def run(self, event, step):
        return "never"


ROUTES = {
    "/caches": lambda: caches.default.match("x"),
    "/rewriter": lambda: HTMLRewriter.new(),
    "/process": lambda: process.env.HOME,
    "/nothing": lambda: repr(NothingOfTheKind),
    "/workflow": lambda: Nightly.__name__,
    "/global": lambda: str(globalThis.URL.new("https://a.example/b").pathname),
}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        try:
            return Response(ROUTES[URL.new(request.url).pathname]())
        except Exception as error:
            return Response(str(error), status=501)
