"""What arms did over time: when targets first flipped, against the control, and what was left of it later.

It must never test the times of targets as if repeats of one cell were independent: arms are shuffled within claim and
target, and intervals resample whole independent units.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from moot.measures import FEWEST, LEVEL, Score, mean_of
from moot.measures.engines import SEED, library
from moot.measures.permuted import mixed, shuffles
from moot.measures.recorded import citing
from moot.measures.shares import share_of
from moot.measures.survival import by_then, curve, excesses, log_rank, median
from moot.measures.trials import WHAT, conduct, first, first_move, flips, path, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from moot.measures.arms import Arms, Row
    from moot.measures.engines import Array
    from moot.measures.survival import Watched
    from moot.measures.trials import Trial

    Timed = list[tuple[Row, Trial, Watched]]

DRAWS = 2_000
SHUFFLES = 1_999
_CERTAIN = 1.96


def changes(found: Arms) -> Iterator[Score]:
    """Yield, for each arm, the share of targets that flipped by the end of the talk, when, and how often."""
    middle, least = (found.scale + 1) / 2, step(found.scale)
    ways: tuple[tuple[str, Callable[[Trial], Watched | None]], ...] = (
        ("first flip", lambda one: first(path(one), middle)),
        ("first move", lambda one: first_move(path(one), least)),
    )
    for name, watch in ways:
        timed = {
            arm: [(row, one, seen) for row, one in _trials(found, arm) if (seen := watch(one))] for arm in found.names
        }
        for arm, each in timed.items():
            if each:
                yield _curve(found, f"{name}, arm {arm}", arm, each)
        for arm in found.names:
            if found.control and arm != found.control and timed[arm] and timed[found.control]:
                yield _tested(found, name, arm, timed)
    yield from _counts(found, middle)


def _trials(found: Arms, arm: str) -> list[tuple[Row, Trial]]:
    return [(row, one) for row in found.rows if row.arm == arm for one in row.trials]


def _unit(found: Arms, row: Row) -> str:
    return row.claim if found.units[0] == "claim" else row.target


def _curve(found: Arms, name: str, arm: str, each: Timed) -> Score:
    """Return the share to whom it has happened by the last asking, with the whole curve beside it."""
    steps = curve([seen for *_, seen in each])
    end = max(seen.time for *_, seen in each)
    groups: dict[str, list[Watched]] = {}
    for row, _, seen in each:
        groups.setdefault(_unit(found, row), []).append(seen)
    method = f"1 - S({end:g}), Kaplan-Meier; percentile bootstrap of {found.units[0]}s, {DRAWS:,} draws"
    told = (len(each), len(groups), "share of targets", method)
    shown = [{"turn": one.time, "at_risk": one.at_risk, "happened": one.happened, "left": one.left} for one in steps]
    more = {"arm": arm, "by_turn": end, "happened": sum(seen.seen for *_, seen in each), "median_turn": median(steps)}
    more |= {"left_out": len(_trials(found, arm)) - len(each), "curve": shown}
    score = _interval(name, by_then(steps, end), list(groups.values()), told).with_more(more)
    return citing(score, [cite for _, one, _ in each for cite in _asked(one)])


def _asked(one: Trial) -> tuple[tuple[str, int], ...]:
    """Return the ballots of the talk."""
    return one.cites(*(point.name for point in one.talk))


def _interval(name: str, value: float, groups: Sequence[Sequence[Watched]], told: tuple[int, int, str, str]) -> Score:
    if len(groups) < FEWEST:
        why = f"no interval: {len(groups)} independent units, and fewer than {FEWEST} allow none"
        return Score(name, value, None, None, None, *told, why)
    np = library("numpy")
    drawn = resampled_by_then(groups)
    if float(drawn.std()) == 0:
        return Score(name, value, None, None, None, *told, "no interval: every resample gives the same")
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Score(name, value, float(drawn.std(ddof=1)), float(low), float(high), *told)


def resampled_by_then(groups: Sequence[Sequence[Watched]]) -> Array:
    """Return the share to whom it has happened by the end, by Kaplan and Meier, in each resample of whole groups."""
    np = library("numpy")
    times = sorted({one.time for each in groups for one in each})
    happened, left = np.zeros((len(groups), len(times))), np.zeros((len(groups), len(times)))
    for at, each in enumerate(groups):
        for one in each:
            left[at, times.index(one.time)] += 1
            happened[at, times.index(one.time)] += one.seen
    counts = np.random.default_rng(SEED).multinomial(len(groups), [1 / len(groups)] * len(groups), DRAWS)
    leaving = counts @ left
    at_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    return 1 - np.prod(1 - (counts @ happened) / np.maximum(at_risk, 1), axis=1)


def _tested(found: Arms, name: str, arm: str, timed: dict[str, Timed]) -> Score:
    """Return the log-rank test of an arm against the control, its p by shuffling arms within claim and target."""
    np, control = library("numpy"), str(found.control)
    both = [*timed[arm], *timed[control]]
    treated = (np.arange(len(both)) < len(timed[arm])).astype(float)
    strata = np.unique([f"{row.claim}\0{row.target}" for row, *_ in both], return_inverse=True)[1]
    watched = [seen for *_, seen in both]
    excess, variance = log_rank(watched[: len(timed[arm])], watched[len(timed[arm]) :])
    more = {"arm": arm, "control": control, "chi2": excess**2 / variance if variance else None}
    p, why = None, "no test: no claim and target was in both arms"
    if mixed(treated, strata):
        why = "a test has no interval"
        drawn = np.abs(np.array(excesses(watched)) @ shuffles(treated, strata, np.arange(len(both)), SHUFFLES))
        p = float(np.count_nonzero(drawn >= drawn[0] - 1e-9)) / len(drawn) if variance else None
    label, unit = f"{name}, {arm} against {control}", "flips more than expected"
    method = f"log-rank; p by shuffling arms within claim and target, {SHUFFLES:,} shuffles"
    told = Score(label, excess, variance**0.5, None, None, len(both), None, unit, method, why, p, more)
    return citing(told, [cite for _, one, _ in both for cite in _asked(one)])


def _counts(found: Arms, middle: float) -> Iterator[Score]:
    for arm in found.names:
        groups: dict[str, list[float]] = {}
        for row in found.rows:
            counted = [float(flips([v for _, v in way], middle)) for one in row.trials if len(way := path(one)) > 1]
            if row.arm == arm and counted:
                groups.setdefault(_unit(found, row), []).append(fmean(counted))
        if groups:
            trials = [one for _, one in _trials(found, arm)]
            told = _mean(f"flips, arm {arm}", [fmean(one) for one in groups.values()], found, len(trials))
            yield citing(told.with_more({"arm": arm}), [cite for one in trials for cite in _asked(one)])


def _mean(name: str, values: Sequence[float], found: Arms, n: int) -> Score:
    told = mean_of(name, values, "changes of side", f"{found.units[0]}s")
    return Score(
        name, told.estimate, told.se, told.low, told.high, n, told.n, told.unit, told.method, told.why, more=told.more
    )


def durability(found: Arms) -> Iterator[Score]:
    """Yield, for each arm, which share of its effect was left later: the ratio of the two differences to the control.

    Without a control it is that of the shifts. Where the effect itself may be nothing, a ratio to it says nothing.
    """
    for arm in found.names:
        if found.control and arm == found.control:
            continue
        rows = [one for one in found.rows if one.arm in (arm, found.control) and one.mean("later") is not None]
        if any(one.arm == arm for one in rows) and (not found.control or any(one.arm == found.control for one in rows)):
            yield _retention(found, arm, rows)


def _retention(found: Arms, arm: str, rows: Sequence[Row]) -> Score:
    np = library("numpy")
    names = list(dict.fromkeys(_unit(found, one) for one in rows))
    treated = np.array([one.arm == arm for one in rows])
    unit_of = np.array([names.index(_unit(found, one)) for one in rows])
    moved = np.array([[_signed(one, name) for name in ("after", "later")] for one in rows])

    def effect(weights: Array) -> Array:
        mean = (weights * treated) @ moved / max(float((weights * treated).sum()), 1e-12)
        against = weights * ~treated
        return mean - (against @ moved / float(against.sum()) if found.control and float(against.sum()) else 0.0)

    now, later = effect(np.ones(len(rows))).tolist()
    draws = np.random.default_rng(SEED).multinomial(len(names), [1 / len(names)] * len(names), DRAWS)
    usable = [each[unit_of] for each in draws if treated[each[unit_of] > 0].any()]
    usable = [each for each in usable if not found.control or (~treated[each > 0]).any()]
    drawn = np.array([effect(each) for each in usable]).reshape(-1, 2)
    se = float(drawn[:, 0].std(ddof=1)) if len(drawn) > 1 else 0.0
    against = f", each against {found.control}" if found.control else ""
    method = f"shift later over shift after{against}; percentile bootstrap of {found.units[0]}s, {DRAWS:,} draws"
    more = {"arm": arm, "control": found.control, "effect_after": now, "effect_later": later}
    trials = [one for row in rows for one in row.trials]
    why = ""
    if len(names) < FEWEST:
        why = f"no interval: {len(names)} {found.units[0]}s, and fewer than {FEWEST} allow none"
    elif abs(now) < _CERTAIN * se or not now:
        why = "no interval: the effect after the talk may be nothing, and a share of nothing says nothing"
    value = later / now if now else None
    ends: tuple[float | None, ...] = (None, None, None)
    if not why:
        shares = drawn[:, 1] / drawn[:, 0]
        low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        ends = (float(shares.std(ddof=1)), float(low), float(high))
    told = Score(f"retention, arm {arm}", value, *ends, len(rows), len(names), "share of the effect", method, why)
    return citing(told.with_more(more), [cite for one in trials for cite in one.cites("before", "after", "later")])


def _signed(row: Row, name: str) -> float:
    found = [
        value
        for one in row.trials
        if (point := one.point(name)) and (value := one.shift.signed(point.stance)) is not None
    ]
    return fmean(found) if found else float("nan")


def conducts(found: Arms) -> Iterator[Score]:
    """Yield, for each arm, the share of the persuader's turns that were declined, and that said something.

    It is of all trials on record: one that was declined may have no stance to show for it.
    """
    for arm in dict.fromkeys(arm for arm, _ in found.every):
        each = [(one, conduct(one)) for label, one in found.every if label == arm]
        claims = len({one.claim for one, _ in each}) >= FEWEST
        for at, name in enumerate(("refusals", "attempts")):
            groups: dict[str, tuple[int, int]] = {}
            for one, both in each:
                key = one.claim if claims else one.cell
                done, tries = groups.get(key, (0, 0))
                groups[key] = (done + len(both[at]), tries + sum(map(len, both)))
            if any(tries for _, tries in groups.values()):
                of = "claims" if claims else "cells"
                told = share_of(f"{name}, arm {arm}", list(groups.values()), "share of the persuader's turns", of)
                cites = [(one.of.id, turn) for one, both in each for turn in both[at]]
                yield citing(told.with_more({"arm": arm, "what": WHAT[name]}), cites)
