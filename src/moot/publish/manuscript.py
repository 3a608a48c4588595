"""An article as Markdown, for another program to set.

It must never let somebody's words pass for a heading of the article: their headings go below it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moot.publish.press import said_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.publish.article import Entry, Piece
    from moot.publish.overlay import Overlay

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!&~])")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_HEADING = re.compile(r"^( {0,3})(#{1,6})(?=\s|$)", re.MULTILINE)
_UNDERLINE = re.compile(r"^( {0,3})(=+|-+)([ \t]*)$", re.MULTILINE)


def manuscript(pieces: Sequence[Piece], overlay: Overlay) -> str:
    """Return pieces as one text in Markdown; raw tags in anybody's words are escaped."""
    alone = len(pieces) == 1
    top = pieces[0].overlay if alone else overlay
    lines = [f"# {_flat((pieces[0].title if alone else overlay.title) or 'Conversations')}"]
    lines += [f"*{_flat(top.subtitle)}*"] if top.subtitle else []
    lines += [f"{_flat(top.author)}"] if top.author else []
    lines += [_words(top.introduction)] if top.introduction else []
    for one in pieces:
        lines += _piece(one, alone=alone)
    lines += ["---", _words(top.afterword)] if top.afterword else []
    return "\n\n".join(lines) + "\n"


def _piece(piece: Piece, *, alone: bool) -> Iterator[str]:
    if not alone:
        yield f"## {_flat(piece.title)}"
        if piece.overlay.introduction:
            yield _words(piece.overlay.introduction)
    if piece.day:
        yield said_day(piece.day)
    if piece.question and piece.question != piece.title:
        yield f"**{piece.question_is}:** {_flat(piece.question)}"
    yield "\n".join(
        f"- **{_flat(one.name)}**{f', {one.role}' if one.role else ''} ({_flat(one.voice)})" for one in piece.people
    )
    for person in piece.people:
        if person.brief:
            yield f"**What only {_flat(person.name)} was told:**\n\n{_words(person.brief)}"
    for one in piece.entries:
        yield from _entry(one)
    if piece.outcome:
        yield f"*{_flat(piece.outcome)}*"
    if not alone and piece.overlay.afterword:
        yield _words(piece.overlay.afterword)


def _entry(one: Entry) -> Iterator[str]:
    if one.kind == "letter":
        yield f"### {one.label}"
        yield " \u00b7 ".join(filter(None, (f"**{_flat(one.speaker)}**", said_day(one.day), one.remark)))
    else:
        yield " \u00b7 ".join(filter(None, (f"**{_flat(one.speaker)}**", one.label, one.remark)))
    yield _words(one.words)
    for note in one.notes:
        yield "\n".join(f"> {line}" for line in f"*Editor\u2019s note:* {_words(note)}".split("\n"))


def _flat(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _words(text: str) -> str:
    """Return words whose headings stand below the article's, and whose tags are none; a fence is closed."""
    plain = _UNDERLINE.sub(r"\1\\\2\3", _HEADING.sub(r"\1####", _TAG.sub(r"\\<", text.strip())))
    return f"{plain}\n```" if plain.count("```") % 2 else plain
