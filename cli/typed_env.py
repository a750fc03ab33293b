"""``perdure types``: describe ``env`` and the stubs of a program to type checkers."""

import sys
from pathlib import Path
from types import ModuleType

import click

from ..runtime.compat.program import load_programs
from ..runtime.host.typed_env import typed_env, unnameable
from ..runtime.observe.logs import LogStyle, set_up_logs
from .options import config_option, env_option
from .output import Output
from .problems import show_problems, shown_path
from .project import open_project

FILE_NAME = "perdure_env.py"


@click.command(
    "types",
    epilog="""\b
Examples:
  perdure types                      write perdure_env.py beside main
  perdure types --check              say whether it is as it would be written""",
)
@config_option
@env_option
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"Where to write. Default: {FILE_NAME} beside main.",
)
@click.option(
    "--check",
    "is_check",
    is_flag=True,
    help="Write nothing; exit code 1 if the file is out of date.",
)
@click.pass_context
def types(
    context: click.Context,
    config_file: Path | None,
    env: str | None,
    file: Path | None,
    is_check: bool,
) -> None:
    """Write what env has, for mypy, pyright and editors.

    The class Env names every binding and var, and a stub class for each class of objects gives its
    methods the arguments and results that they are written with. A program says "env: Env" in its
    classes, after "from perdure_env import Env".

    Run it again when bindings, vars, or the names of methods change. The program is imported.
    """
    output = Output()
    project = open_project(config_file, env, None)
    show_problems(output, project.warnings)
    set_up_logs(sys.stderr, LogStyle("warning", colour=output.has_colour, brief=True))
    config = project.config
    path = (file or config.main.parent / FILE_NAME).absolute()
    _stand_in(path)
    text = typed_env(config, load_programs(config)[0].classes)
    for name in unnameable(config):
        output.message(f"env has {name!r}, which is no name in Python: it is left out.")
    shown = shown_path(path)
    if path.exists() and path.read_text() == text:
        output.message(f"{shown} is up to date.")
    elif is_check:
        state = "is out of date" if path.exists() else "is missing"
        output.message(f"{shown} {state}. Write it with: perdure types")
        context.exit(1)
    else:
        path.write_text(text)
        output.message(f"Wrote {shown}: class Env.")


def _stand_in(path: Path) -> None:
    """Let the program import what has not been written yet."""
    if not path.exists() and path.stem not in sys.modules:
        module = ModuleType(path.stem)
        module.__dict__["Env"] = object
        sys.modules[path.stem] = module
