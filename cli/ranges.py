"""Numbers on the command line, and what is said of those that cannot be."""

from typing import Any, NoReturn

import click


class WholeNumber(click.IntRange):
    """A whole number between two bounds, both allowed, or from one on."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            _refuse(self, "a whole number", value, param, ctx)


class Amount(click.FloatRange):
    """A number, whole or not, between two bounds, both allowed, or from one on."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return float(super().convert(value, param, ctx))
        except click.BadParameter:
            _refuse(self, "a number", value, param, ctx)


def _refuse(
    allowed: click.IntRange | click.FloatRange,
    what: str,
    value: Any,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> NoReturn:
    """Say what is allowed, where click says "not a valid integer range" of what is no number."""
    last = " or more" if allowed.max is None else f" to {allowed.max:,.10g}"
    allowed.fail(f"{str(value)!r} is not {what}, {allowed.min:,.10g}{last}.", param, ctx)
