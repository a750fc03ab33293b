"""``perdure dev``: run a project while it is being written."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import socket

import click
from rich.text import Text

from ..runtime.config.access import with_local_origins
from ..runtime.config.model import WorkerConfig
from ..runtime.control.port import LOOPBACK
from ..runtime.edge.request_record import RequestRecord
from ..runtime.host.migration_plan import Confirm, agree
from ..runtime.observe.logs import LogStyle, set_up_logs
from ..runtime.sources import Sources
from ..runtime.starting import Launch, RunningServer, start_server
from ..runtime.supervised import SupervisedServer
from .actors import counted
from .bindings import programs
from .dev_session import DevSession
from .first_start import FirstStart
from .migrations import ask, refuse
from .options import (
    configs_option,
    data_option,
    env_file_option,
    env_option,
    host_option,
    port_option,
    routers_option,
    tls_cert_option,
    tls_key_option,
    var_option,
    workers_option,
    yes_option,
)
from .output import Output, OutputClosed, drop_output
from .problems import show_problems
from .project import Project, open_projects, with_processes, with_tls
from .request_line import request_line
from .serving import run, run_until_stopped

# Whoever presses Ctrl-C is waiting for the prompt.
DRAIN_S = 2.0


@click.command(
    epilog="""\b
Examples:
  perdure dev
  perdure dev --port 9000 --var GREETING:hello
  perdure dev -c examples/counter/wrangler.toml -e staging"""
)
@configs_option
@host_option
@port_option
@data_option
@workers_option
@routers_option
@tls_cert_option
@tls_key_option
@env_option
@var_option
@env_file_option
@click.option(
    "--test-scheduled",
    is_flag=True,
    help="Run the method scheduled when /__scheduled is asked for, with ?cron= if it needs one.",
)
@yes_option
def dev(
    config_files: Sequence[Path],
    host: str | None,
    port: int | None,
    data: Path | None,
    workers: int | None,
    routers: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    env: str | None,
    variables: Sequence[str],
    env_files: Sequence[str],
    test_scheduled: bool,
    yes: bool,
) -> None:
    """Run a project on this machine, while you write it.

    Prints what the program finds in env, then a line for each request. What is saved is served at
    once, and clients stay connected: the program runs in a worker, a process of its own, unless
    there is none (--workers 0). Errors of the program
    are shown to the client and here, with their traceback. When port 8787 is taken and nobody
    asked for it, the next free one is used. Ctrl-C stops; nothing is lost.
    """

    def read() -> Project:
        project = open_projects(config_files, env, data, variables, env_files)
        project = with_tls(project, tls_cert, tls_key)
        if test_scheduled:
            config = project.config
            config = replace(config, dev=replace(config.dev, test_scheduled=True))
            project = replace(project, config=config)
        return with_processes(project, workers, routers, workers_default=1)

    output = Output()
    project = read()
    show_problems(output, project.warnings)
    log = LogStyle(project.config.perdure.log.level, colour=output.has_colour, brief=True)
    set_up_logs(sys.stderr, log)
    confirm = agree if yes else ask(output, project)
    listen = project.config.dev
    launch = Launch(
        data_dir=project.data_dir,
        host=listen.ip if host is None else host,
        port=listen.port if port is None else port,
        port_is_fixed=port is not None or listen.port_explicit,
        show_errors=True,
        log=log,
        is_debugged=True,
        reread=lambda: with_local_origins(read().config),
    )
    run(_serve(output, project, launch, confirm, agree if yes else refuse))


async def _serve(
    output: Output, project: Project, launch: Launch, confirm: Confirm, confirm_later: Confirm
) -> None:
    # What is written from here on is newer than what is started.
    config = project.config
    files = Sources(
        config.path,
        config.main,
        project.data_dir,
        project.env_files,
        [(other.path, other.main) for other in config.others],
    )
    on_request = partial(_show, output)

    async def start(config: WorkerConfig, opened: Sequence[socket]) -> RunningServer:
        nonlocal project
        project = replace(project, config=config)
        return await start_server(
            config,
            launch,
            workers=config.perdure.workers or 0,
            on_request=on_request,
            confirm=confirm,
            opened=opened,
        )

    first = FirstStart(launch, start, files, output, on_request)
    server = await first.server(with_local_origins(config))
    if server is None:
        output.message("Stopped. Nothing was started.")
        return
    if launch.port not in {0, server.port}:
        taken = f"Port {launch.port} is taken; using {server.port}. Choose one with --port."
        output.message(Text.assemble(("note: ", "note"), taken))
    session: DevSession | None = None
    async with AsyncExitStack() as meanwhile:
        if isinstance(server, SupervisedServer):
            assert launch.reread is not None, "given above"
            session = DevSession(server, output, launch.reread, confirm_later, DRAIN_S)
            await meanwhile.enter_async_context(session.running(files))
        await run_until_stopped(
            server,
            drain_s=DRAIN_S,
            on_ready=lambda: _introduce(output, project, server, session),
            on_stopping=lambda name: _tell_of_stop(output, name),
            on_hangup=_stop_on_hangup(),
            failed=server.failed,
        )
    output.message(f"Stopped. All state is in {project.shown_data_dir}")


def _show(output: Output, record: RequestRecord) -> None:
    try:
        output.data(request_line(record))
    except OutputClosed:  # the request is answered all the same; then it ends as by kill
        drop_output()
        signal.raise_signal(signal.SIGTERM)


def _introduce(
    output: Output, project: Project, server: RunningServer, session: DevSession | None
) -> None:
    config = project.config
    for part in programs(config):
        output.data(part)
    if server.control_port is not None:
        metrics = f"http://{LOOPBACK}:{server.control_port}/metrics"
        output.data(Text.assemble("Metrics on ", (metrics, "url")))
    shape = "One process, without workers: start it again to serve what you save."
    if server.workers:
        shape = f"{counted(server.workers, 'worker')}: what you save is served at once."
    output.data(shape)
    output.data(Text.assemble("Ready on ", (server.url, "url")))
    if session is not None:
        session.introduce()


def _tell_of_stop(output: Output, signal_name: str) -> None:
    if signal_name == "SIGINT" and output.err.is_terminal:
        output.message()  # the terminal has written ^C where the cursor stood
    output.message("Stopping. Press Ctrl-C again to cut off running requests.")


def _stop_on_hangup() -> Callable[[], None] | None:
    """Return what ends the server in good order when its terminal is closed; None under nohup."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return None
    # Of a terminal that has gone nobody can say any more that it was one.
    shown = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()]

    def stop() -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in shown:
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        signal.raise_signal(signal.SIGTERM)

    return stop
