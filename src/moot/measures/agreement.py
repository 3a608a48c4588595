"""How far raters agree: Krippendorff's alpha, raw agreement, and Cohen's kappa of each two, all resampled by item.

It must never give an agreement where nobody ever differed from anybody on anything, since chance cannot be told then.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

from moot.measures import FEWEST, LEVEL, Score
from moot.measures.engines import SEED, library
from moot.measures.tables import Stage, labels, listed, numbers
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from moot.measures.engines import Array

Level = Literal["nominal", "ordinal", "interval"]
LEVELS: tuple[Level, ...] = get_args(Level)

DRAWS, FEWER_DRAWS = 1_000, 200
MOST_WORK = 2e8
MOST_ORDERED = 100
MOST_RATERS = 12
MOST_KAPPA = 200
FEW_ITEMS = 50
_TWO = 2


@dataclass(frozen=True, slots=True)
class Ratings:
    """Who rated what how: codes of raters, items and values, the values as numbers (ranks where they are words)."""

    rater: Array
    item: Array
    value: Array
    raters: tuple[str, ...]
    values: tuple[str, ...]
    amounts: Array
    items: int
    flow: tuple[Stage, ...]
    notes: tuple[str, ...]


def ratings(
    frame: pl.DataFrame, columns: tuple[str, str, str], level: Level, coded: Sequence[Sequence[str]]
) -> Ratings:
    """Return the ratings of a table; `columns` are rater, item and value, `coded` what is missing and the order.

    `Invalid` where a rater rated an item twice, or values have no known order and need one.
    """
    np, polars = library("numpy"), library("polars")
    missing, order = coded
    rater, item = (labels(frame, name, missing) for name in columns[:2])
    value, amounts = _values(frame, columns[2], level, missing, order)
    whole = polars.DataFrame({"rater": rater, "item": item, "value": value})
    stages = [Stage("in the table", whole.height)]
    whole = whole.drop_nulls()
    stages.append(Stage("with rater, item and value", whole.height))
    if whole.height == 0:
        raise Invalid("no row has a rater, an item and a value")
    twice = whole.select("rater", "item").is_duplicated()
    if twice.any():
        first = whole.filter(twice).row(0, named=True)
        raise Invalid(
            f"{int(twice.sum())} rows are of raters who rated an item more than once, such as {first['rater']!r} "
            f"on {first['item']!r}: average them first, or name items so that they differ"
        )
    many = whole.filter(polars.len().over("item") >= _TWO)
    stages.append(Stage("of items with two ratings or more", many.height))
    if many.height == 0:
        raise Invalid("no item was rated by two raters: there is no agreement to measure")
    names = [sorted(many[name].unique().to_list()) for name in ("rater", "item")]
    codes = [_coded(many[name], of) for name, of in zip(("rater", "item"), names, strict=True)]
    found = sorted(many["value"].unique().to_list(), key=lambda one: (amounts[one], one))
    notes = [f"{len(names[1])} items are few: {FEW_ITEMS} or more make alpha firm"] if len(names[1]) < FEW_ITEMS else []
    lost = stages[0].n - stages[1].n
    notes += [f"{lost} rows lack a value that is needed and are left out"] if lost else []
    known = np.array([amounts[one] for one in found], dtype=float)
    value_codes, raters = _coded(many["value"], found), tuple(names[0])
    told = tuple(stages), tuple(notes)
    return Ratings(codes[0], codes[1], value_codes, raters, tuple(found), known, len(names[1]), *told)


def _coded(column: pl.Series, names: Sequence[str]) -> Array:
    polars = library("polars")
    return column.replace_strict(list(names), list(range(len(names))), return_dtype=polars.Int64).to_numpy()


def _values(
    frame: pl.DataFrame, name: str, level: Level, missing: Sequence[str], order: Sequence[str]
) -> tuple[pl.Series, dict[str, float]]:
    """Return values as text, and what number each stands for; of nominal ones it says nothing."""
    polars = library("polars")
    text = labels(frame, name, missing)
    words = text.drop_nulls().unique().to_list()
    if level == "nominal":
        return text, {word: float(at) for at, word in enumerate(sorted(words))}
    if order:
        strange = sorted(set(words) - set(order))
        if strange:
            raise Invalid(f"column {name!r} has values that --order does not name: {listed(strange)}")
        return text, {word: float(at) for at, word in enumerate(order)}
    try:
        given = numbers(frame, name, missing)
    except Invalid as fault:
        hint = f"; for values that are words: --order {','.join(sorted(words)[:3])},…, from low to high"
        raise Invalid(f"{fault}{hint if level == 'ordinal' else ''}") from None
    text = given.cast(polars.String)
    return text, {word: float(word) for word in text.drop_nulls().unique().to_list()}


def agreement(found: Ratings, level: Level) -> tuple[Score, ...]:
    """Return alpha, raw agreement, and kappa of each two raters where they are not too many."""
    if len(found.values) == 1:
        raise Invalid(
            f"all {len(found.value)} ratings are {found.values[0]!r}: nobody differs, so that chance cannot be told"
        )
    if level == "ordinal" and len(found.values) > MOST_ORDERED:
        raise Invalid(
            f"{len(found.values)} different values are too many for ordinal ({MOST_ORDERED}): use --level interval"
        )
    told = [_alpha(found, level), _raw(found)]
    if len(found.raters) <= MOST_RATERS:
        for one, other in combinations(range(len(found.raters)), 2):
            told += _pair(found, level, one, other)
    return tuple(told)


# Krippendorff's alpha


@dataclass(frozen=True, slots=True)
class Patterns:
    """Items that were rated alike, as one: how many there are, how often each value was given, by how many raters."""

    count: Array
    given: Array
    raters: Array


def _patterns(found: Ratings) -> Patterns:
    np = library("numpy")
    if found.items * len(found.values) > MOST_WORK:
        raise Invalid(
            f"{found.items} items with {len(found.values)} different values are too many: use --level interval"
        )
    given = np.zeros((found.items, len(found.values)), dtype=np.int32)
    np.add.at(given, (found.item, found.value), 1)
    rows, count = np.unique(given, axis=0, return_counts=True)
    return Patterns(count.astype(float), rows.astype(float), rows.sum(axis=1).astype(float))


def _draws(units: int) -> int:
    return DRAWS if units * DRAWS <= MOST_WORK else FEWER_DRAWS


def _resampled(count: Array) -> Array:
    np = library("numpy")
    total = int(count.sum())
    return np.random.default_rng(SEED).multinomial(total, count / total, size=_draws(len(count))).astype(float)


def alphas(patterns: Patterns, amounts: Array, level: Level, weights: Array) -> Array:
    """Return alpha for each row of weights of the patterns; NaN where all values in it are the same."""
    np = library("numpy")
    m = patterns.raters
    totals = weights @ patterns.given
    n = totals.sum(axis=1)
    match level:
        case "nominal":
            observed = weights @ ((m**2 - (patterns.given**2).sum(axis=1)) / (m - 1))
            expected = n**2 - (totals**2).sum(axis=1)
        case "interval":
            centred = amounts - (totals[0] @ amounts) / n[0]
            first, second = patterns.given @ centred, patterns.given @ centred**2
            observed = weights @ (2 * (m * second - first**2) / (m - 1))
            expected = 2 * (n * (totals @ centred**2) - (totals @ centred) ** 2)
        case "ordinal":  # exhaustive
            pairs = [_ordered(patterns, one, total) for one, total in zip(weights, totals, strict=True)]
            observed, expected = (np.array([pair[at] for pair in pairs]) for at in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed * (n - 1) / expected, np.nan)


def _ordered(patterns: Patterns, weights: Array, totals: Array) -> tuple[float, float]:
    np = library("numpy")
    between = np.cumsum(totals) - totals / 2  # the ranks that tied values share
    apart = (between[:, None] - between[None, :]) ** 2
    scaled = patterns.given * (weights / (patterns.raters - 1))[:, None]
    return float(((scaled.T @ patterns.given) * apart).sum()), float((np.outer(totals, totals) * apart).sum())


def _alpha(found: Ratings, level: Level) -> Score:
    np = library("numpy")
    method = f"Krippendorff's alpha, {level}; percentile bootstrap of items"
    if level == "interval" and len(found.values) > MOST_ORDERED:
        value, drawn = _moments(found)
    else:
        patterns = _patterns(found)
        value = float(alphas(patterns, found.amounts, level, patterns.count[None])[0])
        drawn = alphas(patterns, found.amounts, level, _resampled(patterns.count))
    return _told(
        "alpha",
        value,
        drawn[np.isfinite(drawn)],
        (len(found.value), found.items),
        ("alpha, 1 is perfect, 0 chance", method),
    )


def _moments(found: Ratings) -> tuple[float, Array]:
    """Return alpha of numbers by each item's sums alone, which many different values need."""
    np = library("numpy")
    x = found.amounts[found.value]
    x = x - x.mean()
    sums = [np.bincount(found.item, each, found.items) for each in (np.ones(len(x)), x, x**2)]
    m, first, second = sums
    apart = 2 * (m * second - first**2) / (m - 1)

    def of(weights: Array) -> float:
        n, one, two = weights @ m, weights @ first, weights @ second
        expected = 2 * (n * two - one**2)
        return float(1 - (weights @ apart) * (n - 1) / expected) if expected > 0 else float("nan")

    chance = np.random.default_rng(SEED)
    even = np.full(found.items, 1 / found.items)
    drawn = [of(chance.multinomial(found.items, even)) for _ in range(_draws(found.items))]
    return of(np.ones(found.items)), np.array(drawn)


# What two raters do


def _raw(found: Ratings) -> Score:
    np = library("numpy")
    pairs = np.bincount(found.item, minlength=found.items)
    key = np.unique(found.item * len(found.values) + found.value, return_counts=True)
    same = np.bincount(key[0] // len(found.values), key[1] * (key[1] - 1), found.items)
    possible = pairs * (pairs - 1)
    rows, count = np.unique(np.column_stack([same, possible]), axis=0, return_counts=True)
    drawn = _resampled(count.astype(float))
    shares = (drawn @ rows[:, 0]) / (drawn @ rows[:, 1])
    method = "share of pairs of ratings of one item that are the same; percentile bootstrap of items"
    return _told(
        "raw agreement",
        float(same.sum() / possible.sum()),
        shares,
        (len(found.value), found.items),
        ("share of pairs", method),
    )


def kappas(tables: Array, weights: Array) -> Array:
    """Return kappa of each table of two raters' values, with weights of how wrong each pair is; NaN where undefined."""
    np = library("numpy")
    total = tables.sum(axis=(1, 2))
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    observed = (tables * weights).sum(axis=(1, 2)) / total
    expected = np.einsum("bi,bj,ij->b", rows, columns, weights) / total**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def _pair(found: Ratings, level: Level, one: int, other: int) -> list[Score]:
    np = library("numpy")
    first, second = (np.full(found.items, -1) for _ in range(2))
    for codes, rater in ((first, one), (second, other)):
        mine = found.rater == rater
        codes[found.item[mine]] = found.value[mine]
    both = (first >= 0) & (second >= 0)
    n, size = int(both.sum()), len(found.values)
    if not n or size > MOST_KAPPA:
        return []
    cells, count = np.unique(first[both] * size + second[both], return_counts=True)
    amounts = found.amounts if level != "nominal" else np.arange(size, dtype=float)
    if level == "ordinal":
        amounts = np.arange(size, dtype=float)
    apart = amounts[:, None] - amounts[None, :]
    wrong = (apart != 0).astype(float) if level == "nominal" else apart**2
    named = f"{found.raters[one]} and {found.raters[other]}"
    resampled = _resampled(count.astype(float))
    tables = np.zeros((len(resampled) + 1, size * size))
    tables[0, cells], tables[1:, cells] = count, resampled
    drawn = kappas(tables.reshape(-1, size, size), wrong)
    how = "" if level == "nominal" else ", squared distances"
    method = f"Cohen's kappa{how}; percentile bootstrap of items"
    kappa = _told(
        f"kappa, {named}",
        float(drawn[0]),
        drawn[1:][np.isfinite(drawn[1:])],
        (2 * n, n),
        ("kappa, 1 is perfect, 0 chance", method),
    )
    same = cells // size == cells % size
    shares = (resampled @ same) / n
    raw = _told(
        f"raw agreement, {named}",
        float(count[same].sum() / n),
        shares,
        (2 * n, n),
        ("share of items", "share of items that two raters rated the same; percentile bootstrap of items"),
    )
    return [kappa, raw]


def _told(name: str, value: float, drawn: Array, counts: tuple[int, int], words: tuple[str, str]) -> Score:
    np = library("numpy")
    n, items = counts
    unit, method = words
    if not np.isfinite(value):
        why = "not defined: both raters gave one and the same value throughout"
        return Score(name, None, None, None, None, n, items, unit, method, why)
    if items < FEWEST:
        why = f"no interval: {items} items, and fewer than {FEWEST} allow none"
        return Score(name, value, None, None, None, n, items, unit, method, why)
    if not len(drawn) or float(drawn.max()) == float(drawn.min()):
        why = "no interval: every resample of the items gives the same"
        return Score(name, value, None, None, None, n, items, unit, method, why)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    known: dict[str, Any] = {"draws": len(drawn)}
    found = Score(name, value, float(drawn.std(ddof=1)), float(low), float(high), n, items, unit, method)
    return found.with_more(known)
