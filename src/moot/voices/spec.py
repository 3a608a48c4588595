"""A voice's address: `kind:model?setting=value`, read, settled into frozen settings, and opened.

It must never open a connection or need a key or a package: that waits until the voice speaks.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import parse_qsl

from moot.transcript import Participant, freeze
from moot.voices import Place, Pool, VoiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from moot.transcript import Heading, Value
    from moot.voices import Voice

    Progress = Callable[[str, int, int], None]

WIRES = {
    "local": "moot.voices.local",
    "anthropic": "moot.voices.anthropic",
    "openai": "moot.voices.openai",
    "person": "moot.voices.person",
    "script": "moot.voices.scripted",
    "replay": "moot.voices.scripted",
    "unknown": "moot.voices.unknown",
}
"""Which file speaks for which kind of address."""

LONGEST_TOPIC = 200
"""Characters of a topic that a brief repeats."""


@dataclass(frozen=True, slots=True)
class Spec:
    """An address taken apart; `options` are the settings that it asks for, as they were written."""

    kind: str
    model: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def voice(self) -> str:
        """The address without its settings."""
        return f"{self.kind}:{self.model}" if self.model else self.kind


@dataclass(frozen=True, slots=True)
class Settled:
    """What an address stands for from now on: a name to go by, all settings, and the brief it does best with.

    In `brief`, `{name}` and `{others}` stand for the participants' names, `{about}` for " about" and the topic.
    """

    name: str
    settings: Mapping[str, Value]
    brief: str = ""

    def brief_for(self, name: str, names: Iterable[str], topic: str) -> str:
        """Return the brief for the participant `name` among `names`; a long topic is cut to its first words."""
        others = " and ".join(one for one in names if one != name) or "nobody"
        words = " ".join(topic.split())
        short = words if len(words) <= LONGEST_TOPIC else f"{words[:LONGEST_TOPIC].rsplit(' ', 1)[0]} …"
        return self.brief.format(name=name, others=others, about=f" about: {short}" if short else "")


class Wire(Protocol):
    """What each file of voices offers."""

    def settle(self, spec: Spec) -> Settled:
        """Turn an address into frozen settings; `VoiceError` where that cannot be."""
        ...

    def check(self, participant: Participant) -> None:
        """Raise `VoiceError` where it is plain already that the voice cannot speak: no key, no package, no model."""
        ...

    def open_voice(self, participant: Participant, seed: int, pool: Pool, place: Place) -> Voice:
        """Return the participant's voice; nothing is connected before it speaks."""
        ...


def is_spec(text: str) -> bool:
    """Whether text has the form of an address, known or not: one word, with a kind and a colon, or "person"."""
    kind, colon, _ = text.partition(":")
    return text in WIRES or (bool(colon) and not any(map(str.isspace, kind)) and kind.replace("-", "").isalnum())


def parse(text: str) -> Spec:
    """Take an address apart; `VoiceError` where its kind is unknown or its model missing."""
    address, query, options = text.partition("?")
    kind, _, model = address.partition(":")
    if kind not in WIRES:
        near = difflib.get_close_matches(kind, WIRES, 1)
        kinds = ", ".join(one for one in WIRES if one != "unknown")
        guess = f"; did you mean {near[0] + text[len(kind) :]!r}?" if near else f"; voices are {kinds}"
        raise VoiceError(f"unknown voice {text!r}{guess} (see: moot voices)")
    if not model and kind != "person":
        raise VoiceError(f"the voice {text!r} names no model: write {kind}:NAME (see: moot voices)")
    pairs = parse_qsl(options, keep_blank_values=True) if query else []
    if query and not pairs:
        raise VoiceError(f"the settings of {text!r} are not of the form ?name=value&name=value")
    return Spec(kind, model, tuple(pairs))


def settle(spec: Spec) -> Settled:
    """Return what an address stands for; `VoiceError` where it cannot be spoken with."""
    return _wire(spec.kind).settle(spec)


def check(participant: Participant) -> None:
    """Raise `VoiceError` where it is plain already that a participant's voice cannot speak; no network is asked."""
    _wire(parse(participant.voice).kind).check(participant)


async def prepare(participants: Iterable[Participant], progress: Progress) -> None:
    """Bring what embedded models lack, telling `progress` what is going on and how many bytes of how many are done."""
    embedded = [one for one in participants if parse(one.voice).kind == "local"]
    if embedded:
        await cast("Any", _wire("local")).prepare(embedded, progress)  # the only kind that needs anything brought


def open_voices(heading: Heading, pool: Pool) -> dict[str, Voice]:
    """Return the voice of each participant by name; those that share a model know their places in it."""
    voices: dict[str, Voice] = {}
    models = [participant.voice for participant in heading.participants]
    for index, participant in enumerate(heading.participants):
        place = Place(models[:index].count(participant.voice), models.count(participant.voice))
        kind = parse(participant.voice).kind
        voices[participant.name] = _wire(kind).open_voice(participant, heading.seed, pool, place)
    return voices


def _wire(kind: str) -> Wire:
    return cast("Wire", import_module(WIRES[kind]))


def with_options(spec: Spec, defaults: Mapping[str, Value], optional: Mapping[str, type]) -> dict[str, Value]:
    """Return the defaults with the address's own settings over them.

    A setting's value is read as the type of its default, or as `optional` says for those that have none;
    `VoiceError` where a name is unknown or a value is not of its type.
    """
    kinds = {name: type(value) for name, value in defaults.items()} | dict(optional)
    settings = dict(defaults)
    for name, value in spec.options:
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, 1)
            guess = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(sorted(kinds))}"
            raise VoiceError(f"{spec.voice} has no setting {name!r}{guess}")
        try:
            settings[name] = _read(kinds[name], value)
        except ValueError:
            raise VoiceError(f"{spec.voice}: {name} cannot be {value!r}; it is a {kinds[name].__name__}") from None
    return dict(freeze(settings))


def _read(kind: type, value: str) -> Any:  # noqa: ANN401 - any of the setting types
    if kind is bool:
        if value.lower() not in ("", "true", "1", "false", "0"):
            raise ValueError(value)
        return value.lower() in ("", "true", "1")
    if kind is tuple:
        return tuple(value.split("|"))
    number = kind(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(value)
    return number
