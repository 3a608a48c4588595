"""How a talk shows that it is over: a mutual goodbye, a loop, a collapse, or talk about nothing but the talk itself.

It must never look further back than the latest turns, nor count what was said before the chair last stepped in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from moot.forms import Close, Post, phrases, sameness
from moot.transcript import CHAIR, Text, Turn
from moot.view import is_ballot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.transcript import Transcript

Kind = Literal["goodbye", "loop", "collapse", "meta"]
Action = Literal["close", "note", "ignore"]
"""What follows when an ending is seen: the talk is closed, the record gets a remark that nobody hears, or nothing."""

KINDS: tuple[Kind, ...] = get_args(Kind)

WINDOW = 24
"""How many of the latest turns are looked at."""

APART = 10
"""Turns that lie between two notes of the same kind at least."""

_SHRUNK = 3
_FEW_WORDS = 3


@dataclass(frozen=True, slots=True)
class Sign:
    """A kind of ending that is there to see: what it looks like, and in how many of the latest turns."""

    kind: Kind
    what: str
    turns: int


def signs(latest: Sequence[Turn], voices: int, kinds: Sequence[Kind] = KINDS) -> tuple[Sign, ...]:
    """Return the endings of these kinds that the latest turns of a talk of so many voices show, one of each at most."""
    looks: tuple[tuple[Kind, Callable[[Sequence[Turn], int], Sign | None]], ...] = (
        ("collapse", _silence),
        ("collapse", _refusals),
        ("collapse", _wordless),
        ("collapse", _shrinking),
        ("goodbye", _goodbye),
        ("loop", _loop),
        ("meta", _meta),
    )
    seen: dict[Kind, Sign] = {}
    for kind, look in looks:
        if kind in kinds and kind not in seen and (sign := look(latest, voices)):
            seen[kind] = sign
    return tuple(seen.values())


@dataclass(frozen=True, slots=True)
class Endings:
    """What a form does about each kind of ending."""

    goodbye: Action = "close"
    loop: Action = "close"
    collapse: Action = "close"
    meta: Action = "note"

    def move(self, transcript: Transcript, speakers: Sequence[str]) -> Close | Post | None:
        """Return the move by which a talk of these speakers ends or is noted to, or None where it just goes on.

        A kind is noted when it comes up, and again only when it has gone and come back after a while.
        """
        recent = _recent(transcript.turns, speakers)
        if not recent:
            return None
        latest = [turn for _, turn in recent]
        kinds: list[Kind] = [kind for kind in KINDS if self._action(kind) != "ignore"]
        found = [(sign, self._action(sign.kind)) for sign in signs(latest[-WINDOW:], len(speakers), kinds)]
        for sign, action in found:
            if action == "close":
                return Close(_told(sign, recent))
        noted = [sign for sign, action in found if action == "note" and not _known(sign.kind, transcript.turns)]
        if not noted:
            return None
        before = {sign.kind for sign in signs(latest[-WINDOW - 1 : -1], len(speakers), kinds)}
        fresh = [sign for sign in noted if sign.kind not in before]
        return Post(Turn(CHAIR, (Text(f"{_MARK}{_told(fresh[0], recent)}"),), ())) if fresh else None

    def _action(self, kind: Kind) -> Action:
        match kind:
            case "goodbye":
                return self.goodbye
            case "loop":
                return self.loop
            case "collapse":
                return self.collapse
            case "meta":  # exhaustive
                return self.meta


_MARK = "Seen in passing: "


def _recent(turns: Sequence[Turn], speakers: Sequence[str]) -> list[tuple[int, Turn]]:
    """Return the latest spoken turns with their numbers, back to the chair's last word that anyone heard."""
    recent: list[tuple[int, Turn]] = []
    for index in range(len(turns) - 1, -1, -1):
        turn = turns[index]
        if (turn.speaker == CHAIR and turn.heard_by != ()) or len(recent) > WINDOW:
            break
        if turn.speaker in speakers and not is_ballot(turn):
            recent.append((index + 1, turn))
    return recent[::-1]


def _told(sign: Sign, recent: Sequence[tuple[int, Turn]]) -> str:
    return f"{sign.what} ({sign.kind}, turns {recent[-sign.turns][0]} to {recent[-1][0]})"


def _known(kind: Kind, turns: Sequence[Turn]) -> bool:
    """Whether the chair has noted this kind already, and no more than a few turns ago."""
    spoken = 0
    for turn in reversed(turns):
        if turn.speaker == CHAIR and turn.heard_by == () and turn.text.startswith(_MARK) and f"({kind}, " in turn.text:
            return True
        spoken += turn.speaker != CHAIR
        if spoken >= APART:
            return False
    return False


def _everyone(latest: Sequence[Turn], voices: int, rounds: int, is_so: Callable[[Turn], bool]) -> int:
    """Return how many turns so many rounds have, where something was so in all of them and everybody spoke; else 0."""
    count = voices * rounds
    ours = latest[-count:]
    return (
        count if len({turn.speaker for turn in ours}) == voices and len(ours) == count and all(map(is_so, ours)) else 0
    )


def _silence(latest: Sequence[Turn], voices: int) -> Sign | None:
    count = _everyone(latest, voices, 1, lambda turn: not turn.text.strip())
    return Sign("collapse", "everyone fell silent", count) if count else None


def _refusals(latest: Sequence[Turn], voices: int) -> Sign | None:
    count = _everyone(latest, voices, 1, lambda turn: turn.stop in ("refusal", "filtered"))
    return Sign("collapse", "everyone declined to go on", count) if count else None


def _wordless(latest: Sequence[Turn], voices: int) -> Sign | None:
    count = _everyone(latest, voices, 2, lambda turn: phrases.is_wordless(turn.text))
    return Sign("collapse", "nobody says a word any more", count) if count else None


def _shrinking(latest: Sequence[Turn], voices: int) -> Sign | None:
    """See turns of a word or two, the same few over and over, after others that were longer."""
    count = _everyone(latest, voices, _SHRUNK, lambda turn: len(phrases.words(turn.text)) <= _FEW_WORDS)
    if not count:
        return None
    said = [word for turn in latest[-count:] for word in phrases.words(turn.text)]
    before = [len(phrases.words(turn.text)) for turn in latest[:-count]]
    shrunk = bool(before) and max(before) > 2 * _FEW_WORDS and 2 * len(set(said)) <= len(said)
    return Sign("collapse", "hardly a word is said any more", count) if shrunk else None


def _goodbye(latest: Sequence[Turn], voices: int) -> Sign | None:
    """See everyone part: once where they do nothing else, twice where there is a story or a document around it."""
    what = "they said goodbye to each other"
    for rounds, is_so in ((1, phrases.is_plain_parting), (2, phrases.is_parting)):
        count = _everyone(latest, voices, rounds, lambda turn, is_so=is_so: is_so(turn.text) != "")
        if count and any(is_so(turn.text) == "farewell" for turn in latest[-voices:]):
            return Sign("goodbye", what, count)
    return None


def _loop(latest: Sequence[Turn], voices: int) -> Sign | None:
    texts = [turn.text for turn in latest]
    said = [sameness.words(text) for text in texts]
    count, period = sameness.cycle(texts, said, voices)
    if count:
        what = f"they say the same over again, every {period} turns" if period > 1 else "they all say the same"
        return Sign("loop", what, count)
    count = sameness.staleness(texts, said, voices)
    return Sign("loop", "nothing new is said any more", count) if count else None


def _meta(latest: Sequence[Turn], voices: int) -> Sign | None:
    count = _everyone(latest, voices, 2, lambda turn: phrases.is_about_itself(turn.text))
    return Sign("meta", "they talk about nothing but their talk", count) if count else None
