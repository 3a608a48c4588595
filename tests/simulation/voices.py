"""Voices whose words only what they hear decides, and providers that fail them in every way there is.

The words are made here; how they are asked for, watched, tried again and read is moot's own.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from moot.transcript import canonical, link
from moot.voices import Done, Paused, Thinking, Usage, Words
from moot.voices.attempts import GoOn, Patience, Trouble, attempts, judge
from moot.voices.ballots import answers, asked, chat_hold
from moot.voices.limits import Line as Passages
from moot.voices.options import labels

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from moot.transcript import Participant, Question, Stop
    from moot.view import Message
    from moot.voices import Delta
    from moot.voices.attempts import Sign
    from moot.voices.ballots import Asked
    from moot.voices.limits import Limiter
    from simulation.clock import Clock
    from simulation.laws import Laws
    from simulation.record import Line

PATIENCE = Patience(tries=3, connect=15.0, first=60.0, idle=20.0, tail=2.0, total=300.0, pause=1.0, asked=120.0)

MOST_WORDS = 8
"""Tokens that an answer has at most."""

SAID = (
    "I see.",
    "Rivers flow.",
    "Why so?",
    "No,",
    "and yet",
    "we must",
    "not, ever",
    "Goodbye!",
    "Ada:",
    "\nBo: hm",
    "",
)
STOPS: tuple[Stop, ...] = ("end", "end", "end", "end", "end", "end", "length", "refusal", "filtered")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says to a request: signs that are words or thoughts, and why it stops."""

    signs: tuple[Words | Thinking, ...]
    stop: Stop


def answer_to(request: Mapping[str, Any], ask: Question | None) -> Answer:
    """Return what a model says to a request, now and always."""
    chance = Random(link("", dict(request)))
    thoughts = (Thinking("Hm. "), Thinking("So.")) if chance.random() < 0.3 else ()
    if ask is None:
        said = [chance.choice(SAID) for _ in range(chance.choice((0, 1, 2, 2, 3, 4)))]
        return Answer((*thoughts, *(Words(f"{one} ") for one in said)), chance.choice(STOPS))
    pick = chance.choice(labels(ask))
    match chance.randrange(6):
        case 0:
            words: tuple[str, ...] = ("I would", " rather not.")
        case 1:
            words = ()
        case 2:
            words = ('{"answer"', f': "{pick}"', "}")
        case _:
            words = ("" + pick,)
    return Answer((*thoughts, *map(Words, words)), "end" if chance.random() < 0.9 else "refusal")


@dataclass(frozen=True, slots=True)
class Sky:
    """How likely each kind of fault of a provider is; what is left is that all goes well."""

    fault: float = 0.0
    kinds: tuple[str, ...] = ()
    slow: float = 0.0


FAULTS = (
    "429",
    "429 date",
    "429 long",
    "500",
    "unreachable",
    "break",
    "end",
    "stall",
    "stall first",
    "slow",
    "pause",
    "break after done",
    "stall after done",
    "uncounted",
    "denied",
    "raise",
)


class Provider:
    """A provider as one worker reaches it."""

    def __init__(self, line: Line, laws: Laws, clock: Clock, chance: Random, sky: Sky, limiter: Limiter) -> None:
        self._line = line
        self._laws = laws
        self._clock = clock
        self._chance = chance
        self._sky = sky
        self._way: Passages[Provider] = Passages(self, limiter)

    async def connect(self) -> Passages[Provider]:
        """Return what requests are sent through, after as long as that takes."""
        await self._moment()
        return self._way

    async def send(self, actor: Actor, put: Asked, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        """Answer one request, or fail to."""
        self._laws.sent(self._line, actor.identity, actor.participant.name, request, put.shared)
        likely = max(self._sky.fault, 0.5 * ("after" in request["body"]))
        kinds = FAULTS if "after" in request["body"] else self._sky.kinds
        kind = self._chance.choice(kinds) if self._chance.random() < likely else ""
        self._laws.step(f"{self._line.name} meets {kind or 'no fault'}")
        await self._moment()
        if trouble := self._refused(kind, request, actor):
            if kind == "stall first":
                await asyncio.sleep(1e6)
            yield trouble
            return
        body = request["body"]
        plain = {**request, "body": {name: one for name, one in body.items() if name != "after"}}
        answer = answer_to(plain, put.question)
        signs = answer.signs[body.get("after", 0) :]
        at = self._chance.randint(0, len(signs)) if kind in ("break", "end", "stall", "pause", "raise") else None
        said = signs[:at]
        used = Usage(len(canonical(body)) // 4, output=len(said))
        async with aclosing(self._written(said, used, kind, actor.identity)) as written:
            async for sign in written:
                yield sign
        if at is None:
            yield Done(answer.stop, Usage() if kind == "uncounted" else used, model="sim-1", request_id="r")
            if kind == "stall after done":
                await asyncio.sleep(1e6)
            if kind == "break after done":
                yield Trouble("the connection was reset, but all was said")
            return
        for sign in await self._cut(kind, at, request, used):
            yield sign

    async def _written(
        self, signs: Sequence[Words | Thinking], used: Usage, kind: str, identity: str
    ) -> AsyncGenerator[Sign]:
        """Write an answer; what was read for it is billed with the first word, or at an end without any."""
        read = used.input or 0
        for number, sign in enumerate(signs):
            await asyncio.sleep(15.0 if kind == "slow" else self._chance.choice((0.0, 0.002)))
            self._laws.bill(identity, 1 if number else 1 + read)
            self._laws.step(f"{self._line.name} hears {sign!r}")
            yield sign
        if not signs and kind not in ("break", "end", "stall", "raise"):
            self._laws.bill(identity, read)

    async def _cut(self, kind: str, at: int, request: Mapping[str, Any], used: Usage) -> Iterator[Sign]:
        match kind:
            case "break":
                return iter((Trouble("the connection was reset"),))
            case "stall":
                await asyncio.sleep(1e6)
            case "pause":
                so_far = request["body"].get("after", 0) + at
                more = {**request, "body": {**request["body"], "after": so_far}}
                return iter((GoOn(more, Paused(used, "sim-1", "r")),))
            case "raise":
                raise RuntimeError("out of the blue")
            case _:
                pass
        return iter(())

    def _refused(self, kind: str, request: Mapping[str, Any], actor: Actor) -> Trouble | None:
        """Return how a request fails before anything is said."""
        if len(request["body"]["messages"]) > actor.context:
            return Trouble("the prompt is too long", retry=False, full=True)
        match kind:
            case "429":
                return judge(429, "", "slow down", {"retry-after": str(self._chance.choice((0, 2, 30)))})
            case "429 date" | "429 long":
                after = "500" if kind == "429 long" else "Tue, 18 Nov 2026 00:00:00 GMT"
                return judge(429, "", "slow down", {"retry-after": after})
            case "500" | "denied":
                return judge(500 if kind == "500" else 403, "", "we are down", {})
            case "unreachable" | "stall first":
                return Trouble("the connection failed")
            case _:
                return None

    async def _moment(self) -> None:
        if self._chance.random() < self._sky.slow:
            await asyncio.sleep(self._chance.choice((1.0, 10.0)))
        else:
            await asyncio.sleep(self._chance.choice((0.0, 0.0, 0.001, 0.01)))


@dataclass(frozen=True, slots=True)
class Actor:
    """A voice of a model: it reads and speaks as those of real wires do."""

    identity: str
    participant: Participant
    provider: Provider | None = None
    patience: Patience = PATIENCE
    context: int = 14

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return the exact request for this view."""
        return self._request(brief, asked(messages, ask))

    def _request(self, brief: str, put: Asked) -> dict[str, Any]:
        shown = [[one.role, one.words, *(thought.text for thought in one.thoughts)] for one in put.messages]
        body: dict[str, Any] = {"model": self.participant.voice, "brief": brief, "messages": shown, "max_tokens": 40}
        if put.held:
            body |= chat_hold(put.held, dict(self.participant.settings).get("ballots"), odds=False)
            body["draw"] = put.draw
        return {"path": "/chat", "body": body}

    def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        """Stream one turn, or the answer to what is asked."""
        provider = self.provider
        assert provider is not None

        def stream(put: Asked) -> AsyncGenerator[Delta]:
            request = self._request(brief, put)

            def send(client: Provider, part: Mapping[str, Any]) -> AsyncGenerator[Sign]:
                return client.send(self, put, part)

            return attempts(self.participant.voice, request, provider.connect, send, self.patience)

        return answers(stream, messages, ask, self.participant.name) if ask else stream(asked(messages, None))
