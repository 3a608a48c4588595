"""moot in somebody's program: one object that convenes, reads, forks, measures and writes conversations on record.

    async with moot.House("rivers.db") as house:
        talk = await house.begin("local:smollm2", "local:gemma3", topic="Is a river alive?", turns=4)
        async for event in house.convene(talk):
            ...

It must never keep a conversation anywhere but on record: what it returns are ids and frozen values.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from moot.cast import cast, revoiced, seed_for
from moot.config import load
from moot.convene import NO_LIMITS, convene
from moot.formats import AS_HEARD, Record, write
from moot.forms import open_form
from moot.own_forms import find, forms_of, settled
from moot.stepping import new_id, said
from moot.store import is_postgres, open_store
from moot.transcript import Heading, Invalid, Transcript, digest, freeze
from moot.voices import Pool
from moot.voices.spec import check, open_voices, parse, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from types import TracebackType

    from moot.convene import Event
    from moot.formats import Format, Way
    from moot.measures.catalog import Measured
    from moot.spending import Limits
    from moot.store import Listing, Store, Stored
    from moot.transcript import Participant, Value


class House:
    """A record, and the voices and keys that are configured here; to be entered with `async with`.

    `record` is a SQLite file, made where there is none, or a postgresql:// address; left out, it is this user's own, as
    the command line has it. Every method raises `NotFound`, `Invalid`, `StoreError` or `VoiceError` with a line for a
    person; wherever it takes a conversation, the first characters of an id will do, or "last".
    """

    def __init__(self, record: Path | str | None = None) -> None:
        named = record or os.environ.get("MOOT_DB")
        self._place = named if named and is_postgres(named) else Path(named).expanduser() if named else _usual()
        self._config = load(Path.cwd(), os.environ)
        self._opened: Store | None = None
        self._pool = Pool(self._config.endpoints, self._config.key)

    async def __aenter__(self) -> Self:
        """Open the record."""
        self._within = open_store(self._place)
        self._opened = await self._within.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the record and the connections of voices."""
        await self._pool.__aexit__(kind, error, trace)
        await self._within.__aexit__(kind, error, trace)
        self._opened = None

    @property
    def store(self) -> Store:
        """The record itself, for what this object has no method for."""
        if self._opened is None:
            raise Invalid("the record is not open: use `async with moot.House(...) as house:`")
        return self._opened

    async def cast(
        self, *voices: str, names: Sequence[str] = (), briefs: Sequence[str] = (), topic: str = ""
    ) -> tuple[Participant, ...]:
        """Return participants of these voices, as `moot talk` casts them: named apart, each with the brief it needs."""
        return await cast(self.store, self._config.endpoints, [parse(one) for one in voices], names, briefs, topic)

    async def begin(
        self,
        *voices: str,
        topic: str = "",
        turns: int | None = None,
        names: Sequence[str] = (),
        briefs: Sequence[str] = (),
        title: str = "",
        series: str = "",
        seed: int | None = None,
    ) -> str:
        """Put a talk on record and return its id; the topic is the prompt, which only the first speaker is told."""
        people = await self.cast(*voices, names=names, briefs=briefs, topic=topic)
        arguments = freeze({"turns": turns, "prompt": topic, "to": "first"})
        drawn = seed_for([parse(one) for one in voices]) if seed is None else seed
        return await self.start(Heading(people, title, topic, "talk", arguments, drawn, series))

    async def start(self, heading: Heading) -> str:
        """Put a conversation of any form on record and return its id; nobody has spoken yet.

        A form is named as `moot run` names it: one of moot's own, or `path/to/file.py:function`.
        """
        heading = replace(heading, form=settled(heading.form, Path.cwd()))
        open_form(heading, find)
        identity = new_id()
        await self.store.start(identity, Transcript(heading))
        return identity

    async def convene(
        self, conversation: str, *, more: int | None = None, limits: Limits = NO_LIMITS
    ) -> AsyncGenerator[Event, None]:
        """Carry a conversation on, for `more` spoken turns or to its end, and yield what happens as it happens.

        A turn that is yielded as `Spoken` is on record. A person's turn is waited for: `say` puts it there.
        """
        stored = await self.read(conversation)
        heading = stored.transcript.heading
        for participant in heading.participants:
            check(participant, self._pool)
        await prepare(heading.participants, _silently)
        voices = open_voices(heading, self._pool, stored.chosen)
        told = convene(self.store, stored.listing.id, voices, more=more, limits=limits, find=forms_of(stored))
        async for event in told:
            yield event

    async def carry(self, conversation: str, *, more: int | None = None, limits: Limits = NO_LIMITS) -> Transcript:
        """Carry a conversation on as `convene` does, and return the transcript that it came to."""
        async for _ in self.convene(conversation, more=more, limits=limits):
            pass
        return (await self.read(conversation)).transcript

    async def say(self, conversation: str, speaker: str, words: str, to: Sequence[str] = ()) -> int:
        """Put a person's words on record as a turn of `speaker` (or of "chair"), heard by all or by those named.

        Returns the turn's number, counted from 1. `Conflict` where somebody else was faster.
        """
        stored = await self.read(conversation)
        turn = said(stored, speaker, words, tuple(to))
        whole = stored.transcript.then(turn)
        await self.store.append(stored.listing.id, len(stored.transcript.turns), turn, digest(whole))
        return len(whole.turns)

    async def fork(
        self,
        conversation: str,
        at: int | None = None,
        *,
        voices: Mapping[str, str] | None = None,
        arguments: Mapping[str, Value] | None = None,
        seed: int | None = None,
        title: str | None = None,
    ) -> str:
        """Start a conversation that shares the first `at` turns (default: all) of another, and return its id.

        `voices` gives names other voices; `arguments` are laid over the form's own, as in {"turns": 8}.
        """
        stored = await self.read(conversation)
        old, kept = stored.transcript.heading, stored.transcript
        count = len(kept.until(len(kept.turns) if at is None else at).turns)
        spoken = [f"{name}={voice}" for name, voice in (voices or {}).items()]
        heading = replace(
            old,
            participants=await revoiced(self.store, self._config.endpoints, old, spoken),
            arguments=freeze(dict(old.arguments) | dict(arguments or {})),
            seed=old.seed if seed is None else seed,
            title=old.title if title is None else title,
        )
        identity = new_id()
        foreigners = [name for name in stored.listing.foreigners if name not in (voices or {})]
        await self.store.fork(identity, stored.listing.id, count, heading, foreigners)
        return identity

    async def read(self, conversation: str = "last") -> Stored:
        """Return a conversation: its transcript, and what the record knows of it."""
        return await self.store.read(await self.store.find(conversation))

    async def list(self) -> Sequence[Listing]:
        """Return all conversations, the last touched first."""
        return await self.store.list()

    async def write(self, conversation: str, as_format: Format = "md", way: Way = AS_HEARD) -> str:
        """Return a conversation as the text of a file: "text", "md", "json", "openai"… (docs/formats.md)."""
        stored = await self.read(conversation)
        record = Record(stored.transcript, stored.listing.id, stored.listing.forked_from or "")
        return write(record, as_format, way).text

    async def measure(self, *conversations: str, only: Sequence[str] = ()) -> Measured:
        """Return what conversations come to, as `moot measure` tells it: scores with intervals and cited turns."""
        from moot.notebook import measure  # noqa: PLC0415 - heavy, and only who measures needs it

        ids = [await self.store.find(one) for one in conversations]
        return await measure(*ids, only=only, db=self._place)


def _usual() -> Path:
    from moot.cli.record import usual  # noqa: PLC0415 - needed where no record is named

    return usual()


def _silently(_what: str, _done: int, _total: int) -> None:
    """Tell nobody how a download goes on."""
