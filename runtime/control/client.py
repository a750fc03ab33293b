"""The operator's side: asks the server of a data directory, or works on the directory itself."""

import asyncio
import errno
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

import aiohttp
from msgpack import packb

from ...storage.errors import DirectoryInUse, PerdureError
from ...storage.layout import Layout
from ...storage.probes import lock_holder
from ..host.operations.errors import OperatorError
from ..host.operations.house import House, Told, Values
from ..host.operations.table import ANOTHER_VERSION, run
from ..host.socket_address import socket_address
from .answer import AnswerMessages, Garbled
from .protocol import SOCKET_NAME, Failure, OperationFailed, failure_of
from .stopped import open_stopped

# A server that is not behind its socket refuses at once; one that hangs is told of.
_CONNECT_S = 5.0
_NOBODY_THERE = frozenset({errno.ECONNREFUSED, errno.ENOENT})


class Operations(Protocol):
    """A data directory that can be asked for operations.

    Attributes:
        is_running: A server has it.
    """

    is_running: bool

    async def run(self, name: str, arguments: Values, told: Told) -> Values:
        """Run an operation of runtime/host/operations/table.py to its end.

        Raises:
            OperationFailed: It did not come to its end.
        """
        ...


@asynccontextmanager
async def operate_on(
    data_dir: Path, bindings: Mapping[str, str], *, needs_server: bool = False
) -> AsyncIterator[Operations]:
    """Give what operations on ``data_dir`` are asked of.

    Args:
        data_dir: A data directory, which nothing is made of if it is none.
        bindings: Name of a binding to its class, for a directory that no server has.
        needs_server: It is a server that is asked, and not its data.

    Raises:
        OperationFailed: There is no data, or it cannot be used.
    """
    check_has_data(data_dir)
    if await is_answering(data_dir):
        with socket_address(data_dir, SOCKET_NAME) as address:
            connector = aiohttp.UnixConnector(address)
            timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_S)
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                yield RemoteOperations(session)
        return
    if needs_server:
        await _check_nobody_comes(data_dir)
        hint = "Start it with perdure dev or perdure serve"
        raise OperationFailed(failure_of(OperatorError(f"No server runs on {data_dir}", hint)))
    async with AsyncExitStack() as cleanup:
        try:
            house = await cleanup.enter_async_context(open_stopped(data_dir, bindings))
        except DirectoryInUse as error:
            message = failure_of(error).message
            hint = "Its control socket does not answer: it starts or stops just now, or hangs"
            raise OperationFailed(Failure("DirectoryInUse", message, hint)) from error
        except PerdureError as error:
            raise OperationFailed(failure_of(error)) from error
        yield _Local(house)


async def _check_nobody_comes(data_dir: Path) -> None:
    """Return if no server can be meant that is just not there yet, or any more.

    Raises:
        OperationFailed: One has the directory.
    """
    is_held, pid = await asyncio.to_thread(lock_holder, Layout(data_dir).lock_file)
    if is_held:
        who = "another process" if pid is None else f"process {pid}"
        message = f"{data_dir} is in use by {who}, which cannot be asked"
        hint = "A server starts or stops there just now, or a command works on its data. Ask again"
        raise OperationFailed(Failure(DirectoryInUse.__name__, message, hint))


def check_has_data(data_dir: Path) -> None:
    """Return if there is a data directory; nothing is made.

    Raises:
        OperationFailed: There is none.
    """
    if (data_dir / "FORMAT").is_file():
        return
    problem = "holds no data of perdure" if data_dir.exists() else "does not exist"
    hint = "Name the data directory with --data; perdure dev and perdure serve make one"
    error = OperatorError(f"{data_dir} {problem}", hint)
    raise OperationFailed(failure_of(error))


async def is_answering(data_dir: Path) -> bool:
    """Say whether somebody listens on the directory's control socket.

    Raises:
        OperationFailed: This user may not ask.
    """
    path = data_dir / SOCKET_NAME
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        try:
            with socket_address(data_dir, SOCKET_NAME) as address:
                _, writer = await asyncio.open_unix_connection(address)
        except PermissionError as error:
            hint = "Be the user that runs it, or root"
            failure = Failure("PermissionError", f"{path}: only the server's user may ask", hint)
            raise OperationFailed(failure) from error
        except OSError as error:
            if error.errno in _NOBODY_THERE:
                return False
            raise OperationFailed(Failure("OSError", f"{path}: {error.strerror}")) from error
        writer.close()
        await writer.wait_closed()
        return True
    return False


def _server_gone(error: aiohttp.ClientError) -> Failure:
    message = f"The server ended before it had answered: {error}"
    hint = "Ask again: a stopped server's data can be worked on, too"
    return Failure("ConnectionError", message, hint)


def _server_garbled(error: Garbled) -> Failure:
    return Failure(type(error).__name__, str(error), ANOTHER_VERSION)


class _Local:
    """Operations on a directory that this process has opened."""

    is_running = False

    def __init__(self, house: House) -> None:
        self._house = house

    async def run(self, name: str, arguments: Values, told: Told) -> Values:
        try:
            return await run(self._house, name, arguments, told)
        except PerdureError as error:
            raise OperationFailed(failure_of(error)) from error


class RemoteOperations:
    """Operations of another process.

    Args:
        session: Its connections lead there.
        gone: What is told when that ends in the middle of an operation.
        garbled: What is told when it answers what is no answer.
    """

    is_running = True

    def __init__(
        self,
        session: aiohttp.ClientSession,
        gone: Callable[[aiohttp.ClientError], Failure] = _server_gone,
        garbled: Callable[[Garbled], Failure] = _server_garbled,
    ) -> None:
        self._session = session
        self._gone = gone
        self._garbled = garbled

    async def run(self, name: str, arguments: Values, told: Told) -> Values:
        try:
            async with self._session.post(
                f"http://perdure/{name}", data=packb(arguments)
            ) as response:
                return await _follow(response, told)
        except aiohttp.ClientError as error:
            raise OperationFailed(self._gone(error)) from error
        except Garbled as error:
            raise OperationFailed(self._garbled(error)) from error


async def _follow(response: aiohttp.ClientResponse, told: Told) -> Values:
    """Hand on what the server tells, and return the result."""
    messages = AnswerMessages()
    async for data in response.content.iter_any():
        for kind, value in messages.read(data):
            if kind == "progress":
                await told.progress(*value)
            elif kind == "item":
                await told.item(value)
            elif kind == "error":
                raise OperationFailed(value)
            else:
                result: Values = value
                return result
    raise aiohttp.ClientPayloadError("its answer has no end")
