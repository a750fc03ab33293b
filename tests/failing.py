"""What the system does when a disk fails, for a test to put in the place of a call."""

import os
from collections.abc import Callable
from typing import Any


def fails_with(number: int) -> Callable[..., Any]:
    """A function that raises what the system does with that ``errno``, whatever it is given."""

    def fail(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return fail
