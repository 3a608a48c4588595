"""A grid written down in a TOML file: one conversation with places in it, and the factors that fill them.

It must never guess or leave a balance to chance: an unknown key, a factor that nothing uses and repeats that cannot be
balanced are errors, and the same file always gives the same cells.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import permutations, product
from typing import TYPE_CHECKING, Any, cast

from moot import store
from moot.experiment.afterwards import Afterwards, afterwards_of, check_factors
from moot.forms import AWAY
from moot.scenario import known, scenario_of, typed
from moot.spending import Caps
from moot.transcript import Heading, Invalid, Transcript, canonical, freeze, link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.scenario import Scenario
    from moot.transcript import Participant, Value

    Table = dict[str, Any]
    Values = tuple[tuple[str, Value], ...]

_TEXTS = ("name", "question", "form", "title", "topic")
_TABLES = ("arguments", "cast", "limits")
_GRID = ("factors", "balanced", "cells", "exclude", "repeats", "seed", "budget", "afterwards")
_PLACE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][\w-]*)\}")
_NAME = re.compile(r"[A-Za-z_][\w-]*")
ORDER = "order"
"""The factor that puts the cast in an order: lists of names, or "all" for each order there is."""

MOST_CELLS = 1_000_000
SEED_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Design:
    """A grid: `pattern` is a scenario with places in it, `cells` are the values that fill them, in order.

    `balanced` are combinations of values that take turns over the `repeats` of each cell. `budget` is of all together.
    `afterwards` are the tables that say who reads and judges what is finished.
    """

    name: str
    question: str
    pattern: Mapping[str, Any]
    cells: tuple[Values, ...]
    balanced: tuple[Values, ...]
    repeats: int
    seed: int
    budget: Caps = field(default=Caps())
    digest: str = ""
    afterwards: tuple[Table, ...] = ()

    def after(self, number: int, values: Values) -> Afterwards:
        """Return who reads or judges conversations with these values, by its table of that number, from 1."""
        return afterwards_of(cast("Table", _filled(self.afterwards[number - 1], dict(values))), number)

    def seed_of(self, *what: object) -> int:
        """Return the seed of something, which the design's own seed and what it is decide."""
        return int(link(str(self.seed), list(what))[:SEED_DIGITS], 16)


@dataclass(frozen=True, slots=True)
class Cell:
    """One conversation of a grid: what it is to be, the values that make it so, and its repeat, counted from 1."""

    scenario: Scenario
    values: Values
    repeat: int

    def heading(self, people: Sequence[Participant]) -> Heading:
        """Return the heading of its conversation, among whose source its values are."""
        scenario = self.scenario
        values = {f"factor_{name}": value for name, value in self.values}
        return Heading(
            tuple(people),
            title=scenario.title or f"{scenario.series}: {said(self.values)}, {self.repeat}"[:120],
            topic=scenario.topic,
            form=scenario.form,
            arguments=scenario.arguments,
            seed=scenario.seed or 0,
            series=scenario.series,
            source=freeze(dict(scenario.source) | values | {"repeat": self.repeat}),
        )


def identity_of(heading: Heading) -> str:
    """Return the id under which a conversation with this heading is put on record: its content decides."""
    return store.identity_of(Transcript(heading))


def said(values: Values) -> str:
    """Return the values of a cell in a line."""
    told = ", ".join(f"{name}={' '.join(_said(value).split())[:40]}" for name, value in values)
    return told or "the only cell"


def read_design(text: str, where: str) -> Design:
    """Read a design; `Invalid`, in one line that begins with `where`, where it is none."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else error
        raise Invalid(f"{where}: it is not TOML: {why}") from None
    try:
        return _design(table)
    except Invalid as error:
        raise Invalid(f"{where}: {error}") from None


def _design(table: Table) -> Design:
    known("", table, (*_TEXTS, *_TABLES, *_GRID))
    for name in _TEXTS:
        typed(name, table.get(name, ""), str, "text in quotes")
    if not table.get("name"):
        raise Invalid("name: an experiment needs a name, by which its conversations are found")
    names = [str(one["name"]) for one in _tables("cast", table.get("cast")) if "name" in one]
    balanced = _levels("balanced", table.get("balanced", {}), names)
    cells = _cells(table, names, set(balanced))
    combined = _crossed(balanced)
    repeats = _whole("repeats", table.get("repeats", len(combined)), 1)
    if repeats % len(combined):
        raise Invalid(
            f"repeats: {repeats} cannot be balanced over {len(combined)} combinations of {', '.join(balanced)}: "
            f"make them a multiple of {len(combined)}"
        )
    pattern = {key: table[key] for key in ("form", "title", "topic", *_TABLES) if key in table}
    budget = _budget(table.get("budget", {}))
    seed = _whole("seed", table.get("seed", 0), 0)
    name, question = str(table["name"]), str(table.get("question", ""))
    told = link("", _plain(table))
    after = _afterwards(table, [*dict(cells[0]), *balanced])
    design = Design(name, question, pattern, cells, combined, repeats, seed, budget, told, after)
    _all_used(design)
    _all_readable(design)
    return design


def _afterwards(table: Table, factors: Sequence[str]) -> tuple[Table, ...]:
    tables = _tables("afterwards", table["afterwards"]) if "afterwards" in table else []
    check_factors(tables, factors)
    kept = ((n, one, one.get("only", {})) for n, one in enumerate(tables, 1))
    return tuple(one | {"only": dict(_values(f"afterwards {n}: only", only))} for n, one, only in kept)


def _all_readable(design: Design) -> None:
    """Raise `Invalid` where a table says nothing that can be done afterwards with the first cell."""
    for number, table in enumerate(design.afterwards, 1):
        values = (*design.cells[0], *design.balanced[0])
        design.after(number, tuple(one for one in values if one[0] != table.get("pair")))


def _cells(table: Table, names: Sequence[str], balanced: set[str]) -> tuple[Values, ...]:
    if "cells" in table and "factors" in table:
        raise Invalid("cells: list the cells or cross the [factors], not both")
    if "cells" in table:
        listed = [_values(f"cells {number}", one) for number, one in enumerate(_tables("cells", table["cells"]), 1)]
        for number, one in enumerate(listed, 1):
            if dict(one).keys() != dict(listed[0]).keys():
                raise Invalid(f"cells {number}: each cell names the same factors ({', '.join(dict(listed[0]))})")
        crossed = tuple(listed)
    else:
        crossed = _crossed(_levels("factors", table.get("factors", {}), names))
    factors = {name for name, _ in crossed[0]}
    if both := factors & balanced:
        raise Invalid(f"balanced: {min(both)!r} is a factor already; it is crossed or balanced, not both")
    excluded = [_values(f"exclude {n}", one) for n, one in enumerate(_tables("exclude", table.get("exclude", [])), 1)]
    for number, one in enumerate(excluded, 1):
        known(f"exclude {number}: ", dict(one), factors)
        if not any(set(one) <= set(cell) for cell in crossed):
            raise Invalid(f"exclude {number}: no cell is like that ({said(one)})")
    kept = tuple(cell for cell in crossed if not any(set(one) <= set(cell) for one in excluded))
    if not kept:
        raise Invalid("exclude: no cell is left")
    if len(set(kept)) < len(kept):
        raise Invalid("the same cell is there twice; for more of it, raise repeats")
    return kept


def _levels(place: str, table: object, names: Sequence[str]) -> dict[str, tuple[Value, ...]]:
    found: dict[str, tuple[Value, ...]] = {}
    for name, given in typed(place, table, dict, "a table of lists").items():
        levels = [list(one) for one in permutations(names)] if (name, given) == (ORDER, "all") else given
        if not isinstance(levels, list) or not levels:
            raise Invalid(f"{place}: {name} is a list of values, not {given!r}")
        frozen = tuple(_value(f"{place}: {name}", one) for one in cast("list[Any]", levels))
        if len(set(map(repr, frozen))) < len(frozen):
            raise Invalid(f"{place}: {name} has a value twice")
        found[_name(place, name)] = frozen
    return found


def _name(place: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(f"{place}: a factor's name is a word, not {name!r}")
    return name


def _crossed(levels: Mapping[str, tuple[Value, ...]]) -> tuple[Values, ...]:
    count = 1
    for one in levels.values():
        count *= len(one)
    if count > MOST_CELLS:
        raise Invalid(f"factors: {count:,} cells are more than the {MOST_CELLS:,} that can be")
    return tuple(tuple(zip(levels, one, strict=True)) for one in product(*levels.values()))


def _values(place: str, table: Table) -> Values:
    return tuple((_name(place, name), _value(f"{place}: {name}", value)) for name, value in table.items())


def _value(place: str, value: object) -> Value:
    plain = float(value) if isinstance(value, Decimal) else value
    try:
        return freeze({"value": plain})[0][1]
    except Invalid:
        raise Invalid(f"{place}: it is text, a number, true or false, or a list of those, not {value!r}") from None


def _tables(place: str, given: object) -> list[Table]:
    if not isinstance(given, list) or (place != "exclude" and not given):
        raise Invalid(f"{place}: there must be at least one [[{place}]]")
    return [typed(f"{place} {n}", one, dict, "a table") for n, one in enumerate(cast("list[Any]", given), 1)]


def _whole(name: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
        raise Invalid(f"{name}: it is a whole number from {least} up, not {value!r}")
    return value


def _budget(table: object) -> Caps:
    given = typed("budget", table, dict, "a table of dollars and tokens, for all conversations together")
    known("budget: ", given, ("dollars", "tokens"))
    for key, value in given.items():
        kinds = int if key == "tokens" else int | Decimal
        if not isinstance(value, kinds) or isinstance(value, bool) or not 0 <= value < Decimal("1e15"):
            raise Invalid(f"budget: {key} is a number from 0 up, not {value!r}")
    dollars = given.get("dollars")
    return Caps(tokens=given.get("tokens"), dollars=None if dollars is None else Decimal(dollars))


def _all_used(design: Design) -> None:
    """Raise `Invalid` where a factor is used nowhere: its cells would be the same but for their names."""
    places = {found[1] for found in _PLACE.finditer(canonical(_plain(design.pattern))) if found[1]}
    for name, _ in (*design.cells[0], *design.balanced[0]):
        if name not in places and name != ORDER:
            raise Invalid(f"factors: {name} is used nowhere; write {{{name}}} where its value is to stand")


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever TOML can say, as JSON
    match value:
        case dict():
            return {str(key): _plain(one) for key, one in cast("Table", value).items()}
        case list() | tuple():
            return [_plain(one) for one in cast("list[Any]", value)]
        case str() | int() | float() | bool() | None:
            return value
        case _:
            return str(value)


def cells_of(design: Design) -> tuple[Cell, ...]:
    """Return all conversations of a design: the repeats of a cell together, the cells in the order of its file."""
    return tuple(_all_cells(design))


def _all_cells(design: Design) -> Iterator[Cell]:
    for values in design.cells:
        made: list[Cell] = []
        for repeat in range(design.repeats):
            if repeat >= len(design.balanced):
                yield _again(design, made[repeat % len(made)], repeat + 1)
                continue
            whole = (*values, *design.balanced[repeat])
            try:
                made.append(_cell(design, whole, repeat + 1))
            except Invalid as error:
                raise Invalid(f"{said(whole)}: {error}") from None
            yield made[-1]


def _again(design: Design, cell: Cell, repeat: int) -> Cell:
    """Return another repeat of a cell: all but its seed is what it was."""
    return Cell(replace(cell.scenario, seed=_seed(design, cell.values, repeat)), cell.values, repeat)


def _seed(design: Design, values: Values, repeat: int) -> int:
    told = [[name, list(value) if isinstance(value, tuple) else value] for name, value in values]
    return design.seed_of(told, repeat)


def _cell(design: Design, values: Values, repeat: int) -> Cell:
    table = cast("Table", _filled(dict(design.pattern), dict(values)))
    cast_ = cast("list[Table]", table.get("cast", []))
    if (order := dict(values).get(ORDER)) is not None:
        names = list(order) if isinstance(order, tuple) else []
        called = {one.get("name"): one for one in cast_}
        if sorted(map(str, names)) != sorted(map(str, called)):
            raise Invalid(f"order: it lists each name of the cast once ({', '.join(map(str, called))})")
        table["cast"] = [called[name] for name in names]
    scenario = scenario_of(table)
    if any(role.voice.partition("?")[0] == "person" for role in scenario.cast):
        raise Invalid(f"a grid has nobody at its terminal: write {AWAY}, who is waited for, in place of person")
    return Cell(replace(scenario, seed=_seed(design, values, repeat), series=design.name), values, repeat)


def _filled(value: Any, values: Mapping[str, Value]) -> Any:  # noqa: ANN401 - whatever TOML can say
    match value:
        case str():
            return _text(value, values)
        case dict():
            table = cast("Table", value)
            filled = {key: _filled(one, values) for key, one in table.items()}
            texts = {key: one if isinstance(one, str) else _said(one) for key, one in filled.items()}
            return texts if "voice" in table else filled
        case list():
            return [_filled(one, values) for one in cast("list[Any]", value)]
        case _:
            return value


def _text(text: str, values: Mapping[str, Value]) -> Any:  # noqa: ANN401 - a place that stands alone keeps its type
    alone = _PLACE.fullmatch(text)
    if alone and alone[1] in values:
        value = values[alone[1]]
        return list(value) if isinstance(value, tuple) else value

    def put(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0][0]
        if found[1] not in values:
            near = difflib.get_close_matches(found[1], values, 1)
            guess = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(values) or 'none'}"
            raise Invalid(f"there is no factor {found[1]!r}; {guess} (for plain braces, write {{{{{found[1]}}}}})")
        return _said(values[found[1]])

    return _PLACE.sub(put, text)


def _said(value: Any) -> str:  # noqa: ANN401 - a factor's value
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else str(value)
