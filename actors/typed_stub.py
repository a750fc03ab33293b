"""What type checkers are told of a class that is called through a stub.

``perdure types`` writes classes with these; so may you. Nothing of this runs: a stub answers any
name at run time, as it always does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from .promise import RemoteMember

P = ParamSpec("P")
R = TypeVar("R")


class RemoteAnswer(asyncio.Future[R]):
    """What a call gives at once, as a checker sees an ``RpcPromise``: it can be awaited.

    What is called on it before that is not looked at any closer.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> RemoteMember: ...


class RemoteMethod(Protocol[P, R]):
    """A method as a stub has it: the same arguments, and what it gives is awaited."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> RemoteAnswer[R]: ...


@overload
def remote(method: Callable[Concatenate[Any, P], Awaitable[R]]) -> RemoteMethod[P, R]: ...
@overload
def remote(method: Callable[Concatenate[Any, P], R]) -> RemoteMethod[P, R]: ...
def remote(method: Callable[..., Any]) -> RemoteMethod[Any, Any]:
    """The method of a class, ``Room.join``, as a stub has it, whether it is async or not."""
    return cast("RemoteMethod[Any, Any]", method)


@overload
def remote_function(function: Callable[P, Awaitable[R]]) -> RemoteMethod[P, R]: ...
@overload
def remote_function(function: Callable[P, R]) -> RemoteMethod[P, R]: ...
def remote_function(function: Callable[..., Any]) -> RemoteMethod[Any, Any]:
    """The same for static methods and class methods, which have no ``self`` to leave out."""
    return cast("RemoteMethod[Any, Any]", function)
