"""``[perdure]``: ours alone, so strict."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import pytest

from perdure.actors.limits import ActorLimits
from perdure.runtime.config.errors import Problem
from perdure.runtime.config.limits import EdgeLimits
from perdure.runtime.config.model import LoadedConfig, LogConfig, PerdureConfig
from perdure.runtime.sockets.limits import SocketLimits
from perdure.storage.limits import StorageLimits

HEAD = 'name = "chat"\nmain = "main.py"\n'
KINDS = (StorageLimits, ActorLimits, EdgeLimits, SocketLimits)


def test_without_a_table_all_is_default(load_text: Callable[..., LoadedConfig]) -> None:
    assert load_text(HEAD).config.perdure == PerdureConfig()
    assert PerdureConfig().idle_timeout_s == 10
    assert PerdureConfig().trash_retention_days == 30


def test_everything_can_be_set(load_text: Callable[..., LoadedConfig], tmp_path: Path) -> None:
    text = """\
[perdure]
data_dir = "state"
idle_timeout_s = 2.5
trash_retention_days = 0
free_space_size_bytes_min = 1_000_000
control_port = 0
workers = 0
routers = 2
websocket_compression = true
[perdure.limits]
value_size_bytes_max = 7
block_concurrency_s = 1
body_size_bytes_max = 9
[perdure.log]
level = "debug"
format = "json"
"""
    settings = load_text(HEAD + text).config.perdure
    assert settings == PerdureConfig(
        data_dir=tmp_path / "state",
        idle_timeout_s=2.5,
        trash_retention_days=0,
        free_space_size_bytes_min=1_000_000,
        control_port=0,
        workers=0,
        routers=2,
        websocket_compression=True,
        storage_limits=StorageLimits(value_size_bytes_max=7),
        actor_limits=ActorLimits(block_concurrency_s=1),
        edge_limits=EdgeLimits(body_size_bytes_max=9),
        log=LogConfig("debug", "json"),
    )


@pytest.mark.parametrize("name", [f.name for kind in KINDS for f in fields(kind)])
def test_every_limit_is_a_setting(load_text: Callable[..., LoadedConfig], name: str) -> None:
    settings = load_text(f"{HEAD}[perdure.limits]\n{name} = 3").config.perdure
    kinds = (
        settings.storage_limits,
        settings.actor_limits,
        settings.edge_limits,
        settings.socket_limits,
    )
    assert [getattr(kind, name) for kind in kinds if hasattr(kind, name)] == [3]


def test_a_limit_that_zero_turns_off_may_be_zero(
    load_text: Callable[..., LoadedConfig], errors_of: Callable[..., Sequence[str]]
) -> None:
    text = HEAD + "perdure.limits.websocket_ping_interval_s ="
    assert load_text(f"{text} 0").config.perdure.socket_limits.websocket_ping_interval_s == 0
    assert errors_of(f"{text} -1") == [
        '3:16 Expected "perdure.limits.websocket_ping_interval_s" to be 0 or more but got -1.'
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("perdure = 1", '3:1 The field "perdure" should be an object but got 1.'),
        ("perdure.idle_timeout = 1", '3:9 There is no setting "perdure.idle_timeout".'),
        (
            'perdure.idle_timeout_s = "1"',
            '3:9 Expected "perdure.idle_timeout_s" to be of type number but got "1".',
        ),
        (
            "perdure.idle_timeout_s = 0",
            '3:9 Expected "perdure.idle_timeout_s" to be more than 0 but got 0.',
        ),
        (
            "perdure.idle_timeout_s = inf",
            '3:9 Expected "perdure.idle_timeout_s" to be more than 0 but got inf.',
        ),
        (
            "perdure.control_port = 65536",
            '3:9 Expected "perdure.control_port" to be a port, 0 to 65535, but got 65536.',
        ),
        (
            "perdure.workers = 257",
            '3:9 Expected "perdure.workers" to be a number of processes, 0 to 256, but got 257.',
        ),
        (
            "perdure.routers = 0",
            '3:9 Expected "perdure.routers" to be more than 0 but got 0.',
        ),
        (
            "perdure.trash_retention_days = -1",
            '3:9 Expected "perdure.trash_retention_days" to be 0 or more but got -1.',
        ),
        (
            "perdure.free_space_size_bytes_min = 0.5",
            '3:9 Expected "perdure.free_space_size_bytes_min" to be of type integer but got 0.5.',
        ),
        (
            "perdure.free_space_size_bytes_min = -1",
            '3:9 Expected "perdure.free_space_size_bytes_min" to be 0 or more but got -1.',
        ),
        ("perdure.data_dir = 1", '3:9 Expected "perdure.data_dir" to be of type string but got 1.'),
        ('perdure.data_dir = ""', '3:9 "perdure.data_dir" should not be empty.'),
        ("perdure.limits = []", '3:9 The field "perdure.limits" should be an object but got [].'),
        ("perdure.limits.nothing = 1", '3:16 There is no setting "perdure.limits.nothing".'),
        (
            "perdure.limits.sql_columns_max = 1.5",
            '3:16 Expected "perdure.limits.sql_columns_max" to be of type integer but got 1.5.',
        ),
        (
            "perdure.limits.sql_columns_max = true",
            '3:16 Expected "perdure.limits.sql_columns_max" to be of type integer but got true.',
        ),
        (
            "perdure.limits.sql_columns_max = 0",
            '3:16 Expected "perdure.limits.sql_columns_max" to be more than 0 but got 0.',
        ),
        (
            "perdure.limits.block_concurrency_s = nan",
            '3:16 Expected "perdure.limits.block_concurrency_s" to be more than 0 but got nan.',
        ),
        (
            'perdure.log.level = "loud"',
            (
                '3:13 Expected "perdure.log.level" field to be one of '
                '["debug","info","warning","error"] but got "loud".'
            ),
        ),
        (
            "perdure.log.format = 1",
            '3:13 Expected "perdure.log.format" to be of type string but got 1.',
        ),
        ("perdure.log.colour = 1", '3:13 There is no setting "perdure.log.colour".'),
    ],
)
def test_what_is_wrong_is_an_error(
    errors_of: Callable[..., Sequence[str]], text: str, error: str
) -> None:
    assert errors_of(HEAD + text) == [error]


def test_a_slip_is_recognised(problems_of: Callable[..., Sequence[Problem]]) -> None:
    (problem,) = problems_of(HEAD + "[perdure.limits]\nvalue_size_byte_max = 1")
    assert problem.hint == 'Did you mean "value_size_bytes_max"?'


def test_an_environment_is_laid_over_the_top_level_key_by_key(
    load_text: Callable[..., LoadedConfig],
) -> None:
    text = """\
[perdure]
idle_timeout_s = 1
[perdure.limits]
sql_columns_max = 1
sql_variables_max = 1
[env.prod.perdure]
trash_retention_days = 2
limits.sql_columns_max = 2
"""
    settings = load_text(HEAD + text, "prod").config.perdure
    assert (settings.idle_timeout_s, settings.trash_retention_days) == (1, 2)
    assert settings.storage_limits == StorageLimits(sql_columns_max=2, sql_variables_max=1)


def test_an_environments_mistakes_are_told_at_its_table(
    errors_of: Callable[..., Sequence[str]],
) -> None:
    assert errors_of(HEAD + "[env.prod.perdure]\nidle_timeout_s = 0", "prod") == [
        '4:1 Expected "env.prod.perdure.idle_timeout_s" to be more than 0 but got 0.'
    ]
