"""What a sandbox has before its first command. How callers see it is in api/test_part.py."""

from pathlib import Path
from typing import Any

import pytest

from perdure.runtime.config.sandbox import SandboxConfig
from perdure.runtime.sandbox.asking import SandboxRefused
from perdure.runtime.sandbox.preparing import COPIED, prepare
from tests.runtime.sandbox.sandboxes import Sandboxes, text_of


class Kept(dict[str, Any]):
    def put(self, key: str, value: Any) -> None:
        self[key] = value


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "startup.sh"


async def test_files_are_copied_again_only_when_they_are_others(
    sandboxes: Sandboxes, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_text("first")
    config, kept = SandboxConfig(copy=[(source, "/workspace/file")]), Kept()
    connection = await sandboxes.open()
    await prepare(connection, config, kept)
    assert kept[COPIED]
    await text_of(connection, "echo mine > file")
    await prepare(connection, config, kept)
    assert await text_of(connection, "cat file") == "mine"
    source.write_text("second")
    await prepare(connection, config, kept)
    assert await text_of(connection, "cat file") == "second"


async def test_a_script_that_was_begun_is_not_begun_again(
    sandboxes: Sandboxes, script: Path
) -> None:
    script.write_text("echo x >> count")
    connection = await sandboxes.open()
    await prepare(connection, SandboxConfig(startup=script), Kept())
    await prepare(connection, SandboxConfig(startup=script), Kept())
    assert await text_of(connection, "cat count") == "x"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"echo reason >&2; exit 3", "exit code 3: reason"),
        (b"exit 4", "exit code 4: it said nothing"),
        (b"sleep 987", "has not ended within 0.2 s: start what goes on in the background"),
        (b"\xff", "is no text"),
        (b"#" * 100_001, "is larger than 100,000 bytes"),
        (None, "No such file"),
    ],
)
async def test_a_script_that_cannot_do_it_says_why(
    sandboxes: Sandboxes, script: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        script.write_bytes(content)
    connection = await sandboxes.open()
    config = SandboxConfig(startup=script, startup_timeout_s=0.2 if content == b"sleep 987" else 20)
    with pytest.raises(SandboxRefused, match=r"startup\.sh") as raised:
        await prepare(connection, config, Kept())
    assert why in str(raised.value)
    assert raised.value.code == "CONTAINER_UNAVAILABLE"
    assert str(raised.value).startswith("[perdure.sandbox] startup: ")


async def test_a_file_that_has_gone_is_named(sandboxes: Sandboxes, tmp_path: Path) -> None:
    config = SandboxConfig(copy=[(tmp_path / "nothing", "/workspace/x")])
    with pytest.raises(SandboxRefused, match=r"copy: .*nothing: No such file"):
        await prepare(await sandboxes.open(), config, Kept())
