"""How conversations go: whether they repeat, close, collapse, adapt, drift, agree, mix up who is who, and where to.

It must never draw by chance but by a fixed seed, nor take turns of one conversation for independent of each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from moot.measures.dynamics import (
    agreeing,
    basics,
    closing,
    collapse,
    coordination,
    identity,
    markers,
    meaning,
    repetition,
    themes,
)
from moot.measures.dynamics.means import Columns, adjusted, score
from moot.measures.dynamics.rows import rows_of
from moot.measures.dynamics.talks import SUBJECTS, Across, Figure, Found, Heard, Model, Said, Subject, Talk, talk_of
from moot.measures.dynamics.wording import Wording
from moot.measures.dynamics.words import words
from moot.measures.engines import library, missing
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moot.measures import Score
    from moot.measures.dynamics.rows import Rows
    from moot.measures.engines import Array

__all__ = ["MEANING", "SUBJECTS", "Model", "Said", "Study", "Subject", "Talk", "dynamics", "study", "talk_of"]

MEANING: frozenset[Subject] = frozenset({"accommodation", "drift", "identity"})
"""Subjects that need a model, in part at least."""

NO_MODEL = "there is no model for the meaning of turns here"


@dataclass(frozen=True, slots=True)
class Study:
    """All that is found in talks: scores over them, and the columns behind those.

    `each` holds a value for each talk (in the order of `talks`) and `turns` one for each row of `rows`, NaN where it
    cannot be told. `cites` are turns that a figure rests on, by their talk and number. `units` are codes of what is
    independent; None: talks are.
    """

    talks: tuple[Talk, ...]
    rows: Rows
    scores: tuple[Score, ...]
    each: Mapping[str, Array]
    turns: Mapping[str, Array]
    cites: Mapping[str, Sequence[tuple[str, int]]]
    units: Array | None
    notes: tuple[str, ...] = ()
    model: Model | None = None


def dynamics(talks: Sequence[Talk], only: Sequence[Subject] = (), model: Model | None = None) -> tuple[Score, ...]:
    """Return the scores of talks; `only` names subjects, all without it. Meaning needs a model."""
    return study(talks, only, model).scores


@dataclass(slots=True)
class _Columns:
    """What has been found so far; it grows subject by subject, within one study."""

    each: dict[str, Array] = field(default_factory=dict[str, "Array"])
    turns: dict[str, Array] = field(default_factory=dict[str, "Array"])
    cites: dict[str, list[tuple[str, int]]] = field(default_factory=dict[str, "list[tuple[str, int]]"])
    strangers: dict[str, Array] = field(default_factory=dict[str, "Array"])

    def take(self, found: Across) -> None:
        """Take what was found over all talks."""
        self.each |= found.each
        self.turns |= found.turns
        self.strangers |= found.strangers


def study(
    talks: Sequence[Talk],
    only: Sequence[Subject] = (),
    model: Model | None = None,
    lists: Mapping[str, str] | None = None,
) -> Study:
    """Return all that is found in talks; `lists` are words of themes in place of moot's own."""
    if not talks:
        raise Invalid("there is no conversation to measure")
    wanted = set(only or SUBJECTS)
    told = themes.THEMES if lists is None else lists
    figures = [one for one in _figures(told) if one.subject in wanted]
    rows = rows_of(talks)
    found = _Columns()
    counts, sizes, wording = _read(talks, rows, wanted, themes.theming(told), found)
    notes = _across(talks, rows, (counts, sizes, wording), (wanted, model), found)
    units = _units(talks)
    scores = [_score(one, found, rows, units, model) for one in figures]
    if "coordination" in wanted:
        pooled, said = coordination.coordination(rows, counts, units)
        scores += pooled
        notes += said
    order = {name: at for at, name in enumerate(SUBJECTS)}
    scores.sort(key=lambda one: order[one.more["subject"]])
    return Study(tuple(talks), rows, adjusted(scores), found.each, found.turns, found.cites, units, tuple(notes), model)


def _figures(told: Mapping[str, str]) -> tuple[Figure, ...]:
    own = (*repetition.FIGURES, *closing.FIGURES, *collapse.FIGURES, *meaning.FIGURES, *meaning.LEXICAL)
    own += (*coordination.STYLE, *agreeing.FIGURES, *identity.FIGURES)
    return (*own, *themes.figures_of(told), *basics.FIGURES)


def _units(talks: Sequence[Talk]) -> Array | None:
    """Return which unit each talk belongs to, as codes; None where each is its own."""
    np = library("numpy")
    if not any(one.unit for one in talks):
        return None
    named = [one.unit or f"\0{at}" for at, one in enumerate(talks)]
    return np.unique(np.array(named, dtype=object).astype(str), return_inverse=True)[1]


def _read(
    talks: Sequence[Talk], rows: Rows, wanted: set[Subject], theming: Callable[[Heard], Found], into: _Columns
) -> tuple[Array, Array, Wording]:
    """Read each talk once; return how many words of each class, how many in all, and which, each turn has."""
    np = library("numpy")
    of: dict[Subject, Callable[[Heard], Found]] = {
        "repetition": repetition.repetition, "closing": closing.closing, "collapse": collapse.collapse,
        "agreement": agreeing.agreeing, "identity": identity.identity, "themes": theming, "basics": basics.basics,
    }  # fmt: skip
    subjects = [one for name, one in of.items() if name in wanted]
    function = bool(wanted & {"coordination", "style"})
    counts = np.zeros((len(rows), len(markers.CLASSES)), dtype=np.uint32)
    sizes = np.zeros(len(rows))
    known: dict[str, tuple[int, ...]] = {}
    wording = Wording()
    for at, talk in enumerate(talks):
        heard = Heard(talk, tuple(words(turn.text) for turn in talk.turns))
        part = slice(int(rows.first[at]), int(rows.first[at]) + len(talk.turns))
        sizes[part] = [len(one) for one in heard.words]
        if function and talk.turns:
            counts[part] = markers.counts(heard.words, known)
        if "accommodation" in wanted:
            wording.add(heard.words)
        for one in subjects:
            _keep(one(heard), (at, part), talk.id, (rows, into))
    return counts, sizes, wording


def _keep(found: Found, where: tuple[int, slice], identity: str, to: tuple[Rows, _Columns]) -> None:
    np = library("numpy")
    at, part = where
    rows, into = to
    for name, value in found.figures.items():
        column = (
            into.each.setdefault(name, np.full(len(rows.first), np.nan)) if name not in into.each else into.each[name]
        )
        column[at] = np.nan if value is None else value
    for name, values in found.turns.items():
        if name not in into.turns:
            into.turns[name] = np.full(len(rows), np.nan, dtype=np.float32)
        into.turns[name][part] = [np.nan if one is None else one for one in values]
    for name, numbers in found.cites.items():
        into.cites.setdefault(name, []).extend((identity, number) for number in numbers)


def _across(
    talks: Sequence[Talk], rows: Rows, tallies: tuple[Array, Array, Wording], asked: tuple[set[Subject], Model | None],
    into: _Columns,
) -> list[str]:  # fmt: skip
    """Find what needs all talks at once; return what has to be told of it."""
    wanted, model = asked
    counts, sizes, wording = tallies
    if "style" in wanted:
        into.take(coordination.style(rows, counts, sizes))
    if "accommodation" in wanted:
        into.take(meaning.accommodation(rows, wording.cosines, meaning.BY_WORDS))
    if "identity" in wanted:
        taken, where = identity.adopted(identity.trait_rows(talks, rows), rows)
        into.take(taken)
        into.cites["takes over traits"] = [(talks[at].id, talks[at].turns[place].number) for at, place in where]
    if not wanted & MEANING:
        return []
    if model is None:
        return [f"accommodation, drift and own voice are not told: {NO_MODEL}"]
    vectors = meaning.vectors_of([turn.text for talk in talks for turn in talk.turns], model)
    if "accommodation" in wanted:
        into.take(meaning.accommodation(rows, partial(meaning.cosines, vectors, vectors)))
    if "drift" in wanted:
        into.take(meaning.drift(rows, vectors, talks, model))
    if "identity" in wanted:
        into.take(meaning.own_voice(rows, vectors))
    return []


def _score(figure: Figure, found: _Columns, rows: Rows, units: Array | None, model: Model | None) -> Score:
    name = figure.name
    if name not in found.each:
        why = NO_MODEL if model is None else "not measured"
        return missing(name, 0, figure.unit, figure.method, why).with_more({"subject": figure.subject})
    columns = Columns(found.each[name], units, found.strangers.get(name), rows.mates)
    return score(figure, columns, found.cites.get(name, ()))
