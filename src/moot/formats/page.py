"""What goes into every format and comes out of it: a decoded file, a record, what was read, written and lost.

This file must never know a format's layout, nor open, fetch or follow anything: bytes arrive as a value.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.transcript import CHAIR, Invalid, Transcript, sound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.transcript import Heading, Turn

LARGEST_FILE = 64 * 2**20
"""Bytes."""

DEEPEST = 64
"""How many lists and objects of JSON may stand inside each other."""

MOST_TURNS = 100_000

ACCEPTED = (
    "moot reads its own JSON and Markdown, chat logs of other programs (docs/formats.md), talks under a header of "
    "'NAME Model: MODEL' lines, and texts whose turns open with 'NAME: '"
)

_SHOWN = 300
_BOM = "\ufeff"


class Unreadable(ValueError):
    """A file that holds no conversation moot can read; one line for a person: what was found, what is accepted."""

    def __init__(self, line: str) -> None:
        super().__init__(printable(line, _SHOWN))


@dataclass(frozen=True, slots=True)
class Imported:
    """What was read from a file.

    `lost` says in plain sentences what the file held that could not be kept, and what had to be guessed; `id` is what
    the file calls this conversation, where it says. A branch shares the first `shared` turns of the conversation that
    was read `back` places before it.
    """

    transcript: Transcript
    lost: tuple[str, ...] = ()
    id: str = ""
    back: int = 0
    shared: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """A transcript with what a file may say of it besides: its id, what it was forked from, and the calls it took."""

    transcript: Transcript
    id: str = ""
    forked_from: str = ""
    calls: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A conversation as the text of a file; `lost` says in plain sentences what that file does not hold."""

    text: str
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Packed:
    """Conversations as several files by name: a folder, or what an archive holds; `lost` as in `Written`."""

    files: tuple[tuple[str, bytes], ...]
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A decoded file: `raw` as it was, `text` with plain line ends and without a byte order mark.

    `mark` and `returns` tell whether it began with that mark and ended all its lines with CR LF.
    """

    raw: str
    text: str
    mark: bool = False
    returns: bool = False
    lost: tuple[str, ...] = ()


def decode(file: bytes) -> Page:
    """Return a file's text; `Unreadable` where it is too large, empty or not UTF-8."""
    if len(file) > LARGEST_FILE:
        raise Unreadable(f"{len(file):,} bytes are more than moot reads at once ({LARGEST_FILE:,}); split the file")
    if file.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("this is UTF-16 text; save it as UTF-8 and read it again")
    try:
        raw = file.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"this is not UTF-8 text (byte {error.start:,} cannot be read); save it as UTF-8 and read it again"
        ) from None
    if not raw.strip(f"{_BOM}\0 \t\r\n"):
        raise Unreadable(f"the file is empty; {ACCEPTED}")
    return page(raw)


def page(raw: str) -> Page:
    """Return decoded text as a page, saying what of its characters could not be kept."""
    mark = raw.startswith(_BOM)
    text = raw[1:] if mark else raw
    lost: list[str] = []
    if "\0" in text:
        lost.append(f"{text.count(chr(0))} NUL characters, which no record can hold, are replaced by U+FFFD")
        text = sound(text)
    ends, feeds = text.count("\r\n"), text.count("\n")
    # A few CR LF among many LF are somebody's words; more of them are a file that was edited here and there.
    if ends and feeds // 2 <= ends < feeds:
        lost.append("the file ends some lines with CR LF and some with LF; all are read as LF")
    plain = text.replace("\r\n", "\n") if ends and feeds // 2 <= ends else text
    return Page(raw, plain, mark, ends == feeds > 0, tuple(lost))


def unpage(text: str, *, mark: bool, returns: bool) -> str:
    """Return text with the line ends and the byte order mark of the file that it came from."""
    return sound(_BOM * mark + (text.replace("\n", "\r\n") if returns else text))


def compose(heading: Heading, turns: Sequence[Turn]) -> Transcript:
    """Return the transcript of these turns; `Invalid` where a speaker or hearer is not of the heading.

    The same as `Transcript.then` turn by turn, in one pass.
    """
    known = {CHAIR, *heading.names}
    for number, turn in enumerate(turns, 1):
        for name in (turn.speaker, *(turn.heard_by or ())):
            if name not in known:
                raise Invalid(f"turn {number}: nobody here is called {name!r}; there are {', '.join(heading.names)}")
    return Transcript(heading, tuple(turns))


def printable(text: str, longest: int) -> str:
    """Return text as one line that a terminal can show: no control or invisible characters, and not too long."""
    line = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in sound(text[: longest + 1]))
    return line if len(line) <= longest else f"{line[:longest].rstrip()}…"


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: '1 turn', '2 turns'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
