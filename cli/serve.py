"""``perdure serve``: run a project in production."""

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.text import Text

from ..runtime.config.cores import one_worker_per_core
from ..runtime.config.errors import Severity
from ..runtime.control.port import LOOPBACK
from ..runtime.edge.request_record import RequestRecord
from ..runtime.front_side import ignore
from ..runtime.host.migration_plan import Confirm, agree
from ..runtime.observe.logs import LogStyle, set_up_logs
from ..runtime.starting import Launch, RunningServer, start_server
from .actors import counted
from .migrations import refuse
from .options import (
    configs_option,
    control_port_option,
    data_option,
    env_option,
    host_option,
    port_option,
    routers_option,
    tls_cert_option,
    tls_key_option,
    workers_option,
    yes_option,
)
from .output import Output
from .problems import show_problems
from .project import Project, open_projects, with_control_port, with_processes, with_tls
from .serving import run, run_until_stopped

log = logging.getLogger("perdure.serve")
LEVELS = {
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTE: logging.INFO,
}


@click.command(
    epilog="""\b
Examples:
  perdure serve --host 0.0.0.0 --port 80 --data /var/lib/chat
  perdure serve -e production --log-format json
  perdure serve --workers 4
  perdure serve --workers 0"""
)
@configs_option
@host_option
@port_option
@data_option
@workers_option
@routers_option
@control_port_option
@tls_cert_option
@tls_key_option
@env_option
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="How the log on standard error looks. Default: [perdure.log] format, else text.",
)
@yes_option
def serve(
    config_files: Sequence[Path],
    host: str | None,
    port: int | None,
    data: Path | None,
    workers: int | None,
    routers: int | None,
    control_port: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    env: str | None,
    log_format: str | None,
    yes: bool,
) -> None:
    """Run a project in production.

    Its program runs in workers, one for each processor unless told otherwise; clients' connections
    stay while these come and go, as at perdure reload. With --workers 0 all is one process.
    Clients see nothing of an error but its status. SIGTERM and SIGINT let running requests
    finish, for as long as perdure.limits.shutdown_timeout_s says; a second one cuts them off.
    With TLS, SIGHUP has the certificate read again, and so does a change of its file. With
    workers, SIGHUP does what perdure reload does.
    Listens on 127.0.0.1, for a proxy on the same machine to speak to, unless told otherwise.
    """

    def read() -> Project:
        project = with_tls(open_projects(config_files, env, data), tls_cert, tls_key)
        project = with_control_port(project, control_port)
        return with_processes(project, workers, routers, workers_default=one_worker_per_core())

    output = Output()
    project = read()
    told = project.config.perdure.log
    as_json = (log_format or told.format) == "json"
    style = LogStyle(told.level, as_json=as_json, colour=output.has_colour)
    set_up_logs(sys.stderr, style)
    if as_json:
        _log_warnings(project)
    else:
        show_problems(output, project.warnings)
    ready = _log_ready if as_json else lambda server: _print_ready(output, server)
    listen = project.config.dev
    launch = Launch(
        data_dir=project.data_dir,
        host=listen.ip if host is None else host,
        port=listen.port if port is None else port,
        log=style,
        reread=lambda: read().config,
    )
    run(_serve(project, launch, agree if yes else refuse, ready))


async def _serve(
    project: Project, launch: Launch, confirm: Confirm, on_ready: Callable[[RunningServer], None]
) -> None:
    server = await start_server(
        project.config,
        launch,
        workers=project.config.perdure.workers or 0,
        # A line for each request costs more than many of the requests do.
        on_request=_log_request if log.isEnabledFor(logging.DEBUG) else ignore,
        confirm=confirm,
    )
    perdure = project.config.perdure
    has_use_for_hangup = perdure.tls is not None or bool(perdure.workers)
    await run_until_stopped(
        server,
        drain_s=project.config.perdure.edge_limits.shutdown_timeout_s,
        on_ready=lambda: _ready(server, on_ready),
        on_stopping=_log_stopping,
        on_hangup=server.hang_up if has_use_for_hangup else None,
        failed=server.failed,
    )
    log.info("server.stopped")


def _ready(server: RunningServer, on_ready: Callable[[RunningServer], None]) -> None:
    if server.control_port is not None:
        url = f"http://{LOOPBACK}:{server.control_port}/metrics"
        log.info("control.ready", extra={"url": url})
    on_ready(server)


def _log_warnings(project: Project) -> None:
    for warning in project.warnings:
        fields = {"where": warning.where, "key": warning.key_path, "hint": warning.hint}
        log.log(LEVELS[warning.severity], warning.message, extra=fields)


def _print_ready(output: Output, server: RunningServer) -> None:
    if server.workers:
        output.data(f"{counted(server.workers, 'worker')}.")
    output.data(Text.assemble("Ready on ", (server.url, "url")))


def _log_ready(server: RunningServer) -> None:
    log.info("server.ready", extra={"url": server.url, "workers": server.workers})


def _log_stopping(signal_name: str) -> None:
    log.info("server.stopping", extra={"signal": signal_name})


def _log_request(record: RequestRecord) -> None:
    fields = {
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "duration_ms": round(record.duration_s * 1000, 3),
    }
    log.debug("request.answered", extra=fields)
