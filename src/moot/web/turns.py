"""A turn as it is shown: everything that the record has of it, for the owner or as a participant may see it.

It must never show a guest a private turn, a thought, a ballot, a model's name or a price that is not theirs to see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moot.transcript import CHAIR, Ballot, Thought
from moot.view import hears

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from markupsafe import Markup

    from moot.spending import Price
    from moot.store import Call, Store, Stored
    from moot.transcript import Heading, Turn
    from moot.web.pages import Pages

COLOURS = 8
"""So many speakers are told apart by colour; all of them by name."""

STOPS = {
    "end": "",
    "length": "cut off by the length limit",
    "refusal": "declined",
    "filtered": "withheld by the provider",
    "interrupted": "broken off",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """A conversation and what it took: `calls` are those of each turn, by its number."""

    stored: Stored
    calls: dict[int, tuple[Call, ...]]


async def facts_of(store: Store, identity: str) -> Facts:
    """Return a conversation with the requests of all its turns: a fork's first were made for its source."""
    stored = await store.read(identity)
    found: dict[int, tuple[Call, ...]] = {}
    line, upto = stored.listing, math.inf
    while True:
        for call in await store.calls(line.id):
            if line.forked_at <= call.seq < upto:
                found[call.seq + 1] = (*found.get(call.seq + 1, ()), call)
        if line.forked_from is None:
            return Facts(stored, found)
        upto = min(upto, line.forked_at)
        line = await store.look(line.forked_from)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the template of a turn is filled with."""

    number: int
    speaker: str
    colour: str
    only: str
    html: Markup
    thoughts: tuple[Markup, ...] = ()
    ballots: tuple[Ballot, ...] = ()
    remarks: str = ""
    model: str = ""
    at: str = ""
    costs: tuple[tuple[str, str], ...] = ()
    siblings: tuple[str, ...] = field(default=())
    place: int = 0


def colour_of(name: str, heading: Heading) -> str:
    """Return the class that gives a speaker's colour."""
    return f"voice-{heading.names.index(name) % COLOURS + 1}" if name in heading.names else "chair"


def may_see(turn: Turn, name: str) -> bool:
    """Whether a turn is shown to the participant `name`; to the owner, whose name is empty, all are."""
    return not name or hears(turn, name)


def shown(facts: Facts, number: int, pages: Pages, price: Price, name: str = "") -> Shown | None:
    """Return what is shown of a turn to the participant `name` (empty: the owner); None where they do not hear it."""
    turn = facts.stored.transcript.turns[number - 1]
    heading = facts.stored.transcript.heading
    if not may_see(turn, name):
        return None
    plain = Shown(
        number,
        turn.speaker,
        colour_of(turn.speaker, heading),
        "" if turn.heard_by is None else f"to {', '.join(turn.heard_by) or 'nobody'} only",
        pages.prose(turn.text),
        at=facts.stored.at[number - 1],
        remarks="; ".join(filter(None, (STOPS[turn.stop], *turn.marks))) if turn.speaker != CHAIR else "",
    )
    if name:
        return plain
    calls = facts.calls.get(number, ())
    return Shown(
        plain.number,
        plain.speaker,
        plain.colour,
        plain.only,
        plain.html,
        tuple(pages.prose(part.text) for part in turn.parts if isinstance(part, Thought) and part.text),
        tuple(part for part in turn.parts if isinstance(part, Ballot)),
        plain.remarks,
        _model(turn, heading, calls),
        plain.at,
        tuple(_costs(calls, price)),
    )


def _model(turn: Turn, heading: Heading, calls: Sequence[Call]) -> str:
    if turn.speaker == CHAIR:
        return ""
    voice = heading.participant(turn.speaker).voice
    reported = calls[-1].model if calls else ""
    return reported if reported and reported != voice.partition(":")[2] else voice


def _costs(calls: Sequence[Call], price: Price) -> list[tuple[str, str]]:
    """Return what a turn took, as pairs of a word and a value; the tries that failed count in the price."""
    done = [call for call in calls if call.outcome == "done"]
    if not done:
        return []
    call = done[-1]
    told = [
        ("read", _tokens(call.input) + (f" ({_tokens(call.cached)} cached)" if call.cached else "")),
        ("written", _tokens(call.output) + (f" ({_tokens(call.reasoning)} thinking)" if call.reasoning else "")),
        ("cost", _dollars([price(one) for one in calls])),
        ("first word", _seconds(call.first_ms)),
        ("in all", _seconds(call.total_ms)),
        ("tries", str(len(calls)) if len(calls) > 1 else ""),
    ]
    return [(word, value) for word, value in told if value]


def _tokens(count: int | None) -> str:
    return "" if count is None else f"{count:,} tokens" if count != 1 else "1 token"


def _seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def _dollars(prices: Sequence[Decimal | None]) -> str:
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        return "unknown"
    whole = sum(known)
    return f"${whole:.4f}" if whole else "free"
