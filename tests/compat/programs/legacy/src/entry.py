"""A program of before 2025: functions of the module, and JavaScript's objects all the way."""

from js import Headers, Object, Response
from pyodide.ffi import to_js
from workers import DurableObject


class Old(DurableObject):
    def __init__(self, ctx, env):
        self.ctx = ctx
        self.env = env

    async def on_fetch(self, request, env, ctx):
        count = (await self.ctx.storage.get("count") or 0) + 1
        await self.ctx.storage.put("count", count)
        init = to_js({"status": 201, "headers": {"X-Count": str(count)}}, dict_converter=Object.fromEntries)
        return Response.new(f"{request.method} {count}", init)


async def on_fetch(request, env):
    if request.url.endswith("/object"):
        id = env.OLD.idFromName("one")
        return await env.OLD.get(id).fetch(request.url, method="PUT", body=await request.text())
    headers = Headers.new({"content-type": "text/markdown"}.items())
    return Response.new(env.GREETING + " " + request.headers.get("x-name"), headers=headers)
