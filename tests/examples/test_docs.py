"""What the guides show is Python and TOML, and the whole programs run."""

import builtins
import re
import textwrap
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict
from websockets.asyncio.client import connect

import perdure
from perdure.runtime.config.firewall.model import SignatureProof
from perdure.runtime.config.load import load
from perdure.runtime.config.model import PerdureConfig
from perdure.runtime.edge.firewall.head import RequestHead
from perdure.runtime.edge.firewall.requiring import signature_check
from perdure.runtime.sandbox import public
from perdure.runtime.server import Server
from tests.examples.sandbox.projects import check_wall

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = ("guide.md", "websockets.md", "firewall.md", "sandbox.md")
FIREWALL = (DOCS / "firewall.md").read_text()
BLOCKS = [
    (guide, block)
    for guide in GUIDES
    for block in re.findall(r"```python\n(.*?)```", (DOCS / guide).read_text(), re.DOTALL)
]
IMPORTS = "from perdure import DurableObject, Response, WebSocketPair, WorkerEntrypoint\n"
ENTRYPOINT = """
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await self.env.ROOM.get_by_name("lobby").fetch(request)
"""
RAISING = """
class Room(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.told = []

    async def fetch(self, request):
        client, server = WebSocketPair()
        server.accept()

        def on_message(event):
            if event.data == "raise":
                raise ValueError("on purpose")
            server.send(f"{' '.join(self.told)} {len(self.ctx.sessions)}")

        server.on_message = on_message
        server.on_error = server.on_close = lambda event: self.told.append(event.type)
        return Response(None, status=101, web_socket=client)
"""

Run = Callable[[str], Awaitable[str]]


def block_with(text: str) -> str:
    found: list[str] = [block for _, block in BLOCKS if text in block]
    assert len(found) == 1, text
    return found[0]


SANDBOX_CONFIG = """
[[durable_objects.bindings]]
name = "Sandbox"
class_name = "{0}"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["{0}"]
"""


@pytest.fixture
def run(start: Callable[[Path], Awaitable[Server]], tmp_path: Path) -> Run:
    """Runs a program whose classes are bound by their names in capitals; gives its URL."""

    async def run(program: str) -> str:
        classes = re.findall(r"class (\w+)\(DurableObject\)", program)
        config = 'name = "docs"\nmain = "main.py"\n'
        for name in classes:
            config += f"[[durable_objects.bindings]]\nname = '{name.upper()}'\n"
            config += f"class_name = '{name}'\n"
        if classes:
            config += f"[[migrations]]\ntag = 'v1'\nnew_sqlite_classes = {classes}\n"
        for name in re.findall(r"class (\w+)\(Sandbox\)", program) or ["Sandbox"]:
            if "import Sandbox" in program or ", Sandbox," in program:
                config += SANDBOX_CONFIG.format(name)
        project = tmp_path / "project"
        project.mkdir()
        (project / "wrangler.toml").write_text(config)
        (project / "main.py").write_text(program)
        return (await start(project)).url

    return run


@pytest.mark.parametrize(("guide", "block"), BLOCKS)
def test_every_block_is_python(guide: str, block: str) -> None:
    compile("async def shown():\n" + textwrap.indent(block, "    "), guide, "exec")


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", FIREWALL, re.DOTALL))
def test_every_rule_that_the_guide_shows_is_one(block: str, tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text(f'name = "docs"\nmain = "main.py"\n{block}')
    loaded = load(path)
    assert loaded.warnings == ()
    assert loaded.config.perdure != PerdureConfig()


def test_a_url_is_signed_as_the_guide_shows_it() -> None:
    namespace: dict[str, Any] = {}
    exec(block_with("def signed("), namespace)
    target = namespace["signed"]("/files/a?b=c", "a key of sixteen")
    check = signature_check(SignatureProof(()), [b"a key of sixteen"])
    fields: CIMultiDict[str] = CIMultiDict()
    head = RequestHead("GET", target, fields, host="", address="", is_upgrade=False)
    assert check(head, time.time()) is None
    assert check(head, time.time() + 4000) is not None


@pytest.mark.parametrize("guide", GUIDES)
def test_every_link_leads_somewhere(guide: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", (DOCS / guide).read_text()):
        assert (DOCS / target).exists(), target


@pytest.mark.parametrize("guide", GUIDES)
def test_every_name_in_capitals_is_public(guide: str) -> None:
    text = (DOCS / guide).read_text()
    for name in re.findall(r"`((?:[A-Z][a-z]+){2,})[`(]", text):
        assert name in {*perdure.__all__, *public.__all__} or hasattr(builtins, name), name


async def test_the_guides_first_program_counts(run: Run, http: aiohttp.ClientSession) -> None:
    url = await run(block_with("class Counter(DurableObject)"))
    for expected in ("1\n", "2\n"):
        async with http.get(url + "/apples") as response:
            assert await response.text() == expected


async def test_no_event_comes_in_before_the_constructors_section_is_done(
    run: Run, http: aiohttp.ClientSession
) -> None:
    answer = "\n    async def fetch(self, request):\n        return Response(self.topic)\n"
    room = block_with("@ctx.block_concurrency_while")
    async with http.get(await run(IMPORTS + room + answer + ENTRYPOINT)) as response:
        assert await response.text() == "none yet"


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [
        ("lambda event: server.send(event.data))\n        return", True),
        ("for ws in self.ctx.sessions.values()", True),
        ('self.ctx.accept_web_socket(server, ["guest"])', False),
    ],
)
async def test_programs_with_sockets_answer(text: str, is_whole: bool, run: Run) -> None:
    program = block_with(text)
    url = await run(program if is_whole else IMPORTS + program + ENTRYPOINT)
    async with connect("ws" + url.removeprefix("http") + "/room") as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"


async def test_a_room_that_sleeps_answers_by_itself_and_knows_its_guests(run: Run) -> None:
    url = await run(
        IMPORTS.rstrip()
        + ", WebSocketRequestResponsePair\n"
        + block_with("ws.deserialize_attachment()[")
        + ENTRYPOINT
    )
    address = "ws" + url.removeprefix("http") + "/room"
    async with connect(f"{address}?name=Ada") as ada, connect(address) as other:
        await ada.send("ping")
        assert await ada.recv() == "pong"
        await ada.send("hello")
        assert await other.recv() == "Ada: hello"
        await other.send("hello Ada")
        assert await ada.recv() == "somebody: hello Ada"


async def test_a_socket_is_a_stream_of_messages(run: Run) -> None:
    methods = textwrap.indent(block_with("async for message in ws"), "    ")
    program = f"{IMPORTS}\nclass Room(DurableObject):\n{methods}{ENTRYPOINT}"
    url = await run(program)
    async with connect("ws" + url.removeprefix("http")) as ws:
        assert await ws.recv() == "What is your name?"
        await ws.send("Ada")
        assert await ws.recv() == "Hello Ada"


async def test_a_listener_that_raises_ends_its_connection_and_is_told(run: Run) -> None:
    url = await run(IMPORTS + RAISING + ENTRYPOINT)
    address = "ws" + url.removeprefix("http")
    async with connect(address) as ws:
        await ws.send("raise")
        await ws.wait_closed()
        assert ws.close_code == 1011
    async with connect(address) as ws:
        await ws.send("tell")
        assert await ws.recv() == "error close 1"


async def test_the_first_program_of_sandboxes_runs_what_it_is_sent(
    run: Run, http: aiohttp.ClientSession
) -> None:
    check_wall()
    url = await run(block_with('get_sandbox(self.env.Sandbox, "calculator")'))
    for program, said in (("print(6 * 7)", "42\n"), ("import sys; sys.exit('no')", "no\n")):
        async with http.post(url, data=program) as response:
            assert (response.status, await response.text()) == (200, said)


async def test_a_class_derives_from_sandbox_as_the_guide_shows_it(
    run: Run, http: aiohttp.ClientSession
) -> None:
    check_wall()
    program = "from perdure import Response, Sandbox, WorkerEntrypoint, get_sandbox\n"
    program += block_with("class Calculator(Sandbox)")
    program += (
        ENTRYPOINT.partition("        return")[0]
        + """\
        sandbox = get_sandbox(self.env.Sandbox, "one")
        return Response(await sandbox.calculate("2 * pi"))
"""
    )
    async with http.get(await run(program)) as response:
        assert await response.text() == "6.28318\n"


async def test_a_program_for_workers_has_sandboxes_as_the_guide_shows_it(
    run: Run, http: aiohttp.ClientSession
) -> None:
    check_wall()
    async with http.get(await run(block_with("from cloudflare_sandbox import"))) as response:
        assert await response.json() == {"exitCode": 0, "stdout": "42\n"}
