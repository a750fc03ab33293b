"""``perdure init``: write a project that runs at once."""

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

import click
from rich.text import Text

from ..runtime.config.environment import NAME
from .output import Output
from .problems import shown_path

TEMPLATES = files(__package__) / "templates"
PLACEHOLDER = "{{name}}"
# What may lie in a directory that counts as empty.
IGNORED = frozenset({".git"})


@click.command(
    epilog="""\b
Examples:
  perdure init my-chat
  perdure init hits --template counter"""
)
@click.argument("directory", metavar="NAME", type=click.Path(path_type=Path))
@click.option(
    "--template",
    type=click.Choice(["chat", "counter", "sandbox"]),
    default="chat",
    show_default=True,
    help="chat: rooms over WebSockets, with a page. counter: numbers over HTTP. "
    "sandbox: runs programs that it is sent, behind a wall.",
)
def init(directory: Path, template: str) -> None:
    """Write a new project into the directory NAME.

    The Worker gets the same name: lower case letters, digits, "-" and "_". A directory that
    exists must be empty. "perdure init ." takes the directory you are in.
    """
    name = directory.resolve().name
    _check_name(name)
    _check_empty(directory)
    try:
        written = [_write(directory / path, text) for path, text in _render(template, name)]
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    _tell(Output(), directory, written)


def _check_name(name: str) -> None:
    if NAME.fullmatch(name):
        return
    better = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    hint = f' For instance "{better}".' if better else ""
    raise click.BadParameter(
        f'"{name}" cannot name a Worker: lower case letters, digits, "-" and "_", '
        f"and no - in front.{hint}",
        param_hint="NAME",
    )


def _check_empty(directory: Path) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise click.BadParameter(f"{directory} is a file.", param_hint="NAME")
    found = sorted(path.name for path in directory.iterdir() if path.name not in IGNORED)
    if found:
        names = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise click.BadParameter(
            f"The directory {directory} is not empty (it has {names}); nothing was written.",
            param_hint="NAME",
        )


def _render(template: str, name: str) -> Iterator[tuple[PurePosixPath, str]]:
    for path, source in _walk(TEMPLATES / template, PurePosixPath()):
        yield path, source.read_text(encoding="utf-8").replace(PLACEHOLDER, name)


def _walk(
    directory: Traversable, path: PurePosixPath
) -> Iterator[tuple[PurePosixPath, Traversable]]:
    """Yield the files of a template with the paths they get.

    In a template ``main.py`` is called ``main.py.txt`` and ``.gitignore`` ``dot_gitignore.txt``,
    so that neither Python's tools nor git take them for what they will be.
    """
    for entry in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, path / entry.name)
        else:
            name = entry.name.removesuffix(".txt")
            if name.startswith("dot_"):
                name = f".{name.removeprefix('dot_')}"
            yield path / name, entry


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return path


def _tell(output: Output, directory: Path, written: list[Path]) -> None:
    for path in written:
        output.data(Text(str(path)))
    output.message()
    output.message("Next:")
    if directory.resolve() != Path.cwd():
        output.message(Text.assemble(("  cd ", "dim"), shown_path(directory)))
    output.message(
        Text.assemble(("  perdure dev", ""), ("    and open http://127.0.0.1:8787", "dim"))
    )
