"""How the conversations of a grid stand, from the record alone: which are closed, at rest, failed or not begun.

It must never leave a conversation out: what is missing is a row as well. One is looked at after the other, and none is
kept, so that a large grid needs no more memory than a small one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.measures.curves import reading
from moot.measures.judging import vote
from moot.measures.persuasion import shift
from moot.spending import spent
from moot.store import NotFound
from moot.transcript import Ballot, Transcript

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from moot.experiment.afterwards import Subject
    from moot.experiment.design import Cell
    from moot.spending import Price
    from moot.store import Call, Store
    from moot.transcript import Heading

STATES = ("closed", "resting", "failed", "missing")


@dataclass(frozen=True, slots=True)
class Stand:
    """One conversation as it is on record: of a cell of the grid, or about a subject of those that follow on it.

    `reason` is why it closed, or what it failed of last.
    """

    id: str
    cell: Cell | Subject
    state: str
    reason: str = ""
    transcript: Transcript | None = None
    calls: tuple[Call, ...] = ()


async def stands(store: Store, cells: Iterable[tuple[str, Cell]]) -> AsyncGenerator[Stand]:
    """Yield how each conversation stands, in the order of the grid."""
    for identity, cell in cells:
        yield await stand_of(store, identity, cell)


async def stand_of(store: Store, identity: str, cell: Cell | Subject) -> Stand:
    """Return how one conversation stands."""
    try:
        stored = await store.read(identity)
    except NotFound:
        return Stand(identity, cell, "missing")
    calls = await store.calls(identity)
    return Stand(identity, cell, *standing(stored.listing.closed, calls), stored.transcript, calls)


def standing(closed: str | None, calls: Sequence[Call]) -> tuple[str, str]:
    """Return how a conversation on record stands, and why: why it closed, or what its last call failed of."""
    if closed is not None:
        return "closed", closed
    failed = calls[-1].error or "it failed" if calls and calls[-1].outcome == "failed" else ""
    return ("failed" if failed else "resting"), failed


def row(stand: Stand, cell: Cell, price: Price) -> dict[str, Any]:
    """Return one conversation of a grid as a row of a table: ids, values, how it stands, what it used, ballots."""
    known = {"id": stand.id, **_values(stand), "repeat": cell.repeat, "seed": cell.scenario.seed} | _used(stand, price)
    turns = stand.transcript.turns if stand.transcript else ()
    ballots = [(turn.speaker, part.answer) for turn in turns for part in turn.parts if isinstance(part, Ballot)]
    known["ballots"] = "; ".join(f"{speaker}: {answer}" for speaker, answer in ballots)
    return known | (_moved(stand.transcript) if cell.scenario.form == "trial" else {})


def row_after(stand: Stand, subject: Subject, heading: Heading, price: Price) -> dict[str, Any]:
    """Return a reader's or judge's conversation as a row: what it is about, by whom, and what came of it.

    Of two sides, `winner` is the one that was voted for, by its factor's level or its name; or a tie.
    """
    who = heading.participants[0]
    given = dict(heading.source).get("levels")
    levels = tuple(map(str, given)) if isinstance(given, tuple) else ()
    known: dict[str, Any] = {
        "id": stand.id,
        "afterwards": subject.number,
        "form": heading.form,
        "of": "; ".join(subject.ids),
        **_values(stand),
        "repeat": subject.repeat,
        "levels": "; ".join(levels),
        "by": who.name,
        "voice": who.voice,
        "seed": heading.seed,
    }
    known |= _used(stand, price)
    told = _read(stand.transcript) if heading.form == "audience" else _judged(stand.transcript, levels)
    return known | dict.fromkeys(_TOLD) | told


_TOLD = ("before", "after", "moved", "left_out", "swapped", "answer", "winner")


def _values(stand: Stand) -> dict[str, Any]:
    return {f"factor_{name}": value for name, value in stand.cell.values}


def _used(stand: Stand, price: Price) -> dict[str, Any]:
    used = spent(stand.calls, 0, price)
    return {
        "state": stand.state,
        "reason": stand.reason,
        "turns": len(stand.transcript.turns) if stand.transcript else 0,
        "calls": len(stand.calls),
        "tokens": used.tokens,
        "dollars": None if used.unpriced else str(used.dollars),
    }


def _moved(transcript: Transcript | None) -> dict[str, Any]:
    if transcript is None:
        return dict.fromkeys(("argued", "before", "after", "signed_shift"))
    found = shift(transcript)
    stances = {"before": found.before.mean, "after": found.after.mean}
    return {"argued": found.side} | stances | {"signed_shift": found.signed()}


def _read(transcript: Transcript | None) -> dict[str, Any]:
    if transcript is None:
        return {}
    found = reading(transcript)
    if not found.stances:
        return {"left_out": found.left_out}
    whole = len(found.stances) == len(found.points)
    told = {"before": found.stances[0].mean, "after": found.stances[-1].mean if whole else None}
    return told | {"moved": found.moved if whole else None, "left_out": found.left_out}


def _judged(transcript: Transcript | None, levels: tuple[str, ...]) -> dict[str, Any]:
    given = vote(transcript) if transcript else None
    if given is None:
        return {}
    sides: dict[str, str] = dict(zip(("a", "b"), levels, strict=False))
    winner = sides.get(given.choice, given.choice)
    return {"swapped": given.swapped, "answer": given.answer, "winner": winner}
