"""Conversations as tables: a row a conversation, a turn, or a ballot, for whoever works with columns.

It must never let a cell pass for a spreadsheet's formula, nor leave out a turn that has no words.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Literal

from moot.formats.page import Written, plural
from moot.transcript import Ballot, Text, Thought, as_json, canonical, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.formats.page import Record

Cell = str | int | float | None
Row = dict[str, Cell]
Kind = Literal["conversations", "turns", "ballots"]

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def conversations(records: Sequence[Record]) -> Iterator[Row]:
    """Yield a row for each conversation: what was decided before anyone spoke, and how long it became."""
    for one in records:
        heading = one.transcript.heading
        plain = as_json(heading)
        yield {
            "conversation_id": one.id,
            "digest": digest(one.transcript),
            "title": heading.title,
            "topic": heading.topic,
            "form": heading.form,
            "arguments": canonical(plain.get("arguments", {})),
            "series": heading.series,
            "seed": heading.seed,
            "started": heading.started,
            "forked_from": one.forked_from,
            "participants": canonical(list(heading.names)),
            "voices": canonical([who.voice for who in heading.participants]),
            "source": canonical(plain.get("source", {})),
            "turn_count": len(one.transcript.turns),
        }


def turns(records: Sequence[Record]) -> Iterator[Row]:
    """Yield a row for each turn, its number counted from 1; `heard_by` is empty where everyone heard it."""
    for one in records:
        voices = {who.name: who.voice for who in one.transcript.heading.participants}
        for number, turn in enumerate(one.transcript.turns, 1):
            thoughts = [part.text for part in turn.parts if isinstance(part, Thought)]
            yield {
                "conversation_id": one.id,
                "turn": number,
                "speaker": turn.speaker,
                "voice": voices.get(turn.speaker, ""),
                "text": "".join(part.text for part in turn.parts if isinstance(part, Text)),
                "thoughts": "\n\n".join(thoughts),
                "ballots": sum(isinstance(part, Ballot) for part in turn.parts),
                "heard_by": "" if turn.heard_by is None else canonical(list(turn.heard_by)),
                "stop": turn.stop,
                "marks": "; ".join(turn.marks),
            }


def ballots(records: Sequence[Record]) -> Iterator[Row]:
    """Yield a row for each ballot; `answer` is empty where none of the options could be made out."""
    for one in records:
        for number, turn in enumerate(one.transcript.turns, 1):
            for ballot in (part for part in turn.parts if isinstance(part, Ballot)):
                odds = ballot.probabilities
                yield {
                    "conversation_id": one.id,
                    "turn": number,
                    "speaker": turn.speaker,
                    "question": ballot.question,
                    "options": canonical(list(ballot.options)),
                    "answer": ballot.answer,
                    "probabilities": "" if odds is None else json.dumps(odds),
                    "how": ballot.how,
                }


COLUMNS: dict[Kind, tuple[str, ...]] = {
    "conversations": (
        "conversation_id", "digest", "title", "topic", "form", "arguments", "series", "seed", "started", "forked_from",
        "participants", "voices", "source", "turn_count",
    ),
    "turns": (
        "conversation_id", "turn", "speaker", "voice", "text", "thoughts", "ballots", "heard_by", "stop", "marks",
    ),
    "ballots": ("conversation_id", "turn", "speaker", "question", "options", "answer", "probabilities", "how"),
}  # fmt: skip
"""The columns of each table, which are there even where it has no rows."""


def write(records: Sequence[Record], kind: Literal["turns", "ballots"]) -> Written:
    """Return the turns or the ballots of conversations as CSV, and what a table of them does not hold."""
    out, changed = io.StringIO(), 0
    table = csv.DictWriter(out, COLUMNS[kind], lineterminator="\n")
    table.writeheader()
    for row in turns(records) if kind == "turns" else ballots(records):
        told = {name: inert(cell) for name, cell in row.items()}
        changed += told != row
        table.writerow(told)
    rest = "ballots' questions and answers (--format ballots)" if kind == "turns" else "what was said (--format csv)"
    lost = [f"headings, briefs, settings and {rest} are in no row"]
    if changed:
        lost.append(
            f"{plural(changed, 'row')} with an apostrophe before a cell that a spreadsheet would take for a formula"
        )
    return Written(out.getvalue(), tuple(lost))


def inert(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula: one that begins as such gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
