"""Who beats whom: Bradley-Terry with a ridge, Newman's with ties of their own, or plain win rates; by topic how surely.

It must never rate players who never met, nor give a rating that is infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from moot.measures import FEWEST, LEVEL, Score
from moot.measures.engines import SEED, finite, interval, library
from moot.measures.linear import Ways, fit
from moot.measures.strengths import Cells, strengths, with_ties
from moot.measures.tables import listed
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.engines import Array
    from moot.measures.verdicts import Games

Method = Literal["bt", "newman", "winrate"]
METHODS: tuple[Method, ...] = get_args(Method)

RIDGE = 0.1
LEAST_RIDGE = 0.01
"""What resamples are held by where none was wanted: a resample may leave somebody undefeated."""

DRAWS, FEWER_DRAWS = 1_000, 200
MOST_WORK = 2e8
MOST_PAIRS = 40
MIDDLE = 1500.0
FEW_GAMES = 20
_SHOWN = 4
UNIT = "points on Elo's scale, mean 1500"


@dataclass(frozen=True, slots=True)
class Rated:
    """Ratings with their intervals, best first, how surely each beats each, and what else is to be told."""

    players: tuple[Score, ...]
    pairs: tuple[Score, ...]
    left: Score
    notes: tuple[str, ...]
    tie: float | None = None


def elo() -> float:
    """Return how many points of Elo's scale one unit of log strength is."""
    return 400.0 / float(library("math").log(10))


def rated(found: Games, method: Method, ridge: float | None) -> Rated:
    """Return the ratings of games; `Invalid` where they cannot rate: players who never met, draws only."""
    np = library("numpy")
    if (found.share == 0.5).all():  # noqa: PLR2004 - a draw is half a win
        raise Invalid(f"all {len(found)} games are draws: nothing tells the players apart")
    if ridge is not None and method != "bt":
        raise Invalid(f"--ridge is of bt; {method} has none")
    if method == "newman" and not np.isin(found.share, [0.0, 0.5, 1.0]).all():
        raise Invalid("newman counts wins and ties, not scores: leave --score out, or use --method bt")
    if method != "winrate":
        _connected(found)
    cells = _cells(found)
    match method:
        case "bt":
            return _by_strength(found, cells, RIDGE if ridge is None else ridge)
        case "newman":
            return _by_newman(found, cells)
        case "winrate":  # exhaustive
            return _by_rate(found, cells)


# Graphs


def _graph(size: int, rows: Array, columns: Array, weights: Array) -> Any:  # noqa: ANN401 - a sparse matrix
    return library("scipy.sparse").coo_matrix((weights, (rows, columns)), shape=(size, size)).tocsr()


def _groups(found: Games) -> tuple[int, Array]:
    np, size = library("numpy"), len(found.players)
    joined = _graph(size, found.left, found.right, np.ones(len(found)))
    count, group = library("scipy.sparse.csgraph").connected_components(joined, directed=False)
    return int(count), group


def _connected(found: Games) -> None:
    count, group = _groups(found)
    if count > 1:
        told = " | ".join(listed(_named(found, group == one)) for one in range(min(count, _SHOWN)))
        raise Invalid(f"the players fall into {count} groups that never met, which cannot be compared: {told}")


def _named(found: Games, which: Array) -> list[str]:
    return [name for name, one in zip(found.players, which, strict=True) if one]


def _bounded(size: int, cells: Cells, count: Array) -> tuple[bool, Array]:
    """Tell whether every player has a finite rating without a ridge, and which of the groups each is in."""
    np = library("numpy")
    won, lost = count * (cells.share > 0), count * (cells.share < 1)
    rows, columns = np.concatenate([cells.left, cells.right]), np.concatenate([cells.right, cells.left])
    beat = _graph(size, rows, columns, np.concatenate([won, lost]))
    beat.eliminate_zeros()
    amount, group = library("scipy.sparse.csgraph").connected_components(beat, directed=True, connection="strong")
    return bool(amount == 1), group


def _unbounded(found: Games, group: Array) -> str:
    np = library("numpy")
    sizes = np.bincount(group)
    outside = _named(found, group != int(sizes.argmax()))
    return f"{listed(outside)} always won or always lost against the rest, so that no finite rating is likeliest"


# Resampling


def _cells(found: Games) -> Cells:
    np = library("numpy")
    swap = found.left > found.right
    left, right = np.where(swap, found.right, found.left), np.where(swap, found.left, found.right)
    share = np.where(swap, 1 - found.share, found.share)
    topic = np.zeros(len(found), dtype=int) if found.topic is None else found.topic
    rows, count = np.unique(np.column_stack([left, right, share, topic]), axis=0, return_counts=True)
    pairs = rows[:, :2].astype(int)
    topics = None if found.topic is None else rows[:, 3].astype(int)
    unit = np.arange(len(rows)) if topics is None else topics
    units = len(found) if topics is None else int(topics.max()) + 1
    return Cells(
        pairs[:, 0], pairs[:, 1], rows[:, 2], count.astype(float), unit, units, "rows" if topics is None else "topics"
    )


def _draws(cells: Cells) -> int:
    return DRAWS if DRAWS * len(cells.count) <= MOST_WORK else FEWER_DRAWS


def _resampled(cells: Cells, draws: int) -> Sequence[Array]:
    """Return for each draw how often each cell is in it: whole topics, or single games where there are none."""
    np = library("numpy")
    chance = np.random.default_rng(SEED)
    if cells.of == "rows":
        total = int(cells.count.sum())
        return [chance.multinomial(total, cells.count / total).astype(float) for _ in range(draws)]
    even = np.full(cells.units, 1 / cells.units)
    return [cells.count * chance.multinomial(cells.units, even)[cells.unit] for _ in range(draws)]


# Rating


def _by_strength(found: Games, cells: Cells, ridge: float) -> Rated:
    size = len(found.players)
    bounded, group = _bounded(size, cells, cells.count)
    if ridge == 0 and not bounded:
        raise Invalid(f"{_unbounded(found, group)}: give a --ridge, such as {RIDGE}")
    theta = strengths(size, cells, [cells.count], ridge)[0]
    kept = max(ridge, LEAST_RIDGE)
    draws = _draws(cells) if cells.units >= FEWEST else 0
    drawn = strengths(size, cells, _resampled(cells, draws), kept)
    notes = [] if bounded else [f"{_unbounded(found, group)}: the ridge alone holds them"]
    if draws and kept > ridge:
        notes.append(f"resamples are held by a ridge of {LEAST_RIDGE}")
    method = f"Bradley-Terry, a tie is half a win, ridge {ridge:g}; percentile bootstrap of {cells.of}, {draws:,} draws"
    return _rated(found, cells, theta, drawn, (method, notes))


def _by_newman(found: Games, cells: Cells) -> Rated:
    size = len(found.players)
    bounded, group = _bounded(size, cells, cells.count)
    if not bounded:
        raise Invalid(f"{_unbounded(found, group)}: use --method bt, which has a ridge")
    theta, ties = with_ties(size, cells, [cells.count])
    draws = _draws(cells) if cells.units >= FEWEST else 0
    counts = [one for one in _resampled(cells, draws) if _bounded(size, cells, one)[0]]
    drawn = with_ties(size, cells, counts if len(counts) > draws / 2 else [])[0]
    notes = [f"{draws - len(counts)} of {draws} resamples left somebody unbeaten, and do not count"]
    method = f"Newman's Bradley-Terry with ties; percentile bootstrap of {cells.of}, {len(drawn):,} draws"
    told = _rated(found, cells, theta[0], drawn, (method, notes if len(counts) < draws else []))
    return Rated(told.players, told.pairs, told.left, told.notes, float(ties[0]))


# Telling


def _rated(found: Games, cells: Cells, theta: Array, drawn: Array, told: tuple[str, list[str]]) -> Rated:
    np = library("numpy")
    method, notes = told
    scale = elo()
    order = np.argsort(-theta, kind="stable")
    ranks = _ranks(drawn)
    why = _why(cells, len(drawn))
    players: list[Score] = []
    for place, at in enumerate(map(int, order), 1):
        low, high, se = _ends(MIDDLE + scale * drawn[:, at]) if len(drawn) else (None, None, None)
        n = int(np.count_nonzero((found.left == at) | (found.right == at)))
        value = MIDDLE + scale * float(theta[at])
        clusters = cells.units if cells.of == "topics" else None
        one = Score(found.players[at], value, se, low, high, n, clusters, UNIT, method, why)
        players.append(
            one.with_more(
                {"theta": float(theta[at]), "rank": place} | _rank_ends(ranks, int(at)) | _record(found, int(at))
            )
        )
    pairs = _pairs(found, theta, drawn, (method, why)) if len(theta) <= MOST_PAIRS else ()
    return Rated(tuple(players), tuple(pairs), _left(found), (*notes, *_few(players)))


def _why(cells: Cells, draws: int) -> str:
    if cells.units < FEWEST:
        return f"no interval: {cells.units} {cells.of}, and fewer than {FEWEST} allow none"
    return "" if draws else "no interval: most resamples leave somebody unbeaten"


def _ends(drawn: Array) -> tuple[float, float, float]:
    np = library("numpy")
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high), float(drawn.std(ddof=1))


def _ranks(drawn: Array) -> Array:
    return library("scipy.stats").rankdata(-drawn, method="min", axis=1) if len(drawn) else drawn


def _rank_ends(ranks: Array, at: int) -> dict[str, int | None]:
    if not len(ranks):
        return {"rank_low": None, "rank_high": None}
    np = library("numpy")
    low = np.quantile(ranks[:, at], (1 - LEVEL) / 2, method="lower")
    return {"rank_low": int(low), "rank_high": int(np.quantile(ranks[:, at], (1 + LEVEL) / 2, method="higher"))}


def _record(found: Games, at: int) -> dict[str, int]:
    np = library("numpy")
    own = np.concatenate([found.share[found.left == at], 1 - found.share[found.right == at]])
    half = 0.5
    return {"won": int((own > half).sum()), "tied": int((own == half).sum()), "lost": int((own < half).sum())}


def _few(players: Sequence[Score]) -> list[str]:
    few = [one.name for one in players if one.n < FEW_GAMES]
    return [f"fewer than {FEW_GAMES} games, so that little can be told: {listed(few)}"] if few else []


def _pairs(found: Games, theta: Array, drawn: Array, told: tuple[str, str]) -> list[Score]:
    np, expit = library("numpy"), library("scipy.special").expit
    method, why = told
    order = [int(one) for one in np.argsort(-theta, kind="stable")]
    pairs: list[Score] = []
    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            met = int(
                np.count_nonzero(((found.left == i) & (found.right == j)) | ((found.left == j) & (found.right == i)))
            )
            low, high, se = _ends(expit(drawn[:, i] - drawn[:, j])) if len(drawn) else (None, None, None)
            name = f"{found.players[i]} beats {found.players[j]}"
            value = float(expit(theta[i] - theta[j]))
            pairs.append(Score(name, value, se, low, high, met, None, "probability", method, why))
    return pairs


def _left(found: Games) -> Score:
    np = library("numpy")
    ways = Ways() if found.topic is None else Ways(("topic",), (found.topic,))
    return _mean("share won by the left", found.share, ways, np)


def _mean(name: str, shares: Array, ways: Ways, np: Any) -> Score:  # noqa: ANN401 - numpy
    unit, method = "share of games, a tie is half", "mean"
    if len(shares) < 2:  # noqa: PLR2004 - one game has no spread
        why = "no interval: 1 independent rows, and fewer than 5 allow none"
        return Score(name, float(shares[0]), None, None, None, 1, None, unit, method, why)
    line = fit(shares, np.ones((len(shares), 1)), ways)
    sure, errors = line.sure(0)
    value = float(line.values[0])
    low, high, _ = interval(value, sure)
    low, high = (None if low is None else max(low, 0.0)), (None if high is None else min(high, 1.0))
    errors = errors if ways.codes else f"sd/sqrt(n), t({line.freedom:.0f})"
    return Score(
        name,
        value,
        finite(sure.shown()),
        low,
        high,
        len(shares),
        ways.fewest(),
        unit,
        f"mean; {errors}",
        sure.why_not(),
    )


def _by_rate(found: Games, cells: Cells) -> Rated:
    np, size = library("numpy"), len(found.players)
    draws = _draws(cells) if cells.units >= FEWEST else 0
    drawn = np.array([_rates(size, cells, count) for count in _resampled(cells, draws)])
    rates = _rates(size, cells, cells.count)
    ranks = _ranks(np.nan_to_num(drawn, nan=-1.0)) if draws else drawn
    players: list[Score] = []
    for place, at in enumerate(map(int, np.argsort(-rates, kind="stable")), 1):
        mine, other = found.left == at, found.right == at
        shares = np.concatenate([found.share[mine], 1 - found.share[other]])
        ways = Ways()
        if found.topic is not None:
            ways = Ways(
                ("topic",),
                (np.unique(np.concatenate([found.topic[mine], found.topic[other]]), return_inverse=True)[1],),
            )
        one = _mean(found.players[at], shares, ways, np)
        players.append(one.with_more({"rank": place} | _rank_ends(ranks, int(at)) | _record(found, int(at))))
    apart = _groups(found)[0] > 1
    notes = ["some players never met, not even by way of others: their rates are not comparable"] if apart else []
    return Rated(tuple(players), (), _left(found), (*notes, *_few(players)))


def _rates(size: int, cells: Cells, count: Array) -> Array:
    np = library("numpy")
    won = np.bincount(cells.left, count * cells.share, size) + np.bincount(cells.right, count * (1 - cells.share), size)
    played = np.bincount(cells.left, count, size) + np.bincount(cells.right, count, size)
    with np.errstate(invalid="ignore", divide="ignore"):  # who is in no game of a resample has no rate in it
        return won / played
