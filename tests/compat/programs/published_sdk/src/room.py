"""A Durable Object of the platform's own SDK."""

import js
from workers import DurableObject, Response
from workers.entrypoints import DurableObjectAbort


class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.started = None
        self.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS words (n INTEGER, word TEXT)")

        @self.ctx.blockConcurrencyWhile
        async def begin():
            self.started = (await self.ctx.storage.get("starts") or 0) + 1
            await self.ctx.storage.put("starts", self.started)

    # Calls.

    async def echo(self, value, more):
        return {**value, "more": more}

    def kinds(self, *values):
        return [type(value).__name__ for value in values]

    async def call_back(self, callback):
        await callback("one")
        return await callback("two")

    def adder(self, number):
        return lambda other: number + other

    async def serve(self, request, prefix):
        headers = {"X-Method": request.method.value}
        return Response(
            prefix + request.headers["x-a"] + await request.text(), status=207, headers=headers
        )

    def again(self, value):
        return value

    def counter(self):
        total = 0

        def add(number):
            nonlocal total
            total += number
            return {"total": total}

        return add

    def later(self, moment):
        return moment.replace(year=1971)

    def fail(self, text):
        raise ValueError(text)

    async def reset(self, reason):
        self.lost = True
        self.ctx.abort(reason)

    def reset_at_once(self, reason):
        self.ctx.abort(reason)

    async def reset_in_transaction(self, reason):
        def writing(txn):
            txn.put("kept", "no")
            self.ctx.abort(reason)

        await self.ctx.storage.transaction(writing)

    async def kept(self):
        return await self.ctx.storage.get("kept")

    # Requests.

    async def fetch(self, request):
        path = js.URL.new(request.url).pathname.removeprefix("/room/")
        return await getattr(self, "show_" + path)(request)

    async def show_echo(self, request):
        said = await request.text()
        headers = {"X-Was": request.headers.get("X-One", "none")}
        return Response(f"{request.method.value} {said}", status=201, headers=headers)

    async def show_storage(self, request):
        storage = self.ctx.storage
        await storage.put("plain", {"list": [1, {"a": None}], "text": "x"})
        await storage.put({"many/1": b"\x01\x02", "many/2": True})
        plain = await storage.get("plain")
        several = await storage.get(["many/1", "many/2", "none"])
        listed = await storage.list(js.JSON.parse('{"prefix": "many/", "reverse": true}'))

        async def failing(txn):
            await txn.put("plain", "lost")
            raise RuntimeError("undone")

        async def working(txn):
            await txn.put("kept", [1])
            return {"was": await txn.get("plain") is not None}

        try:
            await storage.transaction(failing)
        except Exception as error:
            undone = str(error).rsplit("undone", 1)[-1] == ""
        done = await storage.transaction(working)
        deleted = [await storage.delete("many/1"), await storage.delete(["many/1", "many/2"])]
        return Response.json(
            {
                "plain": [plain, plain.text, type(plain).__name__],
                "several": {k: type(v).__name__ for k, v in several.items()},
                "listed": list(listed),
                "undone": [undone, (await storage.get("plain")).text],
                "done": [done, await storage.get("kept")],
                "deleted": deleted,
                "missing": await storage.get("none"),
            }
        )

    async def show_kv(self, request):
        kv = self.ctx.storage.kv
        kv.put("a", {"n": 1})
        kv.put("b", [b"x"])
        found = [kv.get("a").n, kv.get("none"), kv.delete("a"), kv.delete("a")]
        self.ctx.storage.transactionSync(lambda: kv.put("c", 3))
        pairs = [list(pair)[0] for pair in kv.list()]
        self.ctx.waitUntil(self.ctx.storage.put("waited", True))
        await self.ctx.storage.sync()
        await self.ctx.storage.deleteAll()
        left = await self.ctx.storage.list()
        return Response.json([found, pairs, len(left), type(left).__name__])

    async def show_sql(self, request):
        sql = self.ctx.storage.sql
        for number, word in enumerate(["null", "one", "two"]):
            sql.exec("INSERT INTO words VALUES (?, ?)", number, word)
        rows = sql.exec("SELECT * FROM words ORDER BY n")
        named = [[row["n"], row.word] for row in rows]
        raw = [list(row) for row in sql.exec("SELECT n, word FROM words ORDER BY n").raw()]
        count = sql.exec("SELECT count(*) AS c FROM words").one().c
        array = sql.exec("SELECT word FROM words WHERE n > ?", 0).toArray()
        step = sql.exec("SELECT 7 AS x").next()
        none = sql.exec("SELECT NULL AS x").one()
        return Response.json(
            [named, raw, count, array, list(rows.columnNames), step.value.x, none["x"]]
        )

    async def show_alarm(self, request):
        when = js.Date.now() + 60000
        before = await self.ctx.storage.getAlarm()
        await self.ctx.storage.setAlarm(when)
        same = await self.ctx.storage.getAlarm() == when
        await self.ctx.storage.setAlarm(js.Date.now())
        return Response.json([before, same])

    async def alarm(self, info):
        await self.ctx.storage.put("alarmed", [info.isRetry, info.retryCount])
        for socket in self.ctx.getWebSockets("bell"):
            socket.send("alarm")

    async def show_alarmed(self, request):
        return Response.json(await self.ctx.storage.get("alarmed"))

    async def show_abort(self, request):
        self.lost = True
        try:
            self.ctx.abort("enough")
        except Exception:
            return Response("no exception for all")
        except DurableObjectAbort:
            raise

    async def show_starts(self, request):
        return Response.json([self.started, hasattr(self, "lost")])

    # Sockets.

    async def show_socket(self, request):
        client, server = js.WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server, ["bell", "all"])
        server.serializeAttachment({"joined": len(self.ctx.getWebSockets())})
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, ws, message):
        if message == "who":
            tags = ",".join(self.ctx.getTags(ws))
            ws.send(f"{ws.deserializeAttachment()['joined']} {tags}")
        elif isinstance(message, str):
            for socket in self.ctx.getWebSockets():
                socket.send(message)
        else:
            ws.send(bytes(reversed(message.to_bytes())))

    async def webSocketClose(self, ws, code, reason, wasClean):
        for socket in self.ctx.getWebSockets():
            if socket != ws:
                socket.send(f"{code} {reason} {wasClean}")

    async def show_standard(self, request):
        client, server = js.WebSocketPair.new().object_values()
        server.accept()

        def hear(event):
            server.send("heard " + event.data)
            if event.data == "bye":
                server.close(4001, "bye")

        server.addEventListener("message", hear)
        return Response(None, status=101, web_socket=client)
