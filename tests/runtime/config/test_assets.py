"""Files in front of the Worker."""

from collections.abc import Callable, Sequence
from pathlib import Path

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
