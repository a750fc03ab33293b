"""Random numbers and digests."""

from js import Uint8Array, crypto
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name = crypto.randomUUID()
        numbers = Uint8Array.new(16)
        given = crypto.getRandomValues(numbers)
        digest = await crypto.subtle.digest("SHA-256", to_js(b"abc"))
        return Response.json(
            [
                [len(part) for part in name.split("-")],
                given.length,
                numbers.to_bytes() != bytes(16),
                digest.to_bytes().hex(),
            ]
        )
