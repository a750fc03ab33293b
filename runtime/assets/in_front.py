"""Assets in front of a Worker: which requests are for a file, and which for the program."""

import logging
from collections.abc import Sequence
from typing import Protocol

from ...actors.http import Request
from ..config.errors import Problem
from ..config.model import AssetsConfig
from ..host.worker import OnResponse
from .directory import AssetDirectory, path_of, pattern_of

log = logging.getLogger("perdure.server")

# What the platform has there itself, and so have we (host/scheduled_by_hand.py).
_PLATFORMS_OWN = "/cdn-cgi/"


class Answers(Protocol):
    """Who answers requests: the process's Worker, or what leads to one."""

    def fetch(self, request: Request, on_response: OnResponse) -> None: ...


class AssetsInFront:
    """Answers requests in a Worker's place where there is a file, and has the others go on.

    Args:
        assets: The files.
        worker: The Worker.
    """

    def __init__(self, assets: AssetDirectory, worker: Answers) -> None:
        self._assets = assets
        self._worker = worker
        first = assets.config.run_worker_first
        self._is_worker_first = first is True
        rules = () if isinstance(first, bool) else first
        self._workers_own = [pattern_of(rule) for rule in rules if not rule.startswith("!")]
        self._never_workers = [pattern_of(rule[1:]) for rule in rules if rule.startswith("!")]

    def fetch(self, request: Request, on_response: OnResponse) -> None:
        """Have ``request`` answered; see ``Worker.fetch``."""
        path = path_of(request)
        if path.startswith(_PLATFORMS_OWN):
            self._worker.fetch(request, on_response)
            return
        is_files = any(pattern.fullmatch(path) for pattern in self._never_workers)
        if not is_files and (
            self._is_worker_first or any(each.fullmatch(path) for each in self._workers_own)
        ):
            self._worker.fetch(request, on_response)
            return

        def ask() -> None:
            navigates = request.header_fields().get("Sec-Fetch-Mode") == "navigate"
            with_missing = is_files or bool(self._workers_own) or navigates
            found = self._assets.find(path, with_missing=with_missing)
            if found is None and not is_files:
                self._worker.fetch(request, on_response)
            else:
                self._assets.answer(request, path, found, on_response)

        self._assets.when_current(ask, lambda error: on_response(None, error))


def in_front_of(worker: Answers, config: AssetsConfig | None, *, is_live: bool) -> Answers:
    """What answers requests for a Worker that may have assets; without, it is the Worker itself.

    Args:
        worker: The Worker, or what leads to it.
        config: Its assets, if it has some.
        is_live: See ``AssetDirectory``.
    """
    if config is None:
        return worker
    assets = AssetDirectory(config, is_live=is_live, on_problems=_log)
    return AssetsInFront(assets, worker)


def _log(problems: Sequence[Problem]) -> None:
    for problem in problems:
        log.warning("assets.rule_ignored", extra={"where": problem.where, "why": problem.message})
