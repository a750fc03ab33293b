# Pure: no clock, no files.
"""``pyodide.code.relaxed_call``: surplus arguments are dropped, as JavaScript's functions do."""

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def relaxed_call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call ``function`` with as many of the arguments as it takes."""
    parameters = inspect.signature(function).parameters.values()
    if not any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters):
        count = sum(parameter.kind in _POSITIONAL for parameter in parameters)
        arguments = arguments[:count]
    if not any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        known = {p.name for p in parameters if p.kind is not Parameter.POSITIONAL_ONLY}
        options = {name: value for name, value in options.items() if name in known}
    return function(*arguments, **options)


def relaxed_wrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, which is called that way from now on."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return relaxed_call(function, *arguments, **options)

    return call
