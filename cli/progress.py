"""Bars that say how far something is, on a terminal; elsewhere nothing is written.

Whatever is written besides, is written above them.
"""

from types import TracebackType

from rich.progress import (
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from .output import Output

_BAR_CHARACTERS = 30


class _Bar(ProgressColumn):
    """``[####------]``: ASCII, as all that is drawn here (cli/output.py)."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{task.completed:,.0f}", "dim")
        share = 1.0 if not task.total else min(task.completed / task.total, 1.0)
        full = round(share * _BAR_CHARACTERS)
        bar = f"[{'#' * full}{'-' * (_BAR_CHARACTERS - full)}]"
        return Text.assemble((bar, "good"), f" {share:4.0%}")


class Bars:
    """A bar for each thing that is being done; to be used in a ``with``."""

    def __init__(self, output: Output) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            _Bar(),
            TimeRemainingColumn(compact=True),
            console=output.err,
            transient=True,
            disable=not output.err.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._is_shown = False

    def __enter__(self) -> "Bars":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hide()

    def show(self, what: str, done: int, total: int | None) -> None:
        """So much of ``what`` is done; ``total`` None says that nobody knows of how much."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)
        if not self._is_shown:
            self._is_shown = True
            self._progress.start()

    def hide(self) -> None:
        """Take the bars away, for instance before a question."""
        if self._is_shown:
            self._is_shown = False
            self._progress.stop()
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._tasks.clear()
