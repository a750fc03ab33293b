"""One connection to an exchange, and everybody who looks at its prices.

The feed is a Durable Object that is the client of one WebSocket and the server of many. Its alarm
connects again when the exchange has gone, and notices when it has merely fallen silent; as alarms
outlive the process, so does the feed. Prices lie in SQLite: who comes gets the last ones at once.
"""

import json
import logging
import math
import random
import time
from pathlib import Path

from exchange import Exchange

from perdure import DurableObject, Response, WebSocket, WebSocketPair, WorkerEntrypoint

__all__ = ["Default", "Exchange", "Feed"]

log = logging.getLogger(__name__)
PAGE = (Path(__file__).parent / "page.html").read_text()
# So many of the last prices are kept of each symbol.
HISTORY = 120
# After the first failure the feed waits so long, then twice as long, and so on.
RETRY_S, RETRY_MAX_S = 0.5, 10
# How long the exchange is in trouble when the page asks for some.
TROUBLE_S = 15
WELL = {"why": "", "tries": 0, "next_ms": 0}


def now_ms():
    return int(time.time() * 1000)


def read_price(message):
    """Symbol, price and time; None when the message says none."""
    try:
        said = json.loads(message)
        symbol, price, time_ms = str(said["symbol"]), float(said["price"]), int(said["time_ms"])
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    is_sound = math.isfinite(price) and 0 <= time_ms < 2**53
    return (symbol, price, time_ms) if is_sound else None


def hung_up(event):
    return f"it hung up with {event.code} {event.reason}".strip()


class Feed(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        ctx.storage.sql.exec(
            "CREATE TABLE IF NOT EXISTS price (number INTEGER PRIMARY KEY, symbol TEXT NOT NULL,"
            " price REAL NOT NULL, time_ms INTEGER NOT NULL)"
        )
        ctx.storage.sql.exec("CREATE INDEX IF NOT EXISTS of_symbol ON price (symbol, number)")
        self.silence_max_s = float(env.SILENCE_MAX_S)
        # The connection ends with the process; that there was one is remembered.
        self.upstream = None
        self.heard = 0.0
        self.state = ctx.storage.kv.get("state") or {"is_live": False, "since_ms": now_ms(), **WELL}
        if self.state["is_live"]:
            self.change(is_live=False, why="this server has started again")

    async def fetch(self, request):
        client, server = WebSocketPair()
        self.ctx.accept_web_socket(server, delivery="latest")
        server.send(json.dumps({"type": "welcome", **await self.look()}))
        return Response(None, status=101, web_socket=client)

    async def look(self):
        """The state of the feed, and the last prices of each symbol, oldest first."""
        if self.upstream is None and now_ms() >= self.state["next_ms"]:
            await self.connect()  # the first time, or before the alarm does it
        prices = {}
        for row in self.ctx.storage.sql.exec("SELECT * FROM price ORDER BY number"):
            prices.setdefault(row["symbol"], []).append([row["time_ms"], row["price"]])
        return {"state": self.state, "prices": prices}

    # Upstream.

    async def alarm(self):
        silence_s = time.monotonic() - self.heard
        if self.upstream is None:
            await self.connect()
        elif silence_s < self.silence_max_s:
            await self.set_alarm_in(self.silence_max_s - silence_s)
        else:
            self.upstream.close(1000, "nothing was said")
            await self.lose(self.upstream, f"nothing was heard for {self.silence_max_s:g} s")

    async def connect(self):
        # First of all: whatever becomes of this connection, or of the process, the alarm comes.
        await self.set_alarm_in(self.silence_max_s)
        self.heard = time.monotonic()
        upstream = self.upstream = WebSocket(self.env.UPSTREAM)
        # An exchange that wants to be asked is asked in upstream.on_open.
        upstream.on_message = lambda event: self.hear(upstream, event.data)
        upstream.on_error = lambda event: self.lose(upstream, event.message)
        upstream.on_close = lambda event: self.lose(upstream, hung_up(event))

    def hear(self, upstream, message):
        if upstream is not self.upstream:
            return  # given up, and not closed yet
        news = read_price(message)
        if news is None:
            log.warning("no price: %.100r", message)
            return
        self.heard = time.monotonic()
        if not self.state["is_live"]:
            self.change(is_live=True, **WELL)
        symbol, price, time_ms = news
        self.keep(symbol, price, time_ms)
        text = json.dumps({"type": "price", "symbol": symbol, "price": price, "time_ms": time_ms})
        self.ctx.broadcast(text, key=f"price:{symbol}")

    async def lose(self, upstream, why):
        if upstream is not self.upstream:
            return  # a close follows an error
        self.upstream = None
        # Not all clients of an exchange that was away are to come back at the same moment.
        wait_s = min(RETRY_S * 2 ** self.state["tries"], RETRY_MAX_S) * random.uniform(0.5, 1)
        await self.set_alarm_in(wait_s)
        log.warning("no prices, the next try is in %.1f s: %s", wait_s, why)
        next_ms = now_ms() + int(wait_s * 1000)
        self.change(is_live=False, why=why, tries=self.state["tries"] + 1, next_ms=next_ms)

    async def set_alarm_in(self, seconds):
        await self.ctx.storage.set_alarm(now_ms() + int(seconds * 1000))

    # What is kept.

    def keep(self, symbol, price, time_ms):
        sql = self.ctx.storage.sql
        insert = "INSERT INTO price (symbol, price, time_ms) VALUES (?, ?, ?)"
        sql.exec(insert, symbol, price, time_ms)
        sql.exec(
            "DELETE FROM price WHERE symbol = ? AND number <= (SELECT number FROM price"
            " WHERE symbol = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            symbol,
            symbol,
            HISTORY,
        )

    def change(self, **changes):
        """Change the state, and tell everybody."""
        if changes["is_live"] != self.state["is_live"]:
            changes["since_ms"] = now_ms()
        self.state = {**self.state, **changes}
        self.ctx.storage.kv.put("state", self.state)
        self.ctx.broadcast(json.dumps({"type": "state", "state": self.state}), key="state")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        feed = self.env.FEEDS.get_by_name("feed")
        exchange = self.env.EXCHANGES.get_by_name("exchange")
        path = request.parsed_url.path
        if path in {"/feed", "/exchange"}:
            if not request.is_upgrade:
                return Response("Expected Upgrade: websocket", status=426)
            return await (feed if path == "/feed" else exchange).fetch(request)
        if path == "/prices":
            return Response.json(await feed.look())
        if path in {"/exchange/close", "/exchange/silence"} and request.method == "POST":
            trouble = exchange.close_for if path == "/exchange/close" else exchange.say_nothing_for
            await trouble(TROUBLE_S)
            return Response(None, status=204)
        if path == "/":
            return Response(PAGE, headers={"Content-Type": "text/html;charset=UTF-8"})
        return Response("Not found", status=404)
