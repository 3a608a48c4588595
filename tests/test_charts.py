"""Charts: what they show of points, in which colours, as pictures, and what words in them can do."""

from __future__ import annotations

import json
import re
import select
import socket
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moot.publish import stills
from moot.publish.charts import COLOURS, INK, NARROW, WIDE, Look, Point, amount, bars, by_turn, intervals, paths
from moot.publish.stills import png, svg
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK = Look("Effects", "points on 1 to 7", "effects by arm")
POINTS = (Point("message", 0.4, -0.2, 1.0, 24), Point("nothing", -0.1, None, None, 3))
COURSE = tuple(
    Point(name, 3.0 + at, 2.5 + at, 3.5 + at, 12, "persuader", at) for at, name in enumerate(("before", "after"))
)
KINDS: dict[str, Callable[[tuple[Point, ...], Look], dict[str, Any]]] = {
    "intervals": intervals,
    "paths": lambda points, look: paths(points, look, [points]),
    "by turn": by_turn,
    "bars": bars,
}
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
RGB = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})")


def parsed(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)  # noqa: S314 - drawn just now


def channels(colour: str) -> list[float]:
    """Return a colour's linear red, green and blue."""
    found = RGB.fullmatch(colour)
    assert found
    parts = [int(one, 16) / 255 for one in found.groups()]
    return [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 has it."""
    light = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in map(channels, (one, other))]
    return (max(light) + 0.05) / (min(light) + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#15181c"])
def test_each_colour_stands_out_on_both_grounds(ground: str) -> None:
    assert {one: contrast(one, ground) for one in COLOURS if contrast(one, ground) < 3} == {}


def lab(colour: list[float]) -> list[float]:
    red, green, blue = colour
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    x, y, z = (one ** (1 / 3) if one > 0.008856 else 7.787 * one + 16 / 116 for one in xyz)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB
SEEN = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}


@pytest.mark.parametrize("eyes", list(SEEN))
def test_the_first_four_colours_are_told_apart_by_eyes_that_see_them_otherwise(eyes: str) -> None:
    seen = [
        lab(
            [
                max(0.0, sum(weight * part for weight, part in zip(row, channels(one), strict=True)))
                for row in SEEN[eyes]
            ]
        )
        for one in COLOURS[:4]
    ]
    apart = [
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        for at, one in enumerate(seen)
        for other in seen[at + 1 :]
    ]
    assert min(apart) > 11, apart


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_chart_is_as_wide_as_it_is_said_to_be_and_says_what_it_shows(kind: str) -> None:
    for look, width in ((LOOK, WIDE), (LOOK.narrow(), NARROW)):
        spec = KINDS[kind](COURSE, look)
        root = parsed(svg(spec, "x"))
        assert root.get("width") == str(width)
        assert (spec["description"], spec["title"], spec["background"]) == ("effects by arm", "Effects", None)
    assert json.loads(json.dumps(spec)) == spec


def test_an_interval_is_drawn_where_there_is_one_and_a_point_without_one_is_hollow() -> None:
    root = parsed(svg(intervals(POINTS, LOOK), "x"))
    told = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "message: 0.4 [\u22120.2, 1] (n 24)" in told
    assert "nothing: \u22120.1 (no interval, n 3)" in told
    dots = [one for one in root.iter() if one.get("aria-roledescription") == "point"]
    assert [one.get("fill") in (None, "transparent", "none") for one in dots] == [False, True]
    spans = [
        one for one in root.iter() if one.get("aria-roledescription") == "rule mark" and one.get("stroke") == COLOURS[0]
    ]
    assert len(spans) == 1


def test_a_label_without_room_is_cut_and_its_figures_never_are() -> None:
    long = Point("persuader against control, adjusted for the stance before", 0.4, -0.2, 1.0, 24)
    drawn = svg(intervals((long,), LOOK.narrow()), "x")
    assert re.search(r"persuader against[^<]*…: 0.4 \[\u22120.2, 1\] \(n 24\)", drawn)


def test_the_axis_of_a_scale_goes_from_one_end_to_the_other() -> None:
    spec = paths(COURSE, Look("Stance", "points", "d", span=(1.0, 7.0)))
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == [1.0, 7.0]


def test_large_figures_are_whole_and_small_ones_have_three_digits() -> None:
    assert [amount(one) for one in (15_000.0, -1234.5, 0.12345, -2.0)] == ["15,000", "\u22121,234", "0.123", "\u22122"]


@pytest.mark.parametrize("kind", list(KINDS))
def test_words_in_a_chart_stay_words(kind: str) -> None:
    points = tuple(Point(HOSTILE + str(at), 1.0 + at, 0.5, 3.0, 4, f"{HOSTILE} {at}", at) for at in range(2))
    drawn = svg(KINDS[kind](points, Look(HOSTILE, HOSTILE, HOSTILE, HOSTILE)), "x")
    root = parsed(drawn)
    tags = {one.tag.partition("}")[2] for one in root.iter()}
    assert tags <= {"svg", "g", "path", "line", "text", "tspan", "defs", "clipPath", "rect"}
    assert [key for one in root.iter() for key in one.attrib if key.startswith("on") or "href" in key] == []


@settings(max_examples=6)
@given(st.lists(st.tuples(st.text(max_size=8), st.floats(-1e6, 1e6), st.booleans()), min_size=1, max_size=8))
@example([("\x00\x1f\ud800\ufffe", 0.0, True), ("\u202ehidden", 1e-9, False)])  # each of the first ends vl-convert
def test_any_words_and_figures_can_be_drawn(told: list[tuple[str, float, bool]]) -> None:
    points = tuple(
        Point(label, value, *((value - 1, value + 1) if sure else (None, None)), n=at, series=label, at=at)
        for at, (label, value, sure) in enumerate(told)
    )
    for draw in (intervals, by_turn):
        assert svg(draw(points, LOOK), "x").startswith("<svg")


def test_the_same_chart_is_the_same_picture_whatever_was_drawn_before() -> None:
    spec = by_turn(COURSE, LOOK)
    first = svg(spec, "x")
    svg(bars(POINTS, LOOK), "y")
    assert svg(spec, "x") == first
    assert png(spec) == png(spec)
    assert png(spec)[:4] == b"\x89PNG"


def test_a_chart_that_names_an_address_is_refused_and_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.json"
        spec = bars(POINTS, LOOK) | {"data": {"url": address}}
        for draw in (lambda: svg(spec, "x"), lambda: png(spec)):
            with pytest.raises(ValueError, match="not allowed"):
                draw()
        assert select.select([server], [], [], 0.2)[0] == []


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stills, "import_module", _missing)
    with pytest.raises(Invalid, match=r'pip install "moot\[plots\]"'):
        svg(bars(POINTS, LOOK), "x")


def _missing(name: str) -> Any:
    raise ImportError(name)


def test_ink_is_no_colour_of_a_series() -> None:
    assert INK not in COLOURS
