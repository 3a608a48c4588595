"""What an arm did to stated stances: shift, difference, change, ANCOVA, Lin's, each against the control that was named.

It must never call a shift without a control an effect, nor give a figure without what it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from moot.measures import Score
from moot.measures.engines import finite, holm, interval, library, missing
from moot.measures.linear import FEW, Line, fit, stacked, wild_p
from moot.measures.messages import by_messages
from moot.measures.ordinal import odds
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.measures.engines import Array
    from moot.measures.sample import Asked, Sample

Estimator = Literal["shift", "difference", "change", "ancova", "lin", "ordinal", "ppo", "dummies-gls"]
ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)

NEEDS_PRE = ("shift", "change", "ancova", "lin", "ppo")


@dataclass(frozen=True, slots=True)
class Model:
    """A regression of one estimator: its outcome and design, where the arms are in it, and how it is written."""

    outcome: Array
    design: Array
    arms: tuple[int, ...]
    written: str


def usual(asked: Asked) -> tuple[Estimator, ...]:
    """Return what is estimated where nothing was named, the headline first."""
    if asked.arm is None:
        return ("shift",)
    return ("ancova", "change", "difference", "lin") if asked.pre else ("difference",)


def allowed(estimator: Estimator, asked: Asked) -> None:
    """Raise `Invalid` where an estimator needs a column that was not named."""
    if estimator in NEEDS_PRE and asked.pre is None:
        raise Invalid(f"{estimator} needs the stance before: --pre COL")
    if estimator != "shift" and asked.arm is None:
        raise Invalid(f"{estimator} compares arms: --arm COL --control VALUE (without them only a shift can be told)")
    if estimator in ("ordinal", "ppo") and asked.side and asked.scale is None:
        raise Invalid(f"{estimator} with --side needs --scale LOW HIGH, to turn the answers round")
    if estimator in ("ordinal", "ppo", "dummies-gls") and asked.weights:
        raise Invalid(f"{estimator} takes no --weights")
    if estimator == "dummies-gls" and asked.pre:
        raise Invalid("dummies-gls is of the outcome alone: leave --pre out, or use --estimator ancova")


def estimate(sample: Sample, asked: Asked, estimator: Estimator) -> tuple[Score, ...]:
    """Return an estimator's figures, one of each arm at each level of `--by`; `Invalid` where none can be told."""
    allowed(estimator, asked)
    if estimator == "dummies-gls":
        return holm(by_messages(sample, asked))
    if not asked.by:
        return holm(_at(sample, asked, estimator))
    found: list[Score] = []
    faults: list[str] = []
    for level, part in sample.levels_of():
        told = {"by": asked.by, "level_of_by": level}
        try:
            found += [one.with_more(told) for one in _at(part, asked, estimator)]
        except Invalid as fault:
            faults.append(f"{asked.by} {level}: {fault}")
            name = estimator if estimator == "shift" else f"{estimator}, against {asked.control}"
            found.append(missing(name, len(part), unit(asked), estimator, str(fault)).with_more(told))
    if len(faults) == len(sample.levels):
        raise Invalid(faults[0])
    return holm(found)


def unit(asked: Asked) -> str:
    """Return what a stance is measured in."""
    return f"points on {asked.scale[0]:g} to {asked.scale[1]:g}" if asked.scale else f"points of {asked.post}"


def _at(sample: Sample, asked: Asked, estimator: Estimator) -> tuple[Score, ...]:
    _varies(sample, asked, estimator)
    match estimator:
        case "shift":
            return tuple(_shifts(sample, asked))
        case "ordinal" | "ppo":
            return odds(sample, asked, free=estimator == "ppo")
        case _:
            return tuple(_effects(sample, asked, estimator))


def _varies(sample: Sample, asked: Asked, estimator: Estimator) -> None:
    if sample.arm is None or estimator == "shift":
        return
    changes = estimator == "change"
    post = sample.post - sample.pre if changes and sample.pre is not None else sample.post
    if len(post) > 1 and float(post.max()) == float(post.min()):
        told = f"the change from {asked.pre} to {asked.post}" if changes else f"column {asked.post!r}"
        raise Invalid(f"{told} is {float(post[0]):g} in all {len(post)} rows that count: there is nothing to measure")
    here = set(sample.arm.tolist())
    if 0 not in here or len(here) == 1:
        raise Invalid("there are no rows of the control" if 0 not in here else "there are rows of the control only")


def _shifts(sample: Sample, asked: Asked) -> Iterator[Score]:
    if sample.arm is None:
        yield _shift(sample, asked, "")
        return
    for code in _here(sample):
        part = sample.some(sample.arm == code)
        yield _shift(part, asked, sample.arms[code])


def _shift(sample: Sample, asked: Asked, arm: str) -> Score:
    np = library("numpy")
    moved = sample.post - sample.pre
    name = f"shift, {asked.arm} {arm}" if arm else "shift"
    more = {"estimator": "shift", "arm": arm or None, "side": asked.side}
    if len(moved) == 1:
        why = "no interval: 1 independent rows, and fewer than 5 allow none"
        alone = Score(name, float(moved[0]), None, None, None, 1, None, unit(asked), "mean of post - pre", why)
        return alone.with_more(more)
    line = fit(moved, np.ones((len(moved), 1)), sample.ways, sample.weights)
    written = "mean of side x (post - pre)" if asked.side else "mean of post - pre"
    more |= {"sd": finite(moved.std(ddof=1))} | _of_range(float(line.values[0]), asked)
    return _told(name, line, 0, asked, written).with_more(more)


def _of_range(value: float, asked: Asked) -> dict[str, float]:
    return {"percent_of_range": 100 * value / (asked.scale[1] - asked.scale[0])} if asked.scale else {}


def _effects(sample: Sample, asked: Asked, estimator: Estimator) -> Iterator[Score]:
    np = library("numpy")
    model = modelled(sample, estimator)
    line = fit(model.outcome, model.design, sample.ways, sample.weights)
    spread = finite(sample.pre.std(ddof=1)) if sample.pre is not None else None
    here = [code for code in _here(sample) if code]
    for code, at in zip(here, model.arms, strict=True):
        arm = sample.arms[code]
        sizes = [int(np.count_nonzero(sample.arm == one)) for one in (code, 0)]
        found = _told(f"{estimator}, {arm} against {asked.control}", line, at, asked, model.written)
        few = _few_of(sample, code)
        found = _lone(found, arm if sizes[0] == 1 or few.get("clusters_arm") == 1 else "")
        found = _lone(found, asked.control if sizes[1] == 1 or few.get("clusters_control") == 1 else "")
        more = {"estimator": estimator, "arm": arm, "control": asked.control, "n_arm": sizes[0], "n_control": sizes[1]}
        value = float(line.values[at])
        more |= {"standardised": value / spread if spread else None} | _of_range(value, asked)
        yield found.with_more(more | few)


def _lone(found: Score, arm: str | None) -> Score:
    """Return a figure without its interval where an arm rests on one row or group, whose error nothing tells."""
    if not arm:
        return found
    why = f"no interval: {arm!r} has one {'row' if found.clusters is None else 'group'}, so that its error is not known"
    return replace(found, se=None, low=None, high=None, p=None, why=why)


def _here(sample: Sample) -> list[int]:
    return [] if sample.arm is None else sorted({int(code) for code in sample.arm})


def _few_of(sample: Sample, code: int) -> dict[str, int]:
    """Return in how many groups an arm and the control are, where rows belong to groups."""
    np = library("numpy")
    if not sample.ways.codes or sample.arm is None:
        return {}
    counts = sample.ways.counts()
    groups = sample.ways.codes[counts.index(min(counts))]
    named = (("clusters_arm", code), ("clusters_control", 0))
    return {name: len(np.unique(groups[sample.arm == one])) for name, one in named}


def modelled(sample: Sample, estimator: Estimator) -> Model:
    """Return the regression of an estimator; all arms are in it together, the control in the constant."""
    np = library("numpy")
    here = [code for code in _here(sample) if code]
    arms = [(sample.arm == code).astype(float) for code in here]
    columns, written = [np.ones(len(sample)), *arms], "post ~ arm"
    outcome = sample.post
    if estimator == "change" and sample.pre is not None:
        outcome, written = sample.post - sample.pre, "post - pre ~ arm"
    elif estimator == "ancova" and sample.pre is not None:
        columns, written = [*columns, sample.pre], "post ~ arm + pre"
    elif estimator == "lin" and sample.pre is not None:
        centred = sample.pre - np.average(sample.pre, weights=sample.weights)
        columns = [*columns, centred, *(arm * centred for arm in arms)]
        written = "post ~ arm * (pre - mean pre)"
        if sample.mirrored and sample.side is not None:
            even = sample.side - np.average(sample.side, weights=sample.weights)
            columns, written = [*columns, *(arm * even for arm in arms)], written + " + arm * (side - mean side)"
    if sample.mirrored and sample.side is not None and estimator != "change":
        columns, written = [*columns, sample.side], written + " + side"
    return Model(outcome, stacked(columns), tuple(range(1, len(arms) + 1)), written)


def _told(name: str, line: Line, at: int, asked: Asked, written: str) -> Score:
    sure, errors = line.sure(at)
    value = float(line.values[at])
    low, high, p = interval(value, sure)
    kind = "WLS" if line.weights is not None else "OLS"
    method = f"{kind} {written}; {errors}"
    why = sure.why_not()
    groups = line.ways.fewest()
    more: dict[str, float | str | None] = {}
    if groups is not None and groups < FEW and not why:
        more = {"p_t": p}
        wild = wild_p(line, at)
        p = p if wild is None else wild
        method += f"; p by wild cluster bootstrap over {groups} groups of {line.least_way()}, 9,999 draws"
    found = Score(name, value, finite(sure.shown()), low, high, len(line.outcome), groups, unit(asked), method, why, p)
    return found.with_more(more)


def terciles(sample: Sample, asked: Asked, estimator: Estimator) -> tuple[Score, ...]:
    """Return the effect among those who stood low, in the middle and high before; empty where they cannot be parted."""
    np = library("numpy")
    if sample.pre is None:
        return ()
    cuts = np.unique(np.quantile(sample.pre, [1 / 3, 2 / 3]))
    thirds = np.searchsorted(cuts, sample.pre, side="left")
    found: list[Score] = []
    for third in sorted(set(thirds.tolist())):
        part = sample.some(thirds == third)
        alike = part.pre is not None and float(part.pre.min()) == float(part.pre.max())
        told = f"{part.pre.min():g} to {part.pre.max():g}" if part.pre is not None else ""
        try:
            kept: Estimator = "difference" if alike and estimator == "ancova" else estimator
            found += [one.with_more({"pre": told}) for one in _at(part, asked, kept)]
        except Invalid as fault:
            found.append(missing(estimator, len(part), unit(asked), estimator, str(fault)).with_more({"pre": told}))
    return tuple(found)


def families(found: Sequence[Score]) -> str:
    """Return how many comparisons there are and how they are adjusted."""
    most = max((int(one.more.get("comparisons", 0)) for one in found), default=0)
    if most > 1:
        return f"{most} comparisons per estimator; p_holm is adjusted for them, intervals are not"
    return "one comparison per estimator: no adjustment"
