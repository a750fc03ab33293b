"""JavaScript's own values: objects, arrays, maps, sets, numbers, expressions and JSON."""

from js import JSON, URL, Array, Map, Number, Object, RegExp, Set, undefined
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint


def objects():
    entries = Object.fromEntries(to_js([["a", 1], ["b", 2]]))
    made = Object.new()
    made.x = 1
    return [
        entries.a,
        list(Object.values(entries)),
        list(entries.object_keys()),
        list(entries.object_values()),
        [list(entry) for entry in entries.object_entries()],
        made.x,
        list(Object.keys(made)),
        entries.to_py(),
    ]


def arrays():
    made = getattr(Array, "from")(to_js(["x", "y"]))
    return [made.length, len(made), [item for item in made], made.to_py()]


def maps():
    made = Map.new(to_js([["k", 1]]))
    made.set("l", 2)
    numbers = Set.new(to_js([1, 1, 2]))
    return [made.get("k"), made.size, made.has("z"), made.to_py(), numbers.size, numbers.has(2)]


def numbers():
    return [Number("42"), Number.isInteger(42), Number.MAX_SAFE_INTEGER, undefined is None]


def expressions():
    found = RegExp.new("a(b+)").exec("xabby")
    return [RegExp.new("a(b+)").test("xyz"), found[0], found[1]]


def texts():
    thing = to_js({"a": [1, True, "x"]}, dict_converter=Object.fromEntries)
    parsed = JSON.parse('{"n": {"m": 3}, "l": [1]}')
    return [
        JSON.stringify(thing),
        parsed.n.m,
        parsed.as_object_map()["l"][0],
        parsed.as_py_json()["n"]["m"],
        parsed.to_py(),
    ]


ROUTES = {
    "/objects": objects,
    "/arrays": arrays,
    "/maps": maps,
    "/numbers": numbers,
    "/expressions": expressions,
    "/texts": texts,
}


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response.json(ROUTES[URL.new(request.url).pathname]())
