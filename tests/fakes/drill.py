"""The fault drill's grounds: short talks over real wires, each struck by faults, and what must be true afterwards.

It must never ask moot what was right: what a turn should be is read from the events that the fake sent.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from fakes.replies import Reply
from fakes.server import KEY
from fakes.wires import WIRES
from moot.convene import Closed, Retry, Said, Spoken, convene
from moot.transcript import Heading, Participant, Thought, Transcript, freeze, sound
from moot.voices import VoiceError, Words
from moot.voices.attempts import Patience
from moot.voices.endpoints import Endpoint
from moot.voices.spec import open_voices, parse, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fakes.replies import Request
    from fakes.server import Fake
    from moot.convene import Event
    from moot.store import Call
    from moot.store.sqlite import SqliteStore
    from moot.voices import Pool, Voice

TURNS = 4
TRIES = 3
MOST_TOKENS = 2**53
CALM = Patience(first=20, idle=20, tail=2)

ADDRESSES = {
    "chat": "chat:{model}",
    "script": "chat:{model}?style=script",
    "responses": "responses:gpt-5-{model}",
    "messages": "messages:{model}?thinking=1024",
    "ollama": "lines:{model}",
}
"""An address for each wire, of endpoints as a user would configure them."""


def endpoints(fake: Fake) -> dict[str, Endpoint]:
    """Return a fake as a user's endpoints, one for each wire."""
    variable = "DRILL_KEY"
    return {
        "chat": Endpoint("chat", fake.openai_url, variable, "openai-chat"),
        "responses": Endpoint("responses", fake.openai_url, variable, "openai-responses"),
        "messages": Endpoint("messages", fake.anthropic_url, variable, "anthropic"),
        "lines": Endpoint("lines", fake.anthropic_url, variable, "ollama"),
    }


@dataclass(frozen=True, slots=True)
class Blow:
    """A reply that is about to be struck: its wire, its events as they would be sent, and a port that is not ours."""

    chance: Random
    seed: int
    wire: str
    reply: Reply
    events: tuple[str, ...]
    elsewhere: int

    @property
    def end(self) -> int:
        """The number of the event that completes the reply."""
        return next(at for at, event in enumerate(self.events) if completes(content(event)))

    def before_end(self, least: int = 0) -> int:
        """Return the number of an event that does not come after the one that completes the reply."""
        return self.chance.randint(least, self.end)

    def spoken(self, *, wide: bool = False) -> int:
        """Return the number of an event with words, with `wide` of such with characters of several bytes."""
        words = [words_of(content(event)) for event in self.events]
        return self.chance.choice([at for at, said in enumerate(words) if said and not (wide and said.isascii())])


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: how it strikes a reply, what must come of it and what the failed call says.

    "tries again": the attempt fails, unless the reply was complete already, and another one does it; "gives up": no
    other attempt would help, and convening again goes on; "full": the conversation closes; "goes on": no harm is done.
    `spoils` names the wires on which an attempt fails though the fake went on to the reply's end; `most` is how often
    it strikes one turn, `turns` which turns it may strike.
    """

    name: str
    ends: Literal["tries again", "gives up", "full", "goes on"]
    strike: Callable[[Blow], Reply]
    says: str = ""
    spoils: tuple[str, ...] = ()
    most: int = TRIES
    patience: Patience = CALM
    at_once: int = 10
    turns: tuple[int, ...] = (0, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Act:
    """One request: the turn that it was for, what struck its reply, and the request as the fake saw it, if it did."""

    turn: int
    wire: str
    kind: Kind | None
    request: Request | None

    @property
    def done(self) -> bool:
        """Whether it must have become a turn."""
        if self.request is None:
            return False
        if self.kind is None or self.kind.ends == "goes on":
            return True
        return self.kind.ends == "tries again" and self.wire not in self.kind.spoils and is_complete(self.request.sent)


class Talk:
    """A talk of two voices, to some of whose turns faults will happen; one seed always makes the same."""

    def __init__(self, kinds: Sequence[Kind], name: str, seed: int, elsewhere: int) -> None:
        self.identity = f"{name}-{seed}"
        self.seed = seed
        self.chance = Random(self.identity)
        self.elsewhere = elsewhere
        self.acts: list[Act] = []
        self.strikes: defaultdict[int, list[Kind]] = defaultdict(list)
        self.waits: list[float] = []
        self.events: list[Event] = []
        self.errors: list[str] = []
        self.patience = replace(kinds[0].patience, tries=TRIES, sleep=self._note, jitter=lambda: 0.0)
        names = list(ADDRESSES)
        self.wires = (names[seed % len(names)], self.chance.choice(names))
        for turn in self.chance.sample(kinds[0].turns, self.chance.choice((1, 1, 1, min(2, len(kinds[0].turns))))):
            most = kinds[0].most if kinds[0].ends == "tries again" else 1
            count = min(most, self.chance.choice((1, 1, 1, 2, TRIES)))
            self.strikes[turn] = [self.chance.choice(kinds) for _ in range(count)]
        if kinds[0].ends == "full":
            self.strikes = defaultdict(list, dict([self.strikes.popitem()]))

    async def _note(self, seconds: float) -> None:
        self.waits.append(seconds)

    @property
    def turn(self) -> int:
        """The number of the turn that is being spoken."""
        return sum(act.done for act in self.acts)

    def heading(self, table: dict[str, Endpoint]) -> Heading:
        """Return the talk's heading."""
        people: list[Participant] = []
        for name, wire in zip(("Ada", "Bo"), self.wires, strict=True):
            spec = parse(ADDRESSES[wire].format(model=self.identity))
            people.append(Participant(name, spec.voice, f"You are {name}.", freeze(settle(spec, table).settings)))
        return Heading(tuple(people), arguments=freeze({"turns": TURNS, "prompt": "Begin.", "to": "all"}))

    def answer(self, request: Request, fake: Fake) -> Reply:
        """Answer a request, as the fake does: well, or struck by the next fault of this turn."""
        turn = self.turn
        wire = self.wires[turn % 2]
        mark = f"{turn}.{len(self.acts)}"
        words = (*(f"{word}{mark} " for word in ("naïve", "💡-", "日本語", "so")), f"end{mark}")
        thoughts = () if wire == "script" or self.chance.random() < 0.5 else (f"hm{mark} ", f"ah{mark}")
        reply = Reply(words, thoughts)
        kind = self.strikes[turn].pop(0) if self.strikes[turn] else None
        if kind:
            served = next(one for path, one in WIRES.items() if request.path.endswith(path))
            events = tuple(served.events(request.body, reply, fake))
            reply = kind.strike(Blow(self.chance, self.seed, wire, reply, events, self.elsewhere))
        self.acts.append(Act(turn, wire, kind, request))
        return reply


async def carry(talk: Talk, fake: Fake, store: SqliteStore, pool: Pool) -> None:
    """Convene a talk, and again where a voice gave up, until it is closed."""
    heading = talk.heading(dict(pool.endpoints))
    await store.start(talk.identity, Transcript(heading))
    voices: dict[str, Voice] = {}
    for name, voice in open_voices(heading, pool).items():
        voices[name] = replace(voice, patience=talk.patience)  # pyright: ignore[reportArgumentType] - a dataclass
    refused = [turn for turn, kinds in talk.strikes.items() if any(kind.name == "refused" for kind in kinds)]
    for _ in range(2 + 2 * TURNS):
        try:
            async with aclosing(convene(store, talk.identity, voices)) as events:
                async for event in events:
                    talk.events.append(event)
                    await _refuse(talk, event, refused, fake)
        except VoiceError as error:
            talk.errors.append(str(error))
        if talk.events and isinstance(talk.events[-1], Closed):
            return
    raise AssertionError("it did not close")


async def _refuse(talk: Talk, event: Event, refused: list[int], fake: Fake) -> None:
    """Close the fake's port when a turn comes that is to be refused, and open it when it was refused often enough."""
    if isinstance(event, Spoken) and event.number - 1 in refused:
        await asyncio.to_thread(fake.deafen)
    if isinstance(event, Retry) and talk.strikes[talk.turn] and talk.turn in refused:
        talk.acts.append(Act(talk.turn, "", talk.strikes[talk.turn].pop(), None))
        if not talk.strikes[talk.turn]:
            refused.remove(talk.turn)
            await asyncio.to_thread(fake.hear)


async def check(talk: Talk, store: SqliteStore) -> None:
    """Raise `AssertionError` where the record is not what it must be."""
    stored, calls = await store.read(talk.identity), await store.calls(talk.identity)
    closing = stored.listing.closed or ""
    is_full = any(act.kind and act.kind.ends == "full" for act in talk.acts)
    done = [act for act in talk.acts if act.done]
    assert stored.broken == ()
    assert any(act.kind for act in talk.acts), "no fault was delivered"
    assert ("can read no more" in closing) if is_full else closing == f"all {TURNS} turns are spoken", closing
    assert is_full or len(done) == TURNS, "a finished reply was asked for again"
    told = [(call.seq - 1, call.outcome) for call in calls]
    assert told == [(act.turn, "done" if act.done else "failed") for act in talk.acts], [call.error for call in calls]
    assert len({(call.seq, call.request) for call in calls}) == len({call.seq for call in calls}), "asked in two ways"
    heard = [Heard(act) for act in talk.acts]
    for one, call in zip(heard, calls, strict=True):
        _check_call(one, call)
    turns = stored.transcript.turns[1:]
    sound_ones = [one for one in heard if one.act.done]
    texts, sent = [turn.text for turn in turns], [one.words for one in sound_ones]
    assert texts == sent, f"{texts!s:.400} is on record, {sent!s:.400} was sent"
    for turn, one in zip(turns, sound_ones, strict=True):
        thought = "".join(part.text for part in turn.parts if isinstance(part, Thought))
        assert thought.replace("\n\n", "") == one.thoughts
    assert [event.turn.text for event in talk.events if isinstance(event, Spoken)][1:] == [turn.text for turn in turns]
    assert shown(talk.events) == [turn.text for turn in turns]
    failed = [call.error for call in calls if call.outcome == "failed"]
    assert [event.error for event in talk.events if isinstance(event, Retry)] == failed
    assert len(talk.waits) + len(talk.errors) + is_full == len(failed)
    assert all("\n" not in error and KEY not in error for error in talk.errors)


def _check_call(heard: Heard, call: Call) -> None:
    act = heard.act
    assert call.total_ms is not None
    counts = (call.input, call.cached, call.cache_write, call.output, call.reasoning)
    assert all(count is None or (type(count) is int and 0 <= count < MOST_TOKENS) for count in counts), counts
    if act.done:
        assert (call.error, call.partial) == ("", "")
        return
    assert act.kind
    assert re.search(act.kind.says, call.error), f"{call.error!r} does not say {act.kind.says!r}"
    assert "\n" not in call.error
    assert KEY not in call.error
    assert heard.words.startswith(call.partial.strip()), call.partial


def shown(events: Iterable[Event]) -> list[str]:
    """Return the words of each turn as somebody who looks on has seen them in the end."""
    turns: list[str] = []
    words = ""
    for event in events:
        match event:
            case Said(_, Words(text)):
                words += text
            case Retry():
                words = ""
            case Spoken() if event.number > 1:
                turns.append(sound(words))
                words = ""
            case _:
                pass
    return turns


# What the fake has sent, read by rules of its own.


def content(event: str) -> Any:
    """Return an event's JSON, None where it is none."""
    line = next((line for line in event.split("\n") if line.startswith(("data: ", "{"))), "")
    try:
        return json.loads(line.removeprefix("data: "))
    except (ValueError, RecursionError):
        return None


def completes(told: Any) -> bool:
    """Whether this JSON of an event completes a reply."""
    match told:
        case {"type": "message_stop" | "response.completed"} | {"done": True} | {"choices": [{"finish_reason": str()}]}:
            return True
        case _:
            return False


def is_complete(events: Iterable[str]) -> bool:
    """Whether a reply came to its end, and all that was said until then in an order that can be right."""
    numbers = {-1}
    sealed = -1
    for event in events:
        told = content(event)
        match told:
            case {"sequence_number": int(number)} if number < max(numbers) and number not in numbers:
                return False
            case {"sequence_number": int(number)}:
                numbers.add(number)
            case {"index": int(index), "delta": {"type": "signature_delta"}}:
                sealed = index
            case {"index": int(index), "delta": {"type": "thinking_delta"}} if index == sealed:
                return False
            case _:
                pass
        if completes(told):
            return True
    return False


def words_of(told: Any) -> str:
    """Return what this JSON of an event says aloud."""
    match told:
        case (
            {"type": "content_block_delta", "delta": {"text": str(text)}}
            | {"type": "response.output_text.delta", "delta": str(text)}
            | {"choices": [{"delta": {"content": str(text)}}]}
            | {"choices": [{"text": str(text)}]}
            | {"message": {"content": str(text)}}
        ):
            return text
        case _:
            return ""


def _thought_of(told: Any) -> str:
    match told:
        case (
            {"type": "content_block_delta", "delta": {"thinking": str(text)}}
            | {"type": "response.reasoning_summary_text.delta", "delta": str(text)}
            | {"choices": [{"delta": {"reasoning": str(text)}}]}
            | {"choices": [{"delta": {"reasoning_content": str(text)}}]}
            | {"message": {"thinking": str(text)}}
        ):
            return text
        case _:
            return ""


class Heard:
    """What somebody who reads well must have heard of an answer, as far as it came."""

    def __init__(self, act: Act) -> None:
        self.act = act
        once: dict[Any, Any] = {}
        for at, event in enumerate(act.request.sent if act.request else ()):
            match content(event):
                case {"sequence_number": int(number)} as told:  # what came already can be known by its number
                    once.setdefault(number, told)
                case told:
                    once[None, at] = told
        said = sound("".join(map(words_of, once.values())))
        self.words = said.strip() if act.wire == "script" else said  # a line of a script has no edges
        self.thoughts = sound("".join(map(_thought_of, once.values())))
