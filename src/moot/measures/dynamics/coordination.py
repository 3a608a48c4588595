"""Whether a speaker takes up the function words of whom they answer, and whether two speakers use them alike.

It must never be read off one talk: coordination is pooled over all talks' exchanges in one direction, and both figures
stand beside what strangers get.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

from moot.measures import Score
from moot.measures.dynamics.markers import CLASSES
from moot.measures.dynamics.rows import SURROGATES
from moot.measures.dynamics.talks import Across, Figure
from moot.measures.engines import Certainty, interval, library, missing

if TYPE_CHECKING:
    from moot.measures.dynamics.rows import Rows
    from moot.measures.engines import Array

LEAST_EXCHANGES = 50
LEAST_USES = 3
"""How often what is answered must have a class of words, so that it counts (as in ConvoKit)."""

MOST_DIRECTIONS = 12
CROWDED = 0.95
"""Share of turns with a class, mean over classes, from which presence tells nothing any more."""

LEAST_WORDS = 30
"""Words that each of two speakers needs for a match of style."""

ALL = "everyone to everyone"

UNIT = "difference of probabilities"
METHOD = (
    "P(reply has a class | what it answers has it) - P(reply has it), mean over 8 classes of function words, pooled "
    "over conversations (Danescu-Niculescu-Mizil et al. 2012)"
)

_PAIR = f"two speakers with {LEAST_WORDS} words each"
_LSM = (
    "1 - |a - b| / (a + b + .0001) of two speakers' rates of each of 8 classes of function words, mean (Ireland et "
    "al. 2011)"
)
_MATE = f"{_PAIR}, and another one (of its topic) with such speakers"
STYLE = (
    Figure("style matching", "style", "0 to 1", _LSM, _PAIR),
    Figure("style matching, shuffled", "style", "0 to 1",
           f"{_LSM}, with the partner's words from up to {SURROGATES} other talks (of the topic)", _MATE),
    Figure("style matching over shuffled", "style", "0 to 1", f"{_LSM}, less that with shuffled partners", _MATE,
           tested=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exchanges:
    """Counts of the exchanges in one direction, a row an independent unit.

    How many there are, and in how many the reply, what is answered, and both have each class of words.
    """

    count: Array
    reply: Array
    answered: Array
    both: Array


def exchanges(units: Array, amount: int, reply: Array, answered: Array) -> Exchanges:
    """Return the counts of exchanges; `reply` and `answered` tell of each which classes it has, `units` whose it is."""
    np = library("numpy")

    def of(which: Array) -> Array:
        return np.column_stack([np.bincount(units, which[:, at], amount) for at in range(len(CLASSES))])

    return Exchanges(np.bincount(units, minlength=amount).astype(float), of(reply), of(answered), of(reply & answered))


def coordinated(found: Exchanges) -> tuple[float | None, Array, Array]:
    """Return the coordination over all units, how much each unit adds to its error, and each class's (NaN: too rare).

    The error is that of a ratio of sums, by its linear terms, so that units and not exchanges are what varies.
    """
    np = library("numpy")
    n, reply, answered, both = (each.sum(axis=0) for each in (found.count, found.reply, found.answered, found.both))
    used = answered >= LEAST_USES
    if not used.any():
        return None, np.zeros(len(found.count)), np.full(len(CLASSES), np.nan)
    some = np.where(used, answered, 1.0)
    given, plain = both / some, reply / n
    each = np.where(used, given - plain, np.nan)
    parts = (found.both - given * found.answered) / some - (found.reply - plain * found.count[:, None]) / n
    return float(np.nanmean(each)), parts[:, used].mean(axis=1), each


@dataclass(frozen=True, slots=True)
class Direction:
    """Who replies to whom, what that comes to, and what it comes to with turns that were not answered at all."""

    name: str
    real: Exchanges
    shuffled: Exchanges


def coordination(rows: Rows, counts: Array, units: Array | None) -> tuple[tuple[Score, ...], tuple[str, ...]]:
    """Return how far repliers take up function words, in each direction, and what has to be told of it."""
    np = library("numpy")
    has = counts > 0
    own = np.arange(len(rows.first)) if units is None else units
    directions = [_direction(rows, has, own, pair) for pair in _pairs(rows)]
    every = _direction(rows, has, own, None)
    notes: list[str] = []
    if len(directions) > MOST_DIRECTIONS:
        notes.append(f"coordination is told of the {MOST_DIRECTIONS} busiest of {len(directions)} directions")
        directions = sorted(directions, key=lambda one: -float(one.real.count.sum()))[:MOST_DIRECTIONS]
    share = float(has[rows.answers].mean()) if rows.answers.any() else 0.0
    if share > CROWDED:
        notes.append(
            f"turns are so long that {share:.0%} hold a word of each class: coordination then tends to 0, and style "
            "matching, by rates, tells more"
        )
    found = [one for each in (every, *directions) for one in _told(each, clustered=units is not None)]
    if len(directions) == 2:  # noqa: PLR2004 - of two directions it is plain what to compare
        found.append(_compared(directions[0], directions[1], clustered=units is not None))
    return tuple(found), tuple(notes)


def _pairs(rows: Rows) -> list[tuple[int, int]]:
    np = library("numpy")
    size = len(rows.names)
    at = np.flatnonzero(rows.answers)
    keys = set((rows.speaker[at] * size + rows.speaker[at - 1]).tolist())
    return [pair for pair in permutations(range(size), 2) if pair[0] * size + pair[1] in keys]


def _direction(rows: Rows, has: Array, own: Array, pair: tuple[int, int] | None) -> Direction:
    np = library("numpy")
    amount = int(own.max()) + 1 if len(own) else 0
    name = ALL if pair is None else f"{rows.names[pair[0]]} to {rows.names[pair[1]]}"

    def some(at: Array, before: Array) -> tuple[Array, Array]:
        if pair is None:
            return at, before
        ours = (rows.speaker[at] == pair[0]) & (rows.speaker[before] == pair[1])
        return at[ours], before[ours]

    at = np.flatnonzero(rows.answers)
    at, before = some(at, at - 1)
    real = exchanges(own[rows.talk[at]], amount, has[at], has[before])
    drawn = [rows.partner(draw) for draw in range(SURROGATES)]
    pairs = [some(one, each[one]) for each in drawn for one in (np.flatnonzero(each >= 0),)]
    late, early = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return Direction(name, real, exchanges(own[rows.talk[late]], amount, has[late], has[early]))


def _told(one: Direction, *, clustered: bool) -> tuple[Score, ...]:
    np = library("numpy")
    name = f"coordination, {one.name}"
    count = int(one.real.count.sum())
    talks = int((one.real.count > 0).sum())
    if count < LEAST_EXCHANGES:
        why = f"{count} exchanges, and fewer than {LEAST_EXCHANGES} tell nothing but noise"
        return (missing(name, talks, UNIT, METHOD, why).with_more({"subject": "coordination", "exchanges": count}),)
    value, parts, each = coordinated(one.real)
    more: dict[str, Any] = {"subject": "coordination", "exchanges": count}
    more |= {"by_class": {at: None if np.isnan(c) else float(c) for at, c in zip(CLASSES, each, strict=True)}}
    plain = _score((name, METHOD), value, (parts, one.real.count > 0), clustered=clustered).with_more(more)
    base, base_parts, _ = coordinated(one.shuffled)
    over = f"{name}, over shuffled"
    method = f"{METHOD}, less the same with turns of other talks in place of what is answered"
    if value is None or base is None or one.shuffled.count.sum() < LEAST_EXCHANGES:
        why = f"fewer than {LEAST_EXCHANGES} exchanges have a surrogate partner from another conversation"
        return plain, missing(over, talks, UNIT, method, why).with_more({"subject": "coordination"})
    # Of a talk's own replies only those with a surrogate are in the second term; the first has them all.
    known = {"subject": "coordination", "exchanges": count, "shuffled": base}
    both = (parts - base_parts, one.real.count > 0)
    return plain, _score((over, method), value - base, both, clustered=clustered).with_more(known)


def _compared(one: Direction, other: Direction, *, clustered: bool) -> Score:
    name = f"coordination, {one.name} less {other.name}"
    method = f"{METHOD}; difference of the two directions"
    few = min(float(each.real.count.sum()) for each in (one, other)) < LEAST_EXCHANGES
    (first, parts, _), (second, others, _) = coordinated(one.real), coordinated(other.real)
    there = (one.real.count > 0) | (other.real.count > 0)
    if few or first is None or second is None:
        why = f"fewer than {LEAST_EXCHANGES} exchanges in one direction"
        return missing(name, int(there.sum()), UNIT, method, why).with_more({"subject": "coordination"})
    found = _score((name, method), first - second, (parts - others, there), clustered=clustered)
    return found.with_more({"subject": "coordination"})


def _score(words: tuple[str, str], value: float | None, of: tuple[Array, Array], *, clustered: bool) -> Score:
    parts, there = of
    name, method = words
    n = int(there.sum())
    if value is None:
        return missing(name, n, UNIT, method, f"no class of words comes up {LEAST_USES} times in what is answered")
    se = float((n / (n - 1) * (parts**2).sum()) ** 0.5) if n > 1 else None
    kind = "clusters" if clustered else "conversations"
    sure = Certainty(se, n - 1, n, kind)
    low, high, p = interval(value, sure)
    told = f"{method}; linearised over {kind}, Student's t({max(n - 1, 0)})"
    return Score(name, value, sure.shown(), low, high, n, n if clustered else None, UNIT, told, sure.why_not(), p)


# Style


def style(rows: Rows, counts: Array, sizes: Array) -> Across:
    """Return of each talk how alike its speakers' rates of function words are, and how alike those of strangers are.

    Of more than two speakers it is the mean over pairs.
    """
    np = library("numpy")
    width = max(len(rows.names), 1)
    key, at = np.unique(rows.talk * width + rows.speaker, return_inverse=True)
    words = np.bincount(at, sizes, len(key))
    rates = np.column_stack([np.bincount(at, counts[:, one], len(key)) for one in range(len(CLASSES))])
    rates = rates / np.maximum(words, 1)[:, None]
    enough = words >= LEAST_WORDS
    where = {int(one): place for place, one in enumerate(key) if enough[place]}
    pairs = _both(key[enough], width)
    real = _matches(rates, [(where[a], where[b]) for a, b in pairs])
    owner = np.array([a // width for a, _ in pairs], dtype=np.int64)
    total, drawn = np.zeros((SURROGATES, len(pairs))), np.zeros((SURROGATES, len(pairs)))
    for draw in range(SURROGATES):
        chosen: list[tuple[int, int]] = []
        whose: list[int] = []
        for place, (a, b) in enumerate(pairs):
            mate = int(rows.mates[draw, a // width]) * width
            for mine, theirs in ((a, mate + b % width), (b, mate + a % width)):
                if mate >= 0 and theirs in where:
                    chosen.append((where[mine], where[theirs]))
                    whose.append(place)
        if chosen:
            total[draw] = np.bincount(whose, _matches(rates, chosen), len(pairs))
            drawn[draw] = np.bincount(whose, minlength=len(pairs))
    count = drawn.sum(axis=0)
    shuffled = np.where(count > 0, total.sum(axis=0) / np.maximum(count, 1), np.nan)
    amount = len(rows.first)
    each = {
        "style matching": _by_talk(owner, real, amount),
        "style matching, shuffled": _by_talk(owner, shuffled, amount),
        "style matching over shuffled": _by_talk(owner, real - shuffled, amount),
    }
    told = count > 0
    usual = float(shuffled[told].mean()) if told.any() else 0.0
    parts = (
        (total - drawn * usual)
        / np.maximum(count, 1)
        / np.maximum(np.bincount(owner[told], minlength=amount), 1)[owner]
    )
    strangers = np.array([np.bincount(owner, part, amount) for part in parts])
    return Across(each, strangers={"style matching over shuffled": strangers})


def _both(keys: Array, width: int) -> list[tuple[int, int]]:
    of: dict[int, list[int]] = {}
    for key in keys.tolist():
        of.setdefault(key // width, []).append(key)
    return [(a, b) for here in of.values() for place, a in enumerate(here) for b in here[place + 1 :]]


def _matches(rates: Array, pairs: list[tuple[int, int]]) -> Array:
    np = library("numpy")
    if not pairs:
        return np.zeros(0)
    first, second = (rates[[pair[side] for pair in pairs]] for side in (0, 1))
    return lsm(first, second)


def lsm(first: Array, second: Array) -> Array:
    """Return how alike rates are, a row a pair and a column a class: the mean over classes, 1 for equal ones."""
    np = library("numpy")
    return (1 - np.abs(first - second) / (first + second + 0.0001)).mean(axis=1)


def _by_talk(owner: Array, values: Array, amount: int) -> Array:
    np = library("numpy")
    told = np.isfinite(values)
    total, count = (np.bincount(owner[told], each, amount) for each in (values[told], np.ones(int(told.sum()))))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
