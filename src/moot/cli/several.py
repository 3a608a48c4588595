"""Several conversations of one command, carried on side by side: each one's id derives from its heading.

It must never begin one anew that is on record already: to run a command again is to go on with what is unfinished.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from moot.cli import LIMIT, caps, record
from moot.cli.live import carry, ready
from moot.cli.terminal import console, program, safe
from moot.cli.waiting import way_in
from moot.convene import Closed, Pause, convene
from moot.store import NotFound, identity_of
from moot.transcript import Transcript
from moot.voices import VoiceError
from moot.voices.spec import open_voices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.spending import Limits
    from moot.store import Store, Stored
    from moot.transcript import Heading, Participant
    from moot.voices import Pool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The conversations as they are now, in the order of their headings, and what keeps any of them from its end."""

    stored: tuple[Stored, ...]
    troubles: tuple[str, ...] = ()
    limit: bool = False

    def leave(self) -> None:
        """End the command with the code of what stopped it, if anything did."""
        again = "run the same command again to go on with what is unfinished"
        for one in self.stored:
            if way := way_in(one):
                console(err=True).print(safe(f"[waiting: {program()} {way}; then {again}]"), style="dim")
        if self.troubles:
            raise VoiceError(f"{self.troubles[0]}; all finished turns are kept: {again}")
        if self.limit:
            console(err=True).print(f"[a limit was reached; {again}]", style="dim")
            raise click.exceptions.Exit(LIMIT)


async def carry_all(store: Store, headings: Sequence[Heading], most: int) -> Outcome:
    """Carry these conversations on to their ends, at most so many at a time, beginning those that are not on record."""
    identities = [identity_of(Transcript(heading)) for heading in headings]
    for identity, heading in zip(identities, headings, strict=True):
        try:
            closed = (await store.read(identity)).listing.closed is not None
        except NotFound:
            closed = False
            await ready(heading)
            await store.start(identity, Transcript(heading))
        else:
            if not closed:
                await ready(heading)
    return await carry_begun(store, identities, most)


async def carry_begun(store: Store, identities: Sequence[str], most: int) -> Outcome:
    """Carry these conversations, which are on record, on to their ends."""
    unfinished = [one for one in identities if (await store.read(one)).listing.closed is None]
    ended = await _carry(store, unfinished, most)
    troubles = tuple(str(one) for one in ended if isinstance(one, VoiceError))
    limit = any(isinstance(one, Pause) and one.limit for one in ended)
    return Outcome(tuple([await store.read(identity) for identity in identities]), troubles, limit)


async def _carry(store: Store, identities: Sequence[str], most: int) -> list[Pause | Closed | VoiceError]:
    typed = {one for one in identities if any(who.voice == "person" for who in await _people(store, one))}
    ended: list[Pause | Closed | VoiceError] = []
    for number, identity in enumerate(identities, 1):
        if identity in typed:  # somebody at this terminal can do one thing at a time, and has to see it
            ended.append(await carry(store, identity, limits=await _limits(store, identity)))
            _note(number, len(identities), identity, ended[-1])
    room = asyncio.Semaphore(most)
    async with record.pool() as pool:

        async def one(number: int, identity: str) -> None:
            async with room:
                ending = await _one(store, identity, pool)
            ended.append(ending)
            _note(number, len(identities), identity, ending)

        async with asyncio.TaskGroup() as group:
            for number, identity in enumerate(identities, 1):
                if identity not in typed:
                    group.create_task(one(number, identity))
    return ended


async def _one(store: Store, identity: str, pool: Pool) -> Pause | Closed | VoiceError:
    stored = await store.read(identity)
    voices = open_voices(stored.transcript.heading, pool, stored.chosen)
    limits = caps.limits(stored.transcript.heading)
    ending: Pause | Closed = Closed("")
    try:
        async for event in convene(store, identity, voices, limits=limits, find=record.forms_of(stored)):
            if isinstance(event, Pause | Closed):
                ending = event
    except VoiceError as error:  # the others go on; it is told when they are done
        return error
    return ending


async def _people(store: Store, identity: str) -> tuple[Participant, ...]:
    return (await store.read(identity)).transcript.heading.participants


async def _limits(store: Store, identity: str) -> Limits:
    return caps.limits((await store.read(identity)).transcript.heading)


def _note(number: int, count: int, identity: str, ending: Pause | Closed | VoiceError) -> None:
    why = str(ending) if isinstance(ending, VoiceError) else ending.reason
    console(err=True).print(safe(f"[{number} of {count}, {identity[:8]}: {why}]"), style="dim")
