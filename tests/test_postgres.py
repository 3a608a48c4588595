"""What only PostgreSQL can suffer: a backend, a connection or the whole server lost while turns are being written.

Each test has a server of its own, so that it may kill it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, get_args
from urllib.parse import quote

import psycopg
import pytest

from fakes.postgres import Cable, Postgres, What, database, strike
from moot.store import Call, Conflict, StoreError, open_store
from moot.store.postgres import PostgresStore
from moot.transcript import Heading, Participant, Text, Transcript, Turn, as_json, digest, digests, link

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

pytestmark = pytest.mark.anyio

HEADING = Heading((Participant("Ada", "script:a"),))
CALL = Call(0, "Ada", "script:a", "d" * 32)
CONVERSATIONS = 8
KILLS = int(os.environ.get("MOOT_TEST_DB_KILLS", "20"))
SEED = int(os.environ.get("MOOT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)


def turn(text: str) -> Turn:
    return Turn("Ada", (Text(text),))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    ours = Postgres()
    try:
        ours.start()
        yield ours
    finally:
        ours.stop()


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    with database(server.url("postgres")) as address:
        yield address


async def write_through(store: PostgresStore, harm: Callable[[], Awaitable[None]]) -> None:
    """Write in several conversations while harm is done; then all that was answered is there, and there once."""
    is_over = asyncio.Event()
    asked, said = [0] * CONVERSATIONS, [0] * CONVERSATIONS

    async def talk(mine: int) -> None:
        transcript = Transcript(HEADING)
        await store.start(f"c{mine}", transcript)
        before = digest(transcript)
        while not is_over.is_set():
            number = await store.begin(f"c{mine}", CALL)
            asked[mine] += 1
            one = turn(f"turn {said[mine]} of {mine}")
            before = link(before, as_json(one))
            await store.append(f"c{mine}", said[mine], one, before, (number, CALL))
            said[mine] += 1

    async def harmed() -> None:
        try:
            await harm()
            there = sum(said)
            while sum(said) < there + 2 * CONVERSATIONS:  # noqa: ASYNC110 - it goes on by itself; who knows when
                await asyncio.sleep(0.005)
        finally:
            is_over.set()

    await asyncio.gather(harmed(), *(talk(mine) for mine in range(CONVERSATIONS)))
    for mine in range(CONVERSATIONS):
        stored = await store.read(f"c{mine}")
        assert stored.broken == ()
        assert [one.text for one in stored.transcript.turns] == [f"turn {seq} of {mine}" for seq in range(said[mine])]
        assert stored.digest == digests(stored.transcript)[-1]
        assert len(await store.calls(f"c{mine}")) == asked[mine]
    assert await store.faults() == []


@pytest.mark.parametrize("what", get_args(What))
async def test_whatever_of_a_database_is_killed_again_and_again_no_turn_is_lost_or_doubled(
    url: str, server: Postgres, what: What
) -> None:
    """The postmaster or a backend with SIGKILL, a session by an administrator, a connection cut on its way."""
    cable = Cable(server.folder)
    chance = random.Random(SEED)
    hits: Counter[str] = Counter()

    async def harm() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0, 0.05))
            hits[await asyncio.to_thread(strike, what, server, cable, url)] += 1
            await asyncio.to_thread(server.wait)
            await asyncio.sleep(0.1)

    try:
        async with PostgresStore(cable.url(url)) as store:
            await write_through(store, harm)
    finally:
        cable.close()
    print(f"{what}, killed with seed {SEED}: {dict(hits)}")  # noqa: T201 - shown with -s, or where the test fails
    assert hits.total() == KILLS
    assert hits["in a transaction"] + hits["in a commit"] > 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_commit_whose_answer_is_lost_is_looked_up_before_it_is_repeated(
    url: str, server: Postgres, when: str
) -> None:
    line = Cable(server.folder)

    async def harm() -> None:
        for _ in range(20):
            await asyncio.sleep(0.1)  # time to go on: of one write cut again and again, each new try waits longer
            line.cut_next = when
            while line.cut_next:  # noqa: ASYNC110 - a thread clears it
                await asyncio.sleep(0.002)

    try:
        async with PostgresStore(line.url(url)) as store:
            await write_through(store, harm)
    finally:
        line.close()
    assert line.cuts == 20


async def talk_on(store: PostgresStore) -> None:
    """Write until that fails: a backend may serve on for a moment without its server."""
    for seq in itertools.count():
        await store.append("a1", seq, turn("one"), "d")


async def test_who_waits_for_a_server_that_stays_away_is_told_and_may_try_again(url: str, server: Postgres) -> None:
    async with PostgresStore(url, patience=0.2) as store:
        await store.start("a1", Transcript(HEADING))
        server.kill()
        try:
            with pytest.raises(StoreError, match=r"cannot be used .*nothing that was answered is lost; try again"):
                await talk_on(store)
            with pytest.raises(StoreError, match="cannot be used"):
                await store.list()
        finally:
            server.start()
        there = len((await store.read("a1")).transcript.turns)
        await store.append("a1", there, turn("one"), "d")
        assert len((await store.read("a1")).transcript.turns) == there + 1


async def test_of_two_stores_that_write_one_conversation_each_turn_is_written_once(url: str) -> None:
    async with PostgresStore(url) as one, PostgresStore(url) as other:
        await one.start("a1", Transcript(HEADING))

        async def write(store: PostgresStore) -> int:
            done = 0
            while len((stored := await store.read("a1")).transcript.turns) < 30:
                said = turn(f"{id(store)}")
                with contextlib.suppress(Conflict):
                    await store.append("a1", len(stored.at), said, link(stored.digest, as_json(said)))
                    done += 1
            return done

        counts = await asyncio.gather(write(one), write(other), write(one), write(other))
        stored = await one.read("a1")
        assert len(stored.transcript.turns) == sum(counts)
        assert stored.broken == ()


async def test_writers_that_stand_in_each_others_way_both_go_on(url: str) -> None:
    async with PostgresStore(url) as one, PostgresStore(url) as other:
        names = [f"c{number}" for number in range(40)]
        for name in names:
            await one.start(name, Transcript(HEADING))
        closed = [
            store.close(name, "x") for turned in (names, names[::-1]) for name in turned for store in (one, other)
        ]
        await asyncio.gather(*closed)
        assert {row.closed for row in await one.list()} == {"x"}


async def test_processes_that_make_a_record_at_once_make_one(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        for store in pool.map(open_store, [url] * 6):
            await asyncio.to_thread(store.shut)
    with psycopg.connect(url) as db:
        assert db.execute("SELECT count(*) FROM moot.migrations").fetchone() == (2,)
        assert db.execute("SELECT count(*) FROM moot.writers").fetchone() == (0,)


async def test_a_newer_database_is_refused(url: str) -> None:
    open_store(url).shut()
    with psycopg.connect(url) as db:
        db.execute("INSERT INTO moot.migrations VALUES (99, '')")
    with pytest.raises(StoreError, match="written by a newer moot"):
        open_store(url)


async def test_commits_are_on_disk_when_they_return(url: str) -> None:
    async with PostgresStore(url) as store:
        assert store._db
        assert store._db.execute("SHOW synchronous_commit").fetchone() == ("on",)


async def test_no_password_is_told_whatever_goes_wrong(url: str, server: Postgres) -> None:
    for place in (
        "postgresql://me:canary-password@127.0.0.1:9/moot",
        f"postgresql://me:canary-password@/nowhere?host={quote(str(server.folder), safe='')}",
        "postgresql://me:canary-password@host:port:x/%%",
        "postgresql://127.0.0.1:9/moot?password=canary-password&sslmode=nonsense",
    ):
        with pytest.raises(StoreError) as told:
            open_store(place)
        assert "canary" not in f"{told.value!r} {told.value.__cause__!r}"


async def test_a_missing_driver_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r'pip install "moot\[postgres\]"'):
        open_store("postgresql://127.0.0.1:9/moot")


async def test_tampering_a_lost_constraint_and_a_stale_index_are_noticed(url: str) -> None:
    async with PostgresStore(url) as store:
        await store.start("a1", Transcript(HEADING, (turn("one"), turn("two"))))
        with psycopg.connect(url) as db:
            db.execute("UPDATE moot.turns SET turn = replace(turn, 'two', 'too')")
            db.execute("ALTER TABLE moot.calls DROP CONSTRAINT calls_transcript_fkey")
            db.execute("ALTER TABLE moot.calls ADD CONSTRAINT later CHECK (seq >= 0) NOT VALID")
        assert (await store.read("a1")).broken == ("turn 2 of a1 does not agree with its digest",)
        assert await store.faults() == [
            "the constraint later of calls was never checked",
            "the constraint calls_transcript_fkey is missing",
            "the search's index does not agree with turn 2 of a1",
            "turn 2 of a1 does not agree with its digest",
        ]
