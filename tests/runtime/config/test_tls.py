"""``[perdure.tls]``."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from perdure.runtime.config.model import LoadedConfig, TlsConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'


def test_paths_start_from_the_file(load_text: Callable[..., LoadedConfig], tmp_path: Path) -> None:
    text = '[perdure.tls]\ncert = "tls/cert.pem"\nkey = "/etc/key.pem"\nmin_version = "1.3"'
    found = load_text(HEAD + text).config.perdure.tls
    assert found == TlsConfig(tmp_path / "tls" / "cert.pem", Path("/etc/key.pem"), "1.3")


def test_key_and_version_have_defaults(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    assert load_text(HEAD).config.perdure.tls is None
    found = load_text(HEAD + 'perdure.tls.cert = "both.pem"').config.perdure.tls
    assert found == TlsConfig(tmp_path / "both.pem", None, "1.2")


def test_an_environment_has_a_table_of_its_own(load_text: Callable[..., LoadedConfig]) -> None:
    text = '[perdure.tls]\ncert = "a"\nkey = "b"\n[env.next.perdure.tls]\ncert = "c"'
    found = load_text(HEAD + text, "next").config.perdure.tls
    assert found is not None
    assert (found.cert.name, found.key) == ("c", None)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("perdure.tls = 1", '3:9 The field "perdure.tls" should be an object but got 1.'),
        ('perdure.tls.key = "k"', '3:9 "perdure.tls.cert" is a required field.'),
        ('perdure.tls.cert = ""', '3:9 "perdure.tls.cert" is a required field.'),
        (
            "perdure.tls.cert = 1",
            '3:13 Expected "perdure.tls.cert" to be of type string but got 1.',
        ),
        (
            'perdure.tls = { cert = "a", min_version = "1.1" }',
            '3:29 Expected "perdure.tls.min_version" field to be one of ["1.2","1.3"] but got "1.1".',
        ),
        (
            'perdure.tls = { cert = "a", keys = "b" }',
            '3:29 There is no setting "perdure.tls.keys".',
        ),
    ],
)
def test_what_is_wrong_is_told(
    errors_of: Callable[..., Sequence[str]], text: str, error: str
) -> None:
    assert errors_of(HEAD + text) == [error]
