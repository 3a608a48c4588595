"""What judges' votes come to: win rates and ratings, how often they were right, what biases them, how far they agree.

It must never call a rating a fact about the contestants before the bias report is beside it.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moot.measures import Score
from moot.measures.agreement import agreement
from moot.measures.agreement import ratings as rated_by
from moot.measures.engines import Certainty, finite, interval, library
from moot.measures.judged import FOR, own_family, settled
from moot.measures.linear import Ways, fit
from moot.measures.ratings import rated
from moot.measures.recorded import citing
from moot.measures.verdicts import Asked, games
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from moot.measures.engines import Array
    from moot.measures.judged import Graded, Settled, Voted

DRAW = "(tie)"
FEWEST_PAIRS = 2
ENDLESS = 15.0
"""Log odds beyond which a slope is on its way to infinity: nobody who fits it would see less than one in a million."""


def winners(votes: Sequence[Voted]) -> tuple[list[Score], list[str]]:
    """Return the win rate and the Bradley-Terry rating of each voice that was judged, by topic, and what went wrong."""
    found = [one for one in settled(votes) if one.choice and one.one.a.player != one.one.b.player]
    if not found:
        return [], ["no verdict is between two different voices: there is nobody to rate"]
    rows = [
        {"left": one.one.a.player, "right": one.one.b.player, "topic": one.one.topic,
         "winner": {"a": one.one.a.player, "b": one.one.b.player}.get(one.choice, DRAW)}
        for one in found
    ]  # fmt: skip
    table = games(library("polars").DataFrame(rows), Asked("left", "right", "winner", (DRAW,), topic="topic"))
    scores: list[Score] = []
    notes: list[str] = []
    for method, named in (("winrate", "win rate"), ("bt", "rating")):
        try:
            result = rated(table, "winrate" if method == "winrate" else "bt", None)
        except Invalid as fault:
            notes.append(f"{named}: {fault}")
            continue
        notes += result.notes
        for one in (*result.players, *(result.pairs if method == "bt" else ())):
            cites = [cite for each in found if _plays(each, one.name) for cite in each.cites]
            scores.append(citing(replace(one, name=f"{named}, {one.name}"), cites))
    return scores, list(dict.fromkeys(notes))


def _plays(found: Settled, name: str) -> bool:
    a, b = found.one.a.player, found.one.b.player
    return name in (a, b, f"{a} beats {b}", f"{b} beats {a}")


def accuracy(votes: Sequence[Voted]) -> Iterator[Score]:
    """Yield how often verdicts named the side that is right (a tie is half), and the Brier score of the votes' odds.

    Brier (1950) as the mean of (1 - p)^2, p being the probability given to the side that is right, a tie split in half.
    """
    known = [one for one in settled(votes) if one.one.truth in ("a", "b") and one.share is not None]
    if known:
        right = [(one.share or 0.0) if one.one.truth == "a" else 1 - (one.share or 0.0) for one in known]
        told = _mean("accuracy", right, [one.one.topic for one in known], "share of verdicts, a tie is half")
        yield citing(told, [cite for one in known for cite in one.cites])
    odds = [(one, p) for one in votes if (p := one.right) is not None]
    if odds:
        unit = "squared distance from the truth, 0 best, 0.25 by chance"
        told = _mean("Brier score", [(1 - p) ** 2 for _, p in odds], [one.topic for one, _ in odds], unit)
        yield citing(told, [cite for one, _ in odds for cite in one.cites])


def grades(found: Sequence[Graded]) -> Iterator[Score]:
    """Yield the mean grade of each scale, over the cells of what was graded."""
    for scale in sorted({one.scale for one in found}):
        some = [one for one in found if one.scale == scale]
        told = _mean("grade", [one.grade for one in some], [one.topic for one in some], f"grade points of 1 to {scale}")
        yield citing(told, [cite for one in some for cite in one.cites])


def _mean(name: str, values: Sequence[float], topics: Sequence[str], unit: str) -> Score:
    """Return a mean over topics that are independent, with CR1 errors."""
    np = library("numpy")
    groups = np.unique(list(topics), return_inverse=True)[1]
    amount = int(groups.max()) + 1
    if len(values) < 2:  # noqa: PLR2004 - one vote has no spread
        why = "no interval: 1 topic, and fewer than 5 allow none"
        return Score(name, values[0], None, None, None, 1, 1, unit, "mean", why)
    line = fit(np.array(values, dtype=float), np.ones((len(values), 1)), Ways(("topic",), (groups,)))
    sure, errors = line.sure(0)
    low, high, _ = interval(float(line.values[0]), sure)
    share = unit.startswith("share")
    low, high = (max(low, 0.0), min(high, 1.0)) if share and low is not None and high is not None else (low, high)
    told = (len(values), amount, unit, f"mean; {errors}", sure.why_not())
    return Score(name, float(line.values[0]), finite(sure.shown()), low, high, *told)


def biases(votes: Sequence[Voted]) -> Iterator[Score]:
    """Yield what votes went by besides the words: place, side, length, family; each unit says what is unbiased."""
    counted = [one for one in votes if one.choice]
    paired = [one for one in settled(votes) if one.consistent is not None]
    if paired:
        unit = "share of pairs seen in both orders; 0 is unbiased"
        flips = [0.0 if one.consistent else 1.0 for one in paired]
        told = _mean(
            "position: pairs judged otherwise in the other order", flips, [one.one.topic for one in paired], unit
        )
        yield citing(told, [cite for one in paired for cite in one.cites])
    yield from _won("position: won by whoever was called A or named first", counted, lambda one: one.shown)
    yield from _won("side: won by whoever argued for", counted, _arguing_for)
    yield from _won("family: won by the judge's own", counted, own_family)
    yield from _by_length(counted)


def _arguing_for(one: Voted) -> str:
    return "a" if one.a.argues == FOR else "b" if one.b.argues == FOR else ""


def _won(name: str, votes: Sequence[Voted], picks: Callable[[Voted], str]) -> Iterator[Score]:
    found = [(one, side) for one in votes if (side := picks(one))]
    if found:
        shares = [0.5 if one.choice == "tie" else float(one.choice == side) for one, side in found]
        told = _mean(name, shares, [one.topic for one, _ in found], "share of votes, a tie is half; 0.5 is unbiased")
        yield citing(told, [cite for one, _ in found for cite in one.cites])


def _by_length(votes: Sequence[Voted]) -> Iterator[Score]:
    """Yield the slope of the log odds that a won on the log of how many times longer it was, the place held."""
    np = library("numpy")
    found = [one for one in votes if one.a.words and one.b.words]
    if not found:
        return
    x = np.log([one.a.words / one.b.words for one in found])
    won = np.array([{"a": 1.0, "b": 0.0}.get(one.choice, 0.5) for one in found])
    groups = np.unique([one.topic for one in found], return_inverse=True)[1]
    placed = np.array([1.0 if one.shown == "a" else -1.0 for one in found])
    columns = [np.ones(len(found)), x, *([placed] if len(set(placed.tolist())) > 1 else [])]
    name, unit = "length: slope", "log odds of winning per log of the ratio of words; 0 is unbiased"
    cites = [cite for one in found for cite in one.cites]
    yield citing(_logit(name, unit, won, np.column_stack(columns), groups), cites)


def _logit(name: str, unit: str, won: Array, design: Array, groups: Array) -> Score:
    """Return the second coefficient of a logistic regression, shares allowed, with errors clustered by topic."""
    np, models = library("numpy"), library("statsmodels.api")
    amount = int(groups.max()) + 1
    method = "logit(won) ~ 1 + log ratio of words + place; CR1 by topic"
    empty = Score(name, None, None, None, None, len(won), amount, unit, method)
    if len(won) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        return replace(empty, why="not known: lengths do not vary enough among so few votes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of separation, which is told below by its size
        model = models.GLM(won, design, family=models.families.Binomial())
        plain = model.fit()
        if not np.isfinite(plain.params).all() or float(np.abs(design @ plain.params).max()) > ENDLESS:
            return replace(
                empty, why="not known: length tells the winner without exception, so that no slope is likeliest"
            )
        errors = model.fit(cov_type="cluster", cov_kwds={"groups": groups}) if amount > 1 else plain
    value = float(plain.params[1])
    se = finite(float(errors.bse[1])) if amount > 1 else None
    sure = Certainty(se, float(amount - 1), amount, "topics")
    low, high, p = interval(value, sure)
    return replace(empty, estimate=value, se=se, low=low, high=high, p=p, why=sure.why_not())


def agreeing(votes: Sequence[Voted]) -> tuple[list[Score], list[str]]:
    """Return how far judges agree on the pairs that two or more of them judged, and why not where they do not."""
    seen: dict[tuple[str, str], Settled] = {}
    for one in settled(votes):
        if one.choice:
            seen.setdefault((one.one.judge, one.one.item), one)
    if len({judge for judge, _ in seen}) < FEWEST_PAIRS:
        return [], []
    rows: list[dict[str, Any]] = [
        {"judge": judge, "item": item, "verdict": one.choice} for (judge, item), one in seen.items()
    ]
    try:
        table = rated_by(library("polars").DataFrame(rows), ("judge", "item", "verdict"), "nominal", ((), ()))
        found = agreement(table, "nominal")
    except Invalid as fault:
        return [], [f"agreement: {fault}"]
    cites = [cite for one in seen.values() for cite in one.cites]
    return [citing(replace(one, name=f"agreement: {one.name}"), cites) for one in found], list(table.notes)
