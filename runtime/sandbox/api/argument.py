"""What callers give, where Python would take anything: it is refused before it does harm."""

from typing import Final

from ....actors.http import Request
from ..errors import SandboxInvalid

# The longest time limit: a week. Who wants more wants none.
SECONDS_MAX: Final = 7 * 24 * 60 * 60


def time_limit(value: object, name: str = "timeout", *, least: float | None = None) -> float | None:
    """How long something may take; None: as long as it likes.

    Args:
        value: What was given, in seconds.
        name: How the argument is called.
        least: The shortest one; by default anything that is more than 0.

    Raises:
        SandboxInvalid: It is no number of seconds, or one that makes no sense.
    """
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        # No comparison with what is no number is true.
        is_enough = value > 0 if least is None else value >= least
        if is_enough and value <= SECONDS_MAX:
            return value
    start = "more than 0" if least is None else f"at least {least:g}"
    what = f"a number of seconds, {start} and at most {SECONDS_MAX:,}, or None for no limit"
    raise _invalid(name, what, value)


def yes_or_no(value: object, name: str) -> bool:
    """A switch. A text is none: "no" would be a yes.

    Raises:
        SandboxInvalid: It is neither True nor False.
    """
    if isinstance(value, bool):
        return value
    raise _invalid(name, "True or False", value)


def client_request(value: object) -> Request:
    """The request of the client that is to be connected.

    Raises:
        SandboxInvalid: It is none.
    """
    if isinstance(value, Request):
        return value
    raise _invalid("request", "the client's Request", value)


def text_or_none(value: object, name: str) -> str | None:
    """A text, or nothing.

    Raises:
        SandboxInvalid: It is neither.
    """
    if isinstance(value, str | None):
        return value
    raise _invalid(name, "text", value)


def check_functions(**named: object) -> None:
    """See that what is to be called back can be, before anything has run.

    Raises:
        SandboxInvalid: One cannot be called.
    """
    for name, value in named.items():
        if value is not None and not callable(value):
            raise _invalid(name, "a function", value)


def _invalid(name: str, what: str, value: object) -> SandboxInvalid:
    text = f"{name} is {what}; it was given {value!r:.80}"
    return SandboxInvalid("VALIDATION_FAILED", text, {"field": name})
