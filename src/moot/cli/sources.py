"""Recorded words that readers and judges are given: a conversation on record, one in a file, or a document.

It must never give out what was not said aloud to all.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from moot.formats import Unreadable, read
from moot.transcript import CHAIR, digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.store import Store
    from moot.transcript import Participant, Transcript

Split = Literal["sections", "paragraphs", "whole"]

DIGEST_BYTES = 16
SHORTEST_MODEL = 3
SIDES = {"proposition": "for", "opposition": "against", "author": "for", "critic": "against"}
"""What those argue for whom a debate or an exchange of letters names so."""

_SECTION = re.compile(r"^(?=#{1,6} \S)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that were said by somebody, or stand under a heading."""

    by: str
    words: str


@dataclass(frozen=True, slots=True)
class Source:
    """What there is to read; `about` names it for the record, `people` are those who took part in it.

    `topic` is what it is about, and `argues` who spoke for and who against that, where its form says so.
    """

    title: str
    about: str
    pieces: tuple[Piece, ...]
    people: tuple[Participant, ...] = ()
    topic: str = ""
    argues: Mapping[str, str] = field(default_factory=dict[str, str])


async def source_of(store: Store, given: str, split: Split = "sections") -> Source:
    """Return what an id or a path stands for; `NotFound` where it is neither, `Unreadable` where nothing is in it."""
    found = _of_file(given, split) or await _of_record(store, given)
    if not found.pieces:
        raise Unreadable(f"{given} has no words that were said to all")
    return found


async def _of_record(store: Store, given: str) -> Source:
    identity = await store.find(given)
    stored = await store.read(identity)
    return of_transcript(stored.transcript, f"conversation {identity} {stored.digest}", identity[:8])


def of_transcript(transcript: Transcript, about: str, usual: str) -> Source:
    """Return what was said aloud to all in a conversation, piece by piece."""
    heard = [turn for turn in transcript.turns if turn.heard_by is None and turn.text.strip()]
    pieces = tuple(Piece(turn.speaker, turn.text.strip()) for turn in heard)
    heading, told = transcript.heading, dict(transcript.heading.arguments)
    topic = next((str(told[one]) for one in ("motion", "claim") if told.get(one)), heading.topic)
    argues = {str(told.get(name, "")): side for name, side in SIDES.items() if name in told}
    return Source(heading.title or usual, about, pieces, heading.participants, topic, argues)


def _of_file(given: str, split: Split) -> Source | None:
    path = Path(given).expanduser()
    if not path.is_file():
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    named = f"file {path.name} {hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()}"
    try:
        transcript = read(content, str(path))[0].transcript
    except Unreadable:
        return Source(path.stem, named, document(_text(path, content), split))
    return of_transcript(transcript, f"{named}, conversation {digest(transcript)}", path.stem)


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is neither a conversation nor UTF-8 text") from None


def document(text: str, split: Split) -> tuple[Piece, ...]:
    """Return a document in pieces: its sections under Markdown headings, its paragraphs, or as a whole."""
    match split:
        case "sections":
            cut = _SECTION.split(text)
        case "paragraphs":
            cut = re.split(r"\n[ \t]*\n", text)
        case "whole":  # exhaustive
            cut = [text]
    return tuple(Piece("", one.strip()) for one in cut if one.strip())


def blind_names(people: Sequence[Participant]) -> Mapping[str, str]:
    """Return what each name that would give somebody away is to be replaced by."""
    models = {one.voice.partition(":")[2].partition("?")[0] for one in people}
    hidden = {model: "[name]" for model in models if len(model) >= SHORTEST_MODEL}
    return hidden | {one.name: f"Speaker {number}" for number, one in enumerate(people, 1)} | {CHAIR: "Chair"}
