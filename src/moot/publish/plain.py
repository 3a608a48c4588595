"""A page as Markdown that any reader of Markdown shows alike.

It must never let somebody's words become Markdown or HTML: they are escaped, and what was said stands in fences.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moot.publish.blocks import Bullets, Code, Figure, Fold, Paragraph, Said, Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moot.publish.blocks import Block, Cell, Document

_MARKS = re.compile(r"([\\`*_\[\]<>|~#])")


def markdown(document: Document, pictures: str = "") -> str:
    """Return a page as Markdown; `pictures` is the folder of its figures, where they were written."""
    lines = [f"# {_plain(document.title)}", _plain(document.opening)]
    lines += [f"- {_plain(name)}: {_plain(value)}" for name, value in document.facts]
    pieces = ["\n".join(filter(None, (lines[0], "", lines[1], "", *lines[2:])))]
    for section in document.sections:
        pieces += _written(section, pictures, 2)
    return "\n\n".join(filter(None, pieces)) + "\n"


def _written(one: Block, pictures: str, level: int) -> Iterator[str]:
    match one:
        case Paragraph(text):
            yield _plain(text)
        case Bullets(lines):
            yield "\n".join(f"- {_plain(line)}" for line in lines)
        case Table():
            yield _table(one)
        case Figure():
            yield f"{'#' * (level + 1)} {_plain(one.title)}"
            if pictures:
                yield f"![{_plain(one.title)}]({pictures}/{one.name}.svg)"
            yield _plain(one.caption)
            yield _table(one.table)
        case Code(text):
            yield _fenced(text)
        case Said():
            yield f"**{_plain(one.speaker)}** · {one.number}" + (f" · {_plain(one.note)}" if one.note else "")
            yield _fenced(one.words)
        case Fold(summary, blocks):
            yield f"{'#' * (level + 1)} {_plain(summary)}"
            for block in blocks:
                yield from _written(block, pictures, level + 1)
        case Section(title, _, blocks):  # exhaustive
            yield f"{'#' * level} {_plain(title)}"
            for block in blocks:
                yield from _written(block, pictures, level)


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _table(one: Table) -> str:
    rule = [" --- " if at < one.words else " ---: " for at in range(len(one.heads))]
    rows = ["|".join(("", *(f" {_cell(cell)} " for cell in row), "")) for row in (one.heads, *one.rows)]
    return "\n".join((_plain(one.caption), "", rows[0], "|".join(("", *rule, "")), *rows[1:]))


def _cell(cell: Cell) -> str:
    return _plain(cell if isinstance(cell, str) else " ".join(link.words for link in cell))


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
