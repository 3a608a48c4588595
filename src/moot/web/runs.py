"""Conversations that are carried on in this process, on behalf of whoever sits at the browser.

It must never carry one on twice at once, read this server's terminal in a person's name, nor go past a cap.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from moot.convene import Closed, Pause, Spoken, convene
from moot.own_forms import forms_of
from moot.scenario import caps_of
from moot.spending import Limits
from moot.store import Conflict, StoreError
from moot.transcript import Invalid
from moot.voices import VoiceError
from moot.voices.person import Person
from moot.voices.spec import check, open_voices, prepare

if TYPE_CHECKING:
    from moot.config import Config
    from moot.convene import Event
    from moot.store import Store, Stored
    from moot.transcript import Heading
    from moot.voices import Pool
    from moot.web.hub import Hub

OPEN_ENDED = 12
"""Turns that a talk without a limit of its own goes on for at a time."""

MEGABYTE = 1e6


def limits_for(heading: Heading, config: Config) -> Limits:
    """Return the smaller of the caps that are configured and those that the heading keeps of a scenario."""
    usual = config.limits
    return Limits(usual.conversation.and_at_most(caps_of(heading)), usual.run, usual.price)


@dataclass(eq=False, slots=True)
class Run:
    """One conversation that is carried on; `resting` is whether it ends with the turn that is being spoken."""

    task: asyncio.Task[None]
    resting: bool = False


@dataclass(eq=False, slots=True)
class Runs:
    """What is carried on right now, by conversation."""

    store: Store
    config: Config
    pool: Pool
    hub: Hub
    _on: dict[str, Run] = field(default_factory=dict[str, Run])

    def is_on(self, identity: str) -> bool:
        """Whether a conversation is being carried on here."""
        return identity in self._on

    async def go_on(self, identity: str, more: int | None = None) -> None:
        """Carry a conversation on in the background, for `more` spoken turns or as far as its form goes.

        `VoiceError`, `Invalid` or `Conflict` where that cannot even begin.
        """
        stored = await self.store.read(identity)
        heading = stored.transcript.heading
        if more is None and heading.form == "talk" and dict(heading.arguments).get("turns") is None:
            more = OPEN_ENDED
        self._check(stored)
        if identity in self._on:
            raise Conflict("this conversation is being carried on already")
        self._on[identity] = Run(asyncio.create_task(self._carry(stored, more)))
        self.hub.begin(stored)
        await self.hub.catch_up(identity)

    def rest_soon(self, identity: str) -> None:
        """Let the turn that is being spoken be the last for now."""
        if run := self._on.get(identity):
            run.resting = True
            self.hub.say(identity, "resting after this turn")

    async def rest(self, identity: str) -> bool:
        """Let the turn that is being spoken be the last for now, and wait for it; whether one was."""
        run = self._on.get(identity)
        if run is None:
            return False
        run.resting = True
        await asyncio.wait([run.task])
        return True

    def stop(self, identity: str) -> None:
        """Break off at once: the turn that is being spoken is not on record, its words are kept beside it."""
        if run := self._on.get(identity):
            run.task.cancel()

    async def shut(self) -> None:
        """Break off everything and wait until its words are kept."""
        tasks = [run.task for run in self._on.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _check(self, stored: Stored) -> None:
        """See that every voice can speak; a voice that came with a file may not choose where words and keys go."""
        for participant in stored.transcript.heading.participants:
            settings = dict(participant.settings)
            brought = settings.get("base_url") or settings.get("key_env")
            if brought and participant.name in stored.listing.foreigners:
                raise VoiceError(
                    f"{participant.name}'s voice came with an imported file, which may not choose {brought}; "
                    "fork the conversation with a voice that you choose"
                )
            if not participant.voice.startswith("person"):
                check(participant, self.pool)

    async def _carry(self, stored: Stored, more: int | None) -> None:
        identity, heading, note = stored.listing.id, stored.transcript.heading, ""
        try:
            await prepare(heading.participants, partial(self._tell_step, identity))
            note = await self._spoken(stored, more)
        except asyncio.CancelledError:
            note = "broken off"
        except (VoiceError, StoreError, Invalid) as error:
            note = str(error)
        finally:
            del self._on[identity]
        await self.hub.ended(identity, note)

    async def _spoken(self, stored: Stored, more: int | None) -> str:
        """Carry a conversation on, telling the hub, and return why it rests."""
        identity, heading = stored.listing.id, stored.transcript.heading
        away = {one.name: Person(one.name, away=True) for one in heading.participants if one.voice.startswith("person")}
        voices = open_voices(heading, self.pool, stored.chosen) | away
        limits = limits_for(heading, self.config)
        told = convene(self.store, identity, voices, more=more, limits=limits, find=forms_of(stored))
        async with aclosing(told) as events:
            async for event in events:
                await self.hub.tell(identity, event)
                if why := self._ending(identity, event):
                    return why
        return ""

    def _ending(self, identity: str, event: Event) -> str:
        match event:
            case Pause(reason) | Closed(reason):
                return reason
            case Spoken() if self._on[identity].resting:
                return "paused"
            case _:
                return ""

    def _tell_step(self, identity: str, what: str, done: int, total: int) -> None:
        size = f" ({done / MEGABYTE:.0f} of {total / MEGABYTE:.0f} MB)" if total else ""
        self.hub.say(identity, f"{what}{size}")
