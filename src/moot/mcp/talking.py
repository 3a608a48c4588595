"""What an assistant says on the record, and what it is answered, within the budget that its owner has set.

It must never speak as anybody else, touch a conversation that it takes no part in, or go past the budget.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from moot.cast import cast, revoiced
from moot.convene import Closed, Pause, Spoken, convene
from moot.forms import ASSISTANT, Wait
from moot.mcp.reading import own_name
from moot.own_forms import forms_of
from moot.scenario import caps_of
from moot.spending import Limits, Spent, refusal
from moot.stepping import branch, new_id, pending, put
from moot.transcript import Heading, Invalid, Text, Transcript, Turn, freeze
from moot.voices import VoiceError
from moot.voices.spec import check, open_voices, parse, prepare

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from moot.config import Config
    from moot.spending import Caps
    from moot.store import Call, Store, Stored
    from moot.voices import Pool

    Plain = dict[str, Any]

NO_MODELS = ("person", "script", "replay")
"""Voices that an assistant is not let talk with unless its owner names them: they are people, files and old words."""

LONGEST = 100_000
"""Characters that an assistant says at once."""

WHOSE = "this assistant"


class Allowance:
    """A `Ledger` of all that is asked for in an assistant's name while one server runs.

    It is for one call at a time: see `Talks`.
    """

    lease = ""

    def __init__(self, caps: Caps, limits: Limits) -> None:
        self.caps = caps
        self.used = Spent()
        self._price = limits.price

    async def reserve(self, call: Call) -> str:
        """Say why a call must not be sent, if it must not."""
        return refusal(self.caps, self.used, call, self._price, WHOSE)

    def settle(self, sent: Call, ended: Call) -> None:
        """Count what became of a call."""
        del sent
        self.used = self.used.and_call(ended, self._price)

    def count_turn(self) -> None:
        """Count an answer."""
        self.used = replace(self.used, turns=self.used.turns + 1)

    @property
    def is_spent(self) -> str:
        """Why nothing more can be asked, empty where something may be."""
        caps, used = self.caps, self.used
        if caps.turns is not None and used.turns >= caps.turns:
            return f"{WHOSE} may have {caps.turns} answers and has had them"
        if caps.tokens is not None and used.tokens >= caps.tokens:
            return f"{WHOSE} may use {caps.tokens:,} tokens and has used them"
        if caps.dollars is not None and used.dollars >= caps.dollars and used.dollars:
            return f"{WHOSE} may cost ${caps.dollars} and has cost that"
        return ""

    def left(self) -> Plain:
        """Return what may still be used, of that which has a cap."""
        caps, used = self.caps, self.used
        left: Plain = {} if caps.turns is None else {"answers": max(0, caps.turns - used.turns)}
        left |= {} if caps.tokens is None else {"tokens": max(0, caps.tokens - used.tokens)}
        return left | ({} if caps.dollars is None else {"dollars": str(max(0, caps.dollars - used.dollars))})


@dataclass(eq=False, slots=True)
class Talks:
    """The assistant's own talks: one voice speaks at a time, whatever is asked at once.

    `voices` are those that it may talk with, any model where there are none; `name` is what it goes by.
    """

    store: Store
    config: Config
    pool: Pool
    allowance: Allowance
    name: str
    voices: tuple[str, ...] = ()
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _under_way: set[asyncio.Task[Plain]] = field(default_factory=set["asyncio.Task[Plain]"])

    async def begin(self, voice: str, words: str, title: str, brief: str, client: str) -> Plain:
        """Start a talk with a voice by saying something to it, and return its answer."""
        self._may_ask()
        spec = parse(self._allowed(voice))
        people = await cast(self.store, self.config.endpoints, (parse(ASSISTANT), spec), (self.name,), (), title)
        other = replace(people[1], brief=brief) if brief else people[1]
        check(other, self.pool)
        heading = Heading(
            (people[0], other),
            title=title,
            topic=title,
            source=freeze({"by": "an assistant", "client": client}),
        )
        turn = Turn(self.name, (Text(_sayable(words)),))
        return await self._apart(self._begun(Transcript(heading).then(turn)))

    async def say(self, conversation: str, words: str) -> Plain:
        """Say something in a talk of the assistant's own, and return what it is answered."""
        self._may_ask()
        stored, own = await self._own(conversation)
        self._may_speak(stored.transcript.heading, own)
        move = pending(stored)
        if stored.listing.closed is not None:
            raise Invalid(f"this conversation is closed: {stored.listing.closed}; start another, or fork it earlier")
        if not isinstance(move, Wait) or move.name != own:
            raise Invalid("it is not your turn: an answer is due first, ask for it with get_answer")
        return await self._apart(self._put(stored, Turn(own, (Text(_sayable(words)),))))

    async def answer(self, conversation: str) -> Plain:
        """Let the other speak where its answer is due: what was said last has been heard, but not answered."""
        self._may_ask()
        stored, own = await self._own(conversation)
        self._may_speak(stored.transcript.heading, own)
        move = pending(stored)
        if isinstance(move, Wait) and move.name == own:
            raise Invalid("it is your turn: say something")
        return await self._apart(self._carried(stored.listing.id))

    async def fork(self, conversation: str, at: int, voice: str) -> Plain:
        """Start a talk that shares the first turns of one of its own, with another voice where one is named."""
        stored, own = await self._own(conversation)
        heading = stored.transcript.heading
        if voice:
            others = [name for name in heading.names if name != own]
            given = [f"{name}={self._allowed(voice)}" for name in others]
            heading = replace(heading, participants=await revoiced(self.store, self.config.endpoints, heading, given))
        identity = await branch(self.store, stored, at, heading)
        return {"conversation": identity, "forked_from": stored.listing.id, "at": at} | _due(
            await self.store.read(identity)
        )

    async def shut(self) -> None:
        """Break off what is under way and wait until its words are kept."""
        for task in self._under_way:
            _break_off(task)
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _may_ask(self) -> None:
        if why := self.allowance.is_spent:
            raise Invalid(f"{why}; nothing was put on record")

    def _allowed(self, voice: str) -> str:
        """Return the voice that is meant; `Invalid` where it is none that the assistant may talk with."""
        if self.voices:
            meant = voice or self.voices[0]
            if meant not in self.voices:
                raise Invalid(f"you may talk with {', '.join(self.voices)}, not with {voice!r}")
            return meant
        spec = parse(voice)
        if spec.kind in NO_MODELS or spec.options or spec.model.endswith(".gguf") or "/" in spec.model[:1]:
            raise Invalid(
                f"{voice!r} is not for an assistant to choose: it chooses KIND:MODEL without settings; "
                "whoever runs moot mcp can allow it with --voice"
            )
        return voice

    def _may_speak(self, heading: Heading, own: str) -> None:
        """See that a talk of an earlier day is with somebody whom the assistant may still talk with."""
        for one in heading.participants:
            if one.name == own:
                continue
            named = one.voice in {parse(voice).voice for voice in self.voices}
            if not named and (self.voices or parse(one.voice).kind in NO_MODELS):
                raise Invalid(f"{one.name}'s voice, {one.voice}, is not one that you may talk with now")

    async def _own(self, conversation: str) -> tuple[Stored, str]:
        stored = await self.store.read(await self.store.find(conversation))
        own = own_name(stored.transcript.heading)
        if not own or stored.listing.foreigners:
            raise Invalid(
                f"conversation {stored.listing.id[:8]} is not yours: you only read it; start a talk of your own"
            )
        return stored, own

    async def _apart(self, work: Coroutine[Any, Any, Plain]) -> Plain:
        """Do something in a task of its own: who no longer waits breaks it off once, and it ends in good order."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            _break_off(task)
            raise

    async def _begun(self, transcript: Transcript) -> Plain:
        identity = new_id()
        await prepare(transcript.heading.participants, _untold)
        await self.store.start(identity, transcript)
        return await self._carried(identity)

    async def _put(self, stored: Stored, turn: Turn) -> Plain:
        await put(self.store, stored, turn)
        return await self._carried(stored.listing.id)

    async def _carried(self, identity: str) -> Plain:
        """Let the other voice speak once, and return what it said, or why it did not."""
        before = await self.store.read(identity)
        spoken: list[Plain] = []
        why = ""
        async with self._turn:
            try:
                why = await self._spoken(before, spoken)
            except VoiceError as error:
                kept = len((await self.store.read(identity)).transcript.turns)
                raise VoiceError(
                    f"{error}; conversation {identity} keeps its {kept} turns, ask again with get_answer"
                ) from None
        told: Plain = {"conversation": identity, "answers": spoken} | ({} if spoken else {"why_no_answer": why})
        return told | _due(await self.store.read(identity)) | {"left": self.allowance.left()}

    async def _spoken(self, stored: Stored, spoken: list[Plain]) -> str:
        heading = stored.transcript.heading
        own = own_name(heading)
        usual = self.config.limits
        limits = Limits(
            usual.conversation.and_at_most(caps_of(heading)).and_at_most(replace(self.allowance.caps, turns=None)),
            usual.run,
            usual.price,
            self.allowance,
        )
        voices = open_voices(heading, self.pool, stored.chosen)
        carry = partial(convene, self.store, stored.listing.id, voices, limits=limits, find=forms_of(stored))
        async with aclosing(carry(more=1)) as events:
            async for event in events:
                match event:
                    case Pause(reason) | Closed(reason):
                        return reason
                    case Spoken(number, turn) if turn.speaker in heading.names and turn.speaker != own:
                        self.allowance.count_turn()
                        spoken.append({"turn": number, "speaker": turn.speaker, "words": turn.text, "stop": turn.stop})
                    case _:
                        pass
        return ""


def _break_off(task: asyncio.Task[Plain]) -> None:
    """Cancel a task once: a second time would hit it while it keeps what was said so far."""
    if not task.cancelling():
        task.cancel()


def _sayable(words: str) -> str:
    if not words.strip():
        raise Invalid("there are no words in it, so nothing was said")
    if len(words) > LONGEST:
        raise Invalid(f"that is {len(words):,} characters, and {LONGEST:,} can be said at once; nothing was said")
    return words


def _due(stored: Stored) -> Plain:
    """Say who is to speak next, or why it is over."""
    if stored.listing.closed is not None:
        return {"closed": stored.listing.closed}
    move = pending(stored)
    return {"whose_turn": move.name if move else None}


def _untold(what: str, done: int, total: int) -> None:
    """Tell nobody how a download goes on: standard output is the protocol's."""
    del what, done, total


def addresses(voices: Sequence[str]) -> str:
    """Say which voices an assistant may talk with."""
    return (
        f"one of {', '.join(voices)} (default: the first)"
        if voices
        else "KIND:MODEL, for example local:smollm2 or openai:gpt-5"
    )
