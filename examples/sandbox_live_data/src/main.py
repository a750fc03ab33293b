"""A Worker listens to a WebSocket server in a sandbox, and answers ordinary requests with it."""

import json

from perdure import Request, Response, Sandbox, WorkerEntrypoint, get_sandbox

__all__ = ["Default", "Sandbox"]  # wrangler.toml binds the latter

COUNT_DEFAULT = 3
COUNT_MAX = 100


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        sandbox = get_sandbox(self.env.Sandbox, "data-processor")

        # Who speaks WebSocket hears everything.
        if request.is_upgrade:
            return await sandbox.ws_connect(request, 8080)

        # For all others the Worker listens for a while.
        count = request.parsed_url.query.get("count", str(COUNT_DEFAULT))
        if not count.isdecimal() or not 1 <= int(count) <= COUNT_MAX:
            return Response(f"count is a number from 1 to {COUNT_MAX}", status=400)
        readings = await listen(sandbox, int(count))
        most = max(reading["memory_kib"] for reading in readings)
        return Response.json({"memory_kib_max": most, "readings": readings})


async def listen(sandbox, count):
    # The Worker's own request for a WebSocket; of its address only the path matters.
    upgrade = Request("http://sandbox/", headers={"Upgrade": "websocket"})
    response = await sandbox.ws_connect(upgrade, 8080)
    ws = response.web_socket
    if ws is None:
        raise ConnectionError(f"no WebSocket, but status {response.status}")
    ws.accept()
    readings = []
    try:
        async for message in ws:
            readings.append(json.loads(message))
            if len(readings) == count:
                return readings
    finally:
        ws.close(1000, "thank you")
    raise ConnectionError(f"the server in the sandbox left after {len(readings)} readings")
