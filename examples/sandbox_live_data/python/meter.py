"""Measures, and tells all who listen: here, how much memory and processor time it takes itself."""

import asyncio
import contextlib
import itertools
import json
import resource

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

INTERVAL_S = 0.05


async def tell(ws):
    with contextlib.suppress(ConnectionClosed):
        await tell_until_it_leaves(ws)


async def tell_until_it_leaves(ws):
    for number in itertools.count(1):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000
        reading = {"number": number, "memory_kib": usage.ru_maxrss, "cpu_ms": round(cpu_ms, 1)}
        await ws.send(json.dumps(reading))
        await asyncio.sleep(INTERVAL_S)


async def main():
    async with serve(tell, "127.0.0.1", 8080) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
