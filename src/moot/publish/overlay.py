"""What an editor adds to a conversation without touching it: a title, an introduction, notes.

It must never hold words that anybody said: those are the record's alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from moot.transcript import Invalid, sound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WORDS = ("title", "subtitle", "author", "introduction", "afterword", "language")


@dataclass(frozen=True, slots=True)
class Overlay:
    """An editor's words, in Markdown but for title, subtitle and author; `notes` are pairs of a turn and a text."""

    title: str = ""
    subtitle: str = ""
    author: str = ""
    introduction: str = ""
    afterword: str = ""
    language: str = ""
    notes: tuple[tuple[int, str], ...] = ()


def overlay_of(table: Mapping[str, Any]) -> tuple[Overlay, dict[str, Overlay]]:
    """Return the overlay of a whole, and those of its pieces by the beginnings of their ids.

    `table` is a TOML file as read; `Invalid` names what in it is not known.
    """
    found = table.get("pieces", {})
    if not isinstance(found, dict):
        raise Invalid("in an overlay, pieces are tables: [pieces.ID]")
    theirs = cast("dict[str, Any]", found)
    whole = _one({name: value for name, value in table.items() if name != "pieces"}, "the overlay")
    return whole, {name: _one(value, f"[pieces.{name}]") for name, value in theirs.items()}


def _one(table: Any, where: str) -> Overlay:  # noqa: ANN401 - anything may stand in a file
    if not isinstance(table, dict):
        raise Invalid(f"{where} must be a table")
    given = cast("dict[str, Any]", table)
    unknown = [name for name in given if name not in (*_WORDS, "notes")]
    if unknown:
        raise Invalid(f"{where} has {unknown[0]!r}; it may have {', '.join(_WORDS)}, notes and pieces")
    wrong = [name for name in _WORDS if not isinstance(given.get(name, ""), str)]
    if wrong:
        raise Invalid(f"{where}: {wrong[0]} must be words in quotes")
    words = {name: sound(given[name].strip()) for name in _WORDS if name in given}
    return replace(Overlay(notes=_notes(given.get("notes", []), where)), **words)


def _notes(found: Any, where: str) -> tuple[tuple[int, str], ...]:  # noqa: ANN401 - the same
    notes: dict[int, str] = {}
    for one in cast("Sequence[Any]", found if isinstance(found, list) else [found]):
        match one:
            case {"turn": int(turn), "text": str(text)} if turn not in notes and not isinstance(turn, bool):
                notes[turn] = sound(text.strip())
            case _:
                raise Invalid(f"{where}: a note is a table with a turn, once each, and a text")
    return tuple(sorted(notes.items()))
