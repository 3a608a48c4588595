"""What would leave with a page: keys, e-mail addresses, paths and names, found in every text of it, and taken out.

It must never be trusted to know every secret. It finds keys of known kinds and those kept here, addresses and paths as
they are usually written, and the names of those who took part; not nicknames, and not who is only spoken of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import unescape
from typing import TYPE_CHECKING, TypeVar

from moot.publish.texts import MASK, everywhere, masked, shown
from moot.transcript import CHAIR, Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from moot.publish.article import Piece

    T = TypeVar("T")

EMAIL = re.compile(r"(?<![\w.!#$%&'*+/=?^`{|}~\\-])[\w.!#$%&'*+/=?^`{|}~\\-]+@[\w-]+(?:\\?\.[\w-]+)+")
PATH = re.compile(
    r"file://[^\s<>\"')\]]+|(?<![\w\\])[A-Za-z]:\\(?:[^\\\n:*?\"<>|]+\\)*[^\s\\:*?\"<>|]*"
    r"|(?<![\w\\])\\\\[\w.$-]+(?:\\[\w.$-]+)+|(?<![\w/~])~[\w.-]*/[\w.@+~/-]+(?<!\.)|(?<![\w/.~])/(?:[\w.@+~-]+/)+[\w.@+~-]*(?<!\.)"
    r"|(?<![\w/.~])/(?:root|home|etc|tmp|var|srv|opt|mnt)\b"
)
EMAIL_MASK, PATH_MASK, PERSON = "[e-mail address]", "[path]", "someone"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that would leave: its kind, itself (of a key no more than its end), and how often it is there."""

    kind: str
    what: str
    times: int


def found_in(value: object, without: Callable[[str], str]) -> tuple[Found, ...]:
    """Return all keys, e-mail addresses and paths in any text of a value; `without` takes out the keys kept here."""
    counts: dict[tuple[str, str], int] = {}

    def look(text: str) -> str:
        for kind, what in _sought(shown(text), without):
            counts[kind, what] = counts.get((kind, what), 0) + 1
        return text

    everywhere(value, look)
    return tuple(Found(kind, what, times) for (kind, what), times in sorted(counts.items()))


def _sought(text: str, without: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    plain = masked(without(text))
    if plain != text:
        yield "keys", MASK
    for one in EMAIL.finditer(plain):
        yield "emails", one[0]
    for one in PATH.finditer(EMAIL.sub("", plain)):
        yield "paths", one[0]


def people(pieces: Sequence[Piece]) -> dict[str, str]:
    """Return all who took part, each with the voice that spoke for it."""
    return {one.name: one.voice for piece in pieces for one in piece.people}


def hidden(pieces: Sequence[Piece]) -> dict[str, str]:
    """Return what stands for each person's name: for everybody who is not known to be a model."""
    theirs = [name for name, voice in people(pieces).items() if voice.split(":")[0] in ("person", "unknown", "")]
    return {name: PERSON if len(theirs) == 1 else f"{PERSON} {at}" for at, name in enumerate(theirs, 1)}


def redacted(value: T, names: Mapping[str, str], keep: Collection[str], without: Callable[[str], str]) -> T:
    """Return a value with each text made fit to leave; `keep` may name emails and paths, and never keys."""

    def change(text: str) -> str:
        plain = masked(without(shown(text)))
        if "emails" not in keep:
            plain = EMAIL.sub(EMAIL_MASK, plain)
        if "paths" not in keep:
            plain = PATH.sub(PATH_MASK, plain)
        return renamed(plain, names)

    changed: T = everywhere(value, change)
    return changed


def fit(pieces: Sequence[Piece], change: Callable[[Piece], Piece]) -> tuple[Piece, ...]:
    """Return pieces changed in all that is read; what they are and how they are addressed stays."""
    return tuple(_same_kind(one, change(one)) for one in pieces)


def _same_kind(was: Piece, now: Piece) -> Piece:
    entries = tuple(replace(new, kind=old.kind) for old, new in zip(was.entries, now.entries, strict=True))
    return replace(now, key=was.key, id=was.id, kind=was.kind, day=was.day, entries=entries)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return text with each of these names, as whole words in any case, as what it maps to."""
    ordered = sorted((one for one in names if one.strip()), key=len, reverse=True)
    if not ordered:
        return text
    each = (r"\s+".join(map(re.escape, one.split())) for one in ordered)
    to = {" ".join(one.casefold().split()): names[one] for one in ordered}
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(each)})(?!\w)", re.IGNORECASE)
    return pattern.sub(lambda hit: to.get(" ".join(hit[0].casefold().split()), PERSON), text)


def check_names(names: Mapping[str, str]) -> None:
    """Complain about a name that would make its bearer pass for the chair."""
    wrong = [new for new in names.values() if not new.strip() or new.strip().casefold() == CHAIR]
    if wrong:
        raise Invalid(f"nobody can be called {wrong[0]!r} in what is published")


def check_page(page: str, keep: Collection[str], without: Callable[[str], str]) -> None:
    """Refuse a finished page that shows what was to be taken out: Markdown can put together what stood apart."""
    body = page.partition("</head>")[2] if page.startswith("<!DOCTYPE") else page
    plain = unescape(re.sub(r"<[^<>]*>", "", body))
    marks = str.maketrans("", "", "*`~\\")
    bare = f"{plain}\n{plain.translate(marks)}"
    if any(masked(without(one)) != one for one in (page, bare)):
        raise Invalid("nothing was written: there is a key in the words, written so that it cannot be taken out")
    if "emails" not in keep and EMAIL.search(bare):
        raise Invalid(
            "nothing was written: there is an e-mail address in the words, written so that it cannot be taken out; "
            "edit the turn on a fork (moot edit), or let addresses stand with --keep emails"
        )
