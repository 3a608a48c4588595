"""A record's life on a disk that is listened to: what the store has answered, and whether a disk holds it.

It must never write to a record by other means than the store.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from moot.store import Call, Stored, StoreError, open_store, sqlite
from moot.store.file import File
from moot.transcript import Heading, Participant, Text, Transcript, Turn, as_json, digest, link

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from fakes.disk import Disk
    from moot.store.sqlite import SqliteStore

T = TypeVar("T")
HEADING = Heading((Participant("Ada", "script:a"), Participant("Bo", "script:b")))
CALL = Call(0, "Ada", "script:a", "d" * 32)
COPY = "copy.db"
Kind = Literal["conversation", "turn", "asked", "ended", "closed", "copied"]
Breach = Literal["", "normal", "off", "early"]
"""What the drill must find out: a store that syncs less, or answers before it has committed."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that the store has answered when so much of the disk's log was written."""

    when: int
    kind: Kind
    id: str
    number: int = 0
    words: str = ""


@dataclass(slots=True)
class Life:
    """A record's life on a disk that is listened to, and what it has answered."""

    disk: Disk
    path: Path
    breach: Breach = ""
    facts: list[Fact] = field(default_factory=list[Fact])
    ends: dict[str, str] = field(default_factory=dict[str, str])

    async def answered(self, doing: Awaitable[T], kind: Kind, identity: str, number: int = 0, words: str = "") -> T:
        """Wait until it is answered and note when; one that answers too early is noted before."""
        when = len(self.disk.log)
        answer = await doing
        when = when if self.breach == "early" else len(self.disk.log)
        self.facts.append(Fact(when, kind, identity, number, words))
        return answer

    def open(self) -> SqliteStore:
        store = open_store(self.path)
        if self.breach in ("normal", "off"):
            store.file.writable.execute(f"PRAGMA synchronous = {self.breach}")
        return store

    async def start(self, store: SqliteStore, identity: str) -> None:
        transcript = Transcript(HEADING)
        self.ends[identity] = digest(transcript)
        await self.answered(store.start(identity, transcript), "conversation", identity)

    async def say(self, store: SqliteStore, identity: str, seq: int, length: int = 40) -> None:
        """Have one turn asked for and answered, as the loop does."""
        call = replace(CALL, seq=seq)
        number = await self.answered(store.begin(identity, call), "asked", identity, seq)
        text = f"{seq} of {identity} " + "abcdefg "[seq % 7] * length
        said = Turn("Ada", (Text(text),))
        self.ends[identity] = link(self.ends[identity], as_json(said))
        ended = (number, replace(call, outcome="done"))
        await self.answered(store.append(identity, seq, said, self.ends[identity], ended), "turn", identity, seq, text)

    async def fail(self, store: SqliteStore, identity: str, seq: int) -> None:
        """Have a request that comes to nothing."""
        number = await store.begin(identity, replace(CALL, seq=seq))
        failed = replace(CALL, seq=seq, outcome="failed", error="reset", partial="half")
        await self.answered(store.finish(number, failed), "ended", identity, number)


def found(path: Path, facts: list[Fact]) -> str:
    """Return what is wrong with a record that was left behind, beginning with its kind; "" where all is well."""
    try:
        opened = File(path)
    except StoreError as error:
        return f"not opened: {error}"
    try:
        return _wrong(opened.readable, path, facts)
    except sqlite3.DatabaseError as error:
        return f"damaged: {error}"
    finally:
        opened.close()


def _wrong(db: sqlite3.Connection, path: Path, facts: list[Fact]) -> str:
    if faults := sqlite._faults(db):
        return f"damaged: {faults}"
    kept = {str(row[0]): sqlite._read(db, str(row[0])) for row in db.execute("SELECT id FROM transcripts")}
    calls = {name: sqlite._calls(db, name) for name in kept}
    if broken := [line for stored in kept.values() for line in stored.broken]:
        return f"broken: {broken}"
    for name, stored in kept.items():
        done = {call.seq for call in calls[name] if call.outcome == "done"}
        if name != "old" and done != set(range(stored.listing.forked_at, len(stored.transcript.turns))):
            return f"half a write: turns of {name} and ends of its requests"
    for fact in facts:
        if fact.kind == "copied":
            earlier = [one for one in facts if one.when <= fact.number and one is not fact]
            if odd := found(path.with_name(COPY), earlier):
                return f"copy {odd}"
        elif fact.id not in kept or not _holds(fact, kept[fact.id], calls[fact.id]):
            return f"lost: {fact}"
    return ""


def _holds(fact: Fact, stored: Stored, calls: tuple[Call, ...]) -> bool:
    match fact.kind:
        case "conversation" | "copied":
            return True
        case "turn":
            return [turn.text for turn in stored.transcript.turns[fact.number : fact.number + 1]] == [fact.words]
        case "asked":
            return any(call.seq == fact.number for call in calls)
        case "ended":
            return any(call.outcome == "failed" and call.partial == "half" for call in calls)
        case "closed":
            return stored.listing.closed == fact.words
