"""Who reads and judges the finished conversations of a grid: each in a conversation of its own, with its own id.

It must never change what it is about: it only says, from a design alone, which conversations are to be read by whom.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

from moot.forms import maker_of
from moot.forms.arguments import check_arguments
from moot.scenario import caps_in, known, typed
from moot.spending import Caps
from moot.transcript import Invalid, freeze

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from moot.experiment.design import Cell, Values
    from moot.transcript import Settings

    Table = dict[str, Any]

_GIVEN: Mapping[str, Mapping[str, Any]] = {
    "audience": {"pieces": ("",), "labels": (), "about": ""},
    "judge": {"rubric": "", "mode": "grade", "a": ("",), "b": (), "swap": False, "interleaved": False, "about": ""},
}
"""What each form is called with that comes from the conversations themselves."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    "audience": ("readers", "personas", "scrub"),
    "judge": ("repeats", "rubric", "pair", "between"),
}
_ALL = ("form", "voices", "arguments", "limits", "only")
PAIR = 2


@dataclass(frozen=True, slots=True)
class Afterwards:
    """One kind of reading or judging: a form, who does it, and so many times each (`repeats`).

    `rubric` is the path of a judge's rubric, empty for moot's own; `between` names two speakers to be compared.
    """

    form: str
    voices: tuple[str, ...]
    repeats: int = 1
    arguments: Settings = ()
    personas: tuple[str, ...] = ()
    scrub: bool = False
    rubric: str = ""
    between: tuple[str, ...] = ()
    pair: str = ""
    caps: Caps = field(default=Caps())

    @property
    def of_each(self) -> int:
        """How many conversations each subject has: of two sides, every judge sees both orders."""
        return len(self.voices) * self.repeats * (2 if self.pair or self.between else 1)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is read or judged: conversations by their ids, one, or two that differ in a factor's `levels` alone.

    `number` says by which of the design's tables, counted from 1.
    """

    number: int
    ids: tuple[str, ...]
    values: Values
    repeat: int
    levels: tuple[str, ...] = ()


def afterwards_of(table: Table, number: int) -> Afterwards:
    """Read one of the tables whose places are filled already; `Invalid` where it is none."""
    where = f"afterwards {number}: "
    form = _form(where, table)
    known(where, table, (*_ALL, *_KEYS[form]))
    voices = _texts(f"{where}voices", table.get("voices"), "a list of one or more voices")
    if any(voice.partition("?")[0] == "person" for voice in voices):
        raise Invalid(f"{where}a grid has nobody at its terminal: a person cannot read or judge it from here")
    given: Table = typed(f"{where}arguments", table.get("arguments", {}), dict, "a table of the form's arguments")
    arguments = {str(name): float(one) if isinstance(one, Decimal) else one for name, one in given.items()}
    for name in arguments:
        if name in _GIVEN[form]:
            raise Invalid(f"{where}arguments: {name} is not for you to give: it comes from the conversations")
    try:
        check_arguments(form, maker_of(form), dict(freeze(arguments)) | dict(_GIVEN[form]))
    except Invalid as error:
        raise Invalid(f"{where}arguments: {error}") from None
    return Afterwards(
        form,
        voices,
        _times(where, table),
        freeze(arguments),
        _texts(f"{where}personas", table["personas"], "a list of texts") if "personas" in table else (),
        typed(f"{where}scrub", table.get("scrub", False), bool, "true or false"),
        typed(f"{where}rubric", table.get("rubric", ""), str, "the path of a file"),
        _between(where, table),
        str(table.get("pair", "")),
        caps_in(table.get("limits", {}), where),
    )


def _form(where: str, table: Table) -> str:
    form = table.get("form")
    if form not in _KEYS:
        raise Invalid(f"{where}form: it is {' or '.join(map(repr, _KEYS))}, not {form!r}")
    return str(form)


def _times(where: str, table: Table) -> int:
    name = "readers" if table["form"] == "audience" else "repeats"
    personas: object = table.get("personas")
    times = table.get(name, len(cast("list[object]", personas)) if isinstance(personas, list) and personas else 1)
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise Invalid(f"{where}{name}: it is a whole number from 1 up, not {times!r}")
    return times


def _texts(where: str, given: object, said: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in cast("list[object]", given)):
        raise Invalid(f"{where}: it is {said}, not {given!r}")
    return tuple(cast("list[str]", given))


def _between(where: str, table: Table) -> tuple[str, ...]:
    if "between" not in table:
        return ()
    names = _texts(f"{where}between", table["between"], "a list of two names of the cast")
    if len(set(names)) != PAIR:
        raise Invalid(f"{where}between: it is a list of two names of the cast, not {table['between']!r}")
    if "pair" in table:
        raise Invalid(f"{where}judge pairs of conversations, or two speakers of each: pair or between, not both")
    return names


def check_factors(tables: Sequence[Table], factors: Iterable[str]) -> None:
    """Raise `Invalid` where a table names a factor that there is not: what it pairs by, or what it is kept to."""
    names = tuple(factors)
    for number, table in enumerate(tables, 1):
        where = f"afterwards {number}: "
        if "pair" in table:
            known(f"{where}pair: ", {str(table["pair"]): None}, names)
        known(f"{where}only: ", typed(f"{where}only", table.get("only", {}), dict, "a table of factors"), names)


def subjects(tables: Sequence[Table], each: Iterable[tuple[str, Cell]], block: int) -> Iterator[Subject]:
    """Return what is to be read or judged of these conversations (ids and cells), in the order of tables and grid.

    Pairs are equal in all but the factor that they are paired by; where that is balanced, they are of one round of
    its combinations, of which there are `block`.
    """
    cells = tuple(each)
    for number, table in enumerate(tables, 1):
        only = freeze(dict(table.get("only", {})))
        kept = [(identity, cell) for identity, cell in cells if set(only) <= set(cell.values)]
        if "pair" in table:
            yield from _pairs(number, str(table["pair"]), kept, block)
        else:
            yield from (Subject(number, (identity,), cell.values, cell.repeat) for identity, cell in kept)


def _pairs(number: int, factor: str, cells: Sequence[tuple[str, Cell]], block: int) -> Iterator[Subject]:
    alike: dict[tuple[Values, int], list[tuple[str, str, int]]] = {}
    for identity, cell in cells:
        rest = tuple(one for one in cell.values if one[0] != factor)
        level = str(dict(cell.values)[factor])
        alike.setdefault((rest, (cell.repeat - 1) // block), []).append((level, identity, cell.repeat))
    for (rest, _), group in alike.items():
        for (level, one, repeat), (other_level, other, _) in combinations(group, 2):
            yield Subject(number, (one, other), rest, repeat, (level, other_level))
