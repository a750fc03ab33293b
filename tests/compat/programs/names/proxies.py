"""Conversions to JavaScript's values, proxies of Python's, and what a proxy can be asked."""

from js import URL, Object
from pyodide.ffi import (
    JsException,
    JsProxy,
    can_run_sync,
    create_once_callable,
    create_proxy,
    destroy_proxies,
    jsnull,
    run_sync,
    to_js,
)
from workers import DurableObject, Response, WorkerEntrypoint


class Thing:
    pass


def refuses(call, *arguments):
    try:
        call(*arguments)
    except Exception:
        return True
    return False


def conversions():
    proxies = to_js([])
    to_js([Thing()], pyproxies=proxies)
    destroy_proxies(proxies)
    return [
        to_js({"a": {"b": 1}}, dict_converter=Object.fromEntries).a.b,
        to_js({"a": 1}).get("a"),
        to_js([Thing()], default_converter=lambda value, convert, keep: "a thing")[0],
        isinstance(to_js([[1]], depth=1)[0], JsProxy),
        refuses(lambda: to_js(Thing(), create_pyproxies=False)),
        proxies.length,
    ]


def functions():
    double = create_proxy(lambda number: 2 * number)
    doubled = double(21)
    double.destroy()
    once = create_once_callable(lambda: "once")
    return [doubled, refuses(double, 1), once(), refuses(once)]


async def at_once():
    return "at once"


def members():
    plain, other = Object.new(), Object.new()
    return [
        plain.js_id == plain.js_id,
        plain.js_id == other.js_id,
        plain.typeof,
        Object.typeof,
        isinstance(plain, JsProxy),
        isinstance({}, JsProxy),
        jsnull is None,
        bool(jsnull),
        hasattr(plain, "to_py"),  # shows: hasattr(x, "to_py") tests # shows: hasattr
        hasattr({}, "to_py"),
    ]


class Box(DurableObject):
    async def rows(self):
        self.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS t (a, b)")
        self.ctx.storage.sql.exec("INSERT INTO t VALUES ('x', 'y')")
        rows = self.ctx.storage.sql.exec("SELECT * FROM t").toArray()
        await self.ctx.storage.put("list", [1, {"k": "v"}])
        kept = await self.ctx.storage.get("list")
        return [rows[0].a, rows[0]["b"], rows.to_py(), rows[0].to_py(), kept.to_py(), kept[1].to_py()]  # shows: .to_py() on values already converted


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = URL.new(request.url).pathname
        if path == "/conversions":
            return Response.json(conversions())
        if path == "/functions":
            return Response.json(functions())
        if path == "/sync":
            return Response.json([run_sync(at_once()), can_run_sync()])
        if path == "/rows":
            return Response.json(await self.env.BOX.getByName("rows").rows())
        if path == "/caught":
            try:
                raise JsException("by hand")
            except JsException as error:
                return Response(error.message)
        return Response.json(members())
