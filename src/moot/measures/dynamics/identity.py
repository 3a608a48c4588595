"""Whether a speaker takes itself for another: by name, maker or traits, by speaking to itself, by writing both parts.

It must never count what is no new confusion as one: words that were said before in the talk are told apart, and so is
what follows a speaker's own first slip, which stands in the history that it goes on from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from moot.measures.dynamics.claims import (
    family_of,
    hailed,
    headed,
    makers_claimed,
    names_claimed,
    spoken,
    traits,
    without_parts,
)
from moot.measures.dynamics.rows import SURROGATES
from moot.measures.dynamics.talks import Across, Figure, Found, Heard
from moot.measures.dynamics.words import words
from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.measures.dynamics.rows import Rows
    from moot.measures.dynamics.talks import Said, Talk

Kind = Literal["name", "maker", "turn", "self", "stranger"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CALLED: Mapping[Kind, str] = {
    "name": "claims the other's name",
    "maker": "claims the other's maker",
    "turn": "writes the other's turns",
    "self": "speaks to itself",
    "stranger": "claims to be a model that is not here",
}

_COMMON = (
    "user assistant human ai bot model system agent speaker persuader persuadee moderator judge host guest teacher"
    " student interviewer interviewee customer doctor patient client expert pro con me you he she they it yes no ok"
    " well note here so now then today all both everyone"
)
COMMON = frozenset(_COMMON.split())
"""Labels that are common words: "I am human" is no name, but "Human:" at the start of a line is a part in a script."""

WIRE = ("user", "human", "assistant")
"""What parts are called in the templates that models are trained on."""

RECALLED = 6
"""Words after another's name by which what that one said before is known again."""

_ENDS = re.compile(r"[.!?\n]+")
_LEAST_NAME = 2
_COPIED = 8
"""Words of a sentence that comes up again by copying, not by saying who one is."""

_TWO = "two speakers"
_MATE = "two speakers, and another conversation (of its topic) to take surrogate partners from"

FIGURES = (
    Figure("identity swaps", "identity", "share of turns",
           "turns in which a speaker claims another's name or maker, speaks to itself by name, or writes another's "
           "turns; by rules, without what is quoted, supposed or recalled", _TWO),
    Figure("identity swaps, fresh", "identity", "share of turns",
           "the same without sentences that were said before in the talk, and without turns after a speaker's own "
           "first swap, which its history then holds", _TWO),
    Figure("conversations with a swap", "identity", "share of conversations",
           "conversations with an identity swap that is fresh", _TWO, share=True),
    *(Figure(told, "identity", "share of turns", f"turns in which a speaker {told}, by rules", _TWO)
      for told in CALLED.values()),
    Figure("takes over traits", "identity", "share of turns",
           "turns in which a speaker says of itself first what another said of itself before, by its first five words",
           _TWO),
    Figure("takes over traits, over surrogate", "identity", "share of turns",
           f"the same, less how often it is what others said in up to {SURROGATES} other talks (of the topic)", _MATE,
           tested=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Swap:
    """A turn whose speaker takes itself for another: how, whom, and by which words.

    `copied`: the sentence was said before in the talk. `carried`: the same speaker had slipped before.
    """

    turn: int
    speaker: str
    kind: Kind
    whom: str
    words: str
    copied: bool = False
    carried: bool = False

    @property
    def fresh(self) -> bool:
        """Whether nothing in the history accounts for it."""
        return not self.copied and not self.carried


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is who in a talk: each speaker's label as plain words, whether it is a name, its family of models, if any."""

    plain: Mapping[str, str]
    names: Mapping[str, tuple[str, ...]]
    families: Mapping[str, str]

    def parts(self, speaker: str) -> Mapping[str, str]:
        """Return what others' parts in a script are headed by, and who that is; nobody where it is any wire's word."""
        others = {plain: one for one, plain in self.plain.items() if one != speaker and len(plain) >= _LEAST_NAME}
        wire = () if self.plain[speaker] in WIRE else WIRE
        return {one: name for one, name in (dict.fromkeys(wire, "") | others).items() if one != self.plain[speaker]}

    def other(self, said: str, speaker: str) -> str:
        """Return which other speaker a name at the start of `said` is of; empty where of none, or of the speaker."""
        plain = f"{_plain(said)} "
        own = max((len(name) for name in self.names[speaker] if plain.startswith(f"{name} ")), default=0)
        best = ""
        for other, names in self.names.items():
            for name in names:
                if other != speaker and len(name) > own and plain.startswith(f"{name} "):
                    own, best = len(name), other
        return best


def _plain(name: str) -> str:
    return " ".join(words(name))


def cast_of(talk: Talk) -> Cast:
    """Return who is who in a talk, by the speakers' labels and what is known of their voices."""
    speakers = tuple(dict.fromkeys(turn.speaker for turn in talk.turns))
    families = {one: family_of(one) or family_of(talk.voices.get(one, "")) for one in speakers}
    plain = {one: _plain(one) for one in speakers}
    return Cast(plain, {one: (plain[one],) if _is_name(plain[one]) else () for one in speakers}, families)


def _is_name(plain: str) -> bool:
    return len(plain) >= _LEAST_NAME and not plain.isdigit() and plain not in COMMON


def swaps(talk: Talk) -> tuple[Swap, ...]:
    """Return where a talk's speakers take themselves for one another, in the order of its turns."""
    cast = cast_of(talk)
    if len(cast.names) < 2:  # noqa: PLR2004 - alone there is nobody to be taken for
        return ()
    found: list[Swap] = []
    slipped: set[str] = set()
    for at, turn in enumerate(talk.turns):
        here = [*_claims(turn, cast), *_parts(turn, talk.turns[:at], cast), *_to_itself(turn, cast)]
        for kind, whom, told in here:
            copied = _copied(turn.text, told, talk.turns[:at])
            found.append(Swap(turn.number, turn.speaker, kind, whom, told, copied, turn.speaker in slipped))
        if any(kind != "stranger" for kind, *_ in here):
            slipped.add(turn.speaker)
    return tuple(found)


def _copied(text: str, told: str, before: Sequence[Said]) -> bool:
    """Whether the sentence in which something is told was said before."""
    whole = next((one for one in _sentences(text) if _plain(told) in one), "")
    return len(whole.split()) >= _COPIED and any(whole in _sentences(one.text) for one in before)


def _sentences(text: str) -> list[str]:
    return [_plain(one) for one in _ENDS.split(text)]


def _claims(turn: Said, cast: Cast) -> Iterator[tuple[Kind, str, str]]:
    others = {plain for one, plain in cast.plain.items() if one != turn.speaker}
    text = spoken(without_parts(turn.text, others) if ":" in turn.text else turn.text)
    own = cast.families[turn.speaker]
    families = {family: one for one, family in cast.families.items() if family and family != own}
    for name, told in names_claimed(text):
        if whom := cast.other(name, turn.speaker):
            yield "name", whom, told
        elif (family := family_of(name.split()[0])) and family != own:
            if family in families:
                yield "name", families[family], told
            elif own:
                yield "stranger", family, told
    for family, told in makers_claimed(text):
        if family in families:
            yield "maker", families[family], told
        elif own and family != own:
            yield "stranger", family, told


def _parts(turn: Said, before: Sequence[Said], cast: Cast) -> Iterator[tuple[Kind, str, str]]:
    if ":" not in turn.text:
        return
    others = cast.parts(turn.speaker)
    for name, told in headed(turn.text):
        plain = _plain(name)
        if plain not in others:
            continue
        whom = others[plain]
        first = " ".join(words(told)[:RECALLED])
        if not any(first in _plain(one.text) for one in before if one.speaker == (whom or one.speaker)):
            yield "turn", whom or name, f"{name}: {told}"


def _to_itself(turn: Said, cast: Cast) -> Iterator[tuple[Kind, str, str]]:
    name = _plain(hailed(turn.text))
    if name and name in cast.names[turn.speaker]:
        yield "self", turn.speaker, name


def identity(heard: Heard) -> Found:
    """Return how often a talk's speakers take themselves for one another, and where."""
    turns = heard.talk.turns
    if len({turn.speaker for turn in turns}) < 2:  # noqa: PLR2004 - alone there is nobody to be taken for
        return Found(dict.fromkeys((one.name for one in FIGURES[:-2]), None))
    found = swaps(heard.talk)
    of: dict[str, set[int]] = {CALLED[kind]: {one.turn for one in found if one.kind == kind} for kind in KINDS}
    real = [one for one in found if one.kind != "stranger"]
    of["identity swaps"] = {one.turn for one in real}
    of["identity swaps, fresh"] = of["conversations with a swap"] = {one.turn for one in real if one.fresh}
    figures: dict[str, float | None] = {name: len(numbers) / len(turns) for name, numbers in of.items()}
    figures["conversations with a swap"] = float(bool(of["identity swaps, fresh"]))
    swapped = [float(turn.number in of["identity swaps"]) for turn in turns]
    return Found(
        figures, {"identity swaps": swapped}, {name: sorted(numbers) for name, numbers in of.items() if numbers}
    )


# Traits


@dataclass(frozen=True, slots=True)
class Trait:
    """What a speaker says of itself: the talk and place where, who, and its first words."""

    talk: int
    place: int
    speaker: int
    words: str


def trait_rows(talks: Sequence[Talk], rows: Rows) -> list[Trait]:
    """Return all that speakers say of themselves."""
    return [
        Trait(at, place, int(rows.speaker[rows.first[at] + place]), one)
        for at, talk in enumerate(talks)
        for place, turn in enumerate(talk.turns)
        for one in traits(turn.text)
    ]


def adopted(said: Sequence[Trait], rows: Rows) -> tuple[Across, list[tuple[int, int]]]:
    """Return of each talk how often a speaker takes over a trait, and over surrogates; and where, by talk and place."""
    np = library("numpy")
    amount = len(rows.first)
    by_talk: dict[int, list[Trait]] = {}
    for one in said:
        by_talk.setdefault(one.talk, []).append(one)
    taken, strange, drawn = np.zeros(amount), np.zeros(amount), (rows.mates >= 0).sum(axis=0)
    cites: list[tuple[int, int]] = []
    for talk, mine in by_talk.items():
        places = _taken(mine, mine)
        taken[talk] = len(places)
        cites += [(talk, place) for place in sorted(places)]
        mates = rows.mates[:, talk]
        strange[talk] = sum(len(_taken(mine, by_talk.get(int(mate), ()))) for mate in mates if mate >= 0)
    paired = np.zeros(amount, dtype=bool)
    paired[rows.talk[rows.answers]] = True
    size = np.maximum(rows.length, 1)
    share = np.where(paired, taken / size, np.nan)
    over = np.where(paired & (drawn > 0), (taken - strange / np.maximum(drawn, 1)) / size, np.nan)
    return Across({"takes over traits": share, "takes over traits, over surrogate": over}), cites


def _taken(mine: Sequence[Trait], theirs: Sequence[Trait]) -> set[int]:
    """Return the places at which somebody first says of itself what another of `theirs` said of itself before."""
    own: set[tuple[int, str]] = set()
    found: set[int] = set()
    others: dict[str, list[Trait]] = {}
    for one in theirs:
        others.setdefault(one.words, []).append(one)
    for one in mine:
        key = (one.speaker, one.words)
        heard = any(each.speaker != one.speaker and each.place < one.place for each in others.get(one.words, ()))
        if heard and key not in own:
            found.add(one.place)
        own.add(key)
    return found
