"""Whether a reader's answers can be read: what a reader was asked before it read anything, held against itself.

It must never pass a reader whose answers follow the position of the options, and never say so without the figures.

Thresholds are shares of the scale's range (in brackets: points on 1-7). Only the first has figures behind it: a
consistent reader moves by 0 when the scale is turned round, and four open models of 0.1 to 1.5 billion parameters moved
by 2.6 to 3.9 points of 6. The others are judgement, until somebody has measured readers that are known to be good.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from moot.forms.audience import CONTENT_FREE, PLAINLY_FALSE, PLAINLY_TRUE, audience, audience_plan, checks
from moot.forms.stance import mean, raw, read_back, values
from moot.measures import called_with
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.forms.stance import Probe
    from moot.transcript import Ballot, Transcript

    Given = Sequence[tuple[Probe, Ballot | None]]

TURNED = 1 / 3
"""(2.0) The most by which a stance may move when the scale is turned round."""

NEGATED = 1 / 3
"""(2.0) The most by which a claim's stance and its negation's may miss adding up."""

UNMOVED = 1 / 12
"""(0.5) The least that some answer must differ from what is answered to a claim without content."""

APART = 1 / 3
"""(2.0) The least by which a plainly true claim must stand above a plainly false one."""

SPREAD = 1 / 4
"""(1.5) The most that the stances of repeated probes may spread, as a standard deviation."""


@dataclass(frozen=True, slots=True)
class Check:
    """What a reader's check came to, in points of its scale; None is a figure that too few answers allow.

    `turned` is how far the stance moves when the scale is turned round, `negated` how far claim and negation miss
    adding up, `unmoved` the most that any answer differs from the one to a claim without content, `apart` how far a
    plainly true claim stands above a plainly false one, `spread` that of repeated probes.
    """

    turned: float | None
    negated: float | None
    unmoved: float | None
    apart: float | None
    spread: float | None
    answered: int
    asked: int
    reasons: tuple[str, ...] = ()

    @property
    def sensitive(self) -> bool:
        """Whether this reader's answers count."""
        return not self.reasons

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return "sensitive" if self.sensitive else f"insensitive: {'; '.join(self.reasons)}"

    def as_json(self) -> dict[str, Any]:
        """Return the check as plain JSON."""
        figures = {
            "reversed_scale_shift": self.turned,
            "negation_gap": self.negated,
            "distance_from_prior": self.unmoved,
            "true_over_false": self.apart,
            "probe_sd": self.spread,
        }
        return {"verdict": self.verdict, **figures, "ballots_answered": self.answered, "ballots_asked": self.asked}


def check_of(transcript: Transcript) -> Check | None:
    """Return what the check of an audience's reader came to; None where there was none, or it is not finished."""
    if transcript.heading.form != "audience":
        raise Invalid(f"this is no audience but the form {transcript.heading.form!r}")
    told = called_with(transcript.heading, audience)
    if not told["check"]:
        return None
    claim, scale, negation = str(told["claim"]), int(told["scale"]), str(told["negation"])
    plan = audience_plan(claim, scale, int(told["probes"]), check=True, negation=negation)
    given = read_back(transcript.heading.names[0], plan, transcript.turns)
    if any(ballot is None for _, ballot in given):
        return None
    return judged(given, claim, checks(claim, negation)[0], scale)


def judged(given: Given, claim: str, negation: str, scale: int) -> Check:
    """Return what the answers of a reader to the questions of its check come to."""
    of = {text: [one for one in given if one[0].claim == text] for text in dict.fromkeys(one[0].claim for one in given)}
    stance, opposite = values(of[claim]), mean(values(of[negation]))
    true, false = mean(values(of[PLAINLY_TRUE])), mean(values(of[PLAINLY_FALSE]))
    found = mean(stance)
    figures = Check(
        turned=turned_by(of[claim]),
        negated=None if found is None or opposite is None else abs(found + opposite - (scale + 1)),
        unmoved=_unmoved(of),
        apart=None if true is None or false is None else true - false,
        spread=stdev(stance) if len(stance) > 1 else None,
        answered=sum(ballot is not None and bool(ballot.answer) for _, ballot in given),
        asked=len(given),
    )
    return Check(
        figures.turned,
        figures.negated,
        figures.unmoved,
        figures.apart,
        figures.spread,
        figures.answered,
        figures.asked,
        _reasons(figures, scale),
    )


def turned_by(given: Given) -> float | None:
    """Return how far apart the stances are that the two directions of the scale give."""
    told = [[value for one, ballot in given if one.turned is way and (value := one.value(ballot)) is not None]
            for way in (False, True)]  # fmt: skip
    return abs(fmean(told[0]) - fmean(told[1])) if all(told) else None


def _unmoved(of: dict[str, list[tuple[Probe, Ballot | None]]]) -> float | None:
    """Return the most by which a number named in answer to a claim differs from that to no claim at all."""
    far: list[float] = []
    for way in (False, True):
        named = {
            text: mean([number for one, ballot in given if one.turned is way and (number := raw(ballot)) is not None])
            for text, given in of.items()
        }
        prior = named.pop(CONTENT_FREE)
        far += [abs(number - prior) for number in named.values() if number is not None and prior is not None]
    return max(far) if far else None


def _reasons(check: Check, scale: int) -> tuple[str, ...]:
    """Say what speaks against a reader, each with its figure and the limit that it misses."""
    span, unit = scale - 1, f"of {scale - 1} points"
    limits = (
        (check.turned, TURNED, True, "with the scale turned round its stance moves by"),
        (check.negated, NEGATED, True, "claim and negation miss adding up by"),
        (check.unmoved, UNMOVED, False, "no answer differs from that to an empty claim by more than"),
        (check.apart, APART, False, "it puts a plainly true claim above a plainly false one by only"),
        (check.spread, SPREAD, True, "repeated probes spread by"),
    )
    reasons = [
        f"{words} {figure:.1f} {unit} ({'at most' if above else 'at least'} {limit * span:.1f})"
        for figure, limit, above, words in limits
        if figure is not None and (figure > limit * span if above else figure < limit * span)
    ]
    if any(figure is None for figure, *_ in limits):
        reasons.append(f"only {check.answered} of {check.asked} ballots of its check name an option")
    return tuple(reasons)
