"""The lossless format: a conversation as JSON, with the digest that shows whether it was changed since.

It must never accept words that the digest beside them does not fit, nor guess what a newer version meant.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Never, cast

from moot.formats.page import (
    ACCEPTED,
    DEEPEST,
    MOST_TURNS,
    Imported,
    Page,
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
    filled = {name: value for name, value in document.items() if value or name == "turns"}
    return Written(sound(json.dumps(filled, ensure_ascii=False, allow_nan=False, indent=1)) + "\n")


def fits(page: Page) -> bool:
    """Whether a page begins as JSON does that holds objects."""
    return _START.match(page.text) is not None


def read(page: Page) -> tuple[Imported, ...]:
    """Return the conversations of a JSON document, a list of such, or JSON Lines; `Unreadable` where one is unsound."""
    documents = _documents(page.text)
    if not documents:
        raise Unreadable(f"this JSON holds no conversation; {ACCEPTED}")
    single = len(documents) == 1
    return tuple(_read(one, "" if single else f"conversation {at}: ") for at, one in enumerate(documents, 1))


def _documents(text: str) -> list[Any]:
    try:
        whole = _loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) == 1 or not _is_document(lines[0]):
            raise Unreadable(f"broken JSON in line {error.lineno}, column {error.colno}: {error.msg}") from None
        return [_line(line, number) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return cast("list[Any]", whole) if isinstance(whole, list) else [whole]


def _is_document(line: str) -> bool:
    try:
        return isinstance(_loads(line), dict)
    except json.JSONDecodeError:
        return False


def _line(line: str, number: int) -> Any:  # noqa: ANN401 - any JSON may stand there; `_read` judges it
    try:
        return _loads(line)
    except json.JSONDecodeError as error:
        raise Unreadable(f"broken JSON in line {number}, column {error.colno}: {error.msg}") from None


def _loads(text: str) -> Any:  # noqa: ANN401 - any JSON may stand there; `_read` judges it
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Unreadable(f"JSON nested more than {DEEPEST} deep is not read") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # a number with more digits than Python takes
        raise Unreadable(f"this JSON cannot be read: {error}") from None


def _no_constant(name: str) -> Never:
    raise Unreadable(f"{name} is no JSON number")


def _read(document: Any, where: str) -> Imported:  # noqa: ANN401 - any JSON may be offered; this is where it is judged
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
