"""One contract for every store: SQLite and PostgreSQL answer as a model in memory does, whatever is asked of them."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from fakes.postgres import database, running
from moot.store import Call, Conflict, NotFound, StoreError, open_store
from moot.store.copying import copy
from moot.store.words import words_of
from moot.transcript import Heading, Participant, Text, Transcript, Turn, as_json, digest, link
from strategies import turns, words

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from typing import Any

    from moot.store import Store
    from moot.store.postgres import PostgresStore
    from moot.store.sqlite import SqliteStore

T = TypeVar("T")

HEADING = Heading((Participant("Ada", "script:a"), Participant("Bo", "script:b")))
CALL = Call(0, "Ada", "script:a", "d" * 32)


def turn(text: str, speaker: str = "Ada") -> Turn:
    return Turn(speaker, (Text(text),))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    if request.param == "sqlite":
        yield tmp_path / "moot.db"
        return
    with database(request.getfixturevalue("server")) as address:
        yield address


async def put(store: Store, identity: str, *said: Turn) -> None:
    for one in said:
        stored = await store.read(identity)
        await store.append(identity, len(stored.transcript.turns), one, link(stored.digest, as_json(one)))


# Plain claims


@pytest.mark.anyio
async def test_what_is_acknowledged_is_there_when_the_record_is_opened_again(where: Path | str) -> None:
    async with open_store(where) as store:
        await store.start("a1", Transcript(HEADING), ("Bo",))
        number = await store.begin("a1", CALL)
        done = replace(CALL, outcome="done", output=3)
        await store.append(
            "a1", 0, turn("one"), link(digest(Transcript(HEADING)), as_json(turn("one"))), (number, done)
        )
        await store.close("a1", "all \ud83d said\0")
    async with open_store(where) as store:
        stored = await store.read("a1")
        (call,) = await store.calls("a1")
    assert stored.transcript == Transcript(HEADING, (turn("one"),))
    assert stored.broken == ()
    assert stored.listing.foreigners == ("Bo",)
    assert stored.listing.closed == "all \ufffd said\ufffd"
    assert replace(call, begun="") == done


@pytest.mark.anyio
async def test_a_line_is_looked_at_alone_and_with_all_that_share_its_turns(where: Path | str) -> None:
    async with open_store(where) as store:
        for identity in ("a1", "z1"):
            await store.start(identity, Transcript(HEADING, (turn("one"), turn("two"))))
        await store.fork("b1", "a1", 1, HEADING)
        await store.fork("c1", "b1", 1, HEADING, ("Bo",))
        await store.fork("b2", "a1", 2, HEADING)
        kin = [(line.id, line.turns, line.forked_from) for line in await store.family("c1")]
        # Those of one millisecond come in any order.
        assert sorted(kin) == [("a1", 2, None), ("b1", 1, "a1"), ("b2", 2, "a1"), ("c1", 1, "b1")]
        assert await store.family("a1") == await store.family("b2")
        assert [line.id for line in await store.family("z1")] == ["z1"]
        assert await store.family("nowhere") == []
        for line in await store.list():
            assert await store.look(line.id) == line
        with pytest.raises(NotFound):
            await store.look("nowhere")
        before = {line.id: line for line in await store.list()}
        await store.close("b1", "all said")
        after = {line.id: line for line in await store.list()}
        assert after.pop("b1") == replace(before.pop("b1"), closed="all said")
        assert all(after[identity] is line for identity, line in before.items()), (
            "what has not changed is not read again"
        )


@pytest.mark.anyio
async def test_of_two_writers_of_one_turn_the_second_is_refused_and_no_gap_is_left(where: Path | str) -> None:
    async with open_store(where) as one, open_store(where) as other:
        await one.start("a1", Transcript(HEADING))
        both = (one.append("a1", 0, turn("x"), "d"), other.append("a1", 0, turn("y"), "e"))
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "NoneType"]
        with pytest.raises(Conflict, match="turn 3 of conversation a1"):
            await other.append("a1", 2, turn("a gap"), "d")
        assert len((await one.read("a1")).transcript.turns) == 1


@pytest.mark.anyio
async def test_one_refused_write_does_not_undo_those_of_its_group(where: Path | str) -> None:
    async with open_store(where) as store:
        await store.start("a1", Transcript(HEADING))
        answers = await asyncio.gather(
            store.begin("a1", CALL),
            store.append("a1", 5, turn("a gap"), "d"),
            store.begin("nowhere", CALL),
            store.append("nowhere", 0, turn("x"), "d"),
            store.append("a1", 0, turn("one"), "d"),
            store.start("a1", Transcript(HEADING)),
            store.start("a1", Transcript(HEADING, (turn("x"),))),
            store.fork("b1", "nowhere", 0, HEADING),
            return_exceptions=True,
        )
        kinds = (int, Conflict, StoreError, NotFound, type(None), Conflict, Conflict, NotFound)
        assert [isinstance(answer, kind) for answer, kind in zip(answers, kinds, strict=True)] == [True] * len(kinds)
        assert [row.turns for row in await store.list()] == [1]


@pytest.mark.anyio
async def test_a_turn_and_the_end_of_its_request_are_one_write(where: Path | str) -> None:
    async with open_store(where) as store:
        await store.start("a1", Transcript(HEADING))
        number = await store.begin("a1", CALL)
        odd = replace(CALL, outcome="done", error="an odd\0 one", partial="\ud83d\0")
        with pytest.raises(Conflict):
            await store.append("a1", 3, turn("x"), "d", (number, odd))
        assert (await store.calls("a1"))[0].outcome == "open"
        await store.append("a1", 0, turn("x"), "d", (number, odd))
        await store.finish(number, replace(CALL, outcome="left"))  # one that has ended stays as it is
        assert replace((await store.calls("a1"))[0], begun="") == replace(odd, error="an odd\ufffd one")


@pytest.mark.anyio
async def test_words_are_found_whatever_their_case_accents_and_script(where: Path | str) -> None:
    async with open_store(where) as store:
        imported = Transcript(HEADING, (turn("The Müller’s straße"), turn("王小明说:河流活着", "Bo")))
        await store.start("a1", imported)
        await store.fork("b1", "a1", 2, HEADING)
        await put(store, "b1", turn("a Muller again, " + "and so on " * 50 + "until the end"))
        for asked, found in {
            "muller": [("b1", 2), ("a1", 0)],
            "MÜLLER strasse": [("a1", 0)],
            "河流": [("a1", 1)],
            "muller nowhere": [],
            "": [],
            "'; --": [],
            '"AND" NEAR(muller*': [],
            "mull": [],
        }.items():
            assert [(hit.id, hit.seq) for hit in await store.search(asked)] == found, asked
        assert len(await store.search("muller", 1)) == 1
        (hit,) = await store.search("until end")
        assert hit.snippet.endswith("until the end")
        assert len(hit.snippet) < 150
        assert await store.faults() == []


@pytest.mark.anyio
async def test_a_turn_of_more_words_than_an_index_takes_is_put_on_record(where: Path | str) -> None:
    long = " ".join(f"word{number}{'я' * 300}" for number in range(4000))
    async with open_store(where) as store:
        await store.start("a1", Transcript(HEADING))
        await put(store, "a1", turn(long))
        assert (await store.read("a1")).transcript.turns[0].text == long
        assert len(await store.search("word7" + "я" * 300)) == 1


@pytest.mark.anyio
async def test_two_hundred_conversations_at_once_have_each_turn_once(where: Path | str) -> None:
    async with open_store(where) as store:

        async def one(name: str) -> None:
            await store.start(name, Transcript(HEADING))
            for seq in range(3):
                await store.append(name, seq, turn(f"{name} {seq}"), "d")

        await asyncio.gather(*(one(f"c{number}") for number in range(200)))
        assert {row.turns for row in await store.list()} == {3}


# Whatever is asked, in whatever order


@dataclass
class Kept:
    """A conversation as the model keeps it."""

    transcript: Transcript
    source: str | None = None
    since: int = 0
    closed: str | None = None
    calls: list[Call] = field(default_factory=list[Call])


class Contract(RuleBasedStateMachine):
    """Does to a store and to a model the same, and compares what both answer."""

    place: ClassVar[Path | str]
    ids = Bundle("ids")
    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._store: SqliteStore | PostgresStore = open_store(self.place)
        self._kept: dict[str, Kept] = {}
        self._order: list[str] = []
        self._count = 0

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def _touch(self, identity: str) -> None:
        self._order = [identity, *(one for one in self._order if one != identity)]

    def _new(self) -> str:
        self._count += 1
        return f"{'ab'[self._count % 2]}{self._count:x}"

    @rule(target=ids, data=st.data(), length=st.integers(0, 3), title=words)
    def start(self, data: st.DataObject, length: int, title: str) -> str:
        transcript = Transcript(replace(HEADING, title=title))
        for _ in range(length):
            transcript = transcript.then(data.draw(turns(HEADING)))
        identity = self._new()
        self._do(self._store.start(identity, transcript))
        self._kept[identity] = Kept(transcript)
        self._touch(identity)
        return identity

    @rule(identity=ids)
    def start_again(self, identity: str) -> None:
        with pytest.raises(Conflict):
            self._do(self._store.start(identity, Transcript(HEADING)))

    @rule(target=ids, source=ids, at=st.integers(0, 8))
    def fork(self, source: str, at: int) -> Any:
        identity, kept = self._new(), self._kept[source]
        if at > len(kept.transcript.turns):
            with pytest.raises(StoreError, match="cannot be forked"):
                self._do(self._store.fork(identity, source, at, HEADING))
            return multiple()
        self._do(self._store.fork(identity, source, at, HEADING))
        self._kept[identity] = Kept(Transcript(HEADING, kept.transcript.turns[:at]), source, at)
        self._touch(identity)
        return identity

    @rule(identity=ids, data=st.data(), slip=st.sampled_from((0, 0, 0, 0, -1, 1, 7)))
    def append(self, identity: str, data: st.DataObject, slip: int) -> None:
        kept, said = self._kept[identity], data.draw(turns(HEADING))
        seq = len(kept.transcript.turns) + slip
        work = self._store.append(identity, seq, said, link(digest(kept.transcript), as_json(said)))
        if slip:
            with pytest.raises(Conflict):
                self._do(work)
            return
        self._do(work)
        kept.transcript, kept.closed = kept.transcript.then(said), None
        self._touch(identity)

    @rule(target=requests, identity=ids)
    def begin(self, identity: str) -> tuple[str, int, int]:
        number = self._do(self._store.begin(identity, CALL))
        self._kept[identity].calls.append(CALL)
        return identity, len(self._kept[identity].calls) - 1, number

    @rule(request=requests, outcome=st.sampled_from(("done", "paused", "failed", "left")), partial=words)
    def finish(self, request: tuple[str, int, int], outcome: Any, partial: str) -> None:
        identity, place, number = request
        ended, calls = replace(CALL, outcome=outcome, partial=partial), self._kept[identity].calls
        self._do(self._store.finish(number, ended))
        if calls[place].outcome == "open":
            calls[place] = ended

    @rule(identity=ids, reason=st.sampled_from(("all said", "")), slip=st.sampled_from((None, 0, 0, -1, 1)))
    def close(self, identity: str, reason: str, slip: int | None) -> None:
        kept = self._kept[identity]
        work = self._store.close(identity, reason, None if slip is None else len(kept.transcript.turns) + slip)
        if slip:
            with pytest.raises(Conflict, match="somebody else has spoken"):
                self._do(work)
            return
        self._do(work)
        kept.closed = reason

    @rule(identity=ids)
    def read(self, identity: str) -> None:
        stored, kept = self._do(self._store.read(identity)), self._kept[identity]
        assert stored.transcript == kept.transcript
        assert stored.digest == digest(kept.transcript)
        assert stored.broken == ()
        assert len(stored.at) == len(kept.transcript.turns)
        assert [replace(call, begun="") for call in self._do(self._store.calls(identity))] == kept.calls

    @rule(prefix=st.sampled_from(("a", "b", "a1", "b2", "last", "", "%", "x\0", "\ud83d")))
    def find(self, prefix: str) -> None:
        named = (
            self._order[:1] if prefix == "last" else [one for one in self._kept if prefix and one.startswith(prefix)]
        )
        if len(named) == 1:
            assert self._do(self._store.find(prefix)) == named[0]
        else:
            with pytest.raises(NotFound):
                self._do(self._store.find(prefix))

    @rule(data=st.data(), identity=ids, limit=st.sampled_from((1, 1000)))
    def search(self, data: st.DataObject, identity: str, limit: int) -> None:
        said = [word for one in self._kept[identity].transcript.turns for word in words_of(one.text)]
        asked = data.draw(st.lists(st.sampled_from(said), max_size=2)) if said else ["hello"]
        expected = {
            (name, seq)
            for name, kept in self._kept.items()
            for seq, one in enumerate(kept.transcript.turns)
            if seq >= kept.since and asked and set(asked) <= set(words_of(one.text))
        }
        hits = self._do(self._store.search(" ".join(asked), limit))
        found = [(hit.id, hit.seq) for hit in hits]
        assert len(found) == len(set(found)) == min(limit, len(expected))
        assert set(found) <= expected
        assert [hit.at for hit in hits] == sorted((hit.at for hit in hits), reverse=True)

    @rule()
    def reopen(self) -> None:
        self._store.shut()
        self._store = open_store(self.place)

    @invariant()
    def lists_as_the_model_does(self) -> None:
        rows = self._do(self._store.list())
        assert [row.id for row in rows] == self._order
        for row in rows:
            kept = self._kept[row.id]
            model = (len(kept.transcript.turns), kept.closed, kept.source, kept.since)
            assert (row.turns, row.closed, row.forked_from, row.forked_at) == model

    def teardown(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert self._do(self._store.faults()) == []
            self._do(self._copied(Path(folder) / "copy.db"))
        self._store.shut()
        self._loop.close()

    async def _copied(self, path: Path) -> None:
        """Copy all into a SQLite record and compare; a second copy finds nothing to do."""
        async with open_store(path) as other:
            copied = await copy(self._store, other, untold)
            assert (copied.conversations, copied.new) == (len(self._kept), len(self._kept))
            assert (await copy(self._store, other, untold)).new == 0
            for name in self._kept:
                assert await other.share(name) == await self._store.share(name)
            assert await other.faults() == []


def untold(done: int, total: int) -> None:
    """Take no note."""


HOW = settings(max_examples=15, stateful_step_count=25)


def test_sqlite_answers_as_the_model_does_whatever_is_asked(tmp_path: Path) -> None:
    class OnSqlite(Contract):
        made = 0

        def __init__(self) -> None:
            OnSqlite.made += 1
            OnSqlite.place = tmp_path / f"{OnSqlite.made}.db"
            super().__init__()

    run_state_machine_as_test(OnSqlite, settings=HOW)


def test_postgresql_answers_as_the_model_does_whatever_is_asked(server: str) -> None:
    class OnPostgres(Contract):
        def __init__(self) -> None:
            self._made = database(server)
            OnPostgres.place = self._made.__enter__()
            super().__init__()

        def teardown(self) -> None:
            super().teardown()
            self._made.__exit__(None, None, None)

    run_state_machine_as_test(OnPostgres, settings=settings(HOW, max_examples=8))
