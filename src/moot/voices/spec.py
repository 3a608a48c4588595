"""A voice's address: `kind:model?setting=value`, read, settled into frozen settings, and opened.

It must never open a connection or need a key or a package: that waits until the voice speaks.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args, get_origin
from urllib.parse import parse_qsl

from moot.transcript import Participant, freeze
from moot.voices import Place, Pool, VoiceError
from moot.voices.endpoints import KNOWN, USUAL

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence

    from moot.transcript import Heading, Question, Value
    from moot.view import Message
    from moot.voices import Delta, Voice
    from moot.voices.endpoints import Endpoint, WireName

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

SPOKEN = {
    "messages": "moot.voices.anthropic",
    "responses": "moot.voices.openai",
    "chat": "moot.voices.openai",
    "completions": "moot.voices.openai",
    "ollama": "moot.voices.ollama",
}
"""Which file speaks which wire, under the name by which an endpoint's is frozen."""

_FROZEN: Mapping[WireName, str] = {
    "anthropic": "messages",
    "openai-chat": "chat",
    "openai-responses": "responses",
    "ollama": "ollama",
}

_QUIRKS: Mapping[str, Mapping[str, str]] = {
    "messages": {"ballots": "ballots"},
    "responses": {"ballots": "ballots", "logprobs": "logprobs"},
    "chat": {
        "alternate": "alternate",
        "system": "system",
        "sampling": "temperature",
        "limit_as": "max_tokens",
        "stream_options": "stream_options",
        "ballots": "ballots",
        "logprobs": "logprobs",
        "context": "context",
        "truncates": "truncates",
    },
    "ollama": {
        "alternate": "alternate",
        "system": "system",
        "sampling": "temperature",
        "ballots": "ballots",
        "logprobs": "logprobs",
        "context": "context",
        "truncates": "truncates",
    },
}
"""By wire, the settings that an endpoint's quirks are frozen into, and the quirk of each."""

_ALWAYS = ("ballots", "context", "truncates")
"""Settings that are frozen as they are, though an endpoint may be like any other: not every wire has the same usual."""

_NOWHERE = "http://nowhere.invalid"
"""Where an endpoint is that nobody has configured; no name can be resolved under this one, and none is asked for."""

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
    settled = wire.settle(replace(spec, options=(*spec.options, *asked, ("base_url", endpoint.base_url))))
    frozen = {name: value for name, value in settled.settings.items() if name != "base_url"}
    return replace(settled, settings={"wire": _FROZEN[endpoint.wire]} | frozen)


def _frozen_quirks(endpoint: Endpoint) -> dict[str, str]:
    """Return the settings, as an address would say them, by which a wire does what an endpoint wants."""
    wire = _FROZEN[endpoint.wire]
    asked: dict[str, str] = {} if wire == "messages" else {"wire": wire}
    for name, quirk in _QUIRKS[wire].items():
        value = getattr(endpoint.quirks, quirk)
        if name in _ALWAYS or value != getattr(USUAL, quirk):
            asked[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return asked


@dataclass(frozen=True, slots=True)
class Absent:
    """A voice behind an endpoint that is not configured here: what it was asked can be shown, but it cannot speak.

    `voice` makes its requests and is never let speak, for it knows no address.
    """

    voice: Voice
    why: str

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return the exact request for this view, as the settings that were frozen for it say."""
        return self.voice.request(brief, messages, ask)

    async def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta]:
        """Raise `VoiceError`, which says what to configure."""
        del brief, messages, ask
        raise VoiceError(self.why)
        yield  # what makes this a stream


def _absence(kind: str, endpoints: Mapping[str, Endpoint]) -> str:
    """Say why a participant of this kind cannot speak here; empty where it can."""
    if kind in WIRES or kind in endpoints:
        return ""
    return f"unknown voice {kind!r}: there is no [endpoints.{kind}] in your configuration (see: moot voices)"


def _placed(participant: Participant, endpoints: Mapping[str, Endpoint]) -> tuple[Wire, Participant]:
    """Return the wire that a participant speaks, and it with the address and key variable that the user configured.

    What was recorded of the wire holds, whatever is configured by now; so does it where nothing is, but then there is
    no address, and none that a record may have brought along is believed.
    """
    kind, settings = parse(participant.voice).kind, dict(participant.settings)
    wire = _wire(kind, endpoints, settings.get("wire"))
    if kind in WIRES:
        return wire, participant
    endpoint = endpoints.get(kind)
    here: dict[str, Value] = {
        "base_url": endpoint.base_url if endpoint else _NOWHERE,
        "key_env": endpoint.key_env if endpoint else "",
    }
    return wire, replace(participant, settings=freeze(settings | here))


def check(participant: Participant, pool: Pool) -> None:
    """Raise `VoiceError` where it is plain already that a participant's voice cannot speak; no network is asked."""
    wire, placed = _placed(participant, pool.endpoints)
    if absence := _absence(parse(participant.voice).kind, pool.endpoints):
        raise VoiceError(absence)
    wire.check(placed, pool)


async def prepare(participants: Iterable[Participant], progress: Progress) -> None:
    """Bring what embedded models lack, telling `progress` what is going on and how many bytes of how many are done."""
    embedded = [one for one in participants if parse(one.voice).kind == "local"]
    if embedded:
        await cast("Any", _wire("local")).prepare(embedded, progress)  # the only kind that needs anything brought


def open_voices(heading: Heading, pool: Pool, chosen: Collection[str] = ()) -> dict[str, Voice]:
    """Return the voice of each participant by name; those that share a model know their places in it.

    `chosen` names those whose settings somebody here has chosen. Of all others a heading may have come with a file,
    which must not choose where keys go: an address that it holds is used, but gets no key that it names.
    """
    voices: dict[str, Voice] = {}
    models = [participant.voice for participant in heading.participants]
    for index, participant in enumerate(heading.participants):
        place = Place(models[:index].count(participant.voice), models.count(participant.voice))
        wire, placed = _placed(participant, pool.endpoints)
        if participant.name not in chosen and parse(participant.voice).kind in WIRES:
            placed = replace(placed, settings=tuple(one for one in placed.settings if one[0] != "key_env"))
        voice = wire.open_voice(placed, heading.seed, pool, place)
        absence = _absence(parse(participant.voice).kind, pool.endpoints)
        voices[participant.name] = Absent(voice, absence) if absence else voice
    return voices


def _wire(kind: str, endpoints: Mapping[str, Endpoint] = KNOWN, recorded: Value = None) -> Wire:
    """Return the file that speaks for a kind of address, or for the wire that was recorded of one."""
    if kind in WIRES:
        return cast("Wire", import_module(WIRES[kind]))
    if isinstance(recorded, str) and recorded in SPOKEN:
        return cast("Wire", import_module(SPOKEN[recorded]))
    if kind in endpoints:
        return cast("Wire", import_module(SPOKEN[_FROZEN[endpoints[kind].wire]]))
    kinds = [one for one in WIRES if one != "unknown" and one not in endpoints]
    near = difflib.get_close_matches(kind, [*kinds, *endpoints], 1)
    guess = f"did you mean {near[0]!r}?" if near else f"voices are {', '.join(kinds)} and {', '.join(endpoints)}"
    raise VoiceError(f"unknown voice {kind!r}; {guess} (see: moot voices)")


def with_options(spec: Spec, defaults: Mapping[str, Value], optional: Mapping[str, Any]) -> dict[str, Value]:
    """Return the defaults with the address's own settings over them.

    A setting's value is read as the type of its default, or as `optional` says (a type, or a `Literal` of words) for
    those that have none; `VoiceError` where a name is unknown or a value is not of its type.
    """
    kinds: dict[str, Any] = {name: type(value) for name, value in defaults.items()} | dict(optional)
    settings = dict(defaults)
    for name, value in spec.options:
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, 1)
            guess = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(sorted(kinds))}"
            raise VoiceError(f"{spec.voice} has no setting {name!r}{guess}")
        try:
            settings[name] = _read(kinds[name], value)
        except ValueError:
            raise VoiceError(f"{spec.voice}: {name} cannot be {value!r}; it is {_described(kinds[name])}") from None
    return dict(freeze(settings))


def _described(kind: Any) -> str:  # noqa: ANN401 - a type or a Literal
    return f"one of {', '.join(get_args(kind))}" if get_origin(kind) is Literal else f"a {kind.__name__}"


def _read(kind: Any, value: str) -> Any:  # noqa: ANN401 - a type or a Literal, and what it reads
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(value)
        return value
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
