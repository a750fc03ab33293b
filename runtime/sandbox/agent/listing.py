"""What is in a folder: one line of JSON for each entry, as fast as the asker takes them."""

import json
import os

from ..streams import Exchange
from .files import facts_of
from .places import Places
from .tasks import AGAIN, Steps, send_all

_LINES_BYTES = 32 * 1024  # are gathered before they are sent


def list_files(places: Places, exchange: Exchange) -> Steps:
    """Send what is in a folder, and below if that was asked for. Links are not followed."""
    request = exchange.request
    top = places.path(request, "path", "")
    has_hidden, is_deep = bool(request.get("hidden")), bool(request.get("recursive"))
    folders, lines, size, count = [top], list[bytes](), 0, 0
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            if folder == top:
                raise
            continue  # it is gone meanwhile, or not ours to read: the rest is still of use
        below = []
        for entry in found:
            if entry.name.startswith(".") and not has_hidden:
                continue
            line = _line(places, entry, top)
            if line is None:
                continue
            lines.append(line)
            size += len(line)
            count += 1
            if is_deep and entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            if size >= _LINES_BYTES:
                yield from send_all(exchange, b"".join(lines))
                lines, size = [], 0
                yield AGAIN
        folders += reversed(below)
        yield AGAIN
    yield from send_all(exchange, b"".join(lines))
    return {"count": count}


def _line(places: Places, entry: os.DirEntry[str], top: str) -> bytes | None:
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError:  # it has gone since
        return None
    told = {
        "name": entry.name,
        "path": places.shown(entry.path),
        "relative_path": entry.path[len(top.rstrip("/")) + 1 :],
        **facts_of(facts),
    }
    return json.dumps(told).encode() + b"\n"
