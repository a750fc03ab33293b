"""What can be sent besides values: functions, requests and responses."""

from pyodide.ffi import create_proxy
from workers import DurableObject, Request, Response, WorkerEntrypoint


class Thing(DurableObject):
    async def apply(self, callback, value):
        answer = await callback(value)
        return {"answer": answer}

    async def serve(self, request, prefix):
        return Response(prefix + await request.text(), headers={"X-Method": request.method})


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        stub = self.env.THINGS.getByName("one")
        if request.url.endswith("/function"):

            async def double(value):
                return value * 2

            first = await stub.apply(double, 21)
            second = await stub.apply(create_proxy(double), "ab")
            return Response.json([first.answer, second["answer"]])
        made = Request("http://object/", method="POST", body=await request.text())
        return await stub.serve(made, "> ")
