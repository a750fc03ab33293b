"""Migrations as the operator sees them: what they would do, and whether they may."""

import sys
from collections.abc import Sequence

import click
from rich.text import Text

from ..runtime.host.migration_plan import Confirm, Deleted, MigrationPlan
from .output import Output
from .project import Project


def describe_plan(plan: MigrationPlan) -> Sequence[Text]:
    """Return a line for each step that is due, and for each change of it."""
    lines = []
    for step in (step for each in plan.plans for step in each.steps):
        lines.append(Text.assemble("  ", (step.tag, "name")))
        lines += [
            Text(f"    {change}", "warning" if change in plan.all_destroyed else "")
            for change in step.changes
        ]
        if not step.changes:
            lines.append(Text("    nothing to do", "dim"))
    return lines


def refuse(plan: MigrationPlan) -> bool:
    """Agree to nothing: nobody is there to be asked."""
    del plan
    return False


def ask(output: Output, project: Project) -> Confirm:
    """Return a function that asks whoever sits at the terminal; nobody there is a no."""

    def confirm(plan: MigrationPlan) -> bool:
        if not sys.stdin.isatty():
            return False
        tell_of_deletions(output, project, plan.all_destroyed)
        try:
            return click.confirm("Go on?", err=True)
        except click.Abort:  # Ctrl-C or the end of input at the question is an answer too
            output.message()
            return False

    return confirm


def tell_of_deletions(output: Output, project: Project, deletions: Sequence[Deleted]) -> None:
    """Say whose objects would go, and whether they could be taken back."""
    names = ", ".join(deleted.class_name for deleted in deletions)
    days = project.config.perdure.trash_retention_days
    fate = "They cannot be taken back."
    if days:
        trash = f"{project.shown_data_dir}/trash"
        fate = f"They stay in {trash} for {days:g} day{'' if days == 1 else 's'}."
    headline = f"The migrations delete all objects of {names}."
    output.message(Text.assemble(("warning: ", "warning"), headline))
    output.message(fate, indent=2)
