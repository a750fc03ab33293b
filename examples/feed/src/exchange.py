"""An exchange to try the feed with: prices that wander, and trouble when you ask for it.

Somebody else's server plays this part in earnest. The feed knows nothing of it but its URL.
"""

import asyncio
import json
import random
import time

from perdure import DurableObject, Response, WebSocketPair

OPENING = {
    "AMBER": 48.2,
    "COBALT": 131.75,
    "EBONY": 12.4,
    "JADE": 262.0,
    "ONYX": 7.35,
    "PEARL": 89.9,
}
PAUSE_S = (0.05, 0.2)  # between two prices


class Exchange(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.prices = dict(OPENING)
        self.trading = None
        self.closed_until = self.silent_until = 0.0

    async def fetch(self, request):
        if time.monotonic() < self.closed_until:
            return Response("The exchange is closed", status=503)
        client, server = WebSocketPair()
        server.accept()
        if self.trading is None or self.trading.done():
            self.trading = asyncio.create_task(self.trade())
        return Response(None, status=101, web_socket=client)

    async def trade(self):
        while self.ctx.sessions:
            if time.monotonic() >= self.silent_until:
                self.ctx.broadcast(json.dumps(self.next_price()))
            await asyncio.sleep(random.uniform(*PAUSE_S))

    def next_price(self):
        symbol, opening = random.choice(list(OPENING.items()))
        price = self.prices[symbol]
        # A random step, and a pull back to where it began.
        price += random.gauss(0, 0.002) * opening + 0.02 * (opening - price)
        self.prices[symbol] = price
        return {"symbol": symbol, "price": round(price, 2), "time_ms": int(time.time() * 1000)}

    # Trouble.

    def close_for(self, seconds):
        """Hang up, and take nobody for a while."""
        self.closed_until = time.monotonic() + seconds
        for ws in self.ctx.sessions.values():
            ws.close(1001, "the exchange is closed")

    def say_nothing_for(self, seconds):
        """Stay connected, and do not say a word."""
        self.silent_until = time.monotonic() + seconds
