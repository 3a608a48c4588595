"""A conversation written down in a TOML file: cast, briefs, form and limits, to be shared and run again.

It must never guess: an unknown key is an error with a suggestion, and a file cannot name a server, a key or a path of
its own for words to be sent to.
"""

from __future__ import annotations

import contextlib
import difflib
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from moot.forms import SHELF, maker_of
from moot.forms.arguments import check_arguments, schema_of
from moot.spending import Caps
from moot.transcript import Invalid, Settings, freeze
from moot.voices.spec import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.resources.abc import Traversable

    from moot.forms import Maker
    from moot.transcript import Heading

    Table = dict[str, Any]

_CAP = "cap_"
_CAPS: Mapping[str, type] = {"turns": int, "tokens": int, "dollars": Decimal, "seconds": float}
_TEXTS = ("title", "topic", "series", "form", "about")
_ROLE = ("name", "voice", "brief")
_ENDPOINT = ("base_url", "key_env", "wire")


@dataclass(frozen=True, slots=True)
class Role:
    """One of the cast: a name, the address of a voice, and a brief (None: what suits that voice)."""

    name: str
    voice: str
    brief: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A conversation that can be started: `about` says what it is; `seed` is None where chance is to choose."""

    cast: tuple[Role, ...]
    form: str = "talk"
    arguments: Settings = ()
    title: str = ""
    topic: str = ""
    series: str = ""
    about: str = ""
    seed: int | None = None
    caps: Caps = field(default=Caps())

    @property
    def source(self) -> Settings:
        """What a heading keeps of the scenario beside what it is itself: the caps, which hold when it is resumed."""
        return kept(self.caps)

    def checked(self, maker: Maker) -> Scenario:
        """Return this where its form takes its arguments; `Invalid` where not."""
        check_arguments(self.form, maker, dict(self.arguments))
        return self


def kept(caps: Caps) -> Settings:
    """Return what a heading's source keeps of caps; `caps_of` reads it back."""
    each = {name: getattr(caps, name) for name in _CAPS}
    return freeze({f"{_CAP}{name}": str(cap) for name, cap in each.items() if cap is not None})


def caps_of(heading: Heading) -> Caps:
    """Return the caps that a heading keeps from the scenario that it was made of; those can only lower other caps."""
    found: dict[str, Any] = {}
    for name, value in heading.source:
        cap = name.removeprefix(_CAP)
        if name.startswith(_CAP) and cap in _CAPS:
            with contextlib.suppress(ValueError, ArithmeticError):  # of an imported file: no cap that moot knows
                found[cap] = _CAPS[cap](str(value))
    return Caps(**found)


def read_scenario(text: str, where: str) -> Scenario:
    """Read a scenario; `Invalid`, in one line that begins with `where`, where it is none."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else error
        raise Invalid(f"{where}: it is not TOML: {why}") from None
    try:
        return scenario_of(table)
    except Invalid as error:
        raise Invalid(f"{where}: {error}") from None


def scenario_of(table: Table) -> Scenario:
    """Return the scenario that a table of TOML is; `Invalid` where it is none."""
    known("", table, (*_TEXTS, "seed", "arguments", "cast", "limits"))
    texts = {name: typed(name, table[name], str, "text in quotes") for name in _TEXTS if name in table}
    seed = table.get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31):
        raise Invalid(f"seed: it is a whole number from 0 up, not {seed!r}")
    cast_ = table.get("cast")
    if not isinstance(cast_, list) or not cast_:
        raise Invalid("cast: there must be at least one [[cast]] with a name and a voice")
    roles = tuple(_role(f"cast {number}", one) for number, one in enumerate(cast("list[Any]", cast_), 1))
    arguments = typed("arguments", table.get("arguments", {}), dict, "a table of the form's arguments")
    plain = {name: float(value) if isinstance(value, Decimal) else value for name, value in arguments.items()}
    scenario = Scenario(roles, arguments=freeze(plain), seed=seed, caps=caps_in(table.get("limits", {})), **texts)
    return scenario.checked(maker_of(scenario.form)) if scenario.form in SHELF else scenario


def _role(place: str, table: object) -> Role:
    given = typed(place, table, dict, "a table with a name and a voice")
    known(f"{place}: ", given, _ROLE)
    for key in ("name", "voice"):
        if key not in given:
            raise Invalid(f"{place}: {key} is missing")
    role = Role(**{key: typed(f"{place}: {key}", value, str, "text in quotes") for key, value in given.items()})
    forbidden = {name for name, _ in parse(role.voice).options} & set(_ENDPOINT)
    if forbidden:
        raise Invalid(
            f"{place}: voice: {min(forbidden)} is for your own moot.toml to say, not for a file that is passed around"
        )
    return role


def caps_in(table: object, where: str = "") -> Caps:
    """Return the caps that a table of limits is; `Invalid`, in a line that begins with `where`, where it is none."""
    given = typed(f"{where}limits", table, dict, "a table of turns, tokens, dollars and seconds")
    known(f"{where}limits: ", given, _CAPS)
    for key, value in given.items():
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not is_number or value < 0 or (_CAPS[key] is int and not isinstance(value, int)):
            raise Invalid(f"{where}limits: {key} is a number from 0 up, not {value!r}")
    return Caps(**{key: _CAPS[key](value) for key, value in given.items()})


def known(place: str, table: Table, names: Iterable[str]) -> None:
    """Raise `Invalid`, with a suggestion, where a table has a key that is none of these."""
    keys = tuple(names)
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            guess = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys)}"
            raise Invalid(f"{place}there is no key {key!r}; {guess}")


def typed(place: str, value: object, kind: type, said: str) -> Any:  # noqa: ANN401 - of the kind that was asked for
    """Return a value that is of this kind; `Invalid` where it is not."""
    if not isinstance(value, kind):
        raise Invalid(f"{place}: it is {said}, not {value!r}")
    return value


def shipped() -> Mapping[str, Traversable]:
    """Return the scenarios that come with moot, by name."""
    folder = files("moot") / "scenarios"
    found = {one.name.removesuffix(".toml"): one for one in folder.iterdir() if one.name.endswith(".toml")}
    return dict(sorted(found.items()))


def schema() -> Table:
    """Return the JSON Schema of scenario files, for editors; of a form that users wrote, any arguments are taken."""
    text = {"type": "string"}
    role = {
        "type": "object",
        "properties": {
            "name": text | {"description": "What this participant goes by."},
            "voice": text | {"description": "Who speaks for it: KIND:MODEL?setting=value, or person."},
            "brief": text | {"description": "What only this participant is told first."},
        },
        "required": ["name", "voice"],
        "additionalProperties": False,
    }
    number = {"type": "number", "minimum": 0}
    forms = [
        {
            "if": {"properties": {"form": {"const": name}}, "required": ["form"]},
            "then": {"properties": {"arguments": one}},
        }
        for name, one in ((name, schema_of(maker_of(name))) for name in SHELF)
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A moot scenario",
        "description": "One conversation written down: who takes part, in what form, within what limits.",
        "type": "object",
        "properties": {
            "title": text,
            "topic": text,
            "series": text,
            "about": text | {"description": "What this scenario is, in a line."},
            "form": text | {"description": f"One of {', '.join(SHELF)}, or PATH.py:FUNCTION.", "default": "talk"},
            "seed": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
            "arguments": {"type": "object"},
            "cast": {"type": "array", "minItems": 1, "items": role},
            "limits": {
                "type": "object",
                "properties": {"turns": number, "tokens": number, "dollars": number, "seconds": number},
                "additionalProperties": False,
            },
        },
        "required": ["cast"],
        "additionalProperties": False,
        "allOf": forms,
    }
