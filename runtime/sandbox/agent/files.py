"""Single files and folders: read, written, made, moved, removed.

All of it runs inside the wall, so that links, ``..`` and races lead nowhere that the programs
inside could not go by themselves.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Generator
from typing import Any

from ..streams import Exchange, Json, Refused
from ..wire import CHUNK_BYTES_MAX, cost
from .places import Places
from .refusals import number, refusal
from .tasks import AGAIN, WAIT, Steps, until_room

# A pipe that nobody writes to must not keep everybody waiting.
_PATIENT = os.O_NONBLOCK | os.O_CLOEXEC
_SIZE_MAX = float(2**63 - 1)


def read_file(places: Places, exchange: Exchange) -> Steps:
    """Send what is in a file, or in a part of it."""
    request = exchange.request
    path = places.path(request)
    offset = int(number(request, "offset", 0, 0, _SIZE_MAX))
    left = int(number(request, "length", _SIZE_MAX, 0, _SIZE_MAX))
    descriptor, facts = _open(path, os.O_RDONLY)
    try:
        exchange.tell({"size": facts.st_size, "mode": stat.S_IMODE(facts.st_mode)})
        os.lseek(descriptor, offset, os.SEEK_SET)
        sent = 0
        while left > sent:
            room = yield from until_room(exchange)
            data = os.read(descriptor, min(room, left - sent))
            if not data:
                break
            exchange.send(data)
            sent += len(data)
            yield AGAIN
    finally:
        os.close(descriptor)
    return {"bytes": sent}


def write_file(places: Places, exchange: Exchange) -> Steps:
    """Put what comes into a file. One that is cancelled leaves what had come."""
    request = exchange.request
    path = places.path(request)
    mode = int(number(request, "mode", 0o644, 0, 0o777))
    how = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if request.get("append") else os.O_TRUNC)
    descriptor, _ = _open(path, how, mode)
    came: deque[bytes] = deque()

    def receive(data: bytes) -> None:
        came.append(data)
        exchange.on_room()  # looks again

    exchange.on_data = receive
    written = 0
    try:
        if "mode" in request:
            os.fchmod(descriptor, mode)
        while came or not exchange.has_ended:
            if not came:
                yield WAIT
                continue
            data = came.popleft()
            written += _write(descriptor, data, path)
            exchange.consumed(cost(len(data)))
            yield AGAIN
    finally:
        os.close(descriptor)
    return {"bytes": written}


def mkdir(places: Places, exchange: Exchange) -> Steps:
    """Make a folder."""
    path = places.path(exchange.request)
    yield AGAIN
    if exchange.request.get("recursive"):
        os.makedirs(path, exist_ok=True)  # noqa: PTH103  # pathlib takes 10 ms to import
    else:
        os.mkdir(path)  # noqa: PTH102  # as above
    return {}


def delete(places: Places, exchange: Exchange) -> Steps:
    """Remove a file; a folder only if that was said; what may not be changed only if forced."""
    path = places.path(exchange.request)
    is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    if not is_folder:
        os.unlink(path)  # noqa: PTH108  # as above
    elif exchange.request.get("recursive"):
        yield from delete_tree(path, forced=bool(exchange.request.get("forced")))
    else:
        raise Refused("IS_DIRECTORY", f"Is a directory: {path}", path=path)
    return {}


def move(places: Places, exchange: Exchange) -> Steps:
    """Give a file or folder another path, into a folder if there is one, as mv(1)."""
    source = places.path(exchange.request, "path")
    target = places.path(exchange.request, "to")
    os.lstat(source)
    if _is_folder(target):
        target = os.path.join(target, os.path.basename(source.rstrip("/")))  # noqa: PTH118, PTH119  # as above
    yield AGAIN
    try:
        os.rename(source, target)  # noqa: PTH104  # as above
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise Refused("FILESYSTEM_ERROR", f"{source} cannot be moved into itself") from None
        if error.errno != errno.EXDEV:
            raise refusal(error, target if os.path.lexists(source) else source) from None
        yield from _copy(source, target)
        yield from delete_tree(source)
    return {"path": places.shown(target)}


def exists(places: Places, exchange: Exchange) -> Steps:
    """Say whether there is something."""
    path = places.path(exchange.request)
    yield AGAIN
    return {"exists": os.path.exists(path)}  # noqa: PTH110  # as above


def stat_file(places: Places, exchange: Exchange) -> Steps:
    """Tell what a file or folder is."""
    path = places.path(exchange.request)
    yield AGAIN
    return facts_of(os.stat(path))  # noqa: PTH116  # as above


def facts_of(facts: os.stat_result) -> Json:
    """Return what is told of a file."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}
    return {
        "type": kinds.get(stat.S_IFMT(facts.st_mode), "other"),
        "size": facts.st_size,
        "mode": stat.S_IMODE(facts.st_mode),
        "modified_at": facts.st_mtime,
    }


def _open(path: str, how: int, mode: int = 0) -> tuple[int, os.stat_result]:
    """Open a file that is one: not a pipe, not a device.

    Raises:
        Refused: It is something else.
        OSError: It cannot be opened.
    """
    try:
        descriptor = os.open(path, how | _PATIENT, mode)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a pipe that nobody reads
            raise
        raise _no_file(path) from None
    facts = os.fstat(descriptor)
    if stat.S_ISREG(facts.st_mode):
        return descriptor, facts
    os.close(descriptor)
    if stat.S_ISDIR(facts.st_mode):
        raise Refused("IS_DIRECTORY", f"Is a directory: {path}", path=path)
    raise _no_file(path)


def _no_file(path: str) -> Refused:
    return Refused("FILESYSTEM_ERROR", f"Is no file, but a pipe or a device: {path}", path=path)


def _write(descriptor: int, data: bytes, path: str) -> int:
    written = 0
    while written < len(data):
        try:
            written += os.write(descriptor, data[written:])
        except OSError as error:
            raise refusal(error, path) from None
    return written


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116  # as above
    except OSError:
        return False


def delete_tree(path: str, *, forced: bool = False) -> Generator[bool, Any, None]:
    """Remove all that is below, deepest first. Programs may do what they like meanwhile."""
    folders = [path]
    while folders:
        folder = folders[-1]
        below = []
        try:
            if forced:
                os.chmod(folder, 0o700, follow_symlinks=False)  # noqa: PTH101  # as above
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.path)
                    else:
                        os.unlink(entry.path)  # noqa: PTH108  # as above
            if not below:
                os.rmdir(folder)  # noqa: PTH106  # as above
                folders.pop()
        except NotADirectoryError:
            os.unlink(folder)  # noqa: PTH108  # as above
            folders.pop()
        folders += below
        yield AGAIN


def _copy(source: str, target: str) -> Generator[bool, Any, None]:
    """Copy a file, a link or all of a folder to another file system."""
    facts = os.lstat(source)
    if stat.S_ISLNK(facts.st_mode):
        os.symlink(os.readlink(source), target)  # noqa: PTH115, PTH211  # as above
    elif stat.S_ISDIR(facts.st_mode):
        os.mkdir(target)  # noqa: PTH102  # as above
        for name in os.listdir(source):  # noqa: PTH208  # as above
            yield from _copy(os.path.join(source, name), os.path.join(target, name))  # noqa: PTH118  # as above
    else:
        reader, _ = _open(source, os.O_RDONLY)
        try:
            writer, _ = _open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                while data := os.read(reader, CHUNK_BYTES_MAX):
                    _write(writer, data, target)
                    yield AGAIN
                os.fchmod(writer, stat.S_IMODE(facts.st_mode))
            finally:
                os.close(writer)
        finally:
            os.close(reader)
