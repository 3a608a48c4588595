"""How a voice speaks: one method, a few kinds of delta, and the fold that joins them into a turn.

A voice must never decide who is next or write to the record: it says what it is about to send, and whoever listens
puts that on record before asking for more. This file knows no wire; each has a file of its own, imported when used.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, cast

from moot.transcript import Ballot, Part, Question, Stop, Text, Thought, Turn, sound
from moot.voices.endpoints import KNOWN
from moot.voices.limits import Bounds, Limiter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
    from types import TracebackType

    from moot.transcript import Participant
    from moot.view import Message
    from moot.voices.endpoints import Endpoint
    from moot.voices.limits import Passages

T = TypeVar("T")


class VoiceError(Exception):
    """A voice cannot speak: unknown, without its key or package, or given up on after its last try.

    The message is one line for a person: what happened and what to do next. It never holds a key.
    """


class ContextFull(VoiceError):
    """The conversation no longer fits what the model can read at once."""


class Rest(Exception):
    """The person speaking has left without finishing; the conversation can be resumed."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider reported them; None is unknown, which is not zero.

    `input` counts all tokens read, `cached` those of them read from a cache and `cache_write` those written to it;
    `output` counts all tokens written, `reasoning` those of them that were thoughts.
    """

    input: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """This request is about to be sent. Whoever listens has it on record before asking for the next delta."""

    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of what is said aloud."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of a thought; a `seal` (see `Thought.seal`) ends it."""

    text: str = ""
    seal: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The answer to what was asked: an option, the probability of each where it is known, and how it was obtained."""

    answer: str
    probabilities: tuple[float, ...] | None = None
    how: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt broke; all its words are void. `wait` is the seconds until the next one, None after the last.

    `usage` is what it used up, where it came to its end all the same.
    """

    error: str
    wait: float | None = None
    request_id: str = ""
    usage: Usage = field(default=Usage())


@dataclass(frozen=True, slots=True)
class Paused:
    """The provider has paused in the middle of the turn: the next `Attempt` goes on where the words so far end."""

    usage: Usage = field(default=Usage())
    model: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of what was said as the model cuts words, and what was `likely` there, each with its probability.

    What is not listed is no more probable than `least`.
    """

    text: str
    likely: tuple[tuple[str, float], ...] = ()
    least: float = 1.0


@dataclass(frozen=True, slots=True)
class Done:
    """All is said. `model` and `request_id` are the provider's own words for what answered.

    `tokens` are the words again, where their probabilities were asked for and told.
    """

    stop: Stop = "end"
    usage: Usage = field(default=Usage())
    model: str = ""
    request_id: str = ""
    tokens: tuple[Token, ...] = ()


Delta = Attempt | Words | Thinking | Chosen | Failed | Paused | Done


class Voice(Protocol):
    """Something that can speak for a participant."""

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return the exact request that `speak` would send for this view: plain JSON, no key, no clock, no network."""
        ...

    def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        """Stream one turn: for each try an `Attempt` and its words, ended by `Failed` or `Done`.

        Where something is asked, `Chosen` is told before `Done`; where no option could be made out even after one
        repair, the words that came instead are told.
        """
        ...


@dataclass(frozen=True, slots=True)
class Speech:
    """What a stream came to: the turn, and the words cut off it because they were said in another's name."""

    turn: Turn
    cut: str = ""


def fold(
    participant: Participant, deltas: Iterable[Delta], labels: Sequence[str] = (), ask: Question | None = None
) -> Speech:
    """Join the deltas of one attempt into a turn; how the stream was cut into deltas makes no difference.

    `labels` are the names that the speaker has been shown before words: where a line of its own opens with one, the
    speaker has gone on to write somebody else's turn, and the turn ends before that line. What was asked makes a
    ballot: its answer stands in place of the words that it came in, which are kept beside it where they name no option.
    """
    runs: list[Words | Thinking] = []
    chosen: Chosen | None = None
    stop: Stop = "end"
    for delta in deltas:
        match delta:
            case Words(text) if runs and isinstance(runs[-1], Words):
                runs[-1] = Words(runs[-1].text + text)
            case Thinking(text, seal) if runs and isinstance(runs[-1], Thinking) and not runs[-1].seal:
                runs[-1] = Thinking(runs[-1].text + text, seal)
            case Words() | Thinking():
                runs.append(delta)
            case Chosen():
                chosen = delta
            case Done():
                stop = delta.stop
            case Failed():
                runs.clear()
                chosen = None
            case Attempt() | Paused():  # exhaustive
                pass
    if ask:
        answer = chosen or Chosen("")
        ballot = Ballot(ask.text, ask.options, answer.answer, answer.probabilities, answer.how)
        thoughts = _parts((run for run in runs if isinstance(run, Thinking)), participant.voice)
        unread = () if answer.answer else _parts((run for run in runs if isinstance(run, Words)), participant.voice)
        return Speech(Turn(participant.name, (*thoughts, ballot, *unread), (), stop))
    said = "".join(run.text for run in runs if isinstance(run, Words))
    found = overrun(said, labels)
    if found is None:
        return Speech(Turn(participant.name, _parts(runs, participant.voice), None, stop))
    keep, label = found
    parts = _parts(_until(runs, keep), participant.voice)
    turn = Turn(participant.name, parts, stop="interrupted", marks=(f"spoke for {label}",))
    return Speech(turn, sound(said[keep:]))


def _parts(runs: Iterable[Words | Thinking], voice: str) -> tuple[Part, ...]:
    parts = (Text(run.text) if isinstance(run, Words) else Thought(run.text, voice, run.seal) for run in runs)
    return tuple(part for part in parts if part.text or (isinstance(part, Thought) and part.seal))


def _until(runs: Sequence[Words | Thinking], length: int) -> list[Words | Thinking]:
    kept: list[Words | Thinking] = []
    for run in runs:
        if isinstance(run, Words):
            kept.append(Words(run.text[: max(length, 0)]))
            length -= len(run.text)
        elif length > 0 or not kept:
            kept.append(run)
    return kept


def shown_labels(participant: Participant, messages: Sequence[Message]) -> tuple[str, ...]:
    """Return the names of others that a speaker sees before words: where they are shown, or in a script."""
    reads_script = dict(participant.settings).get("style") == "script"
    shown = (one.speaker for one in messages if one.role == "user" and (one.named or reads_script))
    return tuple(dict.fromkeys(shown))


def overrun(text: str, labels: Sequence[str]) -> tuple[int, str] | None:
    """Return the length to keep of a text in which a line opens with a label and a colon, and the label; else None."""
    if not labels:
        return None
    names = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    found = re.search(rf"^[ \t>*_#]*({names})[ \t*_]*:", text, re.MULTILINE | re.IGNORECASE)
    if found is None:
        return None
    label = next(one for one in labels if one.casefold() == found[1].casefold())
    return len(text[: found.start()].rstrip()), label


def settled_length(text: str, labels: Sequence[str]) -> int:
    """Return how much of a growing text can be shown: all but a last line that may yet open with a label."""
    start = text.rfind("\n") + 1
    begun = text[start:].lstrip(" \t>*_#").rstrip(" \t*_").casefold()
    undecided = any(label.casefold().startswith(begun) for label in labels)
    return len(text[:start].rstrip()) if undecided else len(text)


def _of_environment(variable: str) -> str:
    return os.environ.get(variable, "")


class Pool:
    """What several voices of one process share (a client, a running model), opened once and closed at the end.

    It also carries what the user has configured: `endpoints` by name, and `key`, which returns the key that a variable
    stands for (empty where there is none). `limited` makes what requests to an endpoint pass, and `side_by_side` is how
    many conversations speak through it at a time.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint] = KNOWN,
        key: Callable[[str], str] | None = None,
        limited: Callable[[str, Bounds], Passages] | None = None,
        side_by_side: int = 1,
    ) -> None:
        self.endpoints = endpoints
        self.key = key or _of_environment
        self.side_by_side = side_by_side
        self._limited = limited or _limited
        self._stack = AsyncExitStack()
        self._shared: dict[Hashable, Any] = {}
        self._limiters: dict[tuple[str, str | None], Passages] = {}
        self._opening: defaultdict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shared.clear()
        await self._stack.__aexit__(kind, error, trace)

    async def share(
        self, key: Hashable, opened: Callable[[], Awaitable[tuple[T, Callable[[], Awaitable[object]]]]]
    ) -> T:
        """Return the thing of this key, opening it the first time; `opened` returns it and how to close it."""
        async with self._opening[key]:
            if key not in self._shared:
                thing, close = await opened()
                self._stack.push_async_callback(close)
                self._shared[key] = thing
        return cast("T", self._shared[key])

    def limiter(self, name: str, address: str | None = None) -> Passages:
        """Return what all requests to the endpoint `name` pass.

        An `address` is none of its own (None: its own): to such a one its limits do not apply, only waits are shared.
        """
        key = (name, address)
        if key not in self._limiters:
            endpoint = self.endpoints.get(name) if address is None else None
            self._limiters[key] = self._limited(name, _bounds(endpoint)) if endpoint else Limiter()
        return self._limiters[key]


def _limited(name: str, bounds: Bounds) -> Limiter:
    del name
    return Limiter(bounds)


def _bounds(endpoint: Endpoint) -> Bounds:
    return Bounds(endpoint.requests_per_minute, endpoint.tokens_per_minute, endpoint.concurrency)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a voice stands among those of its conversation that speak through the same model."""

    index: int = 0
    count: int = 1


__all__ = [
    "Attempt",
    "Chosen",
    "ContextFull",
    "Delta",
    "Done",
    "Failed",
    "Paused",
    "Place",
    "Pool",
    "Rest",
    "Speech",
    "Thinking",
    "Token",
    "Usage",
    "Voice",
    "VoiceError",
    "Words",
    "fold",
    "overrun",
    "settled_length",
    "shown_labels",
]
