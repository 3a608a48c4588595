"""Verdicts of somebody's table as who met whom and what share each won, whatever way its author wrote a winner down.

It must never take a word for a draw, or for a side, that nobody said is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.measures.engines import library
from moot.measures.tables import Stage, labels, listed, numbers, plain, suspects
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from moot.measures.engines import Array

EMPTY = ("nan", "null", "none", "")
"""What `--draw` is given where a cell without a winner is a draw."""

PAIRS = (("left", "right"), ("a", "b"), ("model_a", "model_b"), ("1", "2"), ("first", "second"))
"""How the two sides are called where a winner is told by side: the left one first."""

_WIDE = 6.0
"""A margin of half of this is a clear win: a share of 1/2 + margin/6, no more than 1."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which columns are what, and how a winner is written."""

    left: str
    right: str
    winner: str
    draws: tuple[str, ...] = ()
    left_wins: str | None = None
    right_wins: str | None = None
    score: str | None = None
    topic: str | None = None
    missing: tuple[str, ...] = ()

    def columns(self) -> list[str]:
        """Return all columns that are needed."""
        return [one for one in (self.left, self.right, self.winner, self.score, self.topic) if one is not None]


@dataclass(frozen=True, slots=True)
class Games:
    """Who met whom (codes of `players`), what share the left one won, on which topic; and what became of all rows."""

    players: tuple[str, ...]
    left: Array
    right: Array
    share: Array
    topic: Array | None
    flow: tuple[Stage, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.left)


def games(frame: pl.DataFrame, asked: Asked) -> Games:
    """Return the games of a table; `Invalid` where winners cannot be read or nobody met anybody."""
    polars = library("polars")
    left, right = (labels(frame, name, asked.missing) for name in (asked.left, asked.right))
    topic = labels(frame, asked.topic, asked.missing) if asked.topic else None
    stages, notes = (
        [Stage("in the table", frame.height)],
        list(suspects(frame, (asked.left, asked.right), asked.missing)),
    )
    share, coding = _shares(frame, asked, left, right)
    notes.append(coding)
    kept = left.is_not_null() & right.is_not_null()
    stages.append(Stage("with two players", int(kept.sum())))
    themselves = int((kept & (left == right)).sum())
    if themselves:
        notes.append(f"{themselves} rows in which somebody met themselves are left out")
    kept &= left != right
    empty = int((kept & share.is_null()).sum())
    kept &= share.is_not_null()
    stages.append(Stage("with a verdict", int(kept.sum())))
    if empty:
        hint = "" if asked.score else "; if an empty winner is a draw: --draw nan"
        notes.append(f"{empty} rows without a verdict are left out{hint}")
    if topic is not None:
        kept &= topic.is_not_null()
        stages.append(Stage(f"with {asked.topic}", int(kept.sum())))
    else:
        notes.append("no --topic: every row counts as independent; where rows share a topic, intervals are too narrow")
    stages.append(Stage("analysed", int(kept.sum())))
    if not kept.any():
        raise Invalid("no row has two players and a verdict: " + "; ".join(f"{one.name} {one.n}" for one in stages))
    left, right = left.filter(kept), right.filter(kept)
    players = sorted(set(left.unique().to_list()) | set(right.unique().to_list()))
    code = dict(zip(players, range(len(players)), strict=True))
    lefts, rights = (one.replace_strict(code, return_dtype=polars.Int64).to_numpy() for one in (left, right))
    topics = None if topic is None else (topic.filter(kept).rank("dense") - 1).to_numpy().astype("int64")
    shares, told = share.filter(kept).to_numpy(), (tuple(stages), tuple(notes))
    return Games(tuple(players), lefts, rights, shares, topics, *told)


def _shares(frame: pl.DataFrame, asked: Asked, left: pl.Series, right: pl.Series) -> tuple[pl.Series, str]:
    winner = plain(labels(frame, asked.winner, asked.missing))
    found, coding = _winners(winner, asked, plain(left), plain(right))
    if not asked.score:
        return found, coding
    margin = numbers(frame, asked.score, asked.missing)
    both = found.is_not_null() & margin.is_not_null()
    given, won = margin.filter(both).to_numpy(), found.filter(both).to_numpy()
    soft, said = _soft(given, won, asked)
    polars = library("polars")
    at = both.arg_true()
    filled: pl.Series = polars.Series("share", [None] * len(found), dtype=polars.Float64).scatter(at, soft)
    return filled, f"{coding}; {said}"


def _soft(margin: Array, won: Array, asked: Asked) -> tuple[Array, str]:
    np = library("numpy")
    toward = np.sign(won - 0.5)
    if (margin < 0).any():
        against = int(np.count_nonzero(margin * toward < 0))
        if against:
            raise Invalid(f"{against} margins in {asked.score!r} point to the side that {asked.winner!r} says has lost")
        return np.clip(0.5 + margin / _WIDE, 0, 1), f"{asked.score} is a margin for the left: share 1/2 + margin/6"
    within = len(margin) > 0 and float(margin.max()) <= 1
    if within and ((margin - 0.5) * toward >= 0).all() and (toward < 0).any():
        return margin, f"{asked.score} is the share that the left won"
    told = f"{asked.score} is a margin for the winner: share 1/2 + margin/6"
    return np.clip(0.5 + toward * margin / _WIDE, 0, 1), told


def _winners(winner: pl.Series, asked: Asked, left: pl.Series, right: pl.Series) -> tuple[pl.Series, str]:
    polars = library("polars")
    draws = [one.strip().casefold() for one in asked.draws]
    lowered = winner.str.to_lowercase()
    drawn = lowered.is_in([one for one in draws if one]) | _same_number(winner, draws)
    drawn = drawn.fill_null(value=False)
    if any(one in EMPTY for one in draws):
        drawn |= winner.is_null()
    known = winner.is_not_null() & ~drawn
    first = (known & (winner == left)).fill_null(value=False)
    second = (known & (winner == right) & ~first).fill_null(value=False)
    words = sorted(lowered.filter(known & ~first & ~second).unique().to_list())
    coding = f"{asked.winner} names the winner"
    if words:
        one, other = _sides(words, winner.filter(known & ~first & ~second), asked)
        first |= known & ~second & (lowered == one)
        second |= known & ~first & (lowered == other)
        coding = f"in {asked.winner}, {one!r} is the left ({asked.left}) and {other!r} the right ({asked.right})"
    draw_told = f"; draws: {', '.join(asked.draws)}" if asked.draws else "; no draws"
    flags = polars.DataFrame({"first": first, "second": second, "drawn": drawn})
    when, col, lit = polars.when, polars.col, polars.lit
    share = when(col("first")).then(lit(1.0)).when(col("second")).then(lit(0.0)).when(col("drawn")).then(lit(0.5))
    return flags.select(share.alias("share"))["share"], coding + draw_told


def _same_number(winner: pl.Series, draws: Sequence[str]) -> pl.Series:
    polars = library("polars")
    asked: list[float] = []
    for one in draws:
        try:
            asked.append(float(one))
        except ValueError:
            continue
    return winner.cast(polars.Float64, strict=False).is_in([one for one in asked if one == one])  # noqa: PLR0124 - not NaN


def _sides(words: Sequence[str], cells: pl.Series, asked: Asked) -> tuple[str, str]:
    """Return how the left and the right are called; `Invalid` where words are left over."""
    if asked.left_wins is not None or asked.right_wins is not None:
        called = [((asked.left_wins or "").casefold(), (asked.right_wins or "").casefold())]
    else:
        called = [(asked.left.casefold(), asked.right.casefold()), *PAIRS]
    for pair in called:
        if set(words) <= set(pair):
            return pair
    best = max(called, key=lambda pair: len(set(words) & set(pair)))
    over = [word for word in cells.unique(maintain_order=True).to_list() if word.casefold() not in best]
    count = int(cells.is_in(over).sum())
    raise Invalid(
        f"{count} cells of {asked.winner!r} are neither of the row's players nor a known side: {listed(over)}; "
        f"if one is a draw: --draw {over[0]!r}; if they are sides: --left-wins and --right-wins"
    )
