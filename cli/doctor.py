"""``perdure doctor``: is this machine one on which the promise holds?"""

import asyncio
from dataclasses import asdict

import click
from rich.text import Text

from ..runtime.control.client import check_has_data, is_answering
from ..runtime.host.operations.doctoring import (
    DoctorArguments,
    examine,
    examine_machine,
    summary,
)
from ..runtime.sandbox.doctoring import examine_sandboxes
from ..storage.layout import Layout
from .failures import OTHER
from .operating import Asking, Item, Where, told_as_wanted, with_place
from .output import Output
from .problems import INDENT
from .shown import as_json

_STYLES = {"ok": "good", "warning": "warning", "bad": "error"}
_STATE_WIDTH, _NAME_WIDTH = 9, 13


@click.command(
    epilog="""\b
Examples:
  perdure doctor
  perdure doctor --data /var/lib/chat --json"""
)
@with_place
@click.pass_context
def doctor(context: click.Context, where: Where) -> None:
    """Look at what the promise rests on: the disk, its space, limits, clock and versions.

    Says what to do about what is not right. Exit code 1 means that something must be mended. Of a
    project that was never started it looks at the machine only.
    """
    output = Output()
    results: list[Item] = []

    def tell(item: Item) -> None:
        _tell(output, item, is_json=where.is_json)

    async def talk(asking: Asking) -> None:
        results.append(await asking.run("doctor", DoctorArguments(), tell))

    with told_as_wanted(is_json=where.is_json):
        place = where.place()
        is_new = where.data is None and not place.data_dir.exists()
        if not is_new:
            check_has_data(place.data_dir)
        if not is_new and asyncio.run(is_answering(place.data_dir)):
            where.operate(talk)
        else:  # nothing is opened: it may be this that fails
            more = [examine_sandboxes]
            findings = (
                examine_machine(place.data_dir, more)
                if is_new
                else examine(Layout(place.data_dir), more)
            )
            for finding in findings:
                tell(asdict(finding))
            results.append(summary(findings))
    (result,) = results
    if not where.is_json:
        _conclude(output, result)
    if result["bad"]:
        context.exit(OTHER)


def _tell(output: Output, item: Item, *, is_json: bool) -> None:
    if is_json:
        output.line(as_json(item))
        return
    state = item["state"]
    line = Text.assemble(
        (f"{state:<{_STATE_WIDTH}}", _STYLES[state]),
        (f"{item['name']:<{_NAME_WIDTH}}", "name"),
        item["found"],
    )
    output.data(line)
    if item["advice"]:
        output.data(Text(f"{' ' * (_STATE_WIDTH + INDENT)}{item['advice']}", "dim"))


def _conclude(output: Output, result: Item) -> None:
    output.data()
    if result["bad"]:
        output.data(Text(f"{result['bad']} must be mended, {result['warnings']} to be known."))
    elif result["warnings"]:
        output.data(Text(f"Nothing must be mended, {result['warnings']} to be known."))
    else:
        output.data(Text("All is well.", "good"))
