"""Options and arguments that several commands have, each with one meaning everywhere."""

import functools
from collections.abc import Callable
from pathlib import Path

import click

from ..runtime.config.settings import ROUTERS_MAX, WORKERS_MAX
from .ranges import WholeNumber

config_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration. Default: wrangler.json, else wrangler.jsonc, else wrangler.toml, "
    "here or in the closest directory above.",
)
configs_option = click.option(
    "-c",
    "--config",
    "config_files",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="The configuration. Default: wrangler.toml here, or in the closest directory above. Given "
    "several times, these Workers are started together: requests are the first one's, whose "
    "bindings reach the others, and theirs each other.",
)
env_option = click.option(
    "-e",
    "--env",
    metavar="ENV",
    envvar="CLOUDFLARE_ENV",
    help='The environment to use, a table [env.ENV] of the configuration; "" is the top level. '
    "Default: $CLOUDFLARE_ENV.",
)
var_option = click.option(
    "--var",
    "variables",
    multiple=True,
    metavar="NAME:VALUE",
    help="A value for env, over those of the configuration and of files beside it. Repeatable.",
)
env_file_option = click.option(
    "--env-file",
    "env_files",
    multiple=True,
    metavar="FILE",
    help="A file of values for env, in place of .dev.vars and .env beside the configuration, whose "
    "directory it starts from. Repeatable; later ones win.",
)
data_option = click.option(
    "--data",
    "--persist-to",
    "data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where all state is kept. Default: .perdure (with an environment .perdure-ENV) beside "
    "the configuration.",
)
host_option = click.option(
    "--host",
    metavar="ADDRESS",
    help="The address to listen on; 0.0.0.0 lets other machines in. Default: 127.0.0.1.",
)
port_option = click.option(
    "--port",
    type=WholeNumber(0, 65_535),
    metavar="PORT",
    help="The port to listen on; 0 takes any free one. Default: 8787.",
)
tls_cert_option = click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Speak TLS, https:// and wss://, with this certificate: PEM, the server's own first. "
    "Default: [perdure.tls] cert, else plain HTTP.",
)
tls_key_option = click.option(
    "--tls-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The certificate's private key: PEM, without a password. Default: in the same file.",
)
control_port_option = click.option(
    "--control-port",
    type=WholeNumber(0, 65_535),
    metavar="PORT",
    help="Serve /metrics and /health on this port of 127.0.0.1; 0 takes any free one. "
    "Default: [perdure] control_port, else nowhere.",
)
workers_option = click.option(
    "--workers",
    type=WholeNumber(0, WORKERS_MAX),
    metavar="N",
    help="Have the program run in N processes of its own, which may come and go while sockets "
    "stay; 0 runs all in one process. Default: [perdure] workers, else one for each processor "
    "(serve), or one (dev).",
)
routers_option = click.option(
    "--routers",
    type=WholeNumber(1, ROUTERS_MAX),
    metavar="N",
    help="Have N processes for the connections of clients, beside workers. "
    "Default: [perdure] routers, else 1.",
)
yes_option = click.option(
    "--yes",
    "-y",
    is_flag=True,
    help="Agree to migrations that delete objects.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="Write JSON, one object a line.")
_namespace = click.argument("namespace")
_name = click.argument("name", required=False)
_id_option = click.option(
    "--id",
    "id_text",
    metavar="HEX",
    help="The object's id instead of its name: 64 hexadecimal digits, or the first few of them.",
)

Command = Callable[..., None]


def one_object(command: Command) -> Command:
    """Add NAMESPACE, NAME and --id, as ``namespace``, ``name`` and ``id_text``."""
    return _namespace(_name(_id_option(command)))


def one_object_and(last: str) -> Callable[[Command], Command]:
    """Likewise, and an argument behind them; it has the name ``last`` in small letters.

    With --id, NAME is left out.
    """

    def add(command: Command) -> Command:
        @functools.wraps(command)
        def called(*, names: tuple[str, ...], id_text: str | None, **others: object) -> None:
            name, value = _name_and_last(names, id_text, last)
            command(name=name, id_text=id_text, **{last.lower(): value}, **others)

        names = click.argument("names", metavar=f"[NAME] {last}", nargs=-1, required=True)
        return _namespace(names(_id_option(called)))

    return add


def _name_and_last(
    names: tuple[str, ...], id_text: str | None, last: str
) -> tuple[str | None, str]:
    """Return the name, which ``--id`` stands in for, and what follows it."""
    if len(names) != (2 if id_text is None else 1):
        wanted = f"NAME and {last}" if id_text is None else f"{last}, and no name beside --id"
        raise click.UsageError(f"After NAMESPACE, give {wanted}.")
    return (names[0] if id_text is None else None), names[-1]
