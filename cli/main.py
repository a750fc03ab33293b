"""The command ``perdure``: finds the subcommand, and turns what it raises into an exit code."""

import difflib
from typing import Any

import click

from .check import check
from .dev import dev
from .failures import WITH_PROBLEMS, exit_code_of, show_failure, show_summary
from .init import init
from .output import Output, prepare_streams
from .serve import serve
from .version import VERSION


class Commands(click.Group):
    """A group whose failures are told as people want to read them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            output = Output()
            show_failure(output, error)
            if isinstance(error, WITH_PROBLEMS):
                show_summary(output, error.problems)
            ctx.exit(exit_code_of(error))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f'Did you mean "{close[0]}"?' if close else "See perdure --help."
            ctx.fail(f'There is no command "{name}". {hint}')
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)  # in the order of first use, not of the alphabet


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  perdure init chat                  write a small project into chat/
  cd chat && perdure dev             run it on http://127.0.0.1:8787
  perdure check                      find out whether it would start
  perdure serve --host 0.0.0.0       run it for everyone

\b
Exit codes: 0 good, 2 the configuration or the program must be mended, 1 anything else.""",
)
@click.version_option(VERSION, message="perdure %(version)s")
def main() -> None:
    """Durable, single-threaded actors with SQLite state and WebSockets, in Python."""
    prepare_streams()


for command in (init, dev, check, serve):
    main.add_command(command)
