"""Conversations as files: what kind a file is shows in its structure, and whatever a format cannot hold is said.

A format must never execute, fetch or follow what a file names, go by a file's name, or drop words in silence.
"""

from __future__ import annotations

from typing import Literal, get_args

from moot.formats import article, markdown, record, text
from moot.formats.page import (
    ACCEPTED,
    MOST_TURNS,
    Imported,
    Page,
    Record,
    Unreadable,
    Written,
    decode,
)
from moot.transcript import Invalid

Format = Literal["text", "md", "json"]
"""What a conversation can be written as; see `text`, `markdown` and `record`. Only "json" loses nothing."""

FORMATS: tuple[Format, ...] = get_args(Format)


def read(file: bytes, name_hint: str = "") -> tuple[Imported, ...]:
    """Return the conversations that a file holds, at least one.

    `name_hint` is only for the message: `Unreadable`, in one line, where there is none or a limit is passed (64 MiB,
    1,000,000 turns, JSON 64 deep).
    """
    try:
        found = _read(decode(file))
    except (Unreadable, Invalid) as error:
        raise Unreadable(f"{name_hint}: {error}" if name_hint else str(error)) from None
    return found


def _read(page: Page) -> tuple[Imported, ...]:
    if record.fits(page):
        found = record.read(page)
    elif markdown.fits(page):
        found = (markdown.read(page),)
    else:
        found = (text.read(page) or article.read(page),)
    most = max(len(one.transcript.turns) for one in found)
    if most > MOST_TURNS:
        raise Unreadable(f"{most:,} turns are more than moot reads at once ({MOST_TURNS:,})")
    return found


def write(record_: Record, as_format: Format) -> Written:
    """Return a record as the text of a file (UTF-8, LF), with what that file cannot hold."""
    match as_format:
        case "text":
            return text.write(record_)
        case "md":
            return markdown.write(record_)
        case "json":
            return record.write(record_)


__all__ = ["ACCEPTED", "FORMATS", "Format", "Imported", "Record", "Unreadable", "Written", "read", "write"]
