"""What is served in a run: rooms that count what each client says, and tell how they took it."""

# /room/hibernating-NAME?client=C and /room/standard-NAME?client=C are WebSockets; without an
# upgrade they tell what is counted. All else is a page, of which a browser's WebSockets can come. An answer says: number, verdict, length, process, redelivered.
# Verdicts: "new"; "again", of one that was counted before and is marked; else what must not be.
MAIN = """
    import asyncio
    import os
    import time
    from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint
    from tests.chaos.points import passed

    VERSION = 0
    WORK_S = float(os.environ.get("PERDURE_CHAOS_WORK_S", "0.4"))
    PUSH_MS = float(os.environ.get("PERDURE_CHAOS_PUSH_MS", "300"))

    class Room(DurableObject):
        async def fetch(self, request):
            query, storage = request.parsed_url.query, self.ctx.storage
            if not request.is_upgrade:
                said = {key[5:]: last for key, last in storage.kv.list(prefix="last ")}
                return Response.json(
                    {"pid": os.getpid(), "count": storage.kv.get("count") or 0, "said": said,
                     "id": str(self.ctx.id), "version": VERSION})
            if request.resumed:
                passed("replay")
            if await storage.get_alarm() is None:
                await storage.set_alarm(time.time() * 1000 + PUSH_MS)
            client, server = WebSocketPair()
            if request.parsed_url.path.startswith("/room/hibernating"):
                self.ctx.accept_web_socket(server)
                server.serialize_attachment(query["client"])
            else:
                server.accept()
                server.on_message = lambda event: self.hear(server, query["client"], event.data)
            return Response(None, status=101, web_socket=client)

        async def alarm(self):
            kv = self.ctx.storage.kv
            push = (kv.get("push") or 0) + 1
            kv.put("push", push)
            await self.ctx.storage.set_alarm(time.time() * 1000 + PUSH_MS)
            self.ctx.broadcast(f"push {push}")

        async def web_socket_message(self, ws, message):
            await self.hear(ws, ws.deserialize_attachment(), message)

        async def hear(self, ws, client, message):
            kv, number = self.ctx.storage.kv, int(message.split(" ", 1)[0])
            last = kv.get(f"last {client}") or 0
            if number == last + 1:
                verdict = "new"
                kv.put("count", (kv.get("count") or 0) + 1)
                passed("in the handler, half written")
                kv.put(f"last {client}", number)
            elif number <= last:
                verdict = "again" if ws.redelivered else "twice"
            else:
                verdict = f"behind {last}"
            await asyncio.sleep(WORK_S)
            passed("in the handler, at its end")
            ws.send(f"{number} {verdict} {len(message)} {os.getpid()} {int(ws.redelivered)}")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if not request.parsed_url.path.startswith("/room/"):
                return Response("<!doctype html>", headers={"Content-Type": "text/html"})
            name = request.parsed_url.path.split("/")[2]
            if name == "hang":
                time.sleep(3600)  # it hangs: its supervisor ends it
            return await self.env.ROOM.get_by_name(name).fetch(request)
"""
