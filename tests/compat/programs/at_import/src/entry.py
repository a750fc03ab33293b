"""What programs do with env while they are imported, and with functions of ``workers`` later."""

from js import AbortController, AbortSignal
from workers import (
    DurableObject,
    Request,
    Response,
    WorkerEntrypoint,
    env,
    fetch,
    import_from_javascript,
    patch_env,
    wait_until,
)

LIMIT = env.LIMIT
CACHE = env.CACHE
COUNTERS = env.COUNTERS
SUMS = env.SELF
PLATFORM = import_from_javascript("cloudflare:workers")
CONNECT = import_from_javascript("cloudflare:sockets").connect


def refusal(use):
    try:
        use()
    except Exception as error:
        return str(error)
    return "not refused"


AT_IMPORT = refusal(lambda: COUNTERS.getByName("one"))


class Counter(DurableObject):
    async def add(self, number):
        total = (await self.ctx.storage.get("total") or 0) + number
        await self.ctx.storage.put("total", total)
        return total


class Sums(WorkerEntrypoint):
    async def add(self, a, b):
        return a + b


async def count_later(number):
    await COUNTERS.getByName("later").add(number)


async def of_vars():
    with patch_env(LIMIT=4):
        patched = [env.LIMIT, PLATFORM.env.LIMIT]
    return [LIMIT, env.LIMIT, patched]


async def of_bindings():
    counter = COUNTERS.getByName("one")
    await counter.add(LIMIT)
    same = COUNTERS is env.COUNTERS and SUMS is env.SELF
    return [await counter.add(LIMIT), await SUMS.add(1, 2), same, AT_IMPORT]


async def of_what_is_missing():
    return [refusal(lambda: CACHE.get("a")), refusal(lambda: CONNECT("a:25"))]


async def of_work_that_goes_on():
    wait_until(count_later(1))
    PLATFORM.waitUntil(count_later(2))
    return "begun"


async def of_calling_off(url):
    controller = AbortController.new()
    controller.abort()
    answers = [await (await fetch(url, cf={"cacheTtl": 5}, signal=AbortSignal.timeout(60000))).text()]
    for resource, options in [(url, {"signal": controller.signal}), (Request(url, signal=controller.signal), {})]:
        try:
            await fetch(resource, **options)
        except OSError as error:
            answers.append(f"{type(error).__name__}: {error}")
    return answers


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        origin, _, path = request.url.rpartition("/")
        if path == "":
            return Response("reached")
        if path == "off":
            return Response.json(await of_calling_off(f"{origin}/"))
        if path == "later":
            return Response.json(await COUNTERS.getByName("later").add(0))
        answers = {
            "vars": of_vars, "bindings": of_bindings, "missing": of_what_is_missing, "on": of_work_that_goes_on,
        }
        return Response.json(await answers[path]())
