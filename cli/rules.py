"""``perdure rules``: the firewall's rules, and what they would do with a request."""

import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path

import click
from rich.text import Text

from ..runtime.config.access import with_local_origins
from ..runtime.config.model import WorkerConfig
from ..runtime.edge.firewall.trial import (
    ALLOWED,
    REFUSED,
    UNKNOWN,
    Trial,
    TriedRequest,
    described,
    does,
    try_request,
)
from ..runtime.observe.printable import printable
from .columns import Column, Columns
from .commands import Suggesting
from .options import config_option, env_file_option, env_option, json_option, var_option
from .output import Output
from .problems import INDENT, show_problems, shown_path
from .project import open_project
from .shown import as_json

# Some address that is nobody's (RFC 5737), as that of a client from anywhere.
ANYBODY = "203.0.113.1"
_REQUEST = re.compile(r"\s*(?:(?P<method>[A-Za-z]+)\s+)?(?P<target>\S+)(?:\s+HTTP/[0-9.]+)?\s*")
_HEADER = re.compile(r"(?P<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*:\s*(?P<value>.*?)\s*", re.DOTALL)
_VERDICT_STYLES = {ALLOWED: "good", REFUSED: "error", UNKNOWN: "warning"}
_OUTCOME_STYLES = {
    "allows": "good",
    "refuses": "error",
    "would refuse": "warning",
    "cannot tell": "warning",
    "logs": "note",
    "passes": "",
}


@click.group(
    cls=Suggesting,
    epilog="""\b
Examples:
  perdure rules list
  perdure rules test "GET /room/1" --upgrade -H "Origin: https://example.com"
""",
)
def rules() -> None:
    """Look at the firewall's rules, and try them; no server is needed."""


@rules.command(
    "list",
    epilog="""\b
Examples:
  perdure rules list
  perdure rules list -e production --json""",
)
@config_option
@env_option
@json_option
def list_command(config_file: Path | None, env: str | None, is_json: bool) -> None:
    """List the rules in the order in which they are asked."""
    output = Output()
    project = open_project(config_file, env, None)
    perdure = project.config.perdure
    found = [
        {
            "name": rule.name,
            "action": rule.action.value,
            "does": does(rule),
            "shadow": rule.is_shadow,
            "for": described(rule),
            "line": rule.line,
        }
        for rule in perdure.firewall
    ]
    if is_json:
        for item in found:
            output.line(as_json(item))
        return
    show_problems(output, project.warnings)
    columns = ("Rule", "name"), ("Does", ""), ("For", ""), ("Line", "place")
    table = Columns(output, [Column(title, style=style) for title, style in columns])
    for item in found:
        action = f"{item['does']} (shadow)" if item["shadow"] else str(item["does"])
        cells = [str(item["name"]), action, str(item["for"]), str(item["line"] or "")]
        table.row([printable(cell) for cell in cells])
    table.end()
    if found:
        output.data()
    else:
        output.data(Text("No rules: every request may pass.", "dim"))
    origins = ", ".join(["the server's own", *perdure.allowed_origins])
    output.data(Text.assemble(("WebSockets for pages of  ", "dim"), printable(origins)))
    proxies = ", ".join(perdure.trusted_proxies) or "nobody"
    output.data(Text.assemble(("Trusted proxies          ", "dim"), printable(proxies)))


@rules.command(
    "test",
    epilog="""\b
Examples:
  perdure rules test "GET /room/1" --upgrade -H "Origin: https://example.com"
  perdure rules test wss://chat.example.com/room/1 --from 198.51.100.7
  perdure rules test "POST /api" -H "Authorization: Bearer $TOKEN" --json
  perdure rules test "GET /admin" --expect refused     for scripts""",
)
@click.argument("request_text", metavar="REQUEST")
@click.option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    metavar="NAME:VALUE",
    help="A header of the request. Repeatable.",
)
@click.option(
    "--from",
    "peer",
    default=ANYBODY,
    show_default=True,
    metavar="ADDRESS",
    help="Whom the request comes from: a client, or a proxy.",
)
@click.option("--upgrade", is_flag=True, help="It asks to become a WebSocket.")
@click.option("--dev", is_flag=True, help="As under perdure dev, which allows pages of localhost.")
@click.option(
    "--expect",
    type=click.Choice([ALLOWED, REFUSED]),
    help="Exit with 1 if it is not so.",
)
@var_option
@env_file_option
@config_option
@env_option
@json_option
@click.pass_context
def test_command(
    context: click.Context,
    request_text: str,
    headers: Sequence[str],
    peer: str,
    upgrade: bool,
    dev: bool,
    expect: str | None,
    variables: Sequence[str],
    env_files: Sequence[str],
    config_file: Path | None,
    env: str | None,
    is_json: bool,
) -> None:
    """Say what the rules would do with a request, and why. Nothing is sent.

    REQUEST is a method and a path, such as "GET /room/1", or a URL; with ws:// or wss:// it asks
    to become a WebSocket.
    """
    output = Output()
    request = read_request(request_text, headers, peer, is_upgrade=upgrade)
    project = open_project(config_file, env, None, variables, env_files)
    config = with_local_origins(project.config) if dev else project.config
    trial = try_request(config, os.environ, request)
    if is_json:
        output.line(as_json({**asdict(trial), "upgrade": request.is_upgrade}))
    else:
        show_problems(output, project.warnings)
        show_trial(output, config, request, trial)
    if expect not in {None, trial.verdict}:
        context.exit(1)


def read_request(text: str, headers: Sequence[str], peer: str, *, is_upgrade: bool) -> TriedRequest:
    """Return the request that somebody has typed.

    Raises:
        click.UsageError: It is none.
    """
    found = _REQUEST.fullmatch(text)
    if found is None:
        raise click.UsageError(f'"{text}" is no request; write for instance "GET /room/1".')
    target, fields = found["target"], [_header(one) for one in headers]
    scheme, sign, rest = target.partition("://")
    if sign and not target.startswith("/"):
        host, slash, path = rest.partition("/")
        if scheme.lower() not in {"http", "https", "ws", "wss"} or not host:
            raise click.UsageError(f'"{target}" is no URL of http, https, ws or wss.')
        is_upgrade = is_upgrade or scheme.lower() in {"ws", "wss"}
        target = slash + path or "/"
        fields.append(("Host", host))
    if not target.startswith("/"):
        raise click.UsageError(f'A path begins with a slash: "/{target}".')
    try:
        ip_address(peer)
    except ValueError:
        raise click.BadParameter(f'"{peer}" is no address.', param_hint="--from") from None
    is_upgrade = is_upgrade or any(name.lower() == "upgrade" for name, _ in fields)
    return TriedRequest((found["method"] or "GET").upper(), target, fields, peer, is_upgrade)


def _header(text: str) -> tuple[str, str]:
    found = _HEADER.fullmatch(text)
    if found is None:
        message = f'"{text}" is no header; write for instance "Origin: https://example.com".'
        raise click.BadParameter(message, param_hint="-H")
    return found["name"], found["value"]


def show_trial(output: Output, config: WorkerConfig, request: TriedRequest, trial: Trial) -> None:
    """Write what each rule said, and what came of it."""
    title = Text.assemble((printable(f"{request.method} {request.target}"), "name"))
    title.append(f"  {'upgrade ' if request.is_upgrade else ''}from {trial.address}", "dim")
    title.append(f" to {printable(trial.host)}", "dim")
    output.data(title)
    if trial.rules:
        output.data()
        columns = ("Rule", "name"), ("Action", ""), ("Outcome", ""), ("Why", "dim")
        table = Columns(output, [Column(t, style=s) for t, s in columns], indent=INDENT)
        for rule in trial.rules:
            style = _OUTCOME_STYLES.get(rule.outcome, "dim")
            outcome = Text(rule.outcome, style)
            table.row([printable(rule.name), rule.action, outcome, printable(rule.why)])
        table.end()
    output.data()
    for line in _conclusion(config, trial):
        output.data(line)


def _conclusion(config: WorkerConfig, trial: Trial) -> Sequence[Text]:
    verdict = Text(trial.verdict.capitalize(), _VERDICT_STYLES[trial.verdict])
    why = printable(trial.why).removesuffix(".")
    if trial.status is not None:
        verdict.append(f" with {trial.status}")
    if trial.decided_by is not None:
        line = next(rule.line for rule in trial.rules if rule.name == trial.decided_by)
        where = f"{shown_path(config.path)}:{line}" if line else shown_path(config.path)
        verdict.append(" by " if trial.verdict != UNKNOWN else ", because of ")
        verdict.append(printable(trial.decided_by), "name")
        verdict.append(f" ({where})", "place")
    lines = [verdict.append(f": {why}.")]
    headers = [f"{name}: {value}" for name, value in trial.headers.items()]
    body = [] if trial.body is None else trial.body.splitlines()
    return [*lines, *(Text(f"  {printable(line)}", "dim") for line in (*headers, *body))]
