"""All turns of all talks as columns, and for each talk others whose turns may stand in for its partner's.

It must never let a talk stand in for itself, nor a turn of the same speaker for its partner's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from moot.measures.engines import SEED, library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.dynamics.talks import Talk
    from moot.measures.engines import Array

SURROGATES = 5
"""Other talks that stand in for each one's partner, or fewer where there are not so many."""

MOST_NAMES = 12
"""Different speakers up to which they are told apart by name; of more, by who spoke first, second, …"""


@dataclass(frozen=True, slots=True)
class Rows:
    """A row a turn: the talk it is in, its place there from 0, and who spoke (a code of `names`).

    `answers` says that the row before is another speaker's in the same talk. `first` and `length` are of each talk;
    `mates` holds for each talk SURROGATES others, -1 where there are fewer.
    """

    talk: Array
    place: Array
    speaker: Array
    names: tuple[str, ...]
    named: bool
    answers: Array
    first: Array
    length: Array
    mates: Array

    def __len__(self) -> int:
        return len(self.talk)

    def partner(self, draw: int) -> Array:
        """Return for each row that answers another the row that stands in for that other; -1 where there is none.

        It is at the same place of another talk, by somebody else than the row's own speaker.
        """
        np = library("numpy")
        found = np.full(len(self), -1)
        at = np.flatnonzero(self.answers)
        mate, place = self.mates[draw, self.talk[at]], self.place[at] - 1
        there = (mate >= 0) & (self.length[mate] > place)
        at, row = at[there], self.first[mate[there]] + place[there]
        other = self.speaker[row] != self.speaker[at]
        found[at[other]] = row[other]
        return found

    def even(self, told: Array) -> Array:
        """Return weights of rows that make a sum over a talk the mean of its rows that are told."""
        np = library("numpy")
        count = np.bincount(self.talk[told], minlength=len(self.first))
        return np.where(told, 1 / np.maximum(count, 1)[self.talk], 0.0)

    def tilt(self, told: Array) -> Array:
        """Return weights of rows that make a sum over a talk the slope on t / T over its rows that are told."""
        np = library("numpy")
        x = np.where(told, (self.place + 1) / np.maximum(self.length, 1)[self.talk], 0.0)
        count = np.bincount(self.talk[told], minlength=len(self.first))
        from_mean = np.where(
            told, x - (np.bincount(self.talk, x, len(self.first)) / np.maximum(count, 1))[self.talk], 0.0
        )
        spread = np.bincount(self.talk, from_mean**2, len(self.first))
        enough = (count >= 3) & (spread > 0)  # noqa: PLR2004 - through two points any line goes
        return np.where(enough, 1 / np.where(enough, spread, 1), 0.0)[self.talk] * from_mean

    def summed(self, weights: Array, values: Array) -> Array:
        """Return the weighted sum of a column over each talk; NaN where no row has a weight."""
        np = library("numpy")
        used = weights != 0
        total = np.bincount(self.talk[used], weights[used] * values[used], len(self.first))
        return np.where(np.bincount(self.talk[used], minlength=len(self.first)) > 0, total, np.nan)

    def mean(self, values: Array) -> Array:
        """Return the mean of a column over each talk's rows that have one; NaN where none has."""
        np = library("numpy")
        return self.summed(self.even(np.isfinite(values)), values)

    def slope(self, values: Array) -> Array:
        """Return the slope of a column on t / T over each talk's rows that have one; NaN where fewer than three do."""
        np = library("numpy")
        return self.summed(self.tilt(np.isfinite(values)), values)

    def third(self, *, last: bool) -> Array:
        """Return which rows are in the first, or the last, third of their talk's turns."""
        third = (self.length // 3)[self.talk]
        return self.place >= self.length[self.talk] - third if last else self.place < third


def rows_of(talks: Sequence[Talk]) -> Rows:
    """Return the turns of talks as columns."""
    np = library("numpy")
    length = np.array([len(one.turns) for one in talks], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(length)[:-1]]) if len(talks) else length
    talk = np.repeat(np.arange(len(talks)), length)
    place = np.arange(len(talk)) - first[talk] if len(talk) else talk
    named, names = names_of(talks)
    code = {name: at for at, name in enumerate(names)}
    coded = (_codes(one, code if named else {}) for one in talks)
    speaker = np.fromiter(chain.from_iterable(coded), dtype=np.int64, count=len(talk))
    answers = np.zeros(len(talk), dtype=bool)
    answers[1:] = (talk[1:] == talk[:-1]) & (speaker[1:] != speaker[:-1])
    opener = np.array([speaker[at] if size else -1 for at, size in zip(first, length, strict=True)], dtype=np.int64)
    mates = mates_of([one.topic for one in talks], opener)
    return Rows(talk, place, speaker, names, named, answers, first, length, mates)


def names_of(talks: Sequence[Talk]) -> tuple[bool, tuple[str, ...]]:
    """Return whether speakers are told apart by name, and how they are called."""
    seen: dict[str, int] = {}
    most = 0
    for one in talks:
        here = {turn.speaker for turn in one.turns}
        most = max(most, len(here))
        for name in here:
            seen[name] = seen.get(name, 0) + 1
    recur = len(talks) == 1 or sum(seen.values()) >= 2 * len(seen)
    if len(seen) <= MOST_NAMES and recur:
        return True, tuple(sorted(seen))
    return False, tuple(f"speaker {at}" for at in range(1, most + 1))


def _codes(talk: Talk, known: dict[str, int]) -> list[int]:
    here: dict[str, int] = known or {}
    return [here.setdefault(turn.speaker, len(here)) for turn in talk.turns]


def mates_of(topics: Sequence[str], opener: Array) -> Array:
    """Return for each talk others of the same topic: an array of SURROGATES x talks, -1 where there are fewer.

    They were opened by the same speaker where there are such. Each talk stands in equally often.
    """
    np = library("numpy")
    chance = np.random.default_rng(SEED)
    found = np.full((SURROGATES, len(topics)), -1)
    topic = np.unique(np.array(topics, dtype=object).astype(str), return_inverse=True)[1] if len(topics) else opener
    for key in (topic * (len(topics) + 1) + opener + 1, topic):  # who finds none by opener finds one by topic
        order = np.argsort(key, kind="stable")
        cuts = np.flatnonzero(np.diff(key[order])) + 1
        for group in np.split(order, cuts):
            if len(group) < 2 or (found[0, group] >= 0).all():  # noqa: PLR2004 - nobody else is there
                continue
            mixed = chance.permutation(group)
            for draw in range(min(SURROGATES, len(group) - 1)):
                stands = np.roll(mixed, draw + 1)
                alone = found[draw, mixed] < 0
                found[draw, mixed[alone]] = stands[alone]
    return found
