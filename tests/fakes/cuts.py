"""What a power cut may leave of a disk: everything that was synced, and any part of what was not.

It must never take away what is safe, nor keep the order of what is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fakes.disk import Cut, Made, Op, Removed, Synced, Written

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

Mood = Literal["none", "all", "any"]
"""Of what was not synced: nothing is left, all is, or each sector and each name as chance has it."""


@dataclass(slots=True)
class Platter:
    """A disk after the operations that were played to it: what is safe, and what was still on its way."""

    sector: int
    safe: dict[int, bytearray] = field(default_factory=dict[int, bytearray])
    names: dict[str, int] = field(default_factory=dict[str, int])
    waiting: dict[int, list[tuple[int, Written | Cut]]] = field(
        default_factory=dict[int, "list[tuple[int, Written | Cut]]"]
    )
    moves: list[Made | Removed] = field(default_factory=list["Made | Removed"])
    played: int = 0

    @classmethod
    def of(cls, sector: int, before: dict[str, bytes]) -> Platter:
        """Return a disk on which files have been for long; they are numbered in the order of their names, from 1."""
        numbered = list(enumerate(sorted(before.items()), 1))
        safe = {number: bytearray(content) for number, (_, content) in numbered}
        return cls(sector, safe, {name: number for number, (name, _) in numbered})

    def play(self, op: Op) -> None:
        """Do the next operation."""
        match op:
            case Written() | Cut():
                self.waiting.setdefault(op.file, []).append((self.played, op))
            case Made():
                self.moves.append(op)
            case Removed():
                self.moves.append(op)
                if op.is_safe:
                    self._settle()
            case Synced():
                waiting = self.waiting.pop(op.file, [])
                content = self.safe.setdefault(op.file, bytearray())
                for at, one in waiting:
                    if at < op.since:
                        _apply(content, one)
                    else:
                        self.waiting.setdefault(op.file, []).append((at, one))
                if op.names:
                    self._settle()
        self.played += 1

    def _settle(self) -> None:
        for move in self.moves:
            _move(self.names, move)
        self.moves.clear()

    def left(self, folder: Path, mood: Mood, chance: Random) -> None:
        """Write into a folder what a power cut now may leave; files that are there already are taken away first."""
        for old in folder.iterdir():
            old.unlink()
        names = dict(self.names)
        for move in self.moves:
            if mood == "all" or (mood == "any" and chance.random() < 0.5):
                _move(names, move)
        likely = chance.choice((0.1, 0.5, 0.9))
        for name, file in names.items():
            content = bytearray(self.safe.get(file, b""))
            for _, one in self.waiting.get(file, ()):
                if mood == "all":
                    _apply(content, one)
                elif mood == "any":
                    self._tear(content, one, likely, chance)
            (folder / name).write_bytes(content)

    def _tear(self, content: bytearray, one: Written | Cut, likely: float, chance: Random) -> None:
        """Do part of an operation: each sector of a write is old, new, new up to some byte, or rubbish."""
        if isinstance(one, Cut):
            if chance.random() < likely:
                _apply(content, one)
            return
        at, end = one.at, one.at + len(one.data)
        while at < end:
            upto = min(end, (at // self.sector + 1) * self.sector)
            piece = one.data[at - one.at : upto - one.at]
            if chance.random() < likely:
                odd = chance.random()
                if odd < 0.05:
                    piece = chance.randbytes(len(piece))
                elif odd < 0.15:
                    piece = piece[: chance.randrange(len(piece) + 1)]
                _apply(content, Written(one.file, at, piece))
            at = upto


def _apply(content: bytearray, one: Written | Cut) -> None:
    if isinstance(one, Cut):
        del content[one.size :]
        content.extend(bytes(max(0, one.size - len(content))))
        return
    content.extend(bytes(max(0, one.at - len(content))))
    content[one.at : one.at + len(one.data)] = one.data


def _move(names: dict[str, int], move: Made | Removed) -> None:
    if isinstance(move, Made):
        names[move.name] = move.file
    else:
        names.pop(move.name, None)
