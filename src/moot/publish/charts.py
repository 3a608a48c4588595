"""Charts as Vega-Lite, from plain points: one kind of chart for reports, notebooks and the browser.

It must never hide how few a point is of, or how sure: intervals are drawn, a point without one is hollow, and n stands
in the labels. Words of models are data here, never part of an expression or a field's name.

Colours are told apart by people who see colours otherwise, and stand out on white and on near-black by 3:1 at least;
series differ by shape and dash as well. What is neither is drawn in `INK`, which a page may replace by its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
INK = "#71767d"
COLOURS = ("#2f7fc1", "#d55e00", "#0d9373", "#b0579a", "#8f7a12", "#6a6fd1", "#5c7f8a", "#c24d5c")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4], [1, 3], [12, 3], [6, 2, 1, 2])

WIDE, NARROW = 680, 320
"""Pixels across, all counted."""

_STEP = 42
_UNDER = 8
_TALL = 270


@dataclass(frozen=True, slots=True)
class Point:
    """One figure: `low` and `high` are the ends of its interval, None where it has none; `at` is its place along x."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    series: str = ""
    at: float = 0.0

    def as_row(self) -> Spec:
        """Return the point as a row of the chart's data."""
        told = {"label": self.label, "value": self.value, "low": self.low, "high": self.high, "n": self.n}
        return told | {"series": self.series, "at": self.at}


@dataclass(frozen=True, slots=True)
class Look:
    """What a chart is called, what its axes are in, what it shows in a sentence, and how wide it is.

    `span` are the ends of what was measured, where it has any: the axis then goes from one to the other.
    """

    title: str
    unit: str
    says: str
    across: str = ""
    width: int = WIDE
    span: tuple[float, float] | None = None

    def narrow(self) -> Look:
        """Return the same for a narrow screen."""
        return replace(self, width=NARROW)


def intervals(points: Sequence[Point], look: Look, zero: float | None = 0.0) -> Spec:
    """Return one line for each point, in their order: the value, its interval, and where nothing would be (`zero`)."""
    rows = [one.as_row() | {"told": _told(one, look.width)} for one in points]
    x: Spec = {"field": "value", "type": "quantitative", "title": _lines(look.unit, look.width)}
    x |= {"scale": {"zero": False, "nice": True}}
    span: Spec = {"x": x | {"field": "low"}, "x2": {"field": "high"}, "y": _ROWS}
    mark = {"type": "rule", "strokeWidth": 3, "strokeCap": "round", "color": COLOURS[0], "yOffset": _UNDER}
    layers: list[Spec] = [
        _sure({"mark": mark, "encoding": span}),
        *_dots({"x": x, "y": _ROWS}, {"color": COLOURS[0], "yOffset": _UNDER}),
        _written(look),
    ]
    if zero is not None:
        nothing = {"values": [{"zero": zero}]}
        mark = {"type": "rule", "strokeDash": [3, 3], "color": INK}
        layers.insert(0, {"data": nothing, "mark": mark, "encoding": {"x": x | {"field": "zero"}}})
    return _whole(rows, layers, look) | {"height": {"step": _STEP}}


def paths(points: Sequence[Point], look: Look, faint: Sequence[tuple[Point, ...]] = ()) -> Spec:
    """Return series over named points, in their order of appearance, with intervals; `faint` are single courses."""
    names = list(dict.fromkeys(one.series for one in points))
    order = list(dict.fromkeys(one.label for one in (*points, *(each for course in faint for each in course))))
    x: Spec = {"field": "label", "type": "ordinal", "sort": order, "title": look.across or None}
    x |= {"axis": {"labelAngle": 0 if len(order) * _STEP * 2.4 <= look.width else -40, "labelLimit": 130}}
    x |= {"scale": {"type": "point", "padding": 0.35}}
    y: Spec = {"field": "value", "type": "quantitative", "title": _lines(look.unit, _TALL), "scale": _scale(look)}
    shift: Spec = {"xOffset": {"field": "series", "scale": {"range": _apart(len(names))}, "sort": names}}
    told = _series(names)
    layers: list[Spec] = []
    if faint:
        rows = [each.as_row() | {"course": number} for number, course in enumerate(faint) for each in course]
        mark = {"type": "line", "strokeWidth": 1, "strokeOpacity": max(0.05, min(0.25, 10 / len(faint)))}
        each: Spec = {"x": x, "y": y, "detail": {"field": "course"}, "color": told["color"]}
        layers.append({"data": {"values": rows}, "mark": mark, "encoding": each})
    line: Spec = {"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": {"x": x, "y": y, **told, **shift}}
    line["encoding"].pop("shape")
    span = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": told["color"], **shift}
    layers += [line, _sure({"mark": {"type": "rule", "strokeWidth": 2}, "encoding": span})]
    layers.extend(_dots({"x": x, "y": y, "color": told["color"], "shape": told["shape"], **shift}))
    return _whole([one.as_row() for one in points], layers, look) | {"height": _TALL}


def by_turn(points: Sequence[Point], look: Look) -> Spec:
    """Return series over turns (`at`), each with the band of its intervals."""
    names = list(dict.fromkeys(one.series for one in points))
    x = {"field": "at", "type": "quantitative", "title": look.across or "turn", "scale": {"zero": False, "nice": False}}
    x |= {"axis": {"tickMinStep": 1, "format": "d", "grid": False}}
    y = {"field": "value", "type": "quantitative", "title": _lines(look.unit, _TALL), "scale": _scale(look)}
    told = _series(names)
    band = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": told["color"]}
    line = {"x": x, "y": y, "color": told["color"], "strokeDash": told["strokeDash"]}
    layers: list[Spec] = [
        _sure({"mark": {"type": "area", "fillOpacity": 0.16}, "encoding": band}),
        {"mark": {"type": "line", "strokeWidth": 2}, "encoding": line},
        *_dots({"x": x, "y": y, "color": told["color"], "shape": told["shape"]}),
    ]
    return _whole([one.as_row() for one in points], layers, look) | {"height": _TALL}


def bars(points: Sequence[Point], look: Look) -> Spec:
    """Return one bar for each label, in their order, made of its series; the whole is written above it."""
    names = list(dict.fromkeys(one.series for one in points))
    whole: dict[str, float] = {}
    for one in points:
        whole[one.label] = whole.get(one.label, 0.0) + one.value
    x: Spec = {"field": "value", "type": "quantitative", "title": _lines(look.unit, look.width)}
    x |= {"axis": {"tickCount": 4, "format": "~s", "grid": False}}
    colour = _series(names)["color"]
    rows = [{"label": label, "told": f"{label}: {amount(value)}"} for label, value in whole.items()]
    mark = {"type": "bar", "height": 12, "yOffset": _UNDER}
    layers: list[Spec] = [
        {"mark": mark, "encoding": {"x": x, "y": _ROWS, "color": colour}},
        {"data": {"values": rows}, **_written(look)},
    ]
    return _whole([one.as_row() for one in points], layers, look) | {"height": {"step": _STEP}}


def amount(value: float) -> str:
    """Return a figure for people: whole where it is large, else three digits of it."""
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - where a comma begins
    return shown.replace("-", "\u2212")


def _whole(rows: list[Spec], layers: list[Spec], look: Look) -> Spec:
    return {
        "$schema": SCHEMA,
        "title": look.title,
        "description": look.says,
        "width": look.width,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "background": None,
        "data": {"values": rows},
        "layer": layers,
        "config": _CONFIG,
    }


_CONFIG: Spec = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "padding": {"left": 4, "right": 12, "top": 6, "bottom": 4},
    "title": {"color": INK, "anchor": "start", "fontSize": 14, "fontWeight": 600, "offset": 10},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "domainColor": INK,
        "tickColor": INK,
        "gridColor": INK,
        "gridOpacity": 0.18,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 500,
        "titlePadding": 8,
        "tickCount": 6,
    },
    "axisY": {"titleAnchor": "middle"},
    "legend": {
        "orient": "top",
        "direction": "horizontal",
        "columns": 3,
        "columnPadding": 32,
        "title": None,
        "labelColor": INK,
        "labelFontSize": 12,
        "labelLimit": 260,
        "symbolSize": 90,
        "symbolStrokeWidth": 2,
        "symbolOpacity": 1,
    },
}


_ROWS: Spec = {"field": "label", "type": "nominal", "sort": None, "title": None, "axis": None}
"""One row for each label; the label is written above what it is of, so that it has all the width there is."""


def _written(look: Look) -> Spec:
    mark = {"type": "text", "align": "left", "dy": -7, "fontSize": 12, "color": INK, "limit": look.width - 30}
    return {"mark": mark, "encoding": {"x": {"value": 0}, "y": _ROWS, "text": {"field": "told", "type": "nominal"}}}


def _told(one: Point, width: int) -> str:
    """Return what stands above a point: where there is not room for all, its label is cut and never its figures."""
    n = "" if one.n is None else f"n {one.n}"
    if one.low is None or one.high is None:
        figures = f": {amount(one.value)} ({', '.join(filter(None, ('no interval', n)))})"
    else:
        figures = f": {amount(one.value)} [{amount(one.low)}, {amount(one.high)}]{f' ({n})' if n else ''}"
    room = max(8, (width - 30) // 6 - len(figures))
    return (one.label if len(one.label) <= room else f"{one.label[: room - 1].rstrip(' ,')}…") + figures


def _lines(text: str, pixels: int) -> list[str]:
    """Return a text in lines of about the same length that fit, at about 6 pixels a letter."""
    most = max(12, (pixels - 60) // 6)
    return wrap(text, min(most, len(text) // len(wrap(text, most) or [""]) + 8))


def _sure(layer: Spec) -> Spec:
    """Return a layer of those points only that have an interval."""
    return layer | {"transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}]}


def _dots(encoding: Spec, look: Spec | None = None) -> list[Spec]:
    """Return the layers of dots: full ones, and hollow ones where there is no interval."""
    mark: Spec = {"type": "point", "size": 70, "opacity": 1, "strokeWidth": 2, **(look or {})}
    hollow = {"transform": [{"filter": "!isValid(datum.low) || !isValid(datum.high)"}]}
    return [
        _sure({"mark": mark | {"filled": True}, "encoding": encoding}),
        {"mark": mark | {"filled": False}, "encoding": encoding, **hollow},
    ]


def _series(names: Sequence[str]) -> dict[str, Spec]:
    """Return how series are told apart: by colour, shape and dash, with one legend where there are several."""
    legend: Spec = {} if len(names) > 1 else {"legend": None}
    count = range(len(names))
    scales = {
        "color": [COLOURS[at % len(COLOURS)] for at in count],
        "shape": [SHAPES[at % len(SHAPES)] for at in count],
        "strokeDash": [DASHES[at % len(DASHES)] for at in count],
    }
    return {
        channel: {"field": "series", "type": "nominal", "scale": {"domain": list(names), "range": values}} | legend
        for channel, values in scales.items()
    }


def _scale(look: Look) -> Spec:
    return {"zero": False} if look.span is None else {"domain": list(look.span), "nice": False}


def _apart(count: int) -> list[int]:
    """Return how far the first and the last of series are moved aside, so that their intervals do not cover."""
    return [0, 0] if count < 2 else [-4 * (count - 1), 4 * (count - 1)]  # noqa: PLR2004 - one needs no room
