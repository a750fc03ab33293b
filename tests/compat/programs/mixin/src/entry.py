from pathlib import Path

from workers import DurableObject, Request, Response, WorkerEntrypoint, env, fetch, waitUntil

from framework import Stored


class Thing(Stored, DurableObject):
    async def fetch(self, request):
        if request.method == "POST":
            data = await request.json()
            self.rows.exec("INSERT INTO things VALUES (?, ?)", data["name"], data["name"].encode())
            return Response.json({"stored": data["name"]}, status=201)
        rows = [[row["name"], bytes(row["data"]).decode()] for row in self.all()]
        return Response.json(rows, headers={"X-Object": self.ctx.id.name})

    async def echo(self, value, *rest):
        if value == "fail":
            raise ValueError("as you wished")
        return {"value": value, "rest": list(rest)}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        assert env.THINGS is self.env.THINGS
        stub = self.env.THINGS.getByName("box")
        path = request.url.partition("/rpc/")[2]
        if path:
            try:
                answer = await stub.echo(path, [1, {"a": None}])
            except Exception as error:
                return Response(f"{type(error).__name__}: {error}".splitlines()[0], status=500)
            assert answer["value"] == answer.value == path
            waitUntil(stub.echo("later"))
            return Response.json(answer.to_py())
        if request.url.endswith("/source"):
            return Response(Path(__file__).with_name("framework.py").read_text().splitlines()[0])
        if request.url.endswith("/forward"):
            body = await request.text()
            made = Request("http://object/", method="POST", body=body, headers=request.headers)
            return await fetch(made, fetcher=stub)
        return await stub.fetch(request)
