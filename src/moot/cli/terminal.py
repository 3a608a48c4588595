"""How words reach a terminal: made harmless first, coloured by speaker, one stream of text.

It must never let a control character, a direction override or markup in anybody's words be obeyed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
"""Of the speakers, in order; the chair's words are dim."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def safe(text: str) -> str:
    """Return text in which nothing can be obeyed by a terminal: such characters are shown, not sent."""
    return _CONTROL.sub(_shown, text.replace("\r\n", "\n"))


def _shown(found: re.Match[str]) -> str:
    char = found[0]
    if char < "\x20":
        return chr(0x2400 + ord(char))
    return "\u2421" if char == "\x7f" else f"<{ord(char):04X}>"


def console(*, err: bool = False) -> Console:
    """Return a console for standard output, or for standard error."""
    from rich.console import Console  # noqa: PLC0415 - heavy; a command that prints no words needs none of it

    return Console(stderr=err, highlight=False, markup=False, emoji=False, soft_wrap=True)


class Lines:
    """Words that come in pieces, broken into lines between words and never within one.

    `width` is in terminal cells; 0 leaves all lines as they are.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._column = 0
        self._word = ""

    def add(self, text: str) -> str:
        """Take a piece and return what of it can be printed: all but a last word that may go on."""
        if not self._width:
            return text
        *whole, self._word = _WORDS.split(self._word + text)
        return "".join(map(self._place, whole))

    def end(self) -> str:
        """Return the last word; the next piece begins a line."""
        last, self._word = self._place(self._word), ""
        self._column = 0
        return last

    def _place(self, piece: str) -> str:
        from rich.cells import cell_len  # noqa: PLC0415 - comes with the console

        if "\n" in piece:
            self._column = cell_len(piece.rpartition("\n")[2])
            return piece
        length = cell_len(piece)
        if piece.isspace():
            self._column += length
            return piece if self._column < self._width else ""
        if self._column + length > self._width and self._column:
            self._column = length
            return f"\n{piece}"
        self._column += length
        return piece


_WORDS = re.compile(r"(\s+)")


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Print one JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=not _is_utf8()))


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def colour(name: str, names: Sequence[str]) -> str:
    """Return the style in which a speaker's name is shown."""
    return f"bold {COLOURS[names.index(name) % len(COLOURS)]}" if name in names else "dim bold"


def program() -> str:
    """Return how this program can be called again from here: `moot`, or the path to it."""
    called = Path(sys.argv[0])
    found = shutil.which("moot")
    if called.name != "moot" or (found and os.path.realpath(found) == os.path.realpath(called)):
        return "moot"
    relative = os.path.relpath(called)
    return relative if len(relative) < len(str(called)) else str(called)
