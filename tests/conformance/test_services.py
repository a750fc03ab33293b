"""Workers that call each other through bindings under ``services``."""

from dataclasses import replace

from aiohttp import ClientSession

from perdure.runtime.config.model import MigrationStep, ServiceBinding, WorkerConfig
from tests.serving import Serving

FRONT = """
    import asyncio
    from perdure import DurableObject, Response, WorkerEntrypoint

    class Greeter(WorkerEntrypoint):
        async def greet(self, who):
            return f"hello {who} of {self.env.NAME}"

        def props(self):
            return self.ctx.props

        async def fetch(self, request):
            return Response(f"{request.method} with {self.ctx.props}")

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            what = request.parsed_url.path.strip("/")
            return await getattr(self, what)(request)

        async def request(self, request):
            response = await self.env.MATH.fetch(request)
            return Response(await response.text(), status=response.status + 1)

        async def methods(self, request):
            math = self.env.MATH
            total = await math.add(1, 2, also=[3, 4])
            named, here = await math.name, await self.env.ME.greet("ann")
            return Response.json([total, named, here, await self.env.ADMIN.who()])

        async def objects(self, request):
            heard = []
            counter = await self.env.MATH.counter(heard.append)
            await asyncio.gather(counter.add(1), counter.add(2))
            return Response.json([heard, await self.env.MATH.counter(heard.append).add(5)])

        async def errors(self, request):
            told = []
            for call in (self.env.MATH.fail, self.env.MATH.nothing):
                try:
                    await call()
                except Exception as error:
                    told.append([type(error).__name__, str(error), error.remote])
            return Response.json(told)

        async def private(self, request):
            try:
                return Response.json(await self.env.MATH._hidden())
            except AttributeError as error:
                return Response(str(error))

        async def socket(self, request):
            return await self.env.MATH.fetch(request)

        async def props(self, request):
            props = {"plan": "free", "limits": [1]}
            greeter = self.ctx.exports.Greeter(props=props)
            props["plan"] = "changed later"
            told = [await self.env.TOLD.props(), await self.env.MATH.props()]
            told += [await greeter.props(), await self.ctx.exports.Greeter.props()]
            response = await self.env.TOLD.fetch("http://math/props")
            told.append(await response.text())
            return Response.json([*told, self.ctx.props])

        async def sent(self, request):
            greeter = self.ctx.exports.Greeter(props={"plan": "free"})
            told = []
            for name in "abcdefgh":  # in several processes, if there are several
                room = self.ctx.exports.Room.get_by_name(name)
                given, held = await room.hand_out(), await room.echo([greeter])
                response = await held[0].fetch("http://any/")
                found = [await room.told(greeter), await given.props(), await response.text()]
                found += [await room.hand_out().props(), repr(held[0])]
                assert await (await room.echo(self.env.MATH)).add(1, 2) == 3
                told.append(found == [
                    [{"plan": "free"}, "GET with {'plan': 'free'}"],
                    {"room": name},
                    "GET with {'plan': 'free'}",
                    {"room": name},
                    "<ServiceStub app.Greeter>",
                ] or found)
            return Response.json(told)

        async def unsendable(self, request):
            try:
                self.ctx.exports.Greeter(props={"room": self.ctx.exports.Room})
            except TypeError as error:
                return Response(str(error))

        async def exports(self, request):
            room = self.ctx.exports.Room.get_by_name("x")
            told = [await self.ctx.exports.Greeter.greet("eve"), await room.enter("eve")]
            for name in ("Rom", "Unmade"):
                told.append(hasattr(self.ctx.exports, name))
            return Response.json(told)

    class Room(DurableObject):
        async def told(self, greeter):
            response = await greeter.fetch("http://any/")
            return [await greeter.props(), await response.text()]

        def echo(self, value):
            return value

        def hand_out(self):
            return self.ctx.exports.Greeter(props={"room": self.ctx.id.name})

        async def enter(self, who):
            greeting = await self.ctx.exports.Greeter.greet(who)
            return [greeting, self.ctx.id.name, dir(self.ctx.exports)]

    class Unmade(DurableObject):
        pass
"""
MATH = """
    from perdure import Response, RpcTarget, WebSocketPair, WorkerEntrypoint

    class Counter(RpcTarget):
        def __init__(self, tell):
            self.total, self.tell = 0, tell.dup()

        async def add(self, number):
            self.total += number
            await self.tell(self.total)
            return self.total

    class Admin(WorkerEntrypoint):
        def who(self):
            return f"admin of {self.env.NAME}"

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            if request.is_upgrade:
                client, server = WebSocketPair()
                server.accept()
                server.add_event_listener("message", lambda event: server.send(event.data[::-1]))
                return Response(None, status=101, web_socket=client)
            if request.url.endswith("/props"):
                return Response.json(self.ctx.props)
            return Response(f"{request.method} {await request.text()} in {self.env.NAME}")

        def props(self):
            return self.ctx.props

        @property
        def name(self):
            return self.env.NAME

        def add(self, *numbers, also=()):
            return sum([*numbers, *also])

        def counter(self, tell):
            return Counter(tell)

        def fail(self):
            raise ValueError("no such number")
"""


def write(serve: Serving) -> WorkerConfig:
    front = serve.write(FRONT, values={"NAME": "front"})
    math = replace(serve.write(MATH, values={"NAME": "math"}), name="math")
    services = [
        ServiceBinding("MATH", "math"),
        ServiceBinding("ADMIN", "math", entrypoint="Admin"),
        ServiceBinding("ME", "app", entrypoint="Greeter"),
        ServiceBinding("TOLD", "math", props={"who": "front", "rights": ["read"]}),
    ]
    steps = [MigrationStep("v1", new_sqlite_classes=("Room",))]
    return replace(front, services=services, migrations=steps, others=(math,))


async def test_a_request_is_answered_by_the_other_worker(serve: Serving) -> None:
    server = await serve.start(write(serve))
    url = f"{server.url}/request"
    async with ClientSession() as session, session.post(url, data=b"some text") as response:
        assert (response.status, await response.text()) == (201, "POST some text in math")


async def test_methods_and_attributes_of_entrypoints_are_called(serve: Serving) -> None:
    server = await serve.start(write(serve))
    async with ClientSession() as session, session.get(f"{server.url}/methods") as response:
        found = [10, "math", "hello ann of front", "admin of math"]
        assert await response.json() == found


async def test_objects_and_functions_travel_both_ways(serve: Serving) -> None:
    server = await serve.start(write(serve))
    async with ClientSession() as session, session.get(f"{server.url}/objects") as response:
        heard, total = await response.json()
        assert (sorted(heard), total) == ([1, 3, 5], 5)


async def test_what_goes_wrong_there_is_told_here(serve: Serving) -> None:
    server = await serve.start(write(serve))
    async with ClientSession() as session:
        async with session.get(f"{server.url}/private") as response:
            assert "names with an underscore are private" in await response.text()
        async with session.get(f"{server.url}/errors") as response:
            assert await response.json() == [
                ["ValueError", "no such number", True],
                [
                    "NoSuchMethod",
                    'The RPC receiver does not implement the method "nothing".',
                    True,
                ],
            ]


async def test_an_upgrade_is_passed_through(serve: Serving) -> None:
    server = await serve.start(write(serve))
    async with ClientSession() as session, session.ws_connect(f"{server.url}/socket") as socket:
        await socket.send_str("abc")
        assert await socket.receive_str(timeout=30) == "cba"


async def test_a_program_reaches_what_it_has_itself_without_bindings(serve: Serving) -> None:
    server = await serve.start(write(serve))
    async with ClientSession() as session, session.get(f"{server.url}/exports") as response:
        assert await response.json() == [
            "hello eve of front",
            ["hello eve of front", "x", ["Default", "Greeter", "Room"]],
            False,
            False,
        ]


async def test_an_entrypoint_is_told_what_the_binding_says_of_its_caller(serve: Serving) -> None:
    server = await serve.start(write(serve))
    free = {"plan": "free", "limits": [1]}
    async with ClientSession() as session, session.get(f"{server.url}/props") as response:
        assert await response.json() == [
            {"who": "front", "rights": ["read"]},
            {},
            free,
            {},
            '{"who": "front", "rights": ["read"]}',
            {},
        ]


async def test_props_are_plain_values(serve: Serving) -> None:
    server = await serve.start(write(serve))
    async with ClientSession() as session, session.get(f"{server.url}/unsendable") as response:
        assert "DurableObjectNamespace" in await response.text()


async def test_a_stub_of_a_worker_can_be_sent_and_keeps_its_props(serve: Serving) -> None:
    server = await serve.start(write(serve))
    async with ClientSession() as session, session.get(f"{server.url}/sent") as response:
        assert response.status == 200, await response.text()
        assert await response.json() == [True] * 8
