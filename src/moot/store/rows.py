"""Rows of a record as values and back: what every database keeps alike.

This file must never know a database.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, LiteralString

from moot.store import Call, Conflict, Listing, NotFound, Share, Stored, StoreError
from moot.transcript import Transcript, as_json, canonical, digests, heading_from_json, link, sound, turn_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.transcript import Heading, Turn

Row = tuple[int, str, str, str]
"""A turn's seq, JSON, digest and time."""

Head = tuple[str, str, str, str | None, str | None, int, str, int | None]
"""A conversation's id, heading, time, why it is closed, source, fork point, foreigners and length; None inherits."""

CALL = tuple(field.name for field in fields(Call))
QUOTED = ("partial", "cut")
"""A model's words, kept as JSON strings: no text is too odd for those."""
BEFOREHAND = ("begun", "lease")
"""What is known of a call before it is sent, and stays as it was written."""


UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What is raised by JSON that is none, or not of what it should be."""


def damaged(what: str) -> StoreError:
    """Return the error to raise where a row cannot be read."""
    return StoreError(f"{what} cannot be read: the record is damaged there; go back to a backup (see: moot db check)")


def now() -> str:
    """Return this moment as it is written on record."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def turn_row(turn: Turn, digest: str) -> tuple[str, str, str]:
    """Return what is kept of a turn besides its place: JSON, digest and time."""
    return canonical(as_json(turn)), digest, now()


def head_row(identity: str, heading: Heading, foreigners: Sequence[str]) -> tuple[str, str, str, str, str]:
    """Return what is kept of a new conversation: id, heading, digest, time and foreigners."""
    plain = as_json(heading)
    return identity, canonical(plain), link("", plain), now(), json.dumps(list(foreigners))


def branch(identity: str, transcript: Transcript, source: str, shared: int, foreigners: Sequence[str]) -> Share:
    """Return what is kept of a conversation that shares its first turns with a source, to be put on record at once."""
    _, heading, digest, at, brought = head_row(identity, transcript.heading, foreigners)
    chain = digests(transcript)
    own = tuple((seq, *turn_row(turn, chain[seq + 1])) for seq, turn in enumerate(transcript.turns) if seq >= shared)
    return Share(identity, heading, digest, at, source, shared, None, brought, own, ())


def length(head: Head) -> int:
    """Return how many turns a conversation has, inherited ones counted."""
    return head[5] if head[7] is None else head[7]


def unchanged(identity: str, turns: int, now: int) -> None:
    """Raise `Conflict` where a conversation that is to be closed has gone on since it was read."""
    if now != turns:
        raise Conflict(
            f"conversation {identity} cannot be closed: somebody else has spoken after turn {turns}; resume it"
        )


def listing(head: Head) -> Listing:
    """Return one line of the list of conversations."""
    identity, heading, at, closed, forked_from, forked_at, foreigners, _ = head
    try:
        read, names = heading_from_json(json.loads(heading)), tuple(json.loads(foreigners))
    except UNREADABLE as error:
        raise damaged(f"the heading of conversation {identity}") from error
    return Listing(identity, read, length(head), at, closed, forked_from, forked_at, names)


class Lines:
    """The list of conversations: a line that is as it was when it was last listed is not read from its row again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Head, Listing]] = {}

    def of(self, heads: Sequence[Head]) -> list[Listing]:
        """Return the lines of these rows, in their order."""
        known = self._known
        self._known = {head[0]: (head, _same(known.get(head[0]), head) or listing(head)) for head in heads}
        return [line for _, line in self._known.values()]


def _same(known: tuple[Head, Listing] | None, head: Head) -> Listing | None:
    return known[1] if known and known[0] == head else None


def family_sql(listing_sql: LiteralString, table: LiteralString, mark: LiteralString) -> LiteralString:
    """Return the query for all that share turns with a conversation: from it up to the first, and down from there."""
    return f"""
        WITH RECURSIVE up (id, parent) AS (
            SELECT id, forked_from FROM {table} WHERE id = {mark}
            UNION SELECT t.id, t.forked_from FROM {table} AS t JOIN up ON t.id = up.parent
        ), kin (id) AS (
            SELECT id FROM up WHERE parent IS NULL
            UNION SELECT t.id FROM {table} AS t JOIN kin ON t.forked_from = kin.id
        ) {listing_sql} WHERE t.id IN (SELECT id FROM kin) ORDER BY t.at, t.id"""  # noqa: S608 - names of our own


def the_one(prefix: str, rows: Sequence[tuple[Any, ...]]) -> str:
    """Return the id that a prefix is short for, of the rows that it found; else `NotFound`."""
    if not rows or not prefix:
        raise NotFound(f"there is no conversation {prefix!r}; see: moot list")
    if len(rows) > 1:
        raise NotFound(f"{prefix!r} is short for several conversations: {', '.join(row[0] for row in rows)}")
    return str(rows[0][0])


@dataclass(frozen=True, slots=True)
class Level:
    """A conversation's own share of a fork's turns."""

    id: str
    heading: str
    digest: str
    since: int
    rows: Sequence[Row]


def stored(head: Head, levels: Sequence[Level]) -> Stored:
    """Return a whole conversation from its own share and those of its sources, the first of them last."""
    try:
        return _stored(listing(head), levels)
    except UNREADABLE as error:
        raise damaged(_where(levels)) from error


def _stored(line: Listing, levels: Sequence[Level]) -> Stored:
    rows: list[Row] = []
    broken: list[str] = []
    for level in reversed(levels):
        rows += level.rows
        broken += _disagreements(level, rows)
    transcript = Transcript(line.heading, tuple(turn_from_json(json.loads(turn)) for _, turn, _, _ in rows))
    return Stored(line, transcript, tuple(at for *_, at in rows), digests(transcript)[-1], tuple(broken))


def _where(levels: Sequence[Level]) -> str:
    """Return what of a conversation cannot be read: the first such turn, or what is before all turns."""
    for level in reversed(levels):
        for seq, turn, _, _ in level.rows:
            try:
                turn_from_json(json.loads(turn))
            except UNREADABLE:
                return f"turn {seq + 1} of conversation {level.id}"
    return f"the heading of conversation {levels[-1].id}"


def _disagreements(level: Level, rows: Sequence[Row]) -> list[str]:
    """Derive again each digest of one conversation's own turns, and say where the record does not agree."""
    chain = link("", json.loads(level.heading))
    wrong = [] if level.digest == chain else [f"the heading of {level.id} does not agree with its digest"]
    for place, (seq, turn, digest, _) in enumerate(rows):
        if seq != place:
            return [*wrong, f"turn {place + 1} of {level.id} is missing"]
        chain = link(chain, json.loads(turn))
        if seq >= level.since and digest != chain:
            return [*wrong, f"turn {seq + 1} of {level.id} does not agree with its digest"]
    return wrong


def call_values(call: Call) -> dict[str, Any]:
    """Return a call's columns: a model's words as JSON strings, all else as text that every database can hold."""
    values = {name: sound(value) if isinstance(value, str) else value for name, value in _columns(call)}
    return values | {name: json.dumps(getattr(call, name)) for name in QUOTED}


def _columns(call: Call) -> Iterator[tuple[str, Any]]:
    return zip(CALL, astuple(call), strict=True)


def call(row: Sequence[Any], identity: str = "") -> Call:
    """Read a call back, that of this conversation where it is known."""
    read = Call(*row)
    try:
        plain: dict[str, Any] = {name: json.loads(getattr(read, name) or '""') for name in QUOTED}
    except UNREADABLE as error:
        of = f" of conversation {identity}" if identity else ""
        raise damaged(f"a request for turn {read.seq + 1}{of}") from error
    return replace(read, **plain)


@dataclass(frozen=True, slots=True)
class Missing:
    """What is to be written of a share where part of it is on record: turns and calls to add, calls that have ended."""

    turns: tuple[Row, ...]
    calls: tuple[Call, ...]
    ended: tuple[tuple[int, Call], ...]
    closed: str | None
    is_changed: bool


def missing(share: Share, mine: Share) -> Missing:
    """Return what is missing of a share; `Conflict` where what is on record (`mine`) is no beginning of it."""
    if (share.heading, share.digest, share.forked_from, share.forked_at) != (
        mine.heading,
        mine.digest,
        mine.forked_from,
        mine.forked_at,
    ):
        raise Conflict(f"another conversation is called {share.id} there; nothing was copied over it")
    if [row[:3] for row in mine.turns] != [row[:3] for row in share.turns[: len(mine.turns)]]:
        raise Conflict(f"conversation {share.id} went on otherwise there; nothing was copied over it")
    if list(map(_asked, mine.calls)) != list(map(_asked, share.calls[: len(mine.calls)])):
        raise Conflict(f"conversation {share.id} has other requests there; nothing was copied over it")
    pairs = enumerate(zip(mine.calls, share.calls, strict=False))
    ended = tuple((at, new) for at, (old, new) in pairs if old.outcome == "open" != new.outcome)
    turns, calls = share.turns[len(mine.turns) :], share.calls[len(mine.calls) :]
    is_changed = bool(turns or calls or ended or share.closed != mine.closed)
    return Missing(turns, calls, ended, share.closed, is_changed)


def _asked(call: Call) -> tuple[int, str, str, str]:
    return call.seq, call.speaker, call.request, call.begun
