from typing import Any

import pytest

from perdure.runtime.sandbox.interpreter.inside.mime import FIELDS, result_of


def test_each_media_type_has_its_field() -> None:
    bundle = {media_type: f"the {name}" for media_type, name in FIELDS.items()}
    event = result_of(bundle)
    assert event == {"type": "result", **{name: f"the {name}" for name in FIELDS.values()}}


def test_text_in_pieces_is_put_together_and_json_is_left_as_it_is() -> None:
    event = result_of({"text/html": ["<b>", "x</b>"], "application/json": ["a", {"b": None}]})
    assert event["html"] == "<b>x</b>"
    assert event["json"] == ["a", {"b": None}]


def test_base64_has_no_end_of_line() -> None:
    assert result_of({"image/png": "aGk=\n"})["png"] == "aGk="


def test_what_has_no_field_is_kept_as_data() -> None:
    assert result_of({"application/geo+json": {"type": "Point"}, "text/plain": 3}) == {
        "type": "result",
        "data": {"application/geo+json": {"type": "Point"}, "text/plain": 3},
    }


@pytest.mark.parametrize(
    ("trace", "kind"),
    [
        ({"type": "bar"}, "bar"),
        ({"type": "scatter", "mode": "markers"}, "scatter"),
        ({"type": "scatter", "mode": "lines+markers"}, "line"),
        ({}, "line"),
        ({"type": "pie"}, "pie"),
        ({"type": "sankey"}, "unknown"),
    ],
)
def test_a_figure_of_plotly_is_a_chart(trace: dict[str, Any], kind: str) -> None:
    figure = {"data": [trace], "layout": {"title": {"text": "Sales"}}, "config": {"a": 1}}
    event = result_of({"application/vnd.plotly.v1+json": figure, "image/png": "aGk="})
    assert event["chart"] == {
        "type": kind,
        "title": "Sales",
        "data": [trace],
        "layout": figure["layout"],
        "config": {"a": 1},
        "library": "plotly",
        "image": "aGk=",
    }


@pytest.mark.parametrize(
    ("mark", "kind"),
    [("bar", "bar"), ({"type": "point"}, "scatter"), ("rect", "heatmap"), (None, "unknown")],
)
def test_a_specification_of_vega_lite_is_a_chart(mark: Any, kind: str) -> None:
    spec = {"mark": mark, "title": "Sales"}
    chart = result_of({"application/vnd.vegalite.v5+json": spec})["chart"]
    assert (chart["type"], chart["title"], chart["library"]) == (kind, "Sales", "altair")
    assert chart["data"] == spec


def test_a_figure_of_something_else_is_no_error() -> None:
    figures: list[Any] = [{}, {"data": [], "layout": []}, {"data": ["x"], "layout": {"title": 3}}]
    for figure in figures:
        assert result_of({"application/vnd.plotly.v1+json": figure})["chart"]["title"] is None
