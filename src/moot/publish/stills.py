"""Charts as still pictures, SVG and PNG, by vl-convert: the only file that knows it.

It must never fetch anything: a chart has its data in it, and one that names an address is refused.
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from moot.publish.charts import INK
from moot.publish.texts import everywhere, shown
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

LACKING = 'pictures need vl-convert, which is not here: pip install "moot[plots]"'
PAPER, PRINT = "#ffffff", "#3c4148"
"""A PNG has a ground of its own and darker ink, since nobody knows on what it will lie."""

SHARP = 2.0
"""Pixels of a PNG for one of the chart."""

_ID = re.compile(r'(?<=\bid=")[^"]+(?=")|(?<=url\(#)[^)]+(?=\))')


def are_here() -> bool:
    """Whether charts can be drawn."""
    return find_spec("vl_convert") is not None


def svg(spec: Mapping[str, Any], name: str) -> str:
    """Return a chart as SVG; ids in it begin with `name` and are counted anew, so that a page can hold several."""
    drawn = str(_converter().vegalite_to_svg(_sound(spec), allowed_base_urls=[]))
    known: dict[str, str] = {}
    return _ID.sub(lambda found: known.setdefault(found[0], f"{name}-{len(known)}"), drawn)


def png(spec: Mapping[str, Any]) -> bytes:
    """Return a chart as PNG, on white."""
    printed = svg(dict(spec) | {"background": PAPER}, "png").replace(f'"{INK}"', f'"{PRINT}"')
    return bytes(_converter().svg_to_png(printed, scale=SHARP))


def _sound(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chart without the characters that XML forbids: one of them ends vl-convert, and this process with it."""
    return everywhere(dict(spec), shown)


def _converter() -> Any:  # noqa: ANN401 - a compiled module
    try:
        return import_module("vl_convert")
    except ImportError:
        raise Invalid(LACKING) from None
