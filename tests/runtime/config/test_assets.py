"""Files in front of the Worker."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from perdure.runtime.config.assets import ONLY_NEGATIVE
from perdure.runtime.config.errors import ConfigError
from perdure.runtime.config.model import AssetsConfig, LoadedConfig

HEAD = 'name = "chat"\nmain = "main.py"\n'


def test_assets_are_read_from_the_files_directory(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    text = """\
[assets]
directory = "./public"
binding = "ASSETS"
run_worker_first = ["/api/*", "!/api/docs/*"]
html_handling = "none"
not_found_handling = "404-page"
"""
    assert load_text(HEAD + text).config.assets == AssetsConfig(
        tmp_path / "public", "ASSETS", ("/api/*", "!/api/docs/*"), "none", "404-page", 3
    )
    few = load_text(HEAD + 'assets.directory = "public"').config.assets
    assert few == AssetsConfig(tmp_path / "public", line=3)


def test_wrong_assets_are_told(errors_of: Callable[..., Sequence[str]]) -> None:
    text = 'assets = { run_worker_first = 42, html_handling = "auto", not_found_handling = 1 }'
    assert errors_of(HEAD + text) == [
        '3:1 "assets.directory" is a required field.',
        (
            '3:12 The field "assets.run_worker_first" should be an array of strings or a boolean, '
            "but got 42"
        ),
        (
            '3:35 Expected "assets.html_handling" field to be one of ["auto-trailing-slash",'
            '"force-trailing-slash","drop-trailing-slash","none"] but got "auto".'
        ),
        '3:59 Expected "assets.not_found_handling" to be of type string but got 1.',
    ]
    assert errors_of(HEAD + 'assets.directory = ""') == [
        '3:8 Expected "assets.directory" to be a non-empty string.'
    ]


def test_what_will_be_missed_is_warned_of(
    load_text: Callable[..., LoadedConfig], tmp_path: Path
) -> None:
    text = HEAD + 'assets.directory = "public"'
    (missing,) = load_text(text).warnings
    assert missing.message == (
        'The directory specified by "assets.directory" does not exist: public'
    )
    (tmp_path / "public").mkdir()
    assert load_text(text).warnings == ()


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        ("[]", "No `run_worker_first` rules were provided; must provide at least 1 rule."),
        (
            '["!/a"]',
            ONLY_NEGATIVE,
        ),
        (
            '["/a", "b"]',
            "Invalid routes in `run_worker_first`: 'b': rules must start with '/' or '!/'",
        ),
        (
            '["/a", "!b"]',
            "Invalid routes in `run_worker_first`: '!b': negative rules must start with '!/'",
        ),
    ],
)
def test_patterns_of_paths_are_checked(
    errors_of: Callable[..., Sequence[str]], rules: str, error: str
) -> None:
    text = f'{HEAD}assets = {{ directory = "x", run_worker_first = {rules} }}'
    assert errors_of(text) == [f"3:29 {error}"]


def test_assets_alone_are_told_to_have_a_worker(load_text: Callable[..., LoadedConfig]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text('name = "site"\nassets.directory = "public"')
    (main,) = [each for each in caught.value.problems if '"main"' in each.message]
    assert main.hint.startswith("Assets are served in front of a Worker, which answers what is no")
