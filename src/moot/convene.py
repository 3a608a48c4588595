"""The one loop: read the record, ask the form, let a voice speak, put the turn on record, repeat.

It must never show a turn as spoken before the store has it, keep anything that the record does not say, or join words
of two attempts. Convening again is how a conversation is resumed.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moot.forms import Close, Post, Speak, Wait, open_form
from moot.store import Call, StoreError
from moot.transcript import CHAIR, as_json, link, sound
from moot.view import view
from moot.voices import (
    Attempt,
    ContextFull,
    Delta,
    Done,
    Failed,
    Rest,
    Speech,
    Thinking,
    Words,
    fold,
    overrun,
    settled_length,
    shown_labels,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from moot.store import Outcome, Store
    from moot.transcript import Participant, Transcript, Turn
    from moot.voices import Voice


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of a turn that is being spoken; it is not on record yet, and void if a `Retry` follows."""

    name: str
    delta: Words | Thinking


@dataclass(frozen=True, slots=True)
class Retry:
    """The voice's attempt failed; the words said so far are void. `wait` is in seconds, None where it gives up."""

    name: str
    error: str
    wait: float | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """This turn is on record; `number` counts from 1."""

    number: int
    turn: Turn


@dataclass(frozen=True, slots=True)
class Pause:
    """The conversation rests, and why; convening again goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The conversation is over, and why."""

    reason: str


Event = Said | Retry | Spoken | Pause | Closed


@dataclass(frozen=True, slots=True)
class _Turned:
    """A voice has finished: the turn to put on record, and the end of the request that it answers."""

    turn: Turn
    call: tuple[int, Call] | None


async def convene(
    store: Store, identity: str, voices: Mapping[str, Voice], *, more: int | None = None
) -> AsyncGenerator[Event, None]:
    """Carry the conversation `identity` on until its form closes it, someone is waited for, or `more` turns are spoken.

    Raises `VoiceError` where a voice gives up and `StoreError` where the record cannot be kept; all turns yielded as
    `Spoken` are on record even then.
    """
    stored = await store.read(identity)
    if stored.broken:
        raise StoreError(f"conversation {identity} cannot go on: {stored.broken[0]}; see: moot verify {identity}")
    if stored.listing.closed is not None:  # nothing was said since: what a full context has closed is not asked again
        yield Closed(stored.listing.closed)
        return
    transcript, chain, form = stored.transcript, stored.digest, open_form(stored.transcript.heading)
    limit = None if more is None else _spoken(transcript) + more
    while True:
        match form(transcript):
            case Close(reason):
                await store.close(identity, reason)
                yield Closed(reason)
                return
            case Wait(name):
                yield Pause(f"waiting for {name}")
                return
            case Speak() if _spoken(transcript) == limit:
                yield Pause("as many turns are spoken as were asked for")
                return
            case Post(turn):
                told = _posted(turn)
            case Speak(name):  # exhaustive
                told = _speak(store, identity, transcript, name, voices[name])
        before = transcript
        async with aclosing(told) as events:
            async for event in events:
                if isinstance(event, _Turned):
                    transcript, chain = transcript.then(event.turn), link(chain, as_json(event.turn))
                    await store.append(identity, len(before.turns), event.turn, chain, event.call)
                    yield Spoken(len(transcript.turns), event.turn)
                else:
                    yield event
        if transcript is before:
            return


def _spoken(transcript: Transcript) -> int:
    return sum(turn.speaker != CHAIR for turn in transcript.turns)


async def _posted(turn: Turn) -> AsyncGenerator[_Turned, None]:
    yield _Turned(turn, None)


async def _speak(
    store: Store, identity: str, transcript: Transcript, name: str, voice: Voice
) -> AsyncGenerator[Event | _Turned, None]:
    """Let one participant speak: its words as they come, and at last the turn; each request is on record first."""
    participant = transcript.heading.participant(name)
    messages = view(transcript, name)
    draft = _Draft(
        participant, shown_labels(participant, messages), Call(len(transcript.turns), name, participant.voice, "")
    )
    number: int | None = None
    try:
        async with aclosing(voice.speak(participant.brief, messages)) as deltas:
            async for delta in deltas:
                match delta:
                    case Attempt(request):
                        draft = draft.anew(link("", dict(request)))
                        number = await store.begin(identity, draft.call)
                    case Failed(error, wait):
                        if number is not None:
                            await store.finish(number, draft.ended("failed", error, request_id=delta.request_id))
                        number = None
                        yield Retry(name, error, wait)
                    case Words() | Thinking() | Done():  # exhaustive
                        for piece in draft.take(delta):
                            yield Said(name, piece)
                        if draft.overran:
                            break
        speech = draft.speech()
        for piece in draft.rest():
            yield Said(name, piece)
        ended = draft.ended("done", cut=speech.cut)
        yield _Turned(speech.turn, None if number is None else (number, ended))
        number = None
    except Rest:
        yield Pause(f"{name} has left for now")
    except ContextFull as full:
        await store.close(identity, str(full))
        yield Closed(str(full))
    finally:
        if number is not None:  # left in the middle: what was said so far is kept, beside the record
            await store.finish(number, draft.ended("left"))


class _Draft:
    """What a voice has said so far in one attempt, and how much of that is sure to stay."""

    def __init__(self, participant: Participant, labels: Sequence[str], call: Call) -> None:
        self.call = call
        self.overran = False
        self._participant = participant
        self._labels = labels
        self._deltas: list[Delta] = []
        self._text = ""
        self._shown = 0
        self._begun = time.monotonic()
        self._first: int | None = None
        self._done = Done()

    def anew(self, request: str) -> _Draft:
        """Return an empty draft for the next attempt."""
        return _Draft(self._participant, self._labels, replace(self.call, request=request))

    def take(self, delta: Words | Thinking | Done) -> Iterator[Words | Thinking]:
        """Add a delta; yield what can be shown of it now."""
        self._deltas.append(delta)
        match delta:
            case Done():
                self._done = delta
                return
            case Thinking():
                if delta.text:
                    yield delta
            case Words():  # exhaustive
                line = self._text.rfind("\n") + 1
                self._text += delta.text
                self.overran = overrun(self._text[line:], self._labels) is not None
                sure = self._shown if self.overran else settled_length(self._text, self._labels)
                if sure > self._shown:
                    yield Words(self._text[self._shown : sure])
                    self._shown = sure
        if self._first is None:
            self._first = self._elapsed()

    def speech(self) -> Speech:
        """Return what it all came to."""
        return fold(self._participant, self._deltas, self._labels)

    def rest(self) -> Iterator[Words]:
        """Yield the words of the finished turn that were held back until now."""
        found = overrun(self._text, self._labels)
        if left := self._text[self._shown : found and found[0]]:
            yield Words(left)

    def ended(self, outcome: Outcome, error: str = "", *, cut: str = "", request_id: str = "") -> Call:
        """Return the row of this attempt as it ended."""
        usage = self._done.usage
        return replace(
            self.call,
            outcome=outcome,
            error=error,
            partial="" if outcome == "done" else sound(self._text),
            cut=cut,
            model=self._done.model,
            request_id=request_id or self._done.request_id,
            input=usage.input,
            cached=usage.cached,
            cache_write=usage.cache_write,
            output=usage.output,
            reasoning=usage.reasoning,
            first_ms=self._first,
            total_ms=self._elapsed(),
        )

    def _elapsed(self) -> int:
        return round((time.monotonic() - self._begun) * 1000)
