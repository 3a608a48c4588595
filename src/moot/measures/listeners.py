"""What readings of recorded words come to: curves over letters or turns, and who swung for and against a claim.

It must never count readers of one voice and brief as several, nor one whose answers cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from moot.forms.audience import audience
from moot.forms.course import ballot_of
from moot.measures import Score, called_with, mean_of
from moot.measures.curves import Reading, reading
from moot.measures.persuasion import Shift, Stance
from moot.measures.recorded import about, citing, kind_of
from moot.measures.trials import AWAY, Point, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from moot.measures.recorded import Recorded


READ = "read"
"""The arm of readings where no factor is named."""


@dataclass(frozen=True, slots=True)
class Read:
    """One reading on record: of what, on which claim, by which reader."""

    of: Recorded
    reading: Reading
    claim: str
    source: str
    reader: str

    @property
    def ballots(self) -> tuple[tuple[str, int], ...]:
        """Its ballots."""
        turns = enumerate(self.of.transcript.turns, 1)
        return tuple((self.of.id, number) for number, turn in turns if ballot_of(turn) is not None)


def read_of(one: Recorded) -> Read:
    """Return what a reading on record tells; `Invalid` where it is none."""
    heading = one.transcript.heading
    told, who = called_with(heading, audience), heading.participants[0]
    reader = one.id if who.voice.startswith(AWAY) else kind_of(who)
    source = ", ".join(about(heading)) or str(told["about"])
    return Read(one, reading(one.transcript), str(told["claim"]), source, reader)


def scores(one: Read) -> Iterator[Score]:
    """Yield the figures of one reading: its stance at each point, and how far it moved."""
    unit, why = f"points on 1-{one.reading.scale}", "no interval: this is one reader"
    method = "mean over probes, each asked in both directions"
    left_out = {"left_out": one.reading.left_out or None}
    for point, stance in zip(one.reading.points, one.reading.stances, strict=False):
        told = Score(f"stance {point}", stance.mean, None, None, None, len(stance.values), None, unit, method, why)
        yield citing(told.with_more({"probe_sd": stance.sd} | left_out), one.ballots)
    if len(one.reading.stances) == len(one.reading.points):
        method = "after all - before, towards the claim"
        told = Score("moved towards the claim", one.reading.moved, None, None, None, 1, None, unit, method, why)
        yield citing(told.with_more(left_out), one.ballots)


def as_trial(one: Read, source: Recorded | None) -> Trial:
    """Return a reading as a trial of its reader, moved by what it read: one that cannot be read states nothing.

    Its cell is that of `source`, the conversation that it read, where that is known.
    """
    stances = one.reading.stances if not one.reading.left_out else ()
    before, after = (stances[0], stances[-1]) if stances else (Stance((), 0, 0), Stance((), 0, 0))
    found = Shift(READ, "for", one.reading.scale, before, after, None, 0)
    count, turns = len(one.reading.points) - 1, tuple(turn for _, turn in one.ballots)
    points = (Point("before", 0, before, turns), Point("after", count, after, turns))
    factors = (source.factors if source else dict[str, Any]()) | one.of.factors
    return Trial(one.of, found, points, one.claim, one.reader, "", source.cell if source else one.source, factors)


def curves(found: Sequence[Read]) -> tuple[list[Score], list[str]]:
    """Return the curve of each claim and source over the readers that count, its swing, and who was left out."""
    scores: list[Score] = []
    notes: list[str] = []
    groups: dict[tuple[str, str, tuple[str, ...], int], list[Read]] = {}
    for one in found:
        groups.setdefault((one.claim, one.source, one.reading.points, one.reading.scale), []).append(one)
    for (claim, source, points, scale), each in groups.items():
        counted = [one for one in each if not one.reading.left_out]
        where = {"claim": claim, "source": source, "readings": len(each), "left_out": len(each) - len(counted)}
        told = f"curve of {source[:40]}" if len(groups) > 1 else "curve"
        for at, point in enumerate(points):
            scores.append(_over_readers(f"{told}: {point}", counted, _stance_at(at), f"points on 1-{scale}", where))
        moved = _over_readers(f"{told}: moved towards the claim", counted, _moved, f"points on 1-{scale}", where)
        scores += [moved, *_swings(counted, told, where)]
        reasons = dict.fromkeys(one.reading.left_out.partition(":")[0] for one in each if one.reading.left_out)
        if reasons:
            notes.append(f"{where['left_out']} of {len(each)} readings are left out: {', '.join(reasons)}")
    return scores, notes


OF = "readers (those of one voice and brief are averaged into one)"


def _stance_at(at: int) -> Callable[[Read], float | None]:
    return lambda one: one.reading.stances[at].mean


def _moved(one: Read) -> float | None:
    return one.reading.moved


def _over_readers(
    name: str, counted: Sequence[Read], of: Callable[[Read], float | None], unit: str, where: Mapping[str, Any]
) -> Score:
    groups: dict[str, list[float]] = {}
    for one in counted:
        if (value := of(one)) is not None:
            groups.setdefault(one.reader, []).append(value)
    told = mean_of(name, [fmean(each) for each in groups.values()], unit, OF)
    n = sum(map(len, groups.values()))
    cites = [cite for one in counted for cite in one.ballots]
    return citing(replace(told, n=n, clusters=len(groups)).with_more(where), cites)


def _swings(counted: Sequence[Read], told: str, where: Mapping[str, Any]) -> Iterator[Score]:
    """Yield how the shares for and against changed, undecided in neither: whose share grew more has won."""

    def side(one: Read, at: int) -> int:
        value, middle = one.reading.stances[at].mean, (one.reading.scale + 1) / 2
        return 0 if value is None or value == middle else 1 if value > middle else -1

    def swung(way: int) -> Callable[[Read], float]:
        return lambda one: float(side(one, -1) == way) - float(side(one, 0) == way)

    for name, way in (("for", 1), ("against", -1)):
        yield _over_readers(f"{told}: swing {name}", counted, swung(way), "share of readers, after less before", where)
