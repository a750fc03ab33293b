"""Repositories, cloned by the git inside a real wall."""

import shutil
from typing import Any

import pytest

from perdure import SandboxStub
from perdure.runtime.sandbox.errors import (
    SandboxCommandError,
    SandboxGitError,
    SandboxInvalid,
)
from tests.runtime.sandbox.boxes import Boxes
from tests.runtime.sandbox.sandboxes import TIMES_S

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")

ORIGIN = """(
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a
git init -q -b main origin && cd origin
for n in 1 2 3; do echo $n > file; git add .; git commit -qm $n; done
git tag v1; git branch other
)"""


async def with_origin(boxes: Boxes, name: str = "one") -> Any:
    box = boxes.box(name)
    result = await box.exec(ORIGIN)
    assert result.success, result.stderr
    return box


async def test_a_repository_inside_is_cloned(boxes: Boxes) -> None:
    box = await with_origin(boxes)
    result = await box.git_checkout("/workspace/origin", target_dir="copy")
    assert (result.success, result.branch) == (True, "main")
    assert (result.repo_url, result.target_dir) == ("/workspace/origin", "/workspace/copy")
    assert result.timestamp.endswith("Z")
    assert (await box.read_file("copy/file")).content == "3\n"


async def test_branch_depth_and_folder_are_as_they_were_asked_for(boxes: Boxes) -> None:
    box = await with_origin(boxes)
    url = "file:///workspace/origin"
    result = await box.git_checkout(url, branch="other", target_dir="/tmp/deep/er", depth=1)
    assert (result.branch, result.target_dir) == ("other", "/tmp/deep/er")
    count = "git -C {} rev-list --count HEAD"
    assert (await box.exec(count.format("/tmp/deep/er"))).stdout == "1\n"
    result = await box.git_checkout("./origin", branch="v1", target_dir="-x", depth=2)
    assert (result.branch, result.target_dir) == ("v1", "/workspace/-x")
    assert (await box.exec(count.format("./-x"))).stdout == "2\n"


async def test_a_session_says_where_folders_begin(boxes: Boxes) -> None:
    box = await with_origin(boxes)
    await box.mkdir("place")
    session = await box.create_session(id="s", cwd="/workspace/place")
    result = await session.git_checkout("../origin", target_dir="copy")
    assert result.target_dir == "/workspace/place/copy"
    assert (await box.read_file("place/copy/file")).content == "3\n"
    with pytest.raises(SandboxInvalid, match="session's id"):
        await box.git_checkout("origin", session_id="no body")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"url": "/workspace/nothing", "target_dir": "x"}, "GIT_REPOSITORY_NOT_FOUND"),
        ({"url": "file:///workspace/nothing", "target_dir": "x"}, "GIT_REPOSITORY_NOT_FOUND"),
        ({"url": "origin", "branch": "nope", "target_dir": "x"}, "GIT_BRANCH_NOT_FOUND"),
        ({"url": "origin", "target_dir": "origin"}, "GIT_CLONE_FAILED"),
        ({"url": "file:///workspace/nothing"}, "GIT_CLONE_FAILED"),
        ({"url": "origin"}, "GIT_CLONE_FAILED"),
        ({"url": "http://localhost:1/a.git"}, "GIT_NETWORK_ERROR"),
        ({"url": "origin", "target_dir": "/usr/x"}, "GIT_CLONE_FAILED"),
        ({"url": "ext::touch% /workspace/hit"}, "INVALID_GIT_URL"),
        ({"url": "--upload-pack=touch /workspace/hit"}, "INVALID_GIT_URL"),
    ],
)
async def test_what_goes_wrong_has_a_code(boxes: Boxes, arguments: Any, code: str) -> None:
    box = await with_origin(boxes)
    url = arguments.pop("url")
    with pytest.raises(SandboxGitError) as caught:
        await box.git_checkout(url, **arguments)
    assert caught.value.code == code, str(caught.value)
    assert not (await box.exists("/workspace/hit")).exists


SERVER = """
import http.server, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        for name, status in (("/private", 401), ("/forbidden", 403), ("/broken", 500)):
            if self.path.startswith(name):
                self.send_response(status)
                self.send_header("WWW-Authenticate", "Basic")
                self.end_headers()
                return
        super().do_GET()

http.server.test(Handler, port=8000, bind="127.0.0.1")
"""


async def test_a_server_inside_is_cloned_from_without_a_network(boxes: Boxes) -> None:
    box = await with_origin(boxes)
    await box.exec("git -C origin update-server-info")
    await box.write_file("server.py", SERVER)
    server = await box.start_process("exec python3 server.py")
    await server.wait_for_port(8000, mode="tcp")
    result = await box.git_checkout("http://localhost:8000/origin/.git")
    assert (result.branch, result.target_dir) == ("main", "/workspace/repository")
    assert (await box.read_file("repository/file")).content == "3\n"
    for path, code in (
        ("private", "GIT_AUTH_FAILED"),
        ("forbidden", "GIT_AUTH_FAILED"),
        ("nothing", "GIT_REPOSITORY_NOT_FOUND"),
        ("broken", "GIT_NETWORK_ERROR"),
    ):
        with pytest.raises(SandboxGitError) as caught:
            await box.git_checkout(f"http://localhost:8000/{path}")
        assert caught.value.code == code, str(caught.value)
        assert not (await box.exists(path)).exists


async def test_what_git_says_is_told_without_the_password(boxes: Boxes) -> None:
    with pytest.raises(SandboxGitError) as caught:
        await boxes.box().git_checkout("http://me:secret@localhost:1/a.git")
    assert caught.value.context["repository"] == "http://me:***@localhost:1/a.git"
    assert caught.value.context["exit_code"] == 128
    assert "secret" not in repr(caught.value.args)


async def test_without_a_network_another_machine_is_refused_at_once(boxes: Boxes) -> None:
    for url in ("https://example.com/a.git", "git@example.com:a.git"):
        with pytest.raises(SandboxGitError, match='network = "outbound"') as caught:
            await boxes.box().git_checkout(url)
        assert caught.value.code == "GIT_NETWORK_ERROR"
    assert not (await boxes.box().get_status()).is_running


@pytest.mark.parametrize(
    "arguments",
    [
        {"branch": "-b"},
        {"branch": ""},
        {"branch": "a b"},
        {"branch": "a\nb"},
        {"branch": "a:b"},
        {"branch": 5},
        {"depth": 0},
        {"depth": True},
        {"depth": "1"},
        {"target_dir": "a\0b"},
    ],
)
async def test_arguments_that_make_no_sense_are_refused(boxes: Boxes, arguments: Any) -> None:
    with pytest.raises(SandboxInvalid):
        await boxes.box().git_checkout("origin", **arguments)


async def never_answers(box: SandboxStub) -> str:
    """Start what takes a git's connection and says nothing; return its address."""
    silent = "import socket,time; s=socket.create_server(('127.0.0.1', 8000)); time.sleep(987)"
    await box.start_process(f'python3 -c "{silent}"')
    await box.exec("until (: > /dev/tcp/127.0.0.1/8000) 2>/dev/null; do sleep 0.02; done")
    return "http://localhost:8000/a.git"


# A git that only begins to clone, has what it has begun, and does not take it away.
STUBBORN = """#!/bin/bash
trap '' TERM
target=${@: -1}
mkdir -p "$target/.git/objects"
touch bin/begun
sleep 987 &
while :; do wait; done
"""


async def test_one_that_takes_too_long_is_ended_and_leaves_nothing(boxes: Boxes) -> None:
    box = boxes.box()
    url = await never_answers(box)
    await box.mkdir("/workspace/empty")
    for target in ("/workspace/new", "/workspace/empty"):
        with pytest.raises(SandboxGitError, match=r"more than 0\.3 s \(clone_timeout\)") as caught:
            await box.git_checkout(url, target_dir=target, clone_timeout=0.3)
        assert caught.value.code == "GIT_NETWORK_ERROR"
    assert (await box.exec("find . -mindepth 1")).stdout == "./empty\n"


async def test_one_that_had_to_be_killed_leaves_nothing_either(boxes: Boxes) -> None:
    box = boxes.box()
    await box.exec("mkdir bin empty full; touch bin/git full/mine; chmod +x bin/git")
    await box.write_file("/workspace/bin/git", STUBBORN)
    await box.set_env_vars({"PATH": "/workspace/bin:/usr/bin:/bin"})
    for target in ("new", "empty", "full"):
        await box.exec("rm -f bin/begun")
        for timeout in TIMES_S:
            with pytest.raises(SandboxGitError, match="clone_timeout"):
                await box.git_checkout("/a", target_dir=target, clone_timeout=timeout)
            if (await box.exists("/workspace/bin/begun")).exists:
                break
        assert (await box.exists("/workspace/bin/begun")).exists
    await box.write_file("/workspace/bin/git", STUBBORN.replace("sleep 987 &", "kill -9 $$"))
    with pytest.raises(SandboxGitError, match="Killed"):
        await box.git_checkout("/a", target_dir="new")
    # What was there before is never touched; the real git would have refused that folder.
    found = (await box.exec("find . -mindepth 1 -not -path './bin*' | sort")).stdout.split()
    assert found == ["./empty", "./full", "./full/.git", "./full/.git/objects", "./full/mine"]


async def test_where_there_is_no_git_it_says_so(boxes: Boxes) -> None:
    box = boxes.box()
    await box.set_env_vars({"PATH": "/nowhere"})
    with pytest.raises(SandboxCommandError, match="no git in the sandbox") as caught:
        await box.git_checkout("/opt/a")
    assert caught.value.code == "COMMAND_NOT_FOUND"


async def test_without_a_wall_paths_are_called_the_same(open_boxes: Boxes) -> None:
    box = await with_origin(open_boxes)
    result = await box.git_checkout("/workspace/origin", target_dir="/workspace/a/copy")
    assert result.target_dir == "/workspace/a/copy"
    assert (await box.read_file("/workspace/a/copy/file")).content == "3\n"
