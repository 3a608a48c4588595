"""HTML as values: elements whose words and attributes are escaped when they are made.

It must never take a plain string for HTML: only what was made here, or said to be `Markup`, stands as it is.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VOID = frozenset(("meta", "link", "br", "hr", "col"))


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, *children: str, of: Mapping[str, str] | None = None) -> Markup:
    """Return an element with these children, each escaped unless it is `Markup`; `of` are its attributes."""
    opened = "".join(f' {key}="{escape(value)}"' for key, value in (of or {}).items())
    if name in VOID:
        return Markup(f"<{name}{opened}>")
    return Markup(f"<{name}{opened}>{joined(children)}</{name}>")


def joined(children: Iterable[str]) -> Markup:
    """Return children one after the other, each escaped unless it is `Markup`."""
    return Markup("".join(one if isinstance(one, Markup) else escape(one) for one in children))
