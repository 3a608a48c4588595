"""How the conversations of a grid stand, from the record alone: which are closed, at rest, failed or not begun.

It must never leave a conversation out: what is missing is a row as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.measures.persuasion import shift
from moot.spending import spent
from moot.store import NotFound
from moot.transcript import Ballot, Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.experiment.design import Cell
    from moot.spending import Price
    from moot.store import Call, Store

STATES = ("closed", "resting", "failed", "missing")


@dataclass(frozen=True, slots=True)
class Stand:
    """One conversation of a grid as it is on record; `reason` is why it closed, or what it failed of last."""

    id: str
    cell: Cell
    state: str
    reason: str = ""
    transcript: Transcript | None = None
    calls: tuple[Call, ...] = ()


async def stands(store: Store, cells: Sequence[tuple[str, Cell]]) -> tuple[Stand, ...]:
    """Return how each conversation stands, in the order of the grid."""
    return tuple([await _stand(store, identity, cell) for identity, cell in cells])


async def _stand(store: Store, identity: str, cell: Cell) -> Stand:
    try:
        stored = await store.read(identity)
    except NotFound:
        return Stand(identity, cell, "missing")
    calls = await store.calls(identity)
    if stored.listing.closed is not None:
        return Stand(identity, cell, "closed", stored.listing.closed, stored.transcript, calls)
    failed = calls[-1].error or "it failed" if calls and calls[-1].outcome == "failed" else ""
    return Stand(identity, cell, "failed" if failed else "resting", failed, stored.transcript, calls)


def row(stand: Stand, price: Price) -> dict[str, Any]:
    """Return one conversation as a row of a table: ids, values, how it stands, what it used, ballots and stances."""
    transcript = stand.transcript
    turns = transcript.turns if transcript else ()
    used = spent(stand.calls, 0, price)
    known: dict[str, Any] = {
        "id": stand.id,
        **{f"factor_{name}": value for name, value in stand.cell.values},
        "repeat": stand.cell.repeat,
        "seed": stand.cell.scenario.seed,
        "state": stand.state,
        "reason": stand.reason,
        "turns": len(turns),
        "calls": len(stand.calls),
        "tokens": used.tokens,
        "dollars": None if used.unpriced else str(used.dollars),
    }
    ballots = [(turn.speaker, part.answer) for turn in turns for part in turn.parts if isinstance(part, Ballot)]
    known["ballots"] = "; ".join(f"{speaker}: {answer}" for speaker, answer in ballots)
    return known | (_moved(transcript) if stand.cell.scenario.form == "trial" else {})


def _moved(transcript: Transcript | None) -> dict[str, Any]:
    if transcript is None:
        return dict.fromkeys(("argued", "before", "after", "signed_shift"))
    found = shift(transcript)
    stances = {"before": found.before.mean, "after": found.after.mean}
    return {"argued": found.side} | stances | {"signed_shift": found.signed()}
