"""Counters that survive a restart: the value in key-value storage, its history in SQL."""

from datetime import UTC, datetime

from perdure import DurableObject, Response, WorkerEntrypoint

AMOUNT_MAX = 1_000_000_000
LIMIT_MAX = 100_000
USAGE = """\
GET  /counter/<name>                  shows the counter
POST /counter/<name>?amount=1         adds to it
GET  /counter/<name>/history?limit=20 shows the latest increments
"""


# Worker
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = request.parsed_url
        match url.path.strip("/").split("/"):
            case ["counter", name] if name:
                return await self.counter(name, request.method, url.query)
            case ["counter", name, "history"] if request.method == "GET":
                return await self.history(name, url.query)
        return Response(USAGE, status=404)

    async def counter(self, name, method, query):
        # Each name has a Durable Object of its own. Its public methods are called through the
        # stub; arguments and results are copied on the way.
        stub = self.env.COUNTER.get_by_name(name)
        if method == "GET":
            return Response.json({"name": name, "value": await stub.value()})
        if method == "POST":
            amount = number(query.get("amount", "1"))
            if amount is None or abs(amount) > AMOUNT_MAX:
                return Response(f"amount is a whole number up to {AMOUNT_MAX}\n", status=400)
            return Response.json({"name": name, "value": await stub.increment(amount)})
        return Response(USAGE, status=405, headers={"Allow": "GET, POST"})

    async def history(self, name, query):
        limit = number(query.get("limit", "20"))
        if limit is None or not 1 <= limit <= LIMIT_MAX:
            return Response(f"limit is a whole number from 1 to {LIMIT_MAX}\n", status=400)
        return Response.json(await self.env.COUNTER.get_by_name(name).history(limit))


# Durable Object
class Counter(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        # Runs whenever the object starts: after a restart, or after it had been idle.
        ctx.storage.sql.exec("""
            CREATE TABLE IF NOT EXISTS increments (
                number INTEGER PRIMARY KEY,
                amount INTEGER NOT NULL,
                value INTEGER NOT NULL,
                time TEXT NOT NULL
            )
        """)

    async def value(self):
        return await self.ctx.storage.get("value") or 0

    async def increment(self, amount):
        # No lock is needed: awaiting storage lets no other request in between. Both writes are
        # one transaction, and the answer leaves when they are on the disk.
        value = (await self.ctx.storage.get("value") or 0) + amount
        await self.ctx.storage.put("value", value)
        self.ctx.storage.sql.exec(
            "INSERT INTO increments (amount, value, time) VALUES (?, ?, ?)",
            amount,
            value,
            datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        return value

    def history(self, limit):
        query = "SELECT number, amount, value, time FROM increments ORDER BY number DESC LIMIT ?"
        return self.ctx.storage.sql.exec(query, limit).to_array()


def number(text):
    """The whole number that a person typed, or None."""
    try:
        return int(text)
    except ValueError:
        return None
