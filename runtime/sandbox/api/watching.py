"""``watch``: what changes in a sandbox's files; ``check_changes``: whether something has."""

import json
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ....actors.body import BodyStream
from ....actors.records import Record
from ..asking import Output, SandboxRefused, SandboxStream
from ..errors import SandboxInvalid
from ..results import timestamp_of
from .events import sse
from .files import Files, shown_path
from .held_stream import held
from .part import told

EXCLUDED: Final = (".git", "node_modules", ".DS_Store")
_SHOWN: Final = frozenset({"create", "modify", "delete", "move_from", "move_to"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckChangesResult(Record):
    """Whether something has changed.

    Attributes:
        success: True: all else is an error.
        status: "unchanged", "changed", or "resync": it is not known, so read all of it anew.
        version: For ``since`` of the next time.
        timestamp: When this was asked.
        reason: Of "resync": "expired", since nobody asked for ten minutes or what was watched was
            gone meanwhile; "restarted", since the sandbox was started anew.
    """

    success: bool
    status: Literal["unchanged", "changed", "resync"]
    version: str
    timestamp: str
    reason: Literal["expired", "restarted"] | None = None


class Watching(Files):
    """Watches files and folders."""

    async def watch(
        self,
        path: str,
        *,
        recursive: bool = True,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        session_id: str | None = None,
    ) -> BodyStream:
        """Tell what changes in a folder, as server-sent events, until nobody reads them.

        What happens after this has returned is told. ``parse_sse_stream`` reads the events: dicts
        with ``type``:

        - "watching" (``path``, ``watch_id``) comes first;
        - "event": ``event_type`` (create, modify, delete, move_from or move_to), ``path``,
          ``is_directory``, ``timestamp``;
        - "overflow": so much happened while nobody read that some of it is not told;
        - "stopped" (``reason``) comes last: what was watched is there no more, or the sandbox has
          stopped. So does "error" (``error``, ``code``).

        Args:
            path: A folder, or one file.
            recursive: Also all folders below; those that are links are not entered.
            include: Only paths that one of these patterns means: "*.py", "src/**/test".
            exclude: All but those; ".git", "node_modules" and ".DS_Store" by default. Not together
                with ``include``. A pattern means names anywhere below the path, and what is in
                them; it knows ``*``, ``?`` (neither means a slash) and ``**``.
            session_id: Where a relative path begins.

        Raises:
            SandboxFileNotFound: There is nothing of that path.
            SandboxWatchError: It cannot be watched, for instance since more than 8192 folders are
                below it.
            SandboxInvalid: A pattern is none.
        """
        fields = await self._watched(path, recursive, include, exclude, session_id)
        connection = await self._reach()
        with told():
            stream = connection.stream("watch", **fields)
            try:
                first = await anext(aiter(stream))
            except BaseException:
                stream.cancel()
                raise
        shown = first.get("watching") if isinstance(first, dict) else None
        return held(stream, _events(stream, str(shown or path)))

    async def check_changes(
        self,
        path: str,
        *,
        since: str | None = None,
        recursive: bool = True,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        session_id: str | None = None,
    ) -> CheckChangesResult:
        """Say whether something has changed since an earlier call, for who cannot keep a stream.

        The first call begins to count, the others have ``since``. It is counted for ten minutes
        after the last call with the same arguments, and while the sandbox runs.

        Args:
            path: As of ``watch``.
            since: The ``version`` of an earlier call; None to begin.
            recursive: As of ``watch``.
            include: As of ``watch``.
            exclude: As of ``watch``.
            session_id: Where a relative path begins.

        Raises:
            SandboxFileNotFound: There is nothing of that path.
            SandboxInvalid: ``since`` was never a version, or a pattern is none.
        """
        fields = await self._watched(path, recursive, include, exclude, session_id)
        if since is not None:
            fields["since"] = since
        answer = await self._ask("changes", **fields)
        return CheckChangesResult(
            success=True,
            status=answer["status"],
            version=answer["version"],
            timestamp=timestamp_of(),
            reason=answer.get("reason"),
        )

    async def _watched(
        self,
        path: str,
        recursive: bool,  # noqa: FBT001  # passed on
        include: Sequence[str] | None,
        exclude: Sequence[str] | None,
        session_id: str | None,
    ) -> dict[str, Any]:
        for name, given in (("include", include), ("exclude", exclude)):
            if isinstance(given, str):
                text = f'{name} is a list of patterns: ["{given}"]'
                raise SandboxInvalid("VALIDATION_FAILED", text)
        if include is None and exclude is None:
            exclude = EXCLUDED
        return {
            "path": await self._path(path, session_id),
            "recursive": bool(recursive),
            "include": list(include or ()),
            "exclude": list(exclude or ()),
        }


async def _events(stream: SandboxStream, path: str) -> AsyncIterator[bytes]:
    watch_id = f"watch-{secrets.token_hex(8)}"
    yield sse({"type": "watching", "path": path, "watch_id": watch_id})
    rest = b""
    try:
        async for item in stream:
            if not isinstance(item, Output):
                continue
            *lines, rest = (rest + item.data).split(b"\n")
            if found := b"".join(_event(json.loads(line)) for line in lines):
                yield found
        reason = str((await stream.answer()).get("reason") or "It has ended")
    except SandboxRefused as refused:
        if refused.code == "CONTAINER_UNAVAILABLE":
            yield sse({"type": "stopped", "reason": str(refused)})
        else:
            yield sse({"type": "error", "error": str(refused), "code": refused.code})
        return
    yield sse({"type": "stopped", "reason": reason})


def _event(told_event: dict[str, Any]) -> bytes:
    kind = told_event["type"]
    facts = {
        "path": shown_path(told_event["path"]),
        "is_directory": told_event["is_directory"],
        "timestamp": timestamp_of(),
    }
    if kind == "overflow":
        return sse({"type": "overflow", **facts})
    return sse({"type": "event", "event_type": kind, **facts}) if kind in _SHOWN else b""
