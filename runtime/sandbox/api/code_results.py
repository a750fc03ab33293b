"""What code contexts give, with the fields of the system that programs may come from."""

from dataclasses import dataclass
from typing import Any, Literal

from ....actors.records import Record

FORMATS = (
    *("text", "html", "png", "jpeg", "svg", "latex", "markdown", "javascript", "json", "chart"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeContext(Record):
    """Where code runs and leaves its variables: a process of its own in the sandbox.

    Attributes:
        id: What it is called.
        language: python or javascript.
        cwd: Where it started.
        created_at: When it was made.
        last_used: When something was run in it.
    """

    id: str
    language: str
    cwd: str
    created_at: str
    last_used: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputMessage(Record):
    """Something that code has written.

    Attributes:
        text: It.
        timestamp: When, in milliseconds since 1970.
    """

    text: str
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartData(Record):
    """A chart, as the library has it that has made it.

    Attributes:
        type: What it is.
        title: If it has one.
        data: The traces of plotly, or the whole specification of Vega-Lite (altair).
        layout: Of plotly.
        config: Of the library.
        library: Which one.
        image: A PNG of it in base64, if the library has made one as well.
    """

    type: Literal["line", "bar", "scatter", "pie", "histogram", "heatmap", "unknown"]
    title: str | None = None
    data: Any = None
    layout: Any = None
    config: Any = None
    library: str = "unknown"
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeResult(Record):
    """Something that code has shown: the value of its last expression, or what it has displayed.

    Attributes:
        text: As plain text.
        html: Tables, for instance. It comes from the code: show it where scripts do no harm.
        png: An image in base64.
        jpeg: Likewise.
        svg: An image as text.
        latex: A formula.
        markdown: Text.
        javascript: A script to be run where it is shown.
        json: Any JSON value.
        chart: What plotly and altair show.
        data: What has no field of its own: media type to value.
        metadata: What the code says about it, by media type.
    """

    text: str | None = None
    html: str | None = None
    png: str | None = None
    jpeg: str | None = None
    svg: str | None = None
    latex: str | None = None
    markdown: str | None = None
    javascript: str | None = None
    json: Any = None
    chart: ChartData | None = None
    data: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    def formats(self) -> list[str]:
        """Which of these it has, ``data`` and ``metadata`` left aside."""
        return [name for name in FORMATS if getattr(self, name) is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionError(Record):
    """Why code did not run to its end.

    Attributes:
        name: Of the exception. ``TimeoutError``: its time was over, ``message`` says what has
            become of the context. ``ContextEnded``: its process has ended, variables are gone.
        message: What it says.
        traceback: Line by line, without colours.
        line_number: Where in the code, if that is known.
    """

    name: str
    message: str
    traceback: list[str]
    line_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionLogs(Record):
    """What code has written, piece by piece."""

    stdout: list[str]
    stderr: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult(Record):
    """What became of code that was run.

    Attributes:
        code: It.
        logs: What it has written.
        results: What it has shown.
        error: Why it did not run to its end; None if it did.
        execution_count: How many runs the context has had, this one included; None if it is gone.
        context_id: In which context it was run.
        dropped_bytes: How much of logs and results was left out, since it was too much.
    """

    code: str
    logs: ExecutionLogs
    results: list[CodeResult]
    error: ExecutionError | None
    execution_count: int | None
    context_id: str | None
    dropped_bytes: int = 0
