"""Effects of single messages within their issues, and from them the effect of whoever wrote them.

Each issue has its own control group, which its messages share; the second step must never forget that they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.measures import Score
from moot.measures.engines import Certainty, finite, interval, library
from moot.transcript import Invalid

if TYPE_CHECKING:
    from moot.measures.engines import Array
    from moot.measures.sample import Asked, Sample

METHOD = "per issue OLS post ~ message, HC2; then GLS of the messages' effects on the arm, errors from the first step"
USAGE = (
    "dummies-gls needs which message was read and on which issue: --arm MODEL --cluster ISSUE --cluster MESSAGE, "
    "or --arm MESSAGE --by MODEL --cluster ISSUE"
)


@dataclass(frozen=True, slots=True)
class Read:
    """Who read what: of each row its issue, its message (-1 where it is the control) and its arm; `arms` names them."""

    issue: Array
    message: Array
    arm: Array
    arms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """The messages' effects, their covariance, the arm of each, and the messages of which nothing can be told."""

    values: Array
    covariance: Array
    arm: Array
    dropped: int


def by_messages(sample: Sample, asked: Asked) -> tuple[Score, ...]:
    """Return the effect of each arm over its messages, by generalised least squares."""
    np, models = library("numpy"), library("statsmodels.api")
    read = _read(sample, asked)
    found = effects(sample.post, read)
    here = np.unique(found.arm)
    design = (found.arm[:, None] == here[None, :]).astype(float)
    fitted = models.GLS(found.values, design, sigma=found.covariance).fit(cov_type="fixed scale", use_t=False)
    values, covariance = np.asarray(fitted.params), np.asarray(fitted.cov_params())
    told: list[Score] = []
    for at, code in enumerate(map(int, here)):
        rows = int(np.count_nonzero(read.arm == code))
        messages = int(np.count_nonzero(found.arm == code))
        sure = Certainty(finite(covariance[at, at] ** 0.5), None, rows, "rows", float(sample.post.std()) or 1.0)
        low, high, p = interval(float(values[at]), sure)
        name = f"dummies-gls, {read.arms[code]} against {asked.control}"
        unit = f"points on {asked.scale[0]:g} to {asked.scale[1]:g}" if asked.scale else f"points of {asked.post}"
        one = Score(name, float(values[at]), sure.se, low, high, rows, None, unit, METHOD, sure.why_not(), p)
        more = {"estimator": "dummies-gls", "arm": read.arms[code], "control": asked.control, "messages": messages}
        told.append(one.with_more(more | {"messages_left_out": found.dropped}))
    return tuple(told)


def effects(post: Array, read: Read) -> Effects:
    """Return each message's effect within its issue; those read once, or without a control, have no error and go."""
    np = library("numpy")
    values: list[float] = []
    arms: list[int] = []
    blocks: list[Array] = []
    dropped = 0
    for issue in np.unique(read.issue):
        rows = read.issue == issue
        outcome, message, arm = post[rows], read.message[rows], read.arm[rows]
        names, codes = np.unique(message, return_inverse=True)
        count = np.bincount(codes)
        mean = np.bincount(codes, outcome) / count
        left = np.bincount(codes, (outcome - mean[codes]) ** 2)
        spread = left / np.maximum(count - 1, 1) / count  # HC2 of a design that is saturated
        usable = (count > 1) & (spread > 0)
        kept = np.flatnonzero(usable & (names >= 0))
        control = np.flatnonzero(names < 0)
        if not len(control) or not usable[control[0]]:
            dropped += int(np.count_nonzero(names >= 0))
            continue
        dropped += int(np.count_nonzero(names >= 0)) - len(kept)
        values += (mean[kept] - mean[control[0]]).tolist()
        arms += [int(arm[codes == one][0]) for one in kept]
        blocks.append(np.diag(spread[kept]) + spread[control[0]])
    if not values:
        raise Invalid("no issue has a control and a message that were each read by two people who differ")
    covariance = library("scipy.linalg").block_diag(*blocks)
    return Effects(np.array(values), covariance, np.array(arms), dropped)


def _read(sample: Sample, asked: Asked) -> Read:
    np = library("numpy")
    arm, codes = sample.arm, sample.ways.codes
    if arm is None or not codes or (sample.by is None) == (len(codes) == 1):
        raise Invalid(USAGE)
    if sample.by is not None:
        message, issue, whose, names = arm, codes[0], sample.by, sample.levels
        message = np.where(arm == 0, -1, message)
    else:
        issue, message, whose, names = codes[0], codes[1], arm, sample.arms
        one, other = codes[0][arm != 0], codes[1][arm != 0]
        if _within(one, other) and not _within(other, one):
            issue, message = message, issue
        message = np.where(arm == 0, -1, message)
    treated = arm != 0
    each = np.unique(np.column_stack([issue[treated], message[treated]]), axis=0)
    written = np.unique(np.column_stack([issue[treated], message[treated], whose[treated]]), axis=0)
    if len(each) < len(written):
        raise Invalid(f"some messages are of more than one {asked.by or asked.arm}: {USAGE}")
    return Read(issue, message, np.where(treated, whose, -1), names)


def _within(inner: Array, outer: Array) -> bool:
    """Whether each level of one column lies within one level of another."""
    np = library("numpy")
    return len(np.unique(np.column_stack([inner, outer]), axis=0)) == len(np.unique(inner))
