"""``perdure check``: find out whether a project would start, and what that would do."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.text import Text

from ..runtime.compat.program import load_programs
from ..runtime.config.errors import ConfigError
from ..runtime.config.tls import CertificateRefused
from ..runtime.edge.firewall.firewall import Firewall
from ..runtime.host.loader import LoadError
from ..runtime.host.migration_plan import MigrationPlan, MigrationRefused
from ..runtime.observe.logs import LogStyle, set_up_logs
from ..runtime.server import plan_only
from .bindings import programs
from .failures import CONFIGURATION, show_failure, show_summary
from .migrations import describe_plan, tell_of_deletions
from .options import configs_option, data_option, env_option
from .output import Output
from .problems import counted, show_problems
from .project import Project, open_projects


@click.command(
    epilog="""\b
Examples:
  perdure check
  perdure check -e production --data /var/lib/chat"""
)
@configs_option
@data_option
@env_option
@click.pass_context
def check(
    context: click.Context, config_files: Sequence[Path], data: Path | None, env: str | None
) -> None:
    """Check a project without running it.

    Reads the configuration, the certificate and the secrets that the firewall needs, imports the
    program, looks for every class that a binding names, and shows what the migrations would do to
    the data.
    Exit code 0 means that it would start.
    """
    output = Output()
    project = open_projects(config_files, env, data)
    show_problems(output, project.warnings)
    set_up_logs(sys.stderr, LogStyle("warning", colour=output.has_colour, brief=True))
    failures: list[CertificateRefused | ConfigError | LoadError | MigrationRefused] = []
    try:
        if project.config.perdure.tls is not None:
            from ..runtime.edge.certificates import Certificates  # noqa: PLC0415  # it takes 0.1 s

            Certificates(project.config.perdure.tls)
    except CertificateRefused as error:
        failures.append(error)
    try:
        Firewall.of(project.config, os.environ)
    except ConfigError as error:
        failures.append(error)
    try:
        load_programs(project.config)
    except LoadError as error:
        failures.append(error)
    try:
        plan = asyncio.run(plan_only(project.config, project.data_dir))
    except MigrationRefused as error:
        failures.append(error)
    if failures:
        for failure in failures:
            show_failure(output, failure)
        show_summary(output, [problem for failure in failures for problem in failure.problems])
        context.exit(CONFIGURATION)
    _report(output, project, plan)


def _report(output: Output, project: Project, plan: MigrationPlan) -> None:
    config = project.config
    for part in programs(config):
        output.data(part)
    if any(each.steps for each in plan.plans):
        output.data(Text(f"Migrations that starting would apply to {project.shown_data_dir}"))
        for line in describe_plan(plan):
            output.data(line)
    else:
        output.data(Text(f"No migrations are due in {project.shown_data_dir}"))
    output.data()
    if plan.is_destructive:
        tell_of_deletions(output, project, plan.all_destroyed)
        output.message("perdure dev asks before that; perdure serve wants --yes.", indent=2)
    remark = f" {counted(project.warnings)}." if project.warnings else ""
    output.data(Text.assemble(("Ready to start.", "good"), remark))
