"""A file as a whole: everything it says, or everything that is wrong with it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

import pytest

from perdure.runtime.config.assets import KEYS as asset_keys
from perdure.runtime.config.document import read_document
from perdure.runtime.config.durable_objects import KEYS as binding_keys
from perdure.runtime.config.errors import ConfigError, Problem, Severity
from perdure.runtime.config.firewall.model import JwtProof
from perdure.runtime.config.firewall.rules import RULE_KEYS
from perdure.runtime.config.keys import USED_INHERITED, USED_NOT_INHERITED, USED_TOP_LEVEL
from perdure.runtime.config.load import COMPATIBILITY_DATE, load
from perdure.runtime.config.migrations import KEYS as migration_keys
from perdure.runtime.config.migrations import RENAMED, TRANSFERRED
from perdure.runtime.config.model import (
    AssetsConfig,
    DevConfig,
    LoadedConfig,
    LogConfig,
    PerdureConfig,
    TracingConfig,
)
from perdure.runtime.config.sandbox import AMOUNTS as sandbox_amounts
from perdure.runtime.config.sandbox import KEYS as sandbox_keys
from perdure.runtime.config.settings import KEYS as setting_keys
from perdure.runtime.config.settings import LIMITS
from perdure.storage.free_space import SIZE_BYTES_MIN

HEAD = 'name = "chat"\nmain = "main.py"\n'
EXAMPLE = Path(__file__).parents[3] / "wrangler.example.toml"


def test_paths_start_from_the_file_and_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrangler.toml").write_text('name = "chat"\nmain = "src/main.py"\n')
    monkeypatch.chdir(tmp_path)
    config = load(Path("wrangler.toml")).config
    assert config.path == tmp_path / "wrangler.toml"
    assert config.base_dir == tmp_path
    assert config.main == tmp_path / "src" / "main.py"


def test_all_problems_are_told_at_once_in_the_order_of_the_file(
    problems_of: Callable[..., Sequence[Problem]],
) -> None:
    text = """\
migratons = 1
[perdure]
idle = 1
[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"
"""
    assert [(p.line, p.key_path, p.severity.value) for p in problems_of(text)] == [
        (None, "name", "error"),
        (None, "main", "error"),
        (1, "migratons", "warning"),
        (3, "perdure.idle", "error"),
        (6, "durable_objects.bindings[0].class_name", "error"),
    ]


def test_required_keys_say_what_they_are_for(problems_of: Callable[..., Sequence[Problem]]) -> None:
    name, main = problems_of("")
    assert (name.message, main.message) == (
        '"name" is a required field.',
        '"main" is a required field.',
    )
    assert 'name = "my-worker"' in name.hint
    assert 'main = "src/main.py"' in main.hint


def test_an_error_brings_the_warnings_along(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    path.write_text('name = "chat"\nodd = 1\n')
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert [p.severity for p in raised.value.problems] == [Severity.ERROR, Severity.WARNING]
    assert len(raised.value.errors) == 1


def test_an_older_date_is_accepted_and_noted(load_text: Callable[..., LoadedConfig]) -> None:
    loaded = load_text(HEAD + 'compatibility_date = "2024-01-01"')
    assert loaded.config.compatibility_date == "2024-01-01"
    (note,) = loaded.warnings
    assert note.severity is Severity.NOTE
    assert COMPATIBILITY_DATE in note.message
    assert load_text(f'{HEAD}compatibility_date = "{COMPATIBILITY_DATE}"').warnings == ()


def test_dev_has_an_address(load_text: Callable[..., LoadedConfig]) -> None:
    assert load_text(HEAD).config.dev == DevConfig("127.0.0.1", 8787, port_explicit=False)
    dev = load_text(HEAD + '[dev]\nip = "0.0.0.0"\nport = 80\ninspector_port = 1').config.dev
    assert dev == DevConfig("0.0.0.0", 80, port_explicit=True)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("dev = 1", '3:1 The field "dev" should be an object but got 1.'),
        ("dev.ip = 1", '3:5 Expected "dev.ip" to be of type string but got 1.'),
        ('dev.port = "80"', '3:5 Expected "dev.port" to be of type number but got "80".'),
        ("dev.port = 65536", '3:5 Expected "dev.port" to be a port from 0 to 65535 but got 65536.'),
        ("dev.port = 1.5", '3:5 Expected "dev.port" to be a port from 0 to 65535 but got 1.5.'),
    ],
)
def test_a_wrong_address_is_told(
    errors_of: Callable[..., Sequence[str]], text: str, error: str
) -> None:
    assert errors_of(HEAD + text) == [error]


def test_an_unknown_key_of_dev_is_a_warning(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + "dev.prt = 1")
    assert problem.message == 'Unexpected fields found in dev field: "prt"'
    assert problem.hint == 'Did you mean "port"?'


def test_migrations_and_exports_exclude_each_other(
    errors_of: Callable[..., Sequence[str]],
) -> None:
    text = """\
[[migrations]]
tag = "v1"
new_classes = ["Room"]
[exports.Room]
type = "durable-object"
storage = "sqlite"
"""
    assert errors_of(HEAD + text) == [
        (
            "6:2 `migrations` and `exports` are mutually exclusive. Choose one or the other to "
            "declare your Durable Object lifecycle, but not both."
        )
    ]


def test_the_configuration_of_the_websocket_server_example_loads(
    load_text: Callable[..., LoadedConfig],
) -> None:
    text = """\
name = "websocket-server"
main = "src/index.py"

[[durable_objects.bindings]]
name = "WEBSOCKET_SERVER"
class_name = "WebSocketServer"

[[migrations]]
tag = "v1"
new_sqlite_classes = [ "WebSocketServer" ]
"""
    loaded = load_text(text)
    assert loaded.warnings == ()
    assert loaded.config.bindings[0].class_name == "WebSocketServer"


@pytest.mark.parametrize("env", ["", "production"])
def test_the_example_loads_without_a_word(env: str) -> None:
    assert load(EXAMPLE, env=env).warnings == ()


def _switched_off() -> list[str]:
    """Keys that would turn something on for whoever copies the file."""
    text = EXAMPLE.read_text()
    tables = re.findall(r"^# \[perdure\.(\w+)\]", text, re.MULTILINE)
    return [*tables, *re.findall(r"^# (\w+) = ", text, re.MULTILINE)]


def test_what_the_example_has_switched_off_can_be_switched_on(tmp_path: Path) -> None:
    path = tmp_path / "wrangler.toml"
    text = EXAMPLE.read_text()
    path.write_text(re.sub(r"^# (\w+ = |\[perdure|\[assets)", r"\1", text, flags=re.MULTILINE))
    (tmp_path / "startup.sh").touch()
    off, on = load(EXAMPLE, env="").config.perdure, load(path, env="").config.perdure
    files = load(path, env="").config.assets
    assert files is not None
    # Each of the others is its default.
    shown = AssetsConfig(tmp_path / "public", "ASSETS", ("/api/*", "!/api/docs/*"))
    assert replace(files, line=None) == shown
    assert (off.control_port, off.workers, off.tracing) == (None, None, None)
    assert (on.control_port, on.workers) == (9187, 2)
    assert on.tracing == TracingConfig("http://127.0.0.1:4318", 0.01)
    assert (on.sandbox.startup, on.sandbox.memory_bytes_max) == (tmp_path / "startup.sh", 1 << 29)
    keys = {"control_port", "workers", "tracing", "endpoint", "sampling_ratio", "startup"}
    assert set(_switched_off()) == {*keys, *asset_keys, *sandbox_amounts}


def test_the_example_shows_the_defaults() -> None:
    config = load(EXAMPLE, env="").config
    data_dir = EXAMPLE.parent / ".perdure"
    # Its default is this, or less on a small file system, as its comment says.
    space = SIZE_BYTES_MIN
    assert config.perdure == PerdureConfig(data_dir, free_space_size_bytes_min=space)
    assert config.dev == replace(DevConfig(), port_explicit=True)


def test_the_example_shows_every_key() -> None:
    values = read_document(EXAMPLE).values
    used = {*USED_INHERITED, *USED_NOT_INHERITED, *USED_TOP_LEVEL, "perdure"}
    # One stands in place of migrations; of the others there would have to be values, and files.
    assert set(values) == used - {"exports", "secrets", "assets"}
    shown = {path[-1] for path in read_document(EXAMPLE).positions._places} | set(_switched_off())
    assert shown >= {*binding_keys, *migration_keys, *RENAMED, *TRANSFERRED, "ip", "port"}
    assert shown >= {
        *setting_keys,
        *sandbox_keys,
        *LIMITS,
        *(field.name for field in fields(LogConfig)),
    }
    assert shown >= {*RULE_KEYS, *(field.name for field in fields(JwtProof))} - {"keys", "places"}


def test_every_key_of_the_example_has_a_comment() -> None:
    above = ""
    for number, line in enumerate(EXAMPLE.read_text().splitlines(), 1):
        is_key = line[:1] not in {"", "#", "["}
        assert not is_key or " # " in line or above.startswith("# "), f"line {number}: {line}"
        above = line
