"""The command ``perdure``: finds the subcommand, and turns what it raises into an exit code."""

from typing import Any

import click

from .actors import actors
from .backup import backup
from .bookmarks import bookmarks
from .check import check
from .commands import Suggesting
from .dev import dev
from .doctor import doctor
from .drain import drain
from .failures import WITH_PROBLEMS, exit_code_of, show_failure, show_summary
from .init import init
from .kick import kick
from .output import Output, OutputClosed, drop_output, prepare_streams
from .ps import ps
from .reload import reload
from .replacing import delete_command, fork_command, import_command, restore_command
from .resize import resize
from .rules import rules
from .serve import serve
from .sql import sql
from .tail import tail
from .typed_env import types
from .upgrade import upgrade
from .verify import verify
from .version import VERSION


class Commands(Suggesting):
    """A group whose failures are told as people want to read them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except OutputClosed:
            drop_output()
        except Exception as error:
            output = Output()
            show_failure(output, error)
            if isinstance(error, WITH_PROBLEMS):
                show_summary(output, error.problems)
            ctx.exit(exit_code_of(error))


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


for command in (import_command, fork_command, restore_command, delete_command):
    actors.add_command(command)
for command in (init, dev, check, serve, reload, resize, tail, rules, actors, sql):
    main.add_command(command)
for command in (bookmarks, backup, verify, doctor, ps, kick, drain):
    main.add_command(command)
main.add_command(upgrade)
main.add_command(types)
