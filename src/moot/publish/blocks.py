"""What a page is made of: sections of paragraphs, tables, figures and people's words, whatever it is written as.

It must never hold HTML: all text here is plain, and becomes harmless where it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead to a place of the same page."""

    words: str
    to: str


Cell: TypeAlias = str | tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; `tone` is how it is meant: "note" for what has to be known, "lead" for what matters most."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of lines."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption; its first `words` columns are read, the others compared. `anchors` name its rows."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int = 1
    anchors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as Vega-Lite, wide and for narrow screens; `name` is that of its files, `table` has the same figures."""

    name: str
    title: str
    caption: str
    wide: Mapping[str, Any]
    narrow: Mapping[str, Any]
    table: Table


@dataclass(frozen=True, slots=True)
class Code:
    """Something to be typed or read as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """What one speaker said, in Markdown as models write it; `note` says what else is known of that turn."""

    speaker: str
    number: int
    words: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that are opened when they are wanted; `anchor` is how links lead there."""

    summary: str
    blocks: tuple[Block, ...]
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a page."""

    title: str
    anchor: str
    blocks: tuple[Block, ...]


Block: TypeAlias = Paragraph | Bullets | Table | Figure | Code | Said | Fold | Section


@dataclass(frozen=True, slots=True)
class Document:
    """A page: what kind it is, its title and opening, a line of facts each named, and its sections."""

    kind: str
    title: str
    opening: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


def figures(blocks: tuple[Block, ...]) -> tuple[Figure, ...]:
    """Return all figures among blocks, in order."""
    found: list[Figure] = []
    for one in blocks:
        match one:
            case Figure():
                found.append(one)
            case Fold() | Section():
                found += figures(one.blocks)
            case _:
                pass
    return tuple(found)
