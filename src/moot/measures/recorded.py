"""Conversations on record as measures read them: with the id by which their turns are cited, and what they are one of.

It must never count two runs of one and the same plan as two independent ones: see `Recorded.cell`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from moot.transcript import Heading, Participant, as_json, link
from moot.view import is_ballot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.measures import Score
    from moot.transcript import Transcript

FACTOR = "factor_"
"""What the values of a grid's cell are called by among what a heading says of its source."""

MOST_CITES = 1_000
"""Turns that one figure cites at most; how many more there are is told with it."""

_ABOUT = re.compile(r"\bconversation ([0-9a-f]{8,64})\b")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A conversation with its id; `closed` is why it ended, None where it has not."""

    id: str
    transcript: Transcript
    closed: str | None = None

    def _repr_html_(self) -> str:
        return self.transcript.as_html()

    @property
    def form(self) -> str:
        """The name of its form."""
        return self.transcript.heading.form

    @property
    def factors(self) -> dict[str, Any]:
        """What makes its cell of a grid, by factor; empty where it is of none."""
        given = self.transcript.heading.source
        return {name.removeprefix(FACTOR): value for name, value in given if name.startswith(FACTOR)}

    @property
    def cell(self) -> str:
        """What it is one run of: equal for conversations that differ in their seed alone."""
        heading = self.transcript.heading
        return link("", as_json(replace(heading, seed=0, title="", series="", started="", source=())))


def about(heading: Heading) -> tuple[str, ...]:
    """Return the ids of the conversations that a reading, a judgement or a fork without a turn is of."""
    if heading.form == "without":
        return (str(dict(heading.source).get("conversation", "")),)
    if heading.form not in ("audience", "judge"):
        return ()
    return tuple(_ABOUT.findall(str(dict(heading.arguments).get("about", ""))))


def kind_of(who: Participant) -> str:
    """Return what tells voices apart as targets, readers or judges: the voice, and what it is told and set to.

    The name does not count, in the brief either.
    """
    brief = who.brief.replace(who.name, "…")
    return f"{who.voice} {link('', [brief, as_json(replace(who, name='x', brief=''))])[:8]}"


def named(kinds: Sequence[str]) -> dict[str, str]:
    """Return a name for each kind: its voice alone where that tells it apart."""
    voices = [one.rpartition(" ")[0] for one in dict.fromkeys(kinds)]
    return {one: voice if voices.count(voice := one.rpartition(" ")[0]) == 1 else one for one in dict.fromkeys(kinds)}


def spoken(transcript: Transcript, name: str | None = None) -> Iterator[tuple[int, str, str]]:
    """Yield number, words and stop of each turn that was said, no ballot and not the chair's; of one speaker alone."""
    names = transcript.heading.names if name is None else (name,)
    for number, turn in enumerate(transcript.turns, 1):
        if turn.speaker in names and not is_ballot(turn):
            yield number, turn.text, turn.stop


def citing(score: Score, cites: Sequence[tuple[str, int]]) -> Score:
    """Return a figure with the turns that it rests on; of very many the first, and how many more there are."""
    found = tuple(dict.fromkeys(cites))
    more = {"cites_left_out": len(found) - MOST_CITES} if len(found) > MOST_CITES else {}
    return replace(score, cites=found[:MOST_CITES], more={**score.more, **more})
