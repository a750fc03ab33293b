"""Options that several commands have, each with one meaning everywhere."""

from pathlib import Path

import click

config_option = click.option(
    "-c",
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The configuration. Default: wrangler.toml here, or in the closest directory above.",
)
env_option = click.option(
    "-e",
    "--env",
    metavar="ENV",
    envvar="CLOUDFLARE_ENV",
    help='The environment to use, a table [env.ENV] of the configuration; "" is the top level. '
    "Default: $CLOUDFLARE_ENV.",
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
    type=click.IntRange(0, 65_535),
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
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Serve /metrics and /health on this port of 127.0.0.1; 0 takes any free one. "
    "Default: [perdure] control_port, else nowhere.",
)
yes_option = click.option(
    "--yes",
    "-y",
    is_flag=True,
    help="Agree to migrations that delete objects.",
)
json_option = click.option("--json", "is_json", is_flag=True, help="Write JSON, one object a line.")
id_option = click.option(
    "--id",
    "id_text",
    metavar="HEX",
    help="The object's id instead of its name: 64 hexadecimal digits, or the first few of them.",
)
