"""A voice's address: `kind:model?setting=value`, read, settled into frozen settings, and opened.

It must never open a connection or need a key or a package: that waits until the voice speaks.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import parse_qsl

from moot.transcript import Participant, freeze
from moot.voices import Place, Pool, VoiceError
from moot.voices.endpoints import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from moot.transcript import Heading, Value
    from moot.voices import Voice
    from moot.voices.endpoints import Endpoint

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

    def check(self, participant: Participant, pool: Pool) -> None:
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
    """Take an address apart; `VoiceError` where it has no kind or no model. That its kind exists is for `settle`."""
    address, query, options = text.partition("?")
    kind, colon, model = address.partition(":")
    if not colon and kind not in WIRES:
        raise VoiceError(f"unknown voice {text!r}; a voice is written KIND:MODEL (see: moot voices)")
    if not model and kind != "person":
        raise VoiceError(f"the voice {text!r} names no model: write {kind}:NAME (see: moot voices)")
    pairs = parse_qsl(options, keep_blank_values=True) if query else []
    if query and not pairs:
        raise VoiceError(f"the settings of {text!r} are not of the form ?name=value&name=value")
    return Spec(kind, model, tuple(pairs))


def settle(spec: Spec, endpoints: Mapping[str, Endpoint] = KNOWN) -> Settled:
    """Return what an address stands for; `VoiceError` where it cannot be spoken with.

    Of an endpoint, its wire and quirks are frozen; where it is and which key it gets is looked up when it speaks, so
    that no recorded or imported conversation can say so.
    """
    endpoint = endpoints.get(spec.kind)
    wire = _wire(spec.kind, endpoints)
    if endpoint is None or spec.kind in WIRES:
        return wire.settle(spec)
    taken = {"base_url", "key_env", "wire"} & {name for name, _ in spec.options}
    if taken:
        raise VoiceError(
            f"{spec.voice}: {min(taken)} is what [endpoints.{spec.kind}] of moot.toml says, not an address"
        )
    asked = tuple((name, value) for name, value in _frozen_quirks(endpoint).items() if name not in dict(spec.options))
    settled = wire.settle(replace(spec, options=(*spec.options, *asked, ("base_url", _address(endpoint)))))
    frozen = {name: value for name, value in settled.settings.items() if name != "base_url"}
    return replace(settled, settings=frozen | ({"wire": "messages"} if endpoint.wire == "anthropic" else {}))


def _frozen_quirks(endpoint: Endpoint) -> dict[str, str]:
    """Return the settings by which a wire does what an endpoint wants otherwise than usual."""
    if endpoint.wire == "anthropic":
        return {}
    quirks = endpoint.quirks
    wire = "responses" if endpoint.wire == "openai-responses" else "chat"
    odd = {
        "usage": "" if quirks.stream_options else "false",
        "system": "" if quirks.system else "false",
        "sampling": "" if quirks.temperature else "false",
        "hosted": "true" if quirks.max_tokens == "max_completion_tokens" else "",
    }
    return {"wire": wire} | {name: value for name, value in odd.items() if value and wire == "chat"}


def _address(endpoint: Endpoint) -> str:
    # Ollama is spoken to where it is compatible with the others; its own wire is not spoken yet.
    return f"{endpoint.base_url}/v1" if endpoint.wire == "ollama" else endpoint.base_url


def _placed(participant: Participant, endpoints: Mapping[str, Endpoint]) -> tuple[Wire, Participant]:
    """Return the wire that a participant speaks, and it with the address and key variable that the user configured.

    What was recorded of the wire holds, whatever is configured by now.
    """
    kind, settings = parse(participant.voice).kind, dict(participant.settings)
    wire = _wire(kind, endpoints, settings.get("wire"))
    endpoint = endpoints.get(kind)
    if endpoint is None or kind in WIRES:
        return wire, participant
    here: dict[str, Value] = {"base_url": _address(endpoint), "key_env": endpoint.key_env}
    return wire, replace(participant, settings=freeze(settings | here))


def check(participant: Participant, pool: Pool) -> None:
    """Raise `VoiceError` where it is plain already that a participant's voice cannot speak; no network is asked."""
    wire, placed = _placed(participant, pool.endpoints)
    wire.check(placed, pool)


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
        wire, placed = _placed(participant, pool.endpoints)
        voices[participant.name] = wire.open_voice(placed, heading.seed, pool, place)
    return voices


def _wire(kind: str, endpoints: Mapping[str, Endpoint] = KNOWN, recorded: Value = None) -> Wire:
    if kind in WIRES:
        return cast("Wire", import_module(WIRES[kind]))
    if kind in endpoints:
        speaks_messages = recorded == "messages" if recorded else endpoints[kind].wire == "anthropic"
        return cast("Wire", import_module(WIRES["anthropic" if speaks_messages else "openai"]))
    kinds = [one for one in WIRES if one != "unknown"]
    near = difflib.get_close_matches(kind, [*kinds, *endpoints], 1)
    guess = f"did you mean {near[0]!r}?" if near else f"voices are {', '.join(kinds)} and {', '.join(endpoints)}"
    raise VoiceError(f"unknown voice {kind!r}; {guess} (see: moot voices)")


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
