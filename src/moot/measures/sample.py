"""The rows of somebody's table that a study rests on: outcomes, arms, sides and groups, and how many were left when.

It must never drop a row without counting it, nor turn a stance round without saying about which point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moot.measures.engines import library
from moot.measures.linear import MOST_WAYS, Ways
from moot.measures.tables import Stage, labels, listed, near, numbers, sides, suspects
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from moot.measures.engines import Array

UNREAD = "(none)"
"""Stands for the message of those who read none."""

MOST_ARMS = 2_000
"""Arms or levels beyond which a column is more likely an id than what was assigned."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which columns are what, and what counts as missing."""

    post: str
    pre: str | None = None
    arm: str | None = None
    control: str | None = None
    side: str | None = None
    by: str | None = None
    clusters: tuple[str, ...] = ()
    weights: str | None = None
    scale: tuple[float, float] | None = None
    missing: tuple[str, ...] = ()
    messages: bool = False
    """Whether arms are of messages: then who is in the control read none, and needs neither message nor author."""

    def columns(self) -> list[str]:
        """Return all columns that are needed."""
        named = (self.post, self.pre, self.arm, self.side, self.by, *self.clusters, self.weights)
        return [one for one in named if one is not None]

    def check(self) -> None:
        """Raise `Invalid` where the options contradict each other."""
        if (self.arm is None) != (self.control is None):
            lacking = "--control VALUE: which arm the others are compared with" if self.arm else "--arm COL"
            raise Invalid(f"{'--arm' if self.arm else '--control'} needs {lacking}")
        if len(self.clusters) > MOST_WAYS or len(set(self.clusters)) < len(self.clusters):
            raise Invalid("errors can be clustered in one way or in two different ways, not in more")
        if self.scale and not self.scale[0] < self.scale[1]:
            raise Invalid(f"--scale needs its lower end first, and got {self.scale[0]:g} {self.scale[1]:g}")


@dataclass(frozen=True, slots=True)
class Sample:
    """What is analysed, row by row; stances are on the persuader's side where sides are told.

    `arm` holds codes of `arms`, of which 0 is the control. `mirrored` says that stances were turned round without a
    known scale, so that sides differ by a constant.
    """

    post: Array
    pre: Array | None
    arm: Array | None
    arms: tuple[str, ...]
    ways: Ways
    weights: Array | None
    side: Array | None
    mirrored: bool
    by: Array | None
    levels: tuple[str, ...]
    names: Array | None = None

    def __len__(self) -> int:
        return len(self.post)

    def some(self, rows: Array) -> Sample:
        """Return a part of the rows; `rows` is a mask."""

        def part(column: Array | None) -> Array | None:
            return None if column is None else column[rows]

        left = replace(self, post=self.post[rows], pre=part(self.pre), arm=part(self.arm), ways=self.ways.some(rows))
        left = replace(left, weights=part(self.weights), side=part(self.side), by=part(self.by))
        return replace(left, names=part(self.names))

    def levels_of(self) -> Iterator[tuple[str, Sample]]:
        """Yield each level of what results are told by, with its rows."""
        for code, level in enumerate(self.levels):
            if self.by is not None:
                yield level, self.some(self.by == code)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A sample, what became of all rows, and what has to be told about them."""

    sample: Sample
    flow: tuple[Stage, ...]
    arms: tuple[tuple[str, int, int], ...]
    notes: tuple[str, ...]


def gather(frame: pl.DataFrame, asked: Asked) -> Gathered:
    """Return the rows that are complete in all columns that were asked for; `Invalid` where they allow nothing."""
    asked.check()
    found = _read(frame, asked)
    stages = [Stage("in the table", frame.height)]
    kept = library("polars").repeat(value=True, n=found.height, eager=True)
    for name in ("arm", "by", "side", "weights", "cluster0", "cluster1", "pre", "post"):
        if name in found.columns:
            kept = kept & found[name].is_not_null()
            stages.append(Stage(f"with {_told(name, asked)}", int(kept.sum())))
    whole = found.filter(kept)
    if whole.height == 0:
        raise Invalid(
            "no row has a value in every column that is needed: " + "; ".join(f"{s.name} {s.n}" for s in stages)
        )
    stages.append(Stage("analysed", whole.height))
    sample = _sample(whole, asked)
    if whole.height > 1 and whole["post"].n_unique() == 1:
        told = f"column {asked.post!r} is {whole['post'][0]:g} in all {whole.height} rows that count"
        raise Invalid(f"{told}: there is nothing to measure")
    notes = [*suspects(frame, [one for one in (asked.arm, asked.by, *asked.clusters) if one], asked.missing)]
    arms: list[tuple[str, int, int]] = []
    if asked.arm:
        started = found["arm"].drop_nulls().value_counts()
        counts = dict(zip(started["arm"].to_list(), started["count"].to_list(), strict=True))
        left = whole["arm"].value_counts()
        now = dict(zip(left["arm"].to_list(), left["count"].to_list(), strict=True))
        arms = [(arm, counts[arm], now.get(arm, 0)) for arm in (sample.arms or tuple(counts))]
    if found.height > whole.height:
        notes.append(f"{found.height - whole.height} rows lack a value that is needed and are left out")
    return Gathered(sample, tuple(stages), tuple(arms), (*notes, *_coding(sample, asked)))


def _told(name: str, asked: Asked) -> str:
    match name:
        case "cluster0" | "cluster1":
            return asked.clusters[int(name[-1])]
        case _:
            return str(getattr(asked, name))


def _read(frame: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    polars = library("polars")
    columns: dict[str, pl.Series] = {"post": numbers(frame, asked.post, asked.missing)}
    if asked.pre:
        columns["pre"] = numbers(frame, asked.pre, asked.missing)
    if asked.arm:
        columns["arm"] = labels(frame, asked.arm, asked.missing)
    if asked.by:
        columns["by"] = labels(frame, asked.by, asked.missing)
    if asked.side:
        columns["side"] = sides(frame, asked.side, asked.missing)
    for at, name in enumerate(asked.clusters):
        columns[f"cluster{at}"] = labels(frame, name, asked.missing)
    if asked.weights:
        columns["weights"] = weights = numbers(frame, asked.weights, asked.missing)
        if (weights.drop_nulls() < 0).any():
            raise Invalid(f"column {asked.weights!r} has negative weights")
        columns["weights"] = weights.set((weights == 0).fill_null(value=False), None)
    found: pl.DataFrame = polars.DataFrame([column.alias(name) for name, column in columns.items()])
    _within(found, asked)
    if asked.messages and asked.arm:
        empty = polars.when(polars.col("arm") == asked.control)
        groups = [name for name in found.columns if name.startswith("cluster") or name == "by"]
        found = found.with_columns(
            empty.then(polars.col(name).fill_null(UNREAD)).otherwise(polars.col(name)).alias(name) for name in groups
        )
    return found


def _within(found: pl.DataFrame, asked: Asked) -> None:
    if not asked.scale:
        return
    low, high = asked.scale
    for name in ("pre", "post"):
        if name in found.columns:
            beyond = int(((found[name] < low) | (found[name] > high)).sum())
            if beyond:
                told = f"column {getattr(asked, name)!r} has {beyond} values outside {low:g} to {high:g}"
                raise Invalid(f"{told} (it goes from {found[name].min()} to {found[name].max()})")


def _codes(column: pl.Series, first: str | None = None) -> tuple[Array, tuple[str, ...]]:
    polars = library("polars")
    names = sorted(column.unique().to_list(), key=_natural)
    if first is not None and first in names:
        names = [first, *(one for one in names if one != first)]
    codes = column.replace_strict(names, list(range(len(names))), return_dtype=polars.Int64)
    return codes.to_numpy(), tuple(names)


def _natural(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _sample(whole: pl.DataFrame, asked: Asked) -> Sample:
    post, pre = whole["post"].to_numpy(), whole["pre"].to_numpy() if asked.pre else None
    side = whole["side"].to_numpy() if asked.side else None
    mirrored = False
    if side is not None:
        middle = sum(asked.scale) if asked.scale else 0.0
        turn = (1 - side) / 2 * middle
        post, pre = turn + side * post, None if pre is None else turn + side * pre
        mirrored = asked.scale is None and len(set(side.tolist())) > 1
    arm, arms = _codes(whole["arm"], asked.control) if asked.arm else (None, ())
    by, levels = _codes(whole["by"]) if asked.by else (None, ())
    if asked.arm and asked.control not in arms:
        raise Invalid(f"column {asked.arm!r} has no {asked.control!r}{near(str(asked.control), arms)}")
    if len(arms) == 1:
        raise Invalid(f"all {len(post)} rows that count are of one arm, {arms[0]!r}: there is nothing to compare")
    for column, names in ((asked.arm, arms), (asked.by, levels)):
        if len(names) > MOST_ARMS and not asked.messages:
            raise Invalid(f"column {column!r} has {len(names)} different values; that is an id, not {MOST_ARMS} arms")
    ways = Ways(asked.clusters, tuple(_factor(whole[f"cluster{at}"]) for at in range(len(asked.clusters))))
    weights = whole["weights"].to_numpy() if asked.weights else None
    return Sample(post, pre, arm, arms, ways, weights, side, mirrored, by, levels)


def _factor(column: pl.Series) -> Array:
    return (column.rank("dense") - 1).to_numpy().astype("int64")


def _coding(sample: Sample, asked: Asked) -> Sequence[str]:
    notes: list[str] = []
    if sample.side is not None:
        about = f"the middle of {asked.scale[0]:g} to {asked.scale[1]:g}" if asked.scale else "0"
        notes.append(f"stances where {asked.side} is against are turned round, about {about}")
    if sample.mirrored:
        notes.append(
            "without --scale their middle is not known, so that the side is adjusted for wherever that matters"
        )
    for name, count in zip(sample.ways.names, sample.ways.counts(), strict=True):
        if count == len(sample):
            notes.append(f"every row has a {name} of its own: clustering by it changes next to nothing")
    if asked.arm:
        notes += [
            f"arm {one!r} has one row" for code, one in enumerate(sample.arms) if int((sample.arm == code).sum()) == 1
        ]
    if not asked.clusters:
        notes.append(
            "no --cluster: every row counts as independent; where rows share a person, topic or target, it is not"
        )
    return notes


def unequal(asked: Asked, arms: Sequence[tuple[str, int, int]]) -> str:
    """Return how many of each arm were left, in percent, where some were lost."""
    lost = [(arm, 1 - now / start) for arm, start, now in arms if start]
    if not any(share for _, share in lost):
        return ""
    return f"lost of {asked.arm}: " + listed([f"{arm} {share:.1%}" for arm, share in lost])
