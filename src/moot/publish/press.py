"""An article as HTML: letters set as letters, talks as dialogue, debates under their motion; each turn has an address.

It must never let a word of anybody's out of its place, nor add one that nobody said: labels are moot's, and look so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.publish.markup import Markup, element, joined
from moot.publish.page import formatted, head, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.publish.article import Entry, Piece
    from moot.publish.overlay import Overlay

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_VOICES = 6
"""Speakers who are told apart by colour; a seventh looks like the first."""

_KINDS = {
    "letters": "An exchange of letters",
    "debate": "A debate",
    "interview": "An interview",
    "panel": "A discussion",
    "trial": "A trial of persuasion",
}
"""What a form is called on a page; a form of one's own is named after a file, which nobody else shall know."""

_OPENS = re.compile(r"(?:dear|to|an?|my|hello|good|esteemed|sehr|liebe[rs]?|cher[es]*|querid[oa]s?)\b", re.IGNORECASE)
_LONGEST_GREETING, _LONGEST_CLOSE, _CLOSING_LINES = 90, 60, 4
_CREDIT = "Set by moot from the record. This page loads nothing and runs no script."
GENERATOR = element("meta", of={"name": "generator", "content": "moot publish"})


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter's words in four pieces: before its salutation, the salutation, what it says, and its close."""

    before: str
    salutation: str
    body: str
    close: str


def letter_of(words: str, writer: str) -> Letter:
    """Return a letter's pieces; what is not clearly a salutation or a close stays part of what it says."""
    lines = words.strip().split("\n")
    first = next((at for at, line in enumerate(lines[:6]) if _greets(line)), None)
    before, salutation = ("", "") if first is None else ("\n".join(lines[:first]), lines[first].strip())
    rest = "\n".join(lines if first is None else lines[first + 1 :]).strip()
    body, gap, last = rest.rpartition("\n\n")
    is_close = gap and "```" not in last and _closes(last.strip().split("\n"), writer)
    if is_close and body.rstrip().rpartition("\n\n")[2].strip().endswith(",") and "\n" not in last.strip():
        body, _, regards = body.rstrip().rpartition(
            "\n\n"
        )  # "Yours sincerely," and the name in paragraphs of their own
        if len(regards) <= _LONGEST_CLOSE and "\n" not in regards:
            return Letter(before, salutation, body, f"{regards}\n{last}")
        body = f"{body}\n\n{regards}"
    return Letter(before, salutation, body, last) if is_close else Letter(before, salutation, rest, "")


def _greets(line: str) -> bool:
    bare = line.strip().strip("*_")
    return len(bare) <= _LONGEST_GREETING and bare.endswith((",", ":")) and bool(_OPENS.match(bare))


def _closes(lines: Sequence[str], writer: str) -> bool:
    short = len(lines) <= _CLOSING_LINES and all(len(line) <= _LONGEST_CLOSE for line in lines)
    name = lines[-1].strip(" *_\u2014-\u2013.").casefold()
    return short and bool(name) and (name in writer.casefold() or writer.casefold() in name)


def article(pieces: Sequence[Piece], overlay: Overlay, back: tuple[str, str] | None = None) -> str:
    """Return one page of all these pieces; `back` is the name and the address of what it is part of."""
    alone = len(pieces) == 1
    top = pieces[0].overlay if alone else overlay
    title = (pieces[0].title if alone else overlay.title) or "Conversations"
    days = tuple(dict.fromkeys(one.day for one in pieces if one.day))
    crumb = [element("p", element("a", back[0], of={"href": back[1]}), of={"class": "back"})] if back else []
    kind = _kind(pieces[0]) if alone else f"{len(pieces)} conversations"
    opened = _masthead(title, kind, top, (min(days), max(days)) if days else None)
    parts = [_piece(one, alone=alone) for one in pieces]
    contents = [] if alone else [_contents(pieces)]
    ended = [element("section", formatted(top.afterword), of={"class": "afterword"})] if top.afterword else []
    people = [element("footer", *_cast(pieces), element("p", _CREDIT))]
    body = element("body", *crumb, opened, element("main", *contents, *parts, *ended), *people)
    return whole(head(title, "article.css", GENERATOR), body, top.language or "en")


def _masthead(title: str, kind: str, top: Overlay, days: tuple[str, str] | None) -> Markup:
    by = [element("span", top.author, of={"class": "author"})] if top.author else []
    when = [] if days is None else [_time(days[0])] if days[0] == days[1] else [_time(days[0]), _time(days[1])]
    return element(
        "header",
        element("p", kind, of={"class": "kind"}),
        element("h1", title, of={"dir": "auto"}),
        *([element("p", top.subtitle, of={"class": "subtitle", "dir": "auto"})] if top.subtitle else []),
        *([element("p", *_between([*by, *when], " \u00b7 "), of={"class": "byline"})] if by or when else []),
        *([element("div", formatted(top.introduction), of={"class": "introduction"})] if top.introduction else []),
    )


def _between(parts: Sequence[Markup], gap: str) -> list[str]:
    return [piece for at, part in enumerate(parts) for piece in ((gap, part) if at else (part,))]


def _time(day: str) -> Markup:
    return element("time", said_day(day), of={"datetime": day})


def said_day(day: str) -> str:
    """Return a day as people write it; what is no day stays as it is."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", day)
    if not found or not 1 <= int(found[2]) <= len(_MONTHS):
        return day
    return f"{int(found[3])} {_MONTHS[int(found[2]) - 1]} {found[1]}"


def _kind(piece: Piece) -> str:
    return _KINDS.get(piece.kind, "A conversation")


def _contents(pieces: Sequence[Piece]) -> Markup:
    found = [element("li", element("a", one.title, of={"href": f"#{one.key}", "dir": "auto"})) for one in pieces]
    return element("nav", element("ol", *found), of={"aria-label": "Contents"})


def _piece(piece: Piece, *, alone: bool) -> Markup:
    opened = [] if alone else [element("h2", piece.title, of={"dir": "auto"})]
    if not alone and piece.overlay.introduction:
        opened.append(element("div", formatted(piece.overlay.introduction), of={"class": "introduction"}))
    if piece.question and piece.question != piece.title:
        said = element("q", piece.question, of={"dir": "auto"}) if piece.kind == "debate" else piece.question
        opened.append(element("p", element("b", piece.question_is), " ", said, of={"class": "question", "dir": "auto"}))
    sides = [element("li", element("b", one.name), f" {one.role}") for one in piece.people if one.role]
    opened += [element("ul", *sides, of={"class": "sides"})] if sides else []
    briefs = [(one.name, one.brief) for one in piece.people if one.brief]
    opened += [_brief(*one) for one in briefs]
    order = {one.name: at % _VOICES for at, one in enumerate(piece.people)}
    said = entries(piece, order, "" if alone else f"{piece.key}-")
    ended = [element("p", piece.outcome, of={"class": "outcome"})] if piece.outcome else []
    if not alone and piece.overlay.afterword:
        ended.append(element("section", formatted(piece.overlay.afterword), of={"class": "afterword"}))
    return element(
        "article", *opened, said, *ended, of={"id": piece.key, "class": piece.kind if piece.kind in _KINDS else "talk"}
    )


def _brief(name: str, brief: str) -> Markup:
    return element("details", element("summary", f"What only {name} was told"), formatted(brief))


def entries(piece: Piece, order: dict[str, int], prefix: str) -> Markup:
    """Return all that is read of a piece; `prefix` comes before each turn's address."""
    seen: set[int] = set()
    said: list[Markup] = []
    for one in piece.entries:
        anchor = "" if one.number in seen else f"{prefix}turn-{one.number}"
        seen.add(one.number)
        said.append(_letter(one, anchor) if one.kind == "letter" else _said(one, anchor, order.get(one.speaker, 0)))
        said += [
            element("aside", element("b", "Editor\u2019s note"), formatted(note), of={"class": "note"})
            for note in one.notes
        ]
    return joined(said)


def _letter(one: Entry, anchor: str) -> Markup:
    told = letter_of(one.words, one.speaker)
    line = [element("span", one.label, of={"class": "label"})]
    line += [_time(one.day)] if one.day else []
    return element(
        "section",
        element("p", *line, _link(one, anchor), of={"class": "dateline"}),
        *([element("div", formatted(told.before))] if told.before.strip() else []),
        *(
            [element("div", formatted(told.salutation), of={"class": "salutation", "dir": "auto"})]
            if told.salutation
            else []
        ),
        element("div", formatted(told.body), of={"class": "words", "dir": "auto"}),
        *([element("div", formatted(_lined(told.close)), of={"class": "close", "dir": "auto"})] if told.close else []),
        *([] if told.close else [element("p", one.speaker, of={"class": "from"})]),
        *([element("p", one.remark, of={"class": "remark"})] if one.remark else []),
        of={"class": "letter"} | ({"id": anchor} if anchor else {}),
    )


def _lined(text: str) -> str:
    """Return lines that stay lines in Markdown."""
    return "  \n".join(line.strip() for line in text.strip().split("\n"))


def _said(one: Entry, anchor: str, voice: int) -> Markup:
    note = " \u00b7 ".join(filter(None, (one.label, one.remark)))
    who = element("p", element("b", one.speaker), element("span", note), _link(one, anchor), of={"class": "who"})
    of = {"class": f"turn {one.kind} v{voice}"} | ({"id": anchor} if anchor else {})
    return element("section", who, element("div", formatted(one.words), of={"class": "words", "dir": "auto"}), of=of)


def _link(one: Entry, anchor: str) -> Markup:
    if not anchor:
        return Markup("")
    of = {"href": f"#{anchor}", "class": "mark", "aria-label": f"Link to turn {one.number}"}
    return element("a", str(one.number), of=of)


def _cast(pieces: Sequence[Piece]) -> list[Markup]:
    people = dict.fromkeys((one.name, one.voice) for piece in pieces for one in piece.people)
    told = [element("li", element("b", name), f" {voice}") for name, voice in people]
    return [element("h2", "Who speaks"), element("ul", *told)]
