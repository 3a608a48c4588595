"""The one loop: read the record, ask the form, let a voice speak, put the turn on record, repeat.

It must never show a turn as spoken before the store has it, keep anything that the record does not say, or join words
of two attempts. Convening again is how a conversation is resumed.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from moot.forms import Close, Post, Speak, Wait, maker_of, open_form
from moot.spending import Limits, Spent, refusal, reserved, spent
from moot.store import Call, StoreError
from moot.transcript import CHAIR, as_json, canonical, link, linked, sound
from moot.view import view
from moot.voices import (
    Attempt,
    Chosen,
    ContextFull,
    Delta,
    Done,
    Failed,
    Paused,
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
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence

    from moot.forms import Maker
    from moot.store import Outcome, Store
    from moot.transcript import Participant, Question, Transcript, Turn
    from moot.voices import Voice


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of a turn that is being spoken; it is not on record yet, and void if a `Retry` follows.

    `heard_by` names who will hear the turn; None means everyone.
    """

    name: str
    delta: Words | Thinking
    heard_by: tuple[str, ...] | None = None


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
    """The conversation rests, and why; convening again goes on. `limit` is whether a cap was reached."""

    reason: str
    limit: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The conversation is over, and why."""

    reason: str


NO_LIMITS = Limits()

Event = Said | Retry | Spoken | Pause | Closed


@dataclass(frozen=True, slots=True)
class _Turned:
    """A voice has finished: the turn to put on record, and the end of the request that it answers."""

    turn: Turn
    call: tuple[int, Call] | None


async def convene(
    store: Store,
    identity: str,
    voices: Mapping[str, Voice],
    *,
    more: int | None = None,
    limits: Limits = NO_LIMITS,
    find: Callable[[str], Maker] = maker_of,
) -> AsyncGenerator[Event, None]:
    """Carry the conversation `identity` on until its form closes it, someone is waited for, or `more` turns are spoken.

    It also rests before a request is sent with which a cap of `limits` might be passed. `find` returns what a form's
    name stands for: moot's own unless told otherwise.

    Raises `VoiceError` where a voice gives up and `StoreError` where the record cannot be kept; all turns yielded as
    `Spoken` are on record even then.
    """
    stored = await store.read(identity)
    if stored.broken:
        raise StoreError(f"conversation {identity} cannot go on: {stored.broken[0]}; see: moot verify {identity}")
    if stored.listing.closed is not None:  # nothing was said since: what a full context has closed is not asked again
        yield Closed(stored.listing.closed)
        return
    transcript, chain, form = stored.transcript, stored.digest, open_form(stored.transcript.heading, find)
    limit = None if more is None else _spoken(transcript) + more
    desk = _Desk(store, identity, limits, await store.calls(identity), _spoken(transcript))
    while True:
        match form(transcript):
            case Close(reason):
                await desk.close(reason, len(transcript.turns))
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
            case Speak(name) as move:  # exhaustive
                told = _speak(desk, transcript, move, voices[name])
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
    desk: _Desk, transcript: Transcript, move: Speak, voice: Voice
) -> AsyncGenerator[Event | _Turned, None]:
    """Let one participant speak: its words as they come, and at last the turn; each request is on record first."""
    name, ask, hearers = move.name, move.ask, () if move.ask else move.heard_by
    participant = transcript.heading.participant(name)
    messages = view(transcript, name)
    labels = () if ask else shown_labels(participant, messages)
    draft = _Draft(participant, labels, Call(len(transcript.turns), name, participant.voice, ""), ask)
    number: int | None = None
    try:
        async with aclosing(voice.speak(participant.brief, messages, ask)) as deltas:
            async for delta in deltas:
                match delta:
                    case Attempt(request):
                        draft = draft.anew(request)
                        if why := await desk.refusal(draft.call):
                            yield Pause(why, limit=True)
                            return
                        number = await desk.begin(draft.call)
                    case Failed(error, wait):
                        await desk.finish(number, draft.ended("failed", error, failed=delta))
                        number = None
                        yield Retry(name, error, wait)
                    case Paused():
                        await desk.finish(number, draft.paused(delta))
                        number = None
                    case Words() | Thinking() | Chosen() | Done():  # exhaustive
                        for piece in draft.take(delta):
                            yield Said(name, piece, hearers)
                if draft.overran:
                    break
        speech = draft.speech()
        for piece in draft.rest():
            yield Said(name, piece, hearers)
        turn = speech.turn if move.heard_by is None else replace(speech.turn, heard_by=move.heard_by)
        yield _Turned(turn, desk.ending(number, draft.ended("done", cut=speech.cut)))
        number = None
    except Rest:
        yield Pause(f"{name} has left for now")
    except ContextFull as full:
        await desk.close(str(full), len(transcript.turns))
        yield Closed(str(full))
    finally:  # where it was left in the middle, what was said so far is kept, beside the record
        await desk.finish(number, draft.ended("left"))


class _Desk:
    """Where one conversation's requests are put on record, and counted: in all, and of this run."""

    def __init__(self, store: Store, identity: str, limits: Limits, calls: Sequence[Call], turns: int) -> None:
        self._store = store
        self._identity = identity
        self._limits = limits
        self._begun = time.monotonic() if limits.since is None else limits.since
        self._all = spent(calls, turns, limits.price)
        self._run = Spent()
        self._sent: Call | None = None

    async def refusal(self, call: Call) -> str:
        """Say why this call must not be sent; where it may, its worst is set aside of the budget that is shared."""
        limits = self._limits
        run = replace(self._run, seconds=time.monotonic() - self._begun)
        why = refusal(limits.conversation, self._all, call, limits.price, "this conversation") or refusal(
            limits.run, run, call, limits.price, "this run"
        )
        if why or limits.ledger is None:
            return why
        why = await limits.ledger.reserve(call)
        self._sent = None if why else call
        return why

    async def begin(self, call: Call) -> int:
        """Put a request on record before it is sent."""
        try:
            ledger = self._limits.ledger
            return await self._store.begin(self._identity, replace(call, lease=ledger.lease) if ledger else call)
        except BaseException:  # it may be on record all the same, and an open row counts at its worst
            self._settle(call)
            raise

    async def finish(self, number: int | None, call: Call) -> None:
        """Put on record what became of a request that came to nothing."""
        if number is not None:
            self._add(call, 0)
            await self._store.finish(number, call)

    def ending(self, number: int | None, call: Call) -> tuple[int, Call] | None:
        """Count a request that became a turn, and return its end, to be recorded with the turn."""
        self._add(call, 1)
        return None if number is None else (number, call)

    async def close(self, reason: str, turns: int) -> None:
        """Note why the conversation is over, which has so many turns: one that somebody steps into now is not."""
        await self._store.close(self._identity, reason, turns)

    def _settle(self, call: Call) -> None:
        if self._limits.ledger and self._sent:
            self._limits.ledger.settle(self._sent, call)
        self._sent = None

    def _add(self, call: Call, turns: int) -> None:
        self._settle(call)
        price = self._limits.price
        self._all = replace(self._all.and_call(call, price), turns=self._all.turns + turns)
        self._run = replace(self._run.and_call(call, price), turns=self._run.turns + turns)


class _Draft:
    """What a voice has said so far in one attempt, and how much of that is sure to stay."""

    def __init__(
        self, participant: Participant, labels: Sequence[str], call: Call, ask: Question | None = None
    ) -> None:
        self.call = call
        self.overran = False
        self._ask = ask
        self._participant = participant
        self._labels = labels
        self._deltas: list[Delta] = []
        self._text = ""
        self._shown = 0
        self._begun = time.monotonic()
        self._first: int | None = None
        self._done = Done()
        self._paused = False
        self._kept = 0

    def anew(self, request: Mapping[str, Any]) -> _Draft:
        """Return a draft for the next attempt: an empty one, unless that goes on with what was said before a pause."""
        written = canonical(dict(request))
        most_read, most_written = reserved(request, written)
        call = replace(self.call, request=linked("", written), reserved_input=most_read, reserved_output=most_written)
        if not self._paused:
            return _Draft(self._participant, self._labels, call, self._ask)
        self.call, self._kept, self._paused = call, len(self._text), False
        self._begun, self._first, self._done = time.monotonic(), None, Done()
        return self

    def take(self, delta: Words | Thinking | Chosen | Done) -> Iterator[Words | Thinking]:
        """Add a delta; yield what can be shown of it now."""
        self._deltas.append(delta)
        if self._first is None and not isinstance(delta, Done):
            self._first = self._elapsed()
        match delta:
            case Done():
                self._done = delta
            case Thinking():
                yield delta
            case Words():
                yield from self._sure(delta.text)
            case Chosen():  # exhaustive
                pass

    def _sure(self, text: str) -> Iterator[Words]:
        if not self._labels:  # nobody's name was shown, so nobody's can be written: all is sure at once
            self._text += text
            self._shown = len(self._text)
            yield Words(text)
            return
        line = self._text.rfind("\n") + 1
        self._text += text
        self.overran = overrun(self._text[line:], self._labels) is not None
        shown = self._shown
        self._shown = shown if self.overran else max(shown, settled_length(self._text, self._labels))
        if piece := self._text[shown : self._shown]:
            yield Words(piece)

    def speech(self) -> Speech:
        """Return what it all came to."""
        return fold(self._participant, self._deltas, self._labels, self._ask)

    def rest(self) -> Iterator[Words]:
        """Yield the words of the finished turn that were held back until now."""
        found = overrun(self._text, self._labels)
        if left := self._text[self._shown : found and found[0]]:
            yield Words(left)

    def ended(self, outcome: Outcome, error: str = "", *, cut: str = "", failed: Failed | None = None) -> Call:
        """Return the row of this attempt as it ended."""
        usage = failed.usage if failed else self._done.usage
        return replace(
            self.call,
            outcome=outcome,
            error=error,
            partial="" if outcome == "done" else sound(self._text[self._kept :]),
            cut=cut,
            model=self._done.model,
            request_id=failed.request_id if failed else self._done.request_id,
            input=usage.input,
            cached=usage.cached,
            cache_write=usage.cache_write,
            output=usage.output,
            reasoning=usage.reasoning,
            first_ms=self._first,
            total_ms=self._elapsed(),
        )

    def paused(self, paused: Paused) -> Call:
        """Return the row of this attempt, whose words the next one goes on with."""
        self._paused = True
        self._done = Done(usage=paused.usage, model=paused.model, request_id=paused.request_id)
        return self.ended("paused")

    def _elapsed(self) -> int:
        return round((time.monotonic() - self._begun) * 1000)
