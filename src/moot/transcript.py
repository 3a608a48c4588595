"""What was said, as frozen values: a heading decided beforehand, and turns that are only ever appended.

This file must never know who is a "user" or an "assistant", read a clock, touch a disk or draw a random number:
ids, times and seeds arrive as values.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

CHAIR = "chair"
"""The speaker of every cue, posted by a form or by the person who leads; no participant may take this name."""

Stop = Literal["end", "length", "refusal", "filtered", "interrupted"]
"""Why a turn ended: said all, cut by a length limit, declined, withheld by the provider, or broken off by moot."""

Value = str | int | float | bool | None | tuple["Value", ...]
Settings = tuple[tuple[str, Value], ...]
"""Named settings as sorted pairs, so that they are frozen, hashable and always written alike."""

STOPS: tuple[Stop, ...] = get_args(Stop)
LONGEST_NAME = 64
FEWEST_OPTIONS = 2


class Invalid(ValueError):
    """A value that cannot stand on the record; the message says which, and what would be accepted."""


def sound(text: str) -> str:
    """Return text as whole Unicode scalar values.

    A pair of surrogates that a stream cut in two is joined; a lone one, and NUL, become U+FFFD: neither can be stored
    or sent by every store and wire.
    """
    if text.isascii():
        return text.replace("\0", "\ufffd")
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\0", "\ufffd")


def _make_sound(value: object, *names: str) -> None:
    for name in names:
        object.__setattr__(value, name, sound(getattr(value, name)))


@dataclass(frozen=True, slots=True)
class Text:
    """Words that were said aloud."""

    text: str

    def __post_init__(self) -> None:
        _make_sound(self, "text")


@dataclass(frozen=True, slots=True)
class Thought:
    """Words that a voice kept to itself.

    `seal` is what its provider wants back unread (a signature, an encrypted block) as JSON, and `voice` the only voice
    it may be given back to.
    """

    text: str
    voice: str = ""
    seal: str = ""

    def __post_init__(self) -> None:
        _make_sound(self, "text", "voice", "seal")


@dataclass(frozen=True, slots=True)
class Ballot:
    """An answer to a question with fixed options.

    `answer` is empty where none of the options could be made out. `probabilities` are those of each option in order
    where the voice could give them; `how` says how the answer was obtained.
    """

    question: str
    options: tuple[str, ...]
    answer: str
    probabilities: tuple[float, ...] | None = None
    how: str = ""

    def __post_init__(self) -> None:
        _make_sound(self, "question", "answer", "how")
        object.__setattr__(self, "options", tuple(map(sound, self.options)))
        if self.answer and self.answer not in self.options:
            raise Invalid(f"a ballot's answer must be one of its options, or empty, not {self.answer!r}")
        if self.probabilities is not None and len(self.probabilities) != len(self.options):
            raise Invalid(f"{len(self.options)} options need as many probabilities, not {len(self.probabilities)}")
        if not all(map(math.isfinite, self.probabilities or ())):
            raise Invalid("a ballot's probabilities must be finite")


@dataclass(frozen=True, slots=True)
class Question:
    """What a ballot answers: a question and its options, in the order in which they are shown.

    `draw` counts repeats of the same question: a voice that draws its words by a seed draws others for each.
    """

    text: str
    options: tuple[str, ...]
    draw: int = 0

    def __post_init__(self) -> None:
        _make_sound(self, "text")
        object.__setattr__(self, "options", tuple(map(sound, self.options)))
        if len(set(self.options)) != len(self.options) or len(self.options) < FEWEST_OPTIONS:
            raise Invalid(f"a question needs {FEWEST_OPTIONS} or more different options, not {list(self.options)}")
        if not all(option.strip() for option in self.options):
            raise Invalid("an option of a question cannot be empty")


Part = Text | Thought | Ballot


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker put on the record.

    `heard_by` names who hears it; None means everyone. `marks` are remarks about the words that moot itself made,
    such as "spoke for Bo" where a turn was cut because its speaker went on in another's name.
    """

    speaker: str
    parts: tuple[Part, ...] = ()
    heard_by: tuple[str, ...] | None = None
    stop: Stop = "end"
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _make_sound(self, "speaker")
        object.__setattr__(self, "marks", tuple(map(sound, self.marks)))
        if self.stop not in STOPS:
            raise Invalid(f"a turn stops for one of {', '.join(STOPS)}, not {self.stop!r}")

    @property
    def text(self) -> str:
        """The words said aloud, as one string."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Participant:
    """Who takes part: a name, the voice that speaks for it, what only it is told, and that voice's frozen settings."""

    name: str
    voice: str
    brief: str = ""
    settings: Settings = ()

    def __post_init__(self) -> None:
        _make_sound(self, "name", "voice", "brief")
        object.__setattr__(self, "settings", freeze(dict(self.settings)))
        complaint = _complaint(self.name)
        if complaint:
            raise Invalid(f"{self.name!r} cannot be a participant's name: {complaint}")


def _complaint(name: str) -> str:
    if not name.strip() or name != name.strip():
        return "it is empty or has spaces around it"
    if len(name) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} characters"
    if any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in name):
        return "it has control or invisible characters"
    if ":" in name:
        return "it has a colon, which separates names from words"
    if same_name(name) == CHAIR:
        return f"{CHAIR!r} is who leads the conversation"
    return ""


def same_name(name: str) -> str:
    """Return the form under which two names count as the same to a reader: case and width folded, spaces single."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", name)).casefold()


@dataclass(frozen=True, slots=True)
class Heading:
    """What is decided before anyone speaks.

    `form` is a form's name and `arguments` what it was called with, so that any transcript can rebuild its form.
    `started` is an ISO 8601 time, or empty; `source` holds what an imported file said of itself.
    """

    participants: tuple[Participant, ...]
    title: str = ""
    topic: str = ""
    form: str = "talk"
    arguments: Settings = ()
    seed: int = 0
    series: str = ""
    started: str = ""
    source: Settings = ()

    def __post_init__(self) -> None:
        _make_sound(self, "title", "topic", "form", "series", "started")
        object.__setattr__(self, "arguments", freeze(dict(self.arguments)))
        object.__setattr__(self, "source", freeze(dict(self.source)))
        if not self.participants:
            raise Invalid("a conversation needs at least one participant")
        seen: dict[str, str] = {}
        for name in self.names:
            if same_name(name) in seen:
                raise Invalid(f"two participants cannot both be called {name!r} (there is {seen[same_name(name)]!r})")
            seen[same_name(name)] = name

    @property
    def names(self) -> tuple[str, ...]:
        """The participants' names, in order."""
        return tuple(participant.name for participant in self.participants)

    def participant(self, name: str) -> Participant:
        """Return the participant of that name; `Invalid` where there is none."""
        for participant in self.participants:
            if participant.name == name:
                return participant
        raise Invalid(f"nobody here is called {name!r}; there are {', '.join(self.names)}")


@dataclass(frozen=True, slots=True)
class Transcript:
    """A heading and the turns so far: the only state there is."""

    heading: Heading
    turns: tuple[Turn, ...] = field(default=())

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_html(self) -> str:
        """Return the conversation as HTML for a notebook, in which nothing runs, is typeset or turns round."""
        said = [f"<h4><bdi>{escape(self.heading.title or self.heading.topic or self.heading.form)}</bdi></h4>"]
        for number, turn in enumerate(self.turns, 1):
            ballots = [f"votes: {one.answer or 'no option'}" for one in turn.parts if isinstance(one, Ballot)]
            only = "" if turn.heard_by is None else f" (to {', '.join(turn.heard_by) or 'nobody'} only)"
            words = escape("\n".join([turn.text, *ballots]).strip())
            said.append(f"<p><b><bdi>{number} {escape(turn.speaker + only)}</bdi></b></p>")
            said.append(f'<blockquote style="white-space: pre-wrap"><bdi>{words}</bdi></blockquote>')
        return f'<div class="tex2jax_ignore mathjax_ignore">{"".join(said)}</div>'

    def then(self, turn: Turn) -> Transcript:
        """Return this transcript with one more turn; `Invalid` where its speaker or hearers are not of the heading."""
        known = (CHAIR, *self.heading.names)
        for name in (turn.speaker, *(turn.heard_by or ())):
            if name not in known:
                raise Invalid(f"nobody here is called {name!r}; there are {', '.join(known)}")
        return replace(self, turns=(*self.turns, turn))

    def until(self, count: int) -> Transcript:
        """Return the transcript as it was after its first `count` turns."""
        if not 0 <= count <= len(self.turns):
            raise Invalid(f"this conversation has turns 0 to {len(self.turns)}, not {count}")
        return replace(self, turns=self.turns[:count])


def digests(transcript: Transcript) -> tuple[str, ...]:
    """Return the chain of digests (blake2b, 32 hex digits): of the heading, then after each turn.

    Equal last digests mean equal conversations.
    """
    chain = [link("", as_json(transcript.heading))]
    for turn in transcript.turns:
        chain.append(link(chain[-1], as_json(turn)))
    return tuple(chain)


def digest(transcript: Transcript) -> str:
    """Return the last digest of the chain: the name of this conversation's content."""
    return digests(transcript)[-1]


def link(before: str, value: object) -> str:
    """Return the digest of a JSON value that follows `before` in a chain."""
    return linked(before, canonical(value))


def linked(before: str, written: str) -> str:
    """Return the same digest where the value is written as canonical JSON already."""
    return hashlib.blake2b(f"{before}\n{written}".encode("ascii"), digest_size=16).hexdigest()


def canonical(value: object) -> str:
    """Return JSON in the one way that digests are made over: ASCII, sorted keys, no spaces.

    This is part of the record's contract: change it and every digest changes.
    """
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def as_json(value: Heading | Participant | Turn | Part) -> dict[str, Any]:
    """Return a value of this module as plain JSON, without the fields that are empty."""
    match value:
        case Text(text):
            return {"kind": "text", "text": text}
        case Thought(text, voice, seal):
            return {"kind": "thought", "text": text} | _filled(voice=voice, seal=seal)
        case Ballot():
            said = {
                "kind": "ballot",
                "question": value.question,
                "options": list(value.options),
                "answer": value.answer,
            }
            odds = None if value.probabilities is None else list(value.probabilities)
            return said | _filled(probabilities=odds, how=value.how)
        case Turn():
            heard_by = None if value.heard_by is None else list(value.heard_by)
            parts = [as_json(part) for part in value.parts]
            turn = {"speaker": value.speaker, "parts": parts, "heard_by": heard_by, "stop": value.stop}
            return turn | _filled(marks=list(value.marks))
        case Participant():
            who = {"name": value.name, "voice": value.voice}
            return who | _filled(brief=value.brief, settings=_thaw(value.settings))
        case Heading():  # exhaustive
            heading = {
                "participants": [as_json(one) for one in value.participants],
                "form": value.form,
                "seed": value.seed,
            }
            return heading | _filled(
                title=value.title,
                topic=value.topic,
                arguments=_thaw(value.arguments),
                series=value.series,
                started=value.started,
                source=_thaw(value.source),
            )


def _filled(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", None, [], {})}


def _thaw(settings: Settings) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings}


def freeze(settings: Mapping[str, Any]) -> Settings:
    """Return a mapping of plain JSON values as frozen settings; `Invalid` where a value is an object."""
    return tuple(sorted((sound(name), _frozen(name, value)) for name, value in settings.items()))


def _frozen(name: str, value: Any) -> Value:  # noqa: ANN401 - any JSON may be offered; this is where it is judged
    match value:
        case str():
            return sound(value)
        case float() if not math.isfinite(value):
            raise Invalid(f"the setting {name!r} must be a finite number")
        case bool() | int() | float() | None:
            return value
        case list() | tuple():
            return tuple(_frozen(name, one) for one in value)  # pyright: ignore[reportUnknownVariableType] - JSON
        case _:
            raise Invalid(f"the setting {name!r} cannot be a {type(value).__name__}")


def part_from_json(data: Mapping[str, Any]) -> Part:
    """Read a part back; `Invalid` where it is none."""
    match data:
        case {"kind": "text", "text": str(text)}:
            return Text(text)
        case {"kind": "thought", "text": str(text)}:
            return Thought(text, _string(data, "voice"), _string(data, "seal"))
        case {"kind": "ballot", "question": str(question), "options": [*options], "answer": str(answer)}:
            odds = data.get("probabilities")
            return Ballot(question, tuple(options), answer, None if odds is None else tuple(odds), _string(data, "how"))
        case _:
            raise Invalid(f"a part is a text, a thought or a ballot, not {canonical(dict(data))[:80]}")


def turn_from_json(data: Mapping[str, Any]) -> Turn:
    """Read a turn back; `Invalid` where it is none."""
    match data:
        case {"speaker": str(speaker), "parts": [*parts]}:
            heard_by = data.get("heard_by")
            return Turn(
                speaker,
                tuple(part_from_json(part) for part in parts),
                None if heard_by is None else tuple(heard_by),
                data.get("stop", "end"),
                tuple(data.get("marks", ())),
            )
        case _:
            raise Invalid("a turn needs a speaker and a list of parts")


def heading_from_json(data: Mapping[str, Any]) -> Heading:
    """Read a heading back; `Invalid` where it is none."""
    match data:
        case {"participants": [*people]}:
            return Heading(
                tuple(_participant_from_json(one) for one in people),
                title=_string(data, "title"),
                topic=_string(data, "topic"),
                form=_string(data, "form", "talk"),
                arguments=freeze(data.get("arguments", {})),
                seed=int(data.get("seed", 0)),
                series=_string(data, "series"),
                started=_string(data, "started"),
                source=freeze(data.get("source", {})),
            )
        case _:
            raise Invalid("a heading needs a list of participants")


def _participant_from_json(data: Mapping[str, Any]) -> Participant:
    match data:
        case {"name": str(name), "voice": str(voice)}:
            return Participant(name, voice, _string(data, "brief"), freeze(data.get("settings", {})))
        case _:
            raise Invalid("a participant needs a name and a voice")


def _string(data: Mapping[str, Any], name: str, default: str = "") -> str:
    value = data.get(name, default)
    if isinstance(value, str):
        return value
    raise Invalid(f"{name!r} must be a string, not {type(value).__name__}")
