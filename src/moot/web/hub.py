"""What happens in conversations, told to every tab that follows one: rendered once, sent to all.

It must never wait for a slow tab, show a turn before the record has it, or tell a guest more than they hear. A frame's
id is the number of the last turn that it tells of, so that whoever comes back says what they have already.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from moot.convene import Closed, Pause, Retry, Said, Spoken
from moot.forms import Wait
from moot.stepping import pending
from moot.store import StoreError
from moot.voices import Words
from moot.voices.person import shown as asked_as
from moot.web.turns import colour_of, facts_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from moot.convene import Event
    from moot.store import Listing, Store, Stored
    from moot.transcript import Heading
    from moot.web.turns import Facts

    Article = Callable[[Facts, int, str], str]
    """Renders turn N as a participant may see it; empty where they may not."""

MOST_WAITING = 256
"""Frames that a tab may be behind; one that is further behind is cut off, comes back and catches up from the record."""

GATHER = 0.05
LOOK = 0.5
LOOK_AT_ALL = 2.0
BEAT = 15.0
"""Seconds: in which words are gathered into one frame, between looks at a conversation and at the list, and between
signs of life."""

HELLO = b"retry: 500\n\n"


def frame(kind: str, told: str, number: int | None = None) -> bytes:
    """Return one server-sent event."""
    lines = [] if number is None else [f"id: {number}"]
    lines += [f"event: {kind}", *(f"data: {line}" for line in told.replace("\r", "\n").split("\n"))]
    return "".join(f"{line}\n" for line in (*lines, "")).encode("utf-8", "replace")


def _json(**told: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(told)


@dataclass(eq=False, slots=True)
class Viewer:
    """One tab's stream: what waits to be sent to it."""

    waiting: deque[tuple[int, bytes]] = field(default_factory=deque[tuple[int, bytes]])
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False

    def give(self, number: int, told: bytes) -> None:
        """Add a frame, which belongs to turn `number` (0: to none); a tab that is too far behind is cut off."""
        if len(self.waiting) >= MOST_WAITING:
            self.waiting.clear()
            self.over = True
        if not self.over:
            self.waiting.append((number, told))
        self.ready.set()

    def taken(self) -> list[tuple[int, bytes]]:
        """Return all that waits, which waits no longer."""
        self.ready.clear()
        told = list(self.waiting)
        self.waiting.clear()
        return told


@dataclass(eq=False, slots=True)
class Draft:
    """A turn that is being spoken in this process; `sent` counts the characters that tabs have been told."""

    name: str
    number: int
    heard_by: tuple[str, ...] | None
    text: str = ""
    sent: int = 0
    thinking: bool = False

    def is_heard(self, name: str) -> bool:
        """Whether this turn is shown to the participant `name`; the owner's name is empty."""
        return not name or self.heard_by is None or name in (self.name, *self.heard_by)


@dataclass(eq=False, slots=True)
class Channel:
    """All tabs that follow one conversation as one participant sees it; they have been told `count` turns."""

    name: str
    count: int | None = None
    viewers: set[Viewer] = field(default_factory=set[Viewer])

    def tell(self, told: bytes, number: int = 0) -> None:
        """Send a frame to all."""
        for viewer in self.viewers:
            viewer.give(number, told)


@dataclass(eq=False, slots=True)
class Stage:
    """What is known here of one conversation that somebody follows or that is carried on here."""

    heading: Heading | None = None
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    draft: Draft | None = None
    live: bool = False
    note: str = ""
    turns: int = 0
    seen: tuple[int, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a conversation stands: live, waiting, open or closed, and why in words.

    `whose` is who speaks next, and `ask` the question that a person who is waited for is asked, where there is one.
    """

    state: str
    words: str
    whose: str = ""
    ask: str = ""


def at_rest(stored: Stored) -> Standing:
    """Say how a conversation stands that nobody carries on: the form decides, the record's memo speaks for voices."""
    if stored.listing.closed is not None:
        return Standing("closed", stored.listing.closed or "closed")
    move = pending(stored)
    if isinstance(move, Wait) or (move and stored.transcript.heading.participant(move.name).voice == "person"):
        ask = asked_as(move.ask) if move.ask else ""
        return Standing("waiting", f"waiting for {move.name}", move.name, ask)
    return Standing("open", "", move.name if move else "")


def as_told(how: Standing, name: str) -> Standing:
    """Return how a conversation stands as a participant may know it; the owner, whose name is empty, knows all.

    Why it rests or has closed may name a voice, a server or what others were asked.
    """
    if not name:
        return how
    if how.state != "waiting":
        return Standing(how.state, "it is over" if how.state == "closed" else "")
    mine = how.whose == name
    return Standing(
        how.state, "it is your turn" if mine else "others are to speak", name if mine else "", how.ask if mine else ""
    )


class Hub:
    """Where events come together and go out; `end` ends all streams."""

    def __init__(self, store: Store, article: Article) -> None:
        self._store = store
        self._article = article
        self._stages: dict[str, Stage] = {}
        self._lists: set[Viewer] = set()
        self._rows: dict[str, tuple[int, str]] = {}
        self._standings: dict[str, tuple[str, str | None, Standing]] = {}
        self._flushes: dict[str, asyncio.TimerHandle] = {}
        self._watch: asyncio.Task[None] | None = None
        self._over = False

    def is_live(self, identity: str) -> bool:
        """Whether a conversation is being carried on in this process."""
        stage = self._stages.get(identity)
        return bool(stage and stage.live)

    async def standing(self, stored: Stored) -> Standing:
        """Say how a conversation stands; a form may have to think about long words, so it is asked once, and aside."""
        identity, closed = stored.listing.id, stored.listing.closed
        stage = self._stages.get(identity) or Stage()
        if stage.live and closed is None:
            return Standing("live", stage.note)
        known = self._standings.get(identity)
        if known is None or known[:2] != (stored.digest, closed):
            known = (stored.digest, closed, await asyncio.to_thread(at_rest, stored))
            self._standings[identity] = known
        return known[2] if known[2].words else replace(known[2], words=stage.note)

    def begin(self, stored: Stored) -> None:
        """Note that a conversation is carried on here from now on."""
        stage = self._stage(stored.listing.id)
        stage.heading, stage.turns = stored.transcript.heading, len(stored.transcript.turns)
        stage.live, stage.note = True, ""
        self._tell_row(stored.listing.id, stage)

    def say(self, identity: str, note: str) -> None:
        """Tell the owner what a conversation is busy with, in words; guests are not told of voices and servers."""
        stage = self._stage(identity)
        stage.note = note
        if owners := stage.channels.get(""):
            owners.tell(frame("note", _json(words=note)))

    async def ended(self, identity: str, note: str) -> None:
        """Note that a conversation is no longer carried on here, and why."""
        stage = self._stage(identity)
        stage.live, stage.note = False, note
        self._drop_draft(identity, stage)
        await self.catch_up(identity)

    async def tell(self, identity: str, event: Event) -> None:
        """Tell all who follow a conversation what has happened in it."""
        stage = self._stage(identity)
        match event:
            case Said(name, delta, heard_by):
                draft = stage.draft or self._open(stage, Draft(name, stage.turns + 1, heard_by))
                if isinstance(delta, Words):
                    draft.text += delta.text
                    self._flush_soon(identity)
                elif not draft.thinking:
                    draft.thinking = True
                    self._tell_draft(stage)
            case Retry(name, error, wait):
                self._drop_draft(identity, stage)
                again = "" if wait is None else f"; again in {wait:.0f} s"
                self.say(identity, f"{name}: {error}{again}")
            case Spoken(number):
                self._flush(identity)
                stage.draft, stage.note, stage.turns = None, "", number
                await self.catch_up(identity)
            case Pause(reason) | Closed(reason):  # exhaustive
                stage.note = reason

    async def catch_up(self, identity: str) -> None:
        """Tell those who follow a conversation what the record has that they were not told, and how it stands."""
        stage = self._stage(identity)
        if not stage.channels:
            self._see(identity, stage, await self._store.look(identity))
            return
        facts = await facts_of(self._store, identity)
        self._see(identity, stage, facts.stored.listing)
        turns = len(facts.stored.transcript.turns)
        for channel in stage.channels.values():
            if channel.count is None:  # its first tab is reading the record itself right now
                continue
            for number in range(channel.count + 1, turns + 1):
                if article := self._article(facts, number, channel.name):
                    channel.tell(frame("turn", article, number), number)
            channel.count = max(channel.count, turns)
        how = await self.standing(facts.stored)
        for channel in stage.channels.values():
            channel.tell(_state(as_told(how, channel.name)))

    async def follow(self, identity: str, name: str, after: int) -> AsyncGenerator[bytes]:
        """Yield frames for one tab that has been told the first `after` turns: what is missing, then what comes."""
        stage = self._stage(identity)
        channel = stage.channels.setdefault(name, Channel(name))
        viewer = Viewer()
        channel.viewers.add(viewer)
        self._watch = self._watch or asyncio.create_task(self._look())
        try:
            yield HELLO
            facts = await facts_of(self._store, identity)
            how = _state(as_told(await self.standing(facts.stored), name))
            sent = len(facts.stored.transcript.turns)
            stage.heading = facts.stored.transcript.heading
            channel.count = sent if channel.count is None else channel.count
            missing = [(n, self._article(facts, n, name)) for n in range(after + 1, sent + 1)]
            told = [frame("void", "{}"), *(frame("turn", article, number) for number, article in missing if article)]
            for number, more in viewer.taken():
                if number > sent:
                    told.append(more)
                    sent = number
            told += [how, *_draft_frames(stage, name)]
            yield b"".join(told)
            async for more in self._rest(viewer, sent):
                yield more
        finally:
            channel.viewers.discard(viewer)
            if not channel.viewers:
                stage.channels.pop(name, None)
            if not stage.channels and not stage.live:
                self._stages.pop(identity, None)

    async def follow_list(self, identities: Iterable[str]) -> AsyncGenerator[bytes]:
        """Yield frames for one tab that shows a list: how these stand now, then every change of any."""
        viewer = Viewer()
        self._lists.add(viewer)
        self._watch = self._watch or asyncio.create_task(self._look())
        try:
            yield HELLO
            wanted = set(identities)
            lines = [line for line in await self._store.list() if line.id in wanted]
            yield b"".join(_row(line, self.state(line)) for line in lines) or b": \n\n"
            async for more in self._rest(viewer, 0):
                yield more
        finally:
            self._lists.discard(viewer)

    def state(self, line: Listing) -> str:
        """Return how a line of the list stands, as far as that shows without reading it: live, open or closed."""
        if self.is_live(line.id):
            return "live"
        return "open" if line.closed is None else "closed"

    async def end(self) -> None:
        """End all streams and stop looking."""
        self._over = True
        everyone = [
            v for stage in self._stages.values() for channel in stage.channels.values() for v in channel.viewers
        ]
        for viewer in (*everyone, *self._lists):
            viewer.over = True
            viewer.ready.set()
        if self._watch:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch

    def _stage(self, identity: str) -> Stage:
        return self._stages.setdefault(identity, Stage())

    async def _rest(self, viewer: Viewer, sent: int) -> AsyncGenerator[bytes]:
        while not self._over:
            with suppress(TimeoutError):
                await asyncio.wait_for(viewer.ready.wait(), BEAT)
            if viewer.over:
                return
            told: list[bytes] = []
            for number, more in viewer.taken():
                if number and number <= sent:
                    continue
                told.append(more)
                sent = max(sent, number)
            yield b"".join(told) or b": \n\n"

    def _open(self, stage: Stage, draft: Draft) -> Draft:
        stage.draft = draft
        self._tell_draft(stage)
        return draft

    def _tell_draft(self, stage: Stage) -> None:
        for channel in stage.channels.values():
            for told in _draft_frames(stage, channel.name):
                channel.tell(told)

    def _drop_draft(self, identity: str, stage: Stage) -> None:
        if timer := self._flushes.pop(identity, None):
            timer.cancel()
        stage.draft = None
        for channel in stage.channels.values():
            channel.tell(frame("void", "{}"))

    def _flush_soon(self, identity: str) -> None:
        if identity not in self._flushes:
            self._flushes[identity] = asyncio.get_running_loop().call_later(GATHER, self._flush, identity)

    def _flush(self, identity: str) -> None:
        if timer := self._flushes.pop(identity, None):
            timer.cancel()
        stage = self._stage(identity)
        draft = stage.draft
        if draft is None or draft.sent == len(draft.text):
            return
        told = frame("words", _json(number=draft.number, text=draft.text[draft.sent :]))
        draft.sent = len(draft.text)
        for channel in stage.channels.values():
            if draft.is_heard(channel.name):
                channel.tell(told)

    def _see(self, identity: str, stage: Stage, line: Listing) -> None:
        """Keep what a look at the record has shown."""
        stage.heading, stage.seen, stage.turns = line.heading, (line.turns, line.closed), max(stage.turns, line.turns)
        self._tell_row(identity, stage)

    def _tell_row(self, identity: str, stage: Stage) -> None:
        """Tell the lists how a conversation stands."""
        state = "live" if stage.live else "closed" if stage.seen and stage.seen[1] is not None else "open"
        told = frame("row", _json(id=identity, state=state, turns=stage.turns))
        for viewer in self._lists:
            viewer.give(0, told)

    async def _look(self) -> None:
        """Look at the record for what other processes put there, for as long as somebody follows anything."""
        beats = 0
        while not self._over:
            await asyncio.sleep(LOOK)
            beats += 1
            for identity, stage in list(self._stages.items()):
                if stage.channels:
                    with suppress(StoreError):  # a look that fails is made again
                        await self._look_at(identity, stage)
            if self._lists and beats % round(LOOK_AT_ALL / LOOK) == 0:
                with suppress(StoreError):
                    await self._look_at_all()

    async def _look_at(self, identity: str, stage: Stage) -> None:
        line = await self._store.look(identity)
        behind = any(channel.count is not None and channel.count < line.turns for channel in stage.channels.values())
        if behind or stage.seen != (line.turns, line.closed):
            await self.catch_up(identity)

    async def _look_at_all(self) -> None:
        before, self._rows = self._rows, {}
        for line in await self._store.list():
            now = (line.turns, self.state(line))
            self._rows[line.id] = now
            if before and before.get(line.id) != now:
                told = _row(line, now[1])
                for viewer in self._lists:
                    viewer.give(0, told)


def _state(how: Standing) -> bytes:
    return frame("state", _json(state=how.state, words=how.words, whose=how.whose, ask=how.ask))


def _row(line: Listing, state: str) -> bytes:
    return frame("row", _json(id=line.id, state=state, turns=line.turns))


def _draft_frames(stage: Stage, name: str) -> list[bytes]:
    """Return the frame that says what is being spoken right now, as far as it was told; none where nothing is."""
    draft = stage.draft
    if draft is None or not draft.is_heard(name):
        return []
    colour = colour_of(draft.name, stage.heading) if stage.heading else ""
    text = draft.text[: draft.sent]
    told = _json(number=draft.number, name=draft.name, colour=colour, text=text, thinking=draft.thinking)
    return [frame("draft", told)]
