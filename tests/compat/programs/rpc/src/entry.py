"""A shop: calls between Workers and objects, with functions and options in them."""

import json

from js import JSON, Object
from pyodide.ffi import create_proxy, to_js
from workers import DurableObject, Response, WorkerEntrypoint


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

    async def passed_on(self):
        return await self.cart.priced(self.env.PRICES)
