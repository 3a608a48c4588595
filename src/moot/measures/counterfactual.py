"""Which turns moved somebody: where it stands after all of a conversation, less where it stands with one turn left out.

It must never add such differences up: each is of one turn with all others in place, and those that answered it too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from moot.forms.course import ballot_of
from moot.forms.stance import pairs
from moot.forms.without import without
from moot.measures import Score, called_with, mean_of
from moot.measures.persuasion import Stance, stance_of
from moot.measures.readers import TURNED
from moot.measures.recorded import Recorded, citing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SOURCE, DIGEST = "conversation", "digest"
"""What a fork's heading says it is a fork of: the id, and the content up to where it was asked."""

DRAWS = "draws of one voice, each with a seed of its own"


@dataclass(frozen=True, slots=True)
class Fork:
    """One asking: which turn was left out (0: none), of what, who was asked what, and where it stood."""

    of: Recorded
    source: str
    asked: str
    turn: int
    claim: str
    target: str
    scale: int
    stance: Stance
    ballots: tuple[tuple[str, int], ...]

    @property
    def seed(self) -> int:
        """What tells its draw apart."""
        return self.of.transcript.heading.seed


def fork_of(one: Recorded) -> Fork:
    """Return what a fork that leaves a turn out tells so far; `Invalid` where its heading is not of one."""
    heading = one.transcript.heading
    told, source = called_with(heading, without), dict(heading.source)
    claim, target, scale, after = str(told["claim"]), str(told["of"]), int(told["scale"]), int(told["after"])
    said = one.transcript.turns[after:]
    stance = stance_of(target, pairs(claim, scale, int(told["probes"])), said)
    ballots = [number for number, turn in enumerate(said, after + 1) if ballot_of(turn) is not None]
    asked = f"{source.get(DIGEST, '')} {claim} {target} {scale} {told['probes']}"
    cites = tuple((one.id, number) for number in ballots)
    return Fork(one, str(source.get(SOURCE, "")), asked, int(told["turn"]), claim, target, scale, stance, cites)


def influence(forks: Sequence[Fork], sign: Mapping[str, int] | None = None) -> Iterator[Score]:
    """Yield how far each turn moved the one who was asked, those that moved it most first, and before them the stance.

    `sign` is -1 for the sources (by id) in which the claim was argued against, so that what was wanted counts as more.
    """
    groups: dict[str, list[Fork]] = {}
    for one in forks:
        groups.setdefault(f"{one.source} {one.asked}", []).append(one)
    for group in groups.values():
        whole = {one.seed: one for one in group if one.turn == 0}
        if not whole:
            continue
        first = group[0]
        told: dict[str, Any] = {"source": first.source, "claim": first.claim, "of": first.target}
        yield _stance(list(whole.values())).with_more(told)
        toward = (sign or {}).get(first.source, 1)
        turns = sorted({one.turn for one in group if one.turn})
        found = [_moved([one for one in group if one.turn == turn], whole, toward, len(turns)) for turn in turns]
        for rank, one in enumerate(sorted(found, key=lambda one: -abs(one.estimate or 0.0)), 1):
            yield one.with_more(told | {"rank": rank})


def _stance(whole: Sequence[Fork]) -> Score:
    values = [mean for one in whole if (mean := one.stance.mean) is not None]
    told = mean_of("stance, nothing left out", values, f"points on 1-{whole[0].scale}", DRAWS)
    turned = [one.stance.turned for one in whole if one.stance.turned is not None]
    most = TURNED * (whole[0].scale - 1)
    odd = bool(turned) and fmean(turned) > most
    more = {"reversed_scale_shift": fmean(turned) if turned else None, "insensitive": odd}
    return citing(told.with_more(more), [cite for one in whole for cite in one.ballots])


def _moved(forks: Sequence[Fork], whole: Mapping[int, Fork], toward: int, turns: int) -> Score:
    """Return by how much the stance with a turn differs from that without it, draw by draw with the same seed."""
    both = [
        (one, whole[one.seed], toward * (with_it - without_it))
        for one in forks
        if one.seed in whole
        if (with_it := whole[one.seed].stance.mean) is not None and (without_it := one.stance.mean) is not None
    ]
    turn, scale = forks[0].turn, forks[0].scale
    found = [moved for *_, moved in both]
    told = mean_of(f"moved by turn {turn}", found, f"points on 1-{scale}", DRAWS)
    probes = [value for one, *_ in both for value in one.stance.values]
    more = {"turn": turn, "without": [one.stance.mean for one, *_ in both], "turns_compared": turns}
    more |= {"probe_sd": stdev(probes) if len(probes) > 1 else None, "forks": [one.of.id for one in forks]}
    method = "stance with all turns less stance without this one, mean over draws; Student's t from 5 draws"
    cites = [(forks[0].source, turn), *(cite for one, other, _ in both for cite in (*one.ballots, *other.ballots))]
    return citing(replace(told, method=method).with_more(more), cites)
