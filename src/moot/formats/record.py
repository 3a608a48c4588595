"""The lossless format: a conversation as JSON, with the digest that shows whether it was changed since.

It must never accept words that the digest beside them does not fit, nor guess what a newer version meant.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from moot.formats.page import (
    ACCEPTED,
    DEEPEST,
    MOST_TURNS,
    Imported,
    Record,
    Unreadable,
    Written,
    compose,
    plural,
)
from moot.transcript import Ballot, Transcript, as_json, digest, heading_from_json, sound, turn_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from moot.transcript import Turn

VERSION = 1
"""Of the layout, told by the key "moot"; a newer one is refused."""

_START = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[{\]])")
_KNOWN = ("moot", "id", "digest", "forked_from", "heading", "turns", "calls")


def write(record: Record) -> Written:
    """Return a record as one JSON document; nothing is lost."""
    return Written(sound(json.dumps(_document(record), ensure_ascii=False, allow_nan=False, indent=1)) + "\n")


def write_line(record: Record) -> Written:
    """Return a record as one line of JSON; nothing is lost."""
    return Written(sound(json.dumps(_document(record), ensure_ascii=False, allow_nan=False)) + "\n")


def _document(record: Record) -> dict[str, Any]:
    transcript = record.transcript
    document = {
        "moot": VERSION,
        "id": record.id,
        "digest": digest(transcript),
        "forked_from": record.forked_from,
        "heading": as_json(transcript.heading),
        "turns": [as_json(turn) for turn in transcript.turns],
        "calls": [dict(call) for call in record.calls],
    }
    return {name: value for name, value in document.items() if value or name == "turns"}


def fits(document: object) -> bool:
    """Whether a document is a conversation as moot writes it, or means to be."""
    return isinstance(document, dict) and "moot" in document


def read(document: Any, where: str) -> Imported:  # noqa: ANN401 - any JSON may be offered; this is where it is judged
    """Return a document's conversation; `Unreadable` where it is unsound or changed since it was written."""
    if _depth(document) > DEEPEST:
        raise Unreadable(f"{where}JSON nested more than {DEEPEST} deep is not read")
    match document:
        case {"moot": bool()}:
            raise Unreadable(f'{where}a conversation has "moot": {VERSION}, not true or false')
        case {"moot": int(version)} if version > VERSION:
            raise Unreadable(
                f"{where}this was written by a newer moot (layout {version}; this one reads {VERSION}): update moot"
            )
        case {"moot": int(version), "heading": dict(), "turns": list()} if version == VERSION:
            return _imported(cast("dict[str, Any]", document), where)
        case {"moot": _}:
            raise Unreadable(f'{where}a conversation has "moot": {VERSION}, a "heading" and a list of "turns"')
        case _:
            raise Unreadable(f"{where}this JSON is not moot's; {ACCEPTED}")


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        inner: list[object] = []
        for one in level:
            match one:
                case dict():
                    inner += cast("dict[str, object]", one).values()
                case list():
                    inner += cast("list[object]", one)
                case _:
                    pass
        depth += any(isinstance(one, dict | list) for one in level)
        level = inner
    return depth


def _imported(document: dict[str, Any], where: str) -> Imported:
    if len(document["turns"]) > MOST_TURNS:
        raise Unreadable(f"{where}{len(document['turns']):,} turns are more than moot reads at once ({MOST_TURNS:,})")
    transcript, found = _transcript(document, where)
    said = document.get("digest", found)
    if said != found:
        raise Unreadable(
            f"{where}this conversation was changed after it was exported: its digest is {found}, not {said}; "
            'take the "digest" out to read it as it is now'
        )
    name = document.get("id", "")
    if not isinstance(name, str):
        raise Unreadable(f'{where}the "id" of a conversation is a string')
    return Imported(transcript, tuple(_lost(document, transcript)), sound(name))


def _transcript(document: Mapping[str, Any], where: str) -> tuple[Transcript, str]:
    at = "the heading"
    try:
        heading = heading_from_json(document["heading"])
        turns: list[Turn] = []
        for number, one in enumerate(document["turns"], 1):
            at = f"turn {number}"
            turns.append(turn_from_json(one))
        at = "a turn"
        transcript = compose(heading, turns)
        _judge_odds(transcript)
        return transcript, digest(transcript)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        # The core reads what moot wrote; anything else stumbles over a wrong type in it.
        raise Unreadable(f"{where}{at} is not as moot writes it: {error}") from None


def _judge_odds(transcript: Transcript) -> None:
    ballots = (part for turn in transcript.turns for part in turn.parts if isinstance(part, Ballot))
    for ballot in ballots:
        if not all(type(odd) in (int, float) for odd in ballot.probabilities or ()):
            raise Unreadable("a ballot's probabilities are numbers")


def _lost(document: Mapping[str, Any], transcript: Transcript) -> Iterator[str]:
    if document.get("calls"):
        rows = len(cast("list[Any]", document["calls"])) if isinstance(document["calls"], list) else 1
        yield f"{plural(rows, 'row')} of calls left out: what a request cost belongs to the store that sent it"
    if document.get("forked_from"):
        yield "what it was forked from is left out; its turns are all here"
    unknown = Counter(f"{name!r}" for name in document if name not in _KNOWN)
    _compare(document["heading"], as_json(transcript.heading), unknown)
    for given, turn in zip(document["turns"], transcript.turns, strict=True):
        _compare(given, as_json(turn), unknown)
    for name, count in unknown.items():
        yield f"{name}, which this version does not know or reads otherwise, left out in {plural(count, 'place')}"


def _compare(given: Any, kept: Any, unknown: Counter[str]) -> None:  # noqa: ANN401 - two pieces of plain JSON
    if isinstance(given, dict) and isinstance(kept, dict):
        inside = cast("dict[str, Any]", kept)
        for name, value in cast("dict[str, Any]", given).items():
            if name in inside:
                _compare(value, inside[name], unknown)
                if not isinstance(value, dict | list) and value != inside[name]:
                    unknown[f"{name!r}"] += 1
            elif value not in ("", None, [], {}):
                unknown[f"{name!r}"] += 1
    elif isinstance(given, list) and isinstance(kept, list):
        for one, other in zip(cast("list[Any]", given), cast("list[Any]", kept), strict=False):
            _compare(one, other, unknown)
