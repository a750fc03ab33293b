"""What fails, and as what it is caught."""

from js import JSON, URL, Error
from pyodide.ffi import JsException
from workers import DurableObject, Response, WorkerEntrypoint


class Box(DurableObject):
    async def query(self, text):
        try:
            self.ctx.storage.sql.exec(text)
        except JsException as error:
            return [error.name, error.message]

    async def fail(self):
        raise ValueError("as you wished")


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        stub = self.env.BOX.getByName("errors")
        path = URL.new(request.url).pathname
        if path == "/made":
            made = Error.new("boom")
            return Response.json([made.name, made.message])
        if path == "/parse":
            try:
                JSON.parse("{")
            except JsException as error:
                return Response.json([error.name, isinstance(error, Exception)])
        if path == "/sql":
            return Response.json(await stub.query("SELEC 1"))
        try:
            await stub.fail()
        except Exception as error:
            return Response("as you wished" in str(error) and "caught")
