"""Trials as a table for the estimators: which arm, which independent units, the seeds of one cell averaged into a row.

It must never let repeats of one target on one claim count as independent, nor lose a trial without counting it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from moot.measures import FEWEST, Score
from moot.measures.effects import estimate, usual
from moot.measures.engines import library
from moot.measures.permuted import by_chance
from moot.measures.recorded import citing, named
from moot.measures.sample import Asked, gather
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from moot.measures.effects import Estimator
    from moot.measures.trials import Trial

CONTROL = "control"
STAGES = ("assigned", "begun", "completed", "with a stance before and after", "analysed, seeds of a cell averaged")
UNITS = ("claim", "target")
"""What a trial can be clustered by: figures are to hold for other claims, and for other targets."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How trials are compared: the factors that make an arm (none: the trial's own arm), the control, and the units."""

    arm: tuple[str, ...] = ()
    control: str = CONTROL
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One cell: its arm, claim, target and side, the trials that were averaged, and their mean stances."""

    arm: str
    claim: str
    target: str
    side: int
    trials: tuple[Trial, ...]

    def mean(self, name: str) -> float | None:
        """Return the mean stance at an asking over the trials of which it is known."""
        found = [value for one in self.trials if (value := one.stance(name)) is not None]
        return fmean(found) if found else None


@dataclass(frozen=True, slots=True)
class Arms:
    """Trials of one scale in arms; `units` are the ways in which rows belong together, `said` declares them.

    `every` is each trial on record with its arm, also those that no row is of.
    """

    rows: tuple[Row, ...]
    scale: int
    units: tuple[str, ...]
    said: str
    wanted: Wanted
    flow: tuple[tuple[str, int], ...]
    arms: tuple[tuple[str, int, int], ...]
    every: tuple[tuple[str, Trial], ...]

    @property
    def control(self) -> str | None:
        """The arm that the others are compared with; None where there is no trial of it, or none of another."""
        names = {one.arm for one in self.rows}
        return self.wanted.control if self.wanted.control in names and len(names) > 1 else None

    @property
    def names(self) -> tuple[str, ...]:
        """All arms of which there is a row, the control first."""
        return tuple(sorted({one.arm for one in self.rows}, key=lambda one: (one != self.wanted.control, one)))


def arms_of(trials: Sequence[Trial], wanted: Wanted) -> Arms:
    """Return trials of one scale in their arms; `Invalid` where a factor or the control that is wanted is not there."""
    label = _labels(trials, wanted)
    whole = [one for one in trials if one.shift.signed() is not None]
    targets = named([one.target for one in trials])
    cells: dict[tuple[str, ...], list[Trial]] = {}
    for one in whole:
        key = (label(one), one.claim, targets[one.target], str(one.shift.side), one.cell)
        cells.setdefault(key, []).append(one)
    rows = tuple(
        Row(arm, claim, target, 1 if side == "for" else -1, tuple(found))
        for (arm, claim, target, side, _), found in cells.items()
    )
    units, said = _units(rows, wanted)
    ended = [one for one in trials if one.of.closed is not None]
    begun = sum(bool(one.of.transcript.turns) for one in trials)
    counts = (len(trials), begun, len(ended), len(whole), len(rows))
    names = dict.fromkeys(label(one) for one in trials)
    count = {arm: [sum(label(one) == arm for one in some) for some in (trials, whole)] for arm in names}
    arms = tuple((arm, start, left) for arm, (start, left) in count.items())
    if wanted.arm and wanted.control not in names:
        raise Invalid(f"no trial is in the arm {wanted.control!r}; there are {', '.join(names)}: name one as --control")
    flow, every = tuple(zip(STAGES, counts, strict=True)), tuple((label(one), one) for one in trials)
    return Arms(rows, trials[0].shift.scale, units, said, wanted, flow, arms, every)


def _labels(trials: Sequence[Trial], wanted: Wanted) -> Callable[[Trial], str]:
    if wanted.arm:
        for name in wanted.arm:
            if any(name not in one.factors for one in trials):
                known = ", ".join(dict.fromkeys(factor for one in trials for factor in one.factors)) or "none"
                raise Invalid(f"some conversations have no factor {name!r}; factors are {known}")
        return lambda one: ", ".join(str(one.factors[name]) for name in wanted.arm)
    several: dict[str, set[str]] = {}
    for one in trials:
        several.setdefault(one.shift.arm, set()).add(one.persuader)

    def label(one: Trial) -> str:
        arm = one.shift.arm
        return f"{arm} {one.persuader}" if arm != CONTROL and len(several[arm]) > 1 else arm

    return label


def _units(rows: Sequence[Row], wanted: Wanted) -> tuple[tuple[str, ...], str]:
    """Return which ways of clustering hold, and a sentence that declares it: ways of too few levels are held fixed."""
    levels = {"claim": len({one.claim for one in rows}), "target": len({one.target for one in rows})}
    if wanted.units:
        return wanted.units, "independent units, as asked: " + _counted(wanted.units, levels)
    random = tuple(name for name in UNITS if levels[name] >= FEWEST)
    held = [name for name in UNITS if name not in random]
    if not random:
        most = max(UNITS, key=lambda name: levels[name])
        few = f"{_counted(UNITS, levels)}: fewer than {FEWEST} of either, so that nothing holds for others"
        return (most,), f"independent units: {few}"
    told = f"independent units: {_counted(random, levels)}"
    if held:
        told += f"; {_counted(held, levels)}, too few to stand for others: figures are of these alone"
    return random, told


def _counted(names: Sequence[str], levels: Mapping[str, int]) -> str:
    return " and ".join(f"{levels[name]} {name}{'s' if levels[name] != 1 else ''}" for name in names)


def effects(found: Arms) -> tuple[list[Score], list[str]]:
    """Return what the arms did, the headline first, and what could not be estimated and why.

    The table is that of `moot effect`, one row a cell, and so are the estimators: ANCOVA first if there is a control.
    """
    if not found.rows:
        return [], ["no trial has a stance before and after"]
    asked = Asked(
        "after", "before", "arm" if found.control else None, found.control, "side",
        clusters=found.units, scale=(1.0, float(found.scale)),
    )  # fmt: skip
    frame = library("polars").DataFrame(list(map(_as_row, found.rows)))
    scores: list[Score] = []
    notes: list[str] = []
    try:
        gathered = gather(frame, asked)
    except Invalid as fault:
        return [*_plain(found)], [str(fault)]
    wanted: list[Estimator] = [*usual(asked), "shift"]
    for one in dict.fromkeys(wanted):
        try:
            scores += by_chance(gathered.sample, estimate(gathered.sample, asked, one))
        except Invalid as fault:
            notes.append(f"{one}: {fault}")
    told = {(one.more.get("arm"), one.more.get("control")) for one in scores}
    told |= {(arm, None) for arm, _ in told if not found.control and arm is None for arm in found.names}
    scores += [one for one in _plain(found) if (one.more["arm"], one.more.get("control")) not in told]
    return [_cited(one, found) for one in scores], [*gathered.notes, *notes]


def _as_row(row: Row) -> dict[str, Any]:
    told = {"arm": row.arm, "claim": row.claim, "target": row.target, "side": row.side, "trials": len(row.trials)}
    return told | {name: row.mean(name) for name in ("before", "after", "later")}


def _plain(found: Arms) -> Iterator[Score]:
    """Yield the difference of mean signed shifts where no estimator can be used: a description, without an interval."""
    shifts = {
        arm: fmean([moved for one in found.rows if one.arm == arm and (moved := _moved(one)) is not None])
        for arm in found.names
    }
    unit, why = f"points on 1-{found.scale}", f"no interval: {found.said}"
    for arm, value in shifts.items():
        n = sum(one.arm == arm for one in found.rows)
        told = Score(f"shift, arm {arm}", value, None, None, None, n, None, unit, "mean of cells", why)
        yield _cited(told.with_more({"estimator": "shift", "arm": arm}), found)
        if found.control and arm != found.control:
            name, method = f"change, {arm} against {found.control}", "difference of the mean signed shifts of cells"
            more = {"estimator": "change", "arm": arm, "control": found.control}
            told = Score(
                name, value - shifts[found.control], None, None, None, len(found.rows), None, unit, method, why
            )
            yield _cited(told.with_more(more), found)


def _moved(row: Row) -> float | None:
    before, after = row.mean("before"), row.mean("after")
    return None if before is None or after is None else (after - before) * row.side


def _cited(score: Score, found: Arms) -> Score:
    """Return a figure with the ballots of the trials it is of, and what its independent units are."""
    arms = {score.more.get("arm"), score.more.get("control")} - {None}
    trials = [one for row in found.rows if row.arm in arms or not arms for one in row.trials]
    cites = [cite for one in trials for cite in one.cites("before", "after")]
    told = {"trials": len(trials), "independent_unit": found.said}
    return citing(replace(score, more={**score.more, **told}), cites)
