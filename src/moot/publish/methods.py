"""What was done to get each figure, with the source of each formula.

It must never name a method that a report has not used.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "stance": (
            "Stances are stated by ballot on a scale from 1. Each probe asks twice, once with the scale turned "
            "round, and the two answers are averaged, so that whatever follows the position of the options "
            "comes out in the middle."
        ),
        "check": (
            "A reader counts only if its answers can be read: they must bear turning the scale round, negating "
            "the claim, a claim without content, and a plainly true against a plainly false one."
        ),
        "shift": (
            "Signed shift: stance after less stance before, times 1 where the claim was argued for and -1 where"
            " it was argued against. Without a control it is a description: regression to the mean and demand "
            "move stances too."
        ),
        "ancova": (
            "Effect against the control: ordinary least squares of the stance after on the arm and the stance "
            "before (ANCOVA; Lin 2013, Annals of Applied Statistics 7, with the interacted version beside it); "
            "change scores and plain differences stand beside it."
        ),
        "clusters": (
            "Repeats of a cell, which differ in their seed alone, are averaged first. Errors are clustered by claim "
            "and by target where there are five or more of them (CR1; two-way after Cameron, Gelbach and Miller 2011), "
            "with t of the smaller number of groups less one, or the degrees of freedom of Bell and McCaffrey (2002) "
            "where few groups decide; below 30 groups p is of a wild cluster bootstrap (Cameron, Gelbach and Miller "
            "2008). Below 5 groups no interval is given."
        ),
        "holm": (
            "Intervals are of 95 % each; p (Holm) is adjusted for the comparisons of its estimator (Holm 1979, "
            "Scandinavian Journal of Statistics 6)."
        ),
        "change": (
            "First flips and moves: Kaplan and Meier (1958), since who has not flipped when last asked may yet do so; "
            "retention is the shift later over the shift after; shares of turns have Wilson's interval (1927)."
        ),
        "mean": (
            "Means have Student's t interval over the independent units that are named; below 5 of them no "
            "interval is given."
        ),
        "ratings": (
            "Ratings: Bradley and Terry (1952, Biometrika 39), a tie is half a win, with a small ridge, on "
            "Elo's scale with mean 1500; intervals are percentiles of a bootstrap of whole topics."
        ),
        "votes": ("A judge of a pair sees it in both orders; two votes that contradict each other are a tie."),
        "dynamics": (
            "Dynamics: each conversation counts once, and repeats of a cell count as one. Said before is the "
            "share of a turn's runs of four words that an earlier turn has (after Welleck et al. 2020); what "
            "each figure is stands beside it in the table of all figures, and in docs/measures/dynamics.md."
        ),
        "cost": (
            "Tokens are as the providers reported them. Dollars are by your own prices, else by a bundled list;"
            " what is not known is never counted as nothing."
        ),
    }
)


def methods(used: Iterable[str]) -> tuple[str, ...]:
    """Return what was done, in the order of this file, each once."""
    wanted = set(used)
    return tuple(words for name, words in METHODS.items() if name in wanted)
