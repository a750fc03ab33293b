"""What kernels show, a table by media type, as results have it: a field for each format."""

from typing import Any

from .kernel import Json

FIELDS = {
    "text/plain": "text",
    "text/html": "html",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/svg+xml": "svg",
    "text/latex": "latex",
    "text/markdown": "markdown",
    "application/javascript": "javascript",
    "application/json": "json",
}
_PLOTLY = "application/vnd.plotly.v1+json"
_VEGA_LITE = "application/vnd.vegalite."
_CHARTS = ("line", "bar", "scatter", "pie", "histogram", "heatmap")
_OF_MARKS = {"point": "scatter", "circle": "scatter", "square": "scatter", "arc": "pie"}
_OF_MARKS |= {"rect": "heatmap", "area": "line"}


def result_of(bundle: Json) -> Json:
    """Return the event for what is shown; what has no field of its own is in ``data``."""
    event: Json = {"type": "result"}
    others: Json = {}
    for media_type, value in bundle.items():
        whole = (
            "".join(map(str, value)) if isinstance(value, list) and _is_text(media_type) else value
        )
        name = FIELDS.get(media_type)
        if name is not None and (name == "json" or isinstance(whole, str)):
            event[name] = whole.strip() if name in {"png", "jpeg"} else whole
        elif media_type == _PLOTLY and isinstance(value, dict):
            event["chart"] = _plotly(value)
        elif media_type.startswith(_VEGA_LITE) and isinstance(value, dict):
            event["chart"] = _vega_lite(value)
        else:
            others[media_type] = value
    if "chart" in event and "png" in event:
        event["chart"]["image"] = event["png"]
    if others:
        event["data"] = others
    return event


def _is_text(media_type: str) -> bool:
    return FIELDS.get(media_type, "json") != "json"


def _plotly(figure: Json) -> Json:
    traces = figure.get("data")
    layout = figure.get("layout")
    first = traces[0] if isinstance(traces, list) and traces else {}
    first = first if isinstance(first, dict) else {}
    kind = str(first.get("type") or "scatter")
    if kind == "scatter" and "lines" in str(first.get("mode") or "lines"):
        kind = "line"
    title = layout.get("title") if isinstance(layout, dict) else None
    return {
        "type": kind if kind in _CHARTS else "unknown",
        "title": _title(title),
        "data": traces,
        "layout": layout,
        "config": figure.get("config"),
        "library": "plotly",
    }


def _vega_lite(spec: Json) -> Json:
    mark = spec.get("mark")
    kind = str(mark.get("type") if isinstance(mark, dict) else mark)
    kind = _OF_MARKS.get(kind, kind)
    return {
        "type": kind if kind in _CHARTS else "unknown",
        "title": _title(spec.get("title")),
        "data": spec,
        "layout": None,
        "config": spec.get("config"),
        "library": "altair",
    }


def _title(title: Any) -> str | None:
    text = title.get("text") if isinstance(title, dict) else title
    return text if isinstance(text, str) else None
