"""Bindings to what perdure does not have."""

from collections.abc import Callable, Sequence

from perdure.runtime.config.model import LoadedConfig, UnservedBinding

HEAD = 'name = "chat"\nmain = "main.py"\n'


def test_what_is_not_served_is_kept_by_name_and_warned_of(
    load_text: Callable[..., LoadedConfig],
) -> None:
    text = """\
ai = { binding = "AI" }
r2_buckets = [{ binding = "FILES", bucket_name = "files" }]
queues.producers = [{ binding = "JOBS", queue = "jobs" }]
send_email = [{ name = "MAIL" }]
kv_namespaces = []
"""
    loaded = load_text(HEAD + text)
    assert loaded.config.unserved == (
        UnservedBinding("AI", "ai", "AI", 3),
        UnservedBinding("FILES", "r2_buckets", "R2 bucket", 4),
        UnservedBinding("JOBS", "queues", "queue", 5),
        UnservedBinding("MAIL", "send_email", "email", 6),
    )
    assert [problem.message for problem in loaded.warnings] == [
        f'"{key}" is known to wrangler, but not provided by perdure.'
        for key in ("ai", "r2_buckets", "queues", "send_email")
    ]


def test_a_queue_that_is_only_consumed_binds_nothing(
    load_text: Callable[..., LoadedConfig],
) -> None:
    config = load_text(HEAD + 'queues.consumers = [{ queue = "jobs" }]').config
    assert config.unserved == ()


def test_a_binding_without_a_name_is_an_error(errors_of: Callable[..., Sequence[str]]) -> None:
    assert errors_of(HEAD + 'r2_buckets = [{ bucket_name = "files" }]') == [
        (
            '3:15 "r2_buckets[0]" bindings should have a string "binding" field but got '
            '{"bucket_name":"files"}.'
        )
    ]
    assert errors_of(HEAD + "d1_databases = true") == [
        '3:1 The field "d1_databases" should be an array but got true.'
    ]
