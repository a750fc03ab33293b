"""Questions before something is lost."""

import sys

import click

from .output import Output


def agreed(output: Output, question: str, *, yes: bool) -> bool:
    """Ask whoever sits at the terminal; with ``--yes`` nobody is asked.

    Raises:
        click.UsageError: Nobody sits there, and ``--yes`` was not given.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is at the terminal to agree to this; say --yes.")
    try:
        if click.confirm(question, err=True):
            return True
    except click.Abort:  # Ctrl-C or the end of input at the question is an answer too
        output.message()
    output.message("Nothing was changed.")
    return False
