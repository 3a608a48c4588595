"""One reader goes through recorded words, piece by piece, and says by ballot where it stands on a claim.

It must never have two readers in one conversation, nor let an answer be heard: each ballot is given as if it were the
first.
"""

from __future__ import annotations

from moot.forms import Close, Form, Move
from moot.forms.course import Step, cue, first_undone, only_participant
from moot.forms.material import quoted
from moot.forms.stance import Probe, asked_of, check_scale, pairs
from moot.transcript import Invalid, Transcript

CONTENT_FREE = "N/A"
"""A claim without content: what is answered to it is the prior that all other answers start from."""

PLAINLY_TRUE, PLAINLY_FALSE = "A week has seven days.", "A week has twelve days."
"""Claims that nobody disputes: who answers them alike cannot be read, however steady the answers are."""

CHECK_PROBES = 3
"""How often the claim is asked about before the reading where the reader is checked: a spread needs a few."""


def audience(  # noqa: PLR0913 - a reading is planned whole, and all of it stands in the heading
    *,
    claim: str,
    pieces: tuple[str, ...],
    labels: tuple[str, ...] = (),
    scale: int = 7,
    each: bool = True,
    check: bool = True,
    probes: int = 1,
    negation: str = "",
    about: str = "",
) -> Form:
    """Return the form of one reading, by the only participant.

    The reader is asked where it stands on the claim, from 1 to `scale`, before, after each of the pieces (unless not
    `each`) and after all, by so many `probes` (each two ballots, in both directions of the scale). With `check` it is
    first asked what shows whether its answers can be read: see `checks`. `labels` say where each piece is from;
    `about` names the source, for the record.
    """
    check_scale(claim, scale, probes)
    del about
    if not pieces or (labels and len(labels) != len(pieces)):
        raise Invalid(f"an audience needs something to read, with as many labels or none; not {len(labels)} labels")
    plan = audience_plan(claim, scale, probes, check=check, negation=negation)
    called = [f"{number} of {len(pieces)}" for number in range(1, len(pieces) + 1)]
    heads = [f"{count}: {label}" for count, label in zip(called, labels or called, strict=True)] if labels else called

    def move(transcript: Transcript) -> Move:
        reader = only_participant(transcript, "a reader")
        steps: list[Step] = [*asked_of(reader, plan)]
        for number, (head, piece) in enumerate(zip(heads, pieces, strict=True), 1):
            steps.append(cue(quoted(f"Piece {head}", piece)))
            if each or number == len(pieces):
                steps.extend(asked_of(reader, pairs(claim, scale, probes)))
        step, _ = first_undone(steps, transcript.turns)
        return step or Close("the reader has read it all")

    return move


def audience_plan(claim: str, scale: int, probes: int, *, check: bool, negation: str) -> tuple[Probe, ...]:
    """Return what a reader is asked before it reads: about the claim, and then what shows whether it can be read."""
    before = pairs(claim, scale, max(probes, CHECK_PROBES) if check else probes)
    if not check:
        return before
    return (*before, *(probe for one in checks(claim, negation) for probe in pairs(one, scale, 1)))


def checks(claim: str, negation: str = "") -> tuple[str, str, str, str]:
    """Return what else a reader is asked, to see whether its answers can be read.

    The claim's negation, a claim without content, one that is plainly true and one that is plainly false.
    """
    return (negation.strip() or f"It is not so that: {claim}", CONTENT_FREE, PLAINLY_TRUE, PLAINLY_FALSE)
