"""Whose turn it is in a conversation that rests, and where what they type is kept until it is on record.

It must never decide that for itself: the form does.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from moot.cli import record
from moot.forms import Wait
from moot.stepping import pending
from moot.transcript import link
from moot.voices.person import Draft, shown

if TYPE_CHECKING:
    from moot.store import Stored

DIGITS = 16


def draft_of(identity: str, name: str) -> Draft:
    """Return what is kept of a turn that `name` writes in a conversation: a file beside the record."""
    where = record.path()
    return Draft(where.with_name(f"{where.name}-drafts") / identity / f"{link('', name)[:DIGITS]}.txt")


def way_in(stored: Stored) -> str:
    """Return what the person whom a conversation waits for can call, without the program's name; or nothing."""
    move = pending(stored)
    if not isinstance(move, Wait):
        return ""
    words = '"WORDS"' if move.ask is None else "NUMBER"
    return f"say {stored.listing.id[:8]} {words} --as {shlex.quote(move.name)} --go"


def asked(stored: Stored) -> str:
    """Return the question that the person whom a conversation waits for is asked, with its options; or nothing."""
    move = pending(stored)
    return shown(move.ask) if isinstance(move, Wait) and move.ask else ""
