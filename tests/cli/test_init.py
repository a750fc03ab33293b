"""What ``perdure init`` writes runs at once."""

import asyncio
import contextlib
import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import Result

from perdure.cli.init import TEMPLATES
from perdure.cli.project import open_project
from perdure.runtime.server import Server
from tests.examples.sandbox.projects import check_wall

Invoke = Callable[..., Result]

FILES = {
    "chat": {".gitignore", "README.md", "src/index.html", "src/main.py", "wrangler.toml"},
    "counter": {".gitignore", "README.md", "src/main.py", "wrangler.toml"},
    "sandbox": {".gitignore", "README.md", "src/main.py", "wrangler.toml"},
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_in(directory: Path) -> set[str]:
    return {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}


def test_every_template_can_be_chosen() -> None:
    assert {entry.name for entry in TEMPLATES.iterdir()} == set(FILES)


@pytest.mark.parametrize("template", FILES)
def test_the_project_is_whole_and_bears_its_name(invoke: Invoke, here: Path, template: str) -> None:
    result = invoke("init", "my-app", "--template", template)
    assert result.exit_code == 0, result.output
    assert files_in(here / "my-app") == FILES[template]
    assert set(result.stdout.splitlines()) == {f"my-app/{name}" for name in FILES[template]}
    assert "cd my-app" in result.stderr
    assert "perdure dev" in result.stderr
    texts = {path: path.read_text() for path in (here / "my-app").rglob("*") if path.is_file()}
    assert not any("{{" in text for text in texts.values())
    assert tomllib.loads(texts[here / "my-app" / "wrangler.toml"])["name"] == "my-app"
    assert ".perdure*/" in texts[here / "my-app" / ".gitignore"]


@pytest.mark.parametrize("template", FILES)
def test_the_project_passes_check_without_a_warning(
    invoke: Invoke, here: Path, template: str
) -> None:
    invoke("init", "my-app", "--template", template)
    result = invoke("check", "-c", here / "my-app" / "wrangler.toml")
    assert (result.exit_code, result.stderr) == (0, "")


def test_chat_is_what_one_gets_without_asking(invoke: Invoke, here: Path) -> None:
    assert invoke("init", "x").exit_code == 0
    assert files_in(here / "x") == FILES["chat"]


@pytest.mark.parametrize(
    ("name", "better"), [("My App", "my-app"), ("-x", "x"), ("Été", "t"), ("app.v2", "app-v2")]
)
def test_a_name_that_no_worker_can_have_is_refused(
    invoke: Invoke, here: Path, name: str, better: str
) -> None:
    result = invoke("init", "--", name)
    assert result.exit_code == 2
    assert f'"{name}" cannot name a Worker' in result.stderr
    assert f'For instance "{better}".' in result.stderr
    assert files_in(here) == set()


def test_a_directory_that_is_not_empty_is_left_alone(invoke: Invoke, here: Path) -> None:
    (here / "app").mkdir()
    (here / "app" / "precious.txt").write_text("mine")
    result = invoke("init", "app")
    assert result.exit_code == 2
    assert "The directory app is not empty (it has precious.txt)" in result.stderr
    assert files_in(here) == {"app/precious.txt"}


def test_a_file_of_that_name_is_left_alone(invoke: Invoke, here: Path) -> None:
    (here / "app").write_text("mine")
    assert invoke("init", "app").exit_code == 2
    assert (here / "app").read_text() == "mine"


def test_the_current_directory_may_be_taken_with_its_git_repository(
    invoke: Invoke, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "app" / ".git").mkdir(parents=True)
    monkeypatch.chdir(here / "app")
    result = invoke("init", ".")
    assert result.exit_code == 0, result.output
    assert tomllib.loads((here / "app" / "wrangler.toml").read_text())["name"] == "app"
    assert "cd " not in result.stderr


def test_a_disk_that_refuses_is_told_in_words(invoke: Invoke, here: Path) -> None:
    (here / "file").write_text("")
    result = invoke("init", "file/app")
    assert result.exit_code == 1
    assert "Error: file/app: Not a directory" in result.stderr
    assert "Traceback" not in result.stderr


@contextlib.asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[str]:
    project = open_project(directory / "wrangler.toml", None, None)
    server = await Server.start(project.config, data_dir=project.data_dir, host="127.0.0.1", port=0)
    try:
        yield server.url
    finally:
        await server.stop(drain_s=0)


async def received(client: aiohttp.ClientWebSocketResponse, kind: str) -> Any:
    """The next event of a kind; those before it are skipped."""
    while (event := await client.receive_json())["type"] != kind:
        pass
    return event


@pytest.fixture
def chat(invoke: Invoke, here: Path) -> Path:
    assert invoke("init", "chat").exit_code == 0
    return here / "chat"


@pytest.fixture
def counter(invoke: Invoke, here: Path) -> Path:
    assert invoke("init", "hits", "--template", "counter").exit_code == 0
    return here / "hits"


@pytest.fixture
def sandbox(invoke: Invoke, here: Path) -> Path:
    check_wall()
    assert invoke("init", "runner", "--template", "sandbox").exit_code == 0
    return here / "runner"


async def test_people_in_a_room_hear_each_other_and_nobody_else(chat: Path) -> None:
    async with (
        serving(chat) as url,
        aiohttp.ClientSession(url) as http,
        http.ws_connect("/room/one/websocket?name=Ann") as ann,
        http.ws_connect("/room/two/websocket?name=Bob") as bob,
        http.ws_connect("/room/one/websocket") as someone,
    ):
        assert (await received(ann, "members"))["count"] == 1
        assert (await received(ann, "members"))["count"] == 2
        await ann.send_str("  hello  ")
        for client in (ann, someone):
            event = await received(client, "message")
            assert (event["name"], event["text"]) == ("Ann", "hello")
        await someone.send_str("hi")
        assert (await received(ann, "message"))["name"] == "Someone"
        await someone.close()
        assert (await received(ann, "members"))["count"] == 1
        await bob.send_str("alone")
        assert (await received(bob, "message"))["text"] == "alone"


async def test_the_last_50_messages_survive_a_restart(chat: Path) -> None:
    path = "/room/a/websocket?name=Ann"
    async with serving(chat) as url, aiohttp.ClientSession(url) as http, http.ws_connect(path) as w:
        assert (await received(w, "history"))["messages"] == []
        for number in range(53):
            await w.send_str(str(number))
        while (await received(w, "message"))["text"] != "52":
            pass
    async with serving(chat) as url, aiohttp.ClientSession(url) as http, http.ws_connect(path) as w:
        messages = (await received(w, "history"))["messages"]
    assert [message["text"] for message in messages] == [str(n) for n in range(3, 53)]
    assert {message["name"] for message in messages} == {"Ann"}


async def test_a_chat_refuses_what_it_does_not_understand(chat: Path) -> None:
    async with serving(chat) as url, aiohttp.ClientSession(url) as http:
        async with http.get("/room/a/websocket") as response:
            assert response.status == 426
        async with http.get("/nowhere") as response:
            assert response.status == 404
        for path in ("/", "/room/a"):
            async with http.get(path) as response:
                assert response.content_type == "text/html"
                assert "<title>chat</title>" in await response.text()
        async with http.ws_connect("/room/a/websocket") as client:
            await client.send_bytes(b"\x00")
            while (await client.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert client.close_code == 1003


async def test_a_counter_counts_and_remembers(counter: Path) -> None:
    async with serving(counter) as url, aiohttp.ClientSession(url) as http:
        async with http.post("/counter/a?amount=3") as response:
            assert await response.json() == {"name": "a", "value": 3}
        async with http.post("/counter/a") as response:
            assert (await response.json())["value"] == 4
        async with http.get("/counter/b") as response:
            assert (await response.json())["value"] == 0
    async with serving(counter) as url, aiohttp.ClientSession(url) as http:
        async with http.get("/counter/a") as response:
            assert (await response.json())["value"] == 4
        async with http.get("/counter/a/history") as response:
            history = await response.json()
            assert [(change["amount"], change["value"]) for change in history] == [(1, 4), (3, 3)]
        async with http.delete("/counter/a") as response:
            assert response.status == 204
        async with http.get("/counter/a") as response:
            assert (await response.json())["value"] == 0
        async with http.post("/counter/a") as response:
            assert (await response.json())["value"] == 1


async def test_a_counter_refuses_what_it_does_not_understand(counter: Path) -> None:
    async with serving(counter) as url, aiohttp.ClientSession(url) as http:
        for path in ("/counter/a?amount=x", "/counter/a?amount=1000001"):
            async with http.post(path) as response:
                assert response.status == 400
        for path, status in (("/", 200), ("/counter/", 404), ("/x", 404)):
            async with http.get(path) as response:
                assert response.status == status
                assert "/counter/<name>" in await response.text()


async def test_a_hundred_requests_at_once_are_each_counted(counter: Path) -> None:
    async with serving(counter) as url, aiohttp.ClientSession(url) as http:

        async def add() -> int:
            async with http.post("/counter/a") as response:
                value = (await response.json())["value"]
                assert isinstance(value, int)
                return value

        values = await asyncio.gather(*(add() for _ in range(100)))
    assert sorted(values) == list(range(1, 101))


async def test_a_sandbox_runs_what_it_is_sent_and_keeps_its_files(sandbox: Path) -> None:
    program = "open('kept', 'a').write('x'); print(len(open('kept').read()))"
    async with serving(sandbox) as url, aiohttp.ClientSession(url) as http:
        for said in ("1\n", "2\n"):
            async with http.post("/run/ada", data=program) as response:
                assert (response.status, await response.text()) == (200, said)
        async with http.post("/run/bob", data=program) as response:
            assert await response.text() == "1\n"
        async with http.get("/files/ada") as response:
            assert await response.json() == [{"path": "kept", "size": 2}]
        async with http.delete("/files/ada") as response:
            assert response.status == 204
        async with http.get("/files/ada") as response:
            assert await response.json() == []
        async with http.post("/run/-", data=program) as response:
            assert response.status == 400
