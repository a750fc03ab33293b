"""What ``wait_for_port`` waits for, and what it has seen so far."""

from collections.abc import Sequence
from typing import Any, Final

from ..errors import SandboxInvalid
from .process import PortMode

PORT_MAX: Final = 65_535
_STATUS_MAX: Final = 999


class WantedPort:
    """A port inside, and which answer of its server counts.

    Attributes:
        port: Where it listens.
        mode: "http": until it answers; "tcp": until it takes connections.
        url: What is asked for.
        interval_s: How long to wait between two questions.

    Raises:
        SandboxInvalid: Nothing like that can be waited for.
    """

    def __init__(
        self,
        port: int,
        mode: PortMode,
        path: str,
        status: int | Sequence[int],
        interval_s: float,
    ) -> None:
        _check(type(port) is int and 0 < port <= PORT_MAX, f"port is 1 to {PORT_MAX:,}", port)
        _check(mode in {"http", "tcp"}, "mode is 'http' or 'tcp'", mode)
        _check(isinstance(path, str), "path is text", path)
        is_number = isinstance(interval_s, int | float) and interval_s > 0
        _check(is_number, "interval is more than 0, in seconds", interval_s)
        self.port, self.mode, self.interval_s = port, mode, interval_s
        self.url = f"http://localhost:{port}/{path.removeprefix('/')}"
        self._first, self._last = _range_of(status)
        self._answer: int | None = None

    def answered(self, status: int) -> bool:
        """Take the status of an answer, and say whether it is one that counts."""
        self._answer = status
        return self._first <= status <= self._last

    def found(self) -> str:
        """What has been seen, for who waited in vain."""
        if self._answer is None:
            return f"Nothing answers at port {self.port}"
        wanted = f"{self._first}" + (f" to {self._last}" if self._last > self._first else "")
        return f"{self.url} has answered {self._answer}, and not {wanted},"


def _range_of(status: object) -> tuple[int, int]:
    pair: Any = (status, status) if isinstance(status, int) else status
    is_pair = isinstance(pair, Sequence) and len(pair) == 2  # which is what a pair is
    is_range = is_pair and all(type(each) is int for each in pair)
    hint = "status is a number, or the first and the last of a range"
    _check(is_range and 0 < pair[0] <= pair[1] <= _STATUS_MAX, hint, status)
    return pair[0], pair[1]


def _check(is_fine: bool, wanted: str, given: object) -> None:  # noqa: FBT001  # what is checked
    if not is_fine:
        text = f"wait_for_port: {wanted}, not {given!r}"
        raise SandboxInvalid("VALIDATION_FAILED", text, {"value": repr(given)})
