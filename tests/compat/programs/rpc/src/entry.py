"""A shop: calls between Workers and objects, with functions and options in them."""

import asyncio
import json

import js
from js import JSON, Object
from pyodide.ffi import JsException, create_proxy, to_js
from workers import Blob, DurableObject, File, Response, WorkerEntrypoint, fetch


def fill(controller):
    for text in ("one", "two"):
        controller.enqueue(js.TextEncoder.new().encode(text))
    controller.close()


class Cart(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.items = []
        self.watcher = None

    async def add(self, item):
        self.items.append(item)
        return len(self.items)

    async def each(self, function):
        return [await function(item) for item in self.items]

    async def priced(self, prices):
        """Asks a Worker whose stub somebody has sent."""
        answer = await prices.price(self.items[0], currency=self.env.CURRENCY)
        return f"{answer.price} {answer['currency']}"

    async def echo(self, value):
        return value

    async def size_of(self, file):
        return [file.size, file.name, len(await file.bytes())]

    async def write_into(self, stream):
        writer = stream.getWriter()
        for text in ("a", "b"):
            await writer.write(js.TextEncoder.new().encode(text))
        await writer.close()

    async def read(self, stream):
        return "".join([bytes(chunk).decode() async for chunk in stream])

    async def until_aborted(self, signal):
        before, heard = signal.aborted, asyncio.Event()
        signal.addEventListener("abort", lambda event: heard.set())
        if not before:
            await heard.wait()
        reason = signal.reason
        return [before, signal.aborted, reason if isinstance(reason, str) else f"{reason.name}: {reason.message}"]

    async def fetched(self, signal):
        try:
            await fetch("http://127.0.0.1:1/", signal=signal)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    async def readable(self):
        return js.ReadableStream.new(start=create_proxy(fill))

    async def writable(self):
        self.heard = []

        async def write(chunk, controller=None):
            self.heard.append(bytes(chunk).decode())

        return js.WritableStream.new(write=write)

    async def taken(self):
        return self.heard

    async def greeted(self, greeter):
        assert self.ctx.props == {}
        answer = await greeter.fetch("https://any/")
        return [await greeter.greet(), await answer.text()]

    async def pair(self):
        return {"first": self.items[0], "size": self.size}

    async def size(self):
        return len(self.items)


class Greeter(WorkerEntrypoint):
    async def greet(self):
        return f"hello {self.ctx.props.who}" if "who" in self.ctx.props else "who is it?"

    async def fetch(self, request):
        return Response(await self.greet())


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        name = request.url.rpartition("/")[2]
        return Response(json.dumps(await getattr(self, name)()))

    @property
    def cart(self):
        return self.env.CART.getByName("one")

    async def objects(self):
        heard = []

        async def function(item):
            heard.append(item.name)
            return {"name": item.name.upper(), "data": bytes([item.size])}

        counts = [await self.cart.add({"name": name, "size": 3}) for name in ("tea", "cup")]
        told = await self.cart.each(create_proxy(function))
        assert told[0].data.to_bytes() == b"\x03"
        return [counts, heard, [one.name for one in told] + [one["name"] for one in told.to_py()]]

    async def results(self):
        pair = await self.cart.pair()
        return [pair.first.name, await pair.size(), await self.cart.pair().size()]

    async def service(self):
        answer = await self.env.PRICES.fetch(
            "https://prices/one", method="POST", body=JSON.stringify(to_js({"size": 4}, dict_converter=Object.fromEntries))
        )
        return [answer.status, await answer.json()]

    async def methods(self):
        plain = await self.env.PRICES.price({"size": 2})
        named = await self.env.PRICES.price({"size": 2}, currency="USD")
        notes = [await self.env.AUDIT.note({"what": what}) for what in ("a", "b")]
        return [plain, named.currency, notes[1] - notes[0]]

    async def callbacks(self):
        heard = []
        items = [{"size": 1}, {"size": 2}]
        result = await self.env.PRICES.each(items, lambda entry: heard.append(entry.total))
        return [heard, result.count, await result.total(self.env.CURRENCY)]

    async def exports(self):
        exports = self.ctx.exports
        cart = exports.Cart.getByName("other")
        return [await cart.add({"name": "x", "size": 1}), await exports.Default.passed_on()]

    async def props(self):
        greeter = self.ctx.exports.Greeter
        options = to_js({"props": {"who": "ann"}}, dict_converter=Object.fromEntries)
        stubs = [greeter(options), greeter({"props": {"who": "bob"}}), greeter(props={"who": "eve"})]
        told = [await stub.greet() for stub in [*stubs, greeter]]
        request = await stubs[0].fetch("https://any/")
        passed = await self.cart.greeted(stubs[1])
        rights = await self.env.TOLD.rights()
        return [told, await request.text(), passed, rights, self.ctx.props]

    async def blobs(self):
        file = js.File.new(["a,b"], "a.csv", type="text/csv", lastModified=5)
        sent = [js.Blob.new(["te", "xt"], type="text/plain"), Blob(["by"]), file]
        blob, plain, file = await self.cart.echo(sent)
        assert isinstance(file, File) and not isinstance(blob, File)
        told = [await blob.text(), blob.content_type, plain.size, file.name, file.last_modified]
        return [*told, await self.cart.size_of(file)]

    async def streams(self):
        heard = []

        async def write(chunk, controller=None):
            heard.append(bytes(chunk).decode())

        sink = js.WritableStream.new(write=create_proxy(write), close=create_proxy(lambda: heard.append("end")))
        await self.cart.write_into(sink)
        identity = js.TransformStream.new()
        writing = asyncio.ensure_future(self.cart.write_into(identity.writable))
        piped = [bytes(chunk).decode() async for chunk in identity.readable]
        await writing
        made = js.ReadableStream.new(start=create_proxy(fill))
        read = await self.cart.read(made)
        back = [bytes(chunk).decode() async for chunk in await self.cart.readable()]
        passed = await self.cart.read(await self.cart.readable())
        into = await self.cart.writable()
        writer = into.getWriter()
        await writer.write(js.TextEncoder.new().encode("x"))
        await writer.close()
        return [heard, "".join(piped), read, "".join(back), passed, await self.cart.taken()]

    async def signals(self):
        controller = js.AbortController.new()
        controllers = [controller, js.AbortController.new()]
        calls = [self.cart.until_aborted(each.signal) for each in controllers]
        await self.cart.size()
        controller.abort("enough")
        controllers[1].abort()
        controllers[1].abort("too late")
        known = js.AbortSignal.abort(js.Error.new("from the start"))
        return [[await call for call in calls], await self.cart.until_aborted(known), await self.cart.fetched(known)]

    async def refused(self):
        told = []
        for value in (self.env.CART, self.cart.id, self.ctx, js.URL.new("https://a/")):
            try:
                await self.cart.echo([value])
            except JsException as error:
                told.append([error.name, error.message])
        return told

    async def passed_on(self):
        return await self.cart.priced(self.env.PRICES)
