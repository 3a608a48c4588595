import asyncio
import json
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moot.store import Call, Conflict, NotFound, StoreError, open_store
from moot.store.sqlite import SqliteStore
from moot.transcript import Heading, Participant, Text, Transcript, Turn, as_json, digest, digests, link
from strategies import transcripts

pytestmark = pytest.mark.anyio

HEADING = Heading((Participant("Ada", "script:a"), Participant("Bo", "script:b")))
CALL = Call(0, "Ada", "script:a", "d" * 32)


def turn(text: str, speaker: str = "Ada") -> Turn:
    return Turn(speaker, (Text(text),))


async def put(store: SqliteStore, identity: str, *turns: Turn) -> None:
    for one in turns:
        stored = await store.read(identity)
        await store.append(identity, len(stored.transcript.turns), one, link(stored.digest, as_json(one)))


async def test_what_was_put_on_record_is_read_back(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING))
    await put(store, "a1", turn("one"), turn("two", "Bo"))
    stored = await store.read("a1")
    assert stored.transcript == Transcript(HEADING, (turn("one"), turn("two", "Bo")))
    assert stored.digest == digest(stored.transcript)
    assert stored.broken == ()
    assert len(stored.at) == 2


async def test_of_two_writers_of_one_turn_the_second_is_refused(tmp_path: Path) -> None:
    async with open_store(tmp_path / "x.db") as one, open_store(tmp_path / "x.db") as other:
        await one.start("a1", Transcript(HEADING))
        await one.append("a1", 0, turn("first"), "d")
        with pytest.raises(Conflict, match="turn 1 of conversation a1"):
            await other.append("a1", 0, turn("second"), "d")
        with pytest.raises(Conflict):
            await other.append("a1", 2, turn("a gap"), "d")
        assert (await other.read("a1")).transcript.turns == (turn("first"),)


async def test_one_refused_write_does_not_undo_those_of_its_group(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING))
    answers = await asyncio.gather(
        store.begin("a1", CALL),
        store.append("a1", 5, turn("a gap"), "d"),
        store.begin("nowhere", CALL),
        store.append("a1", 0, turn("one"), "d"),
        store.start("a1", Transcript(HEADING)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [int, Conflict, StoreError, type(None), Conflict]
    assert len((await store.read("a1")).transcript.turns) == 1


@settings(max_examples=60)
@given(transcripts(), st.integers(0, 6), st.integers(0, 6))
def test_law_3_a_fork_reads_as_its_source_was_whatever_either_becomes(
    tmp_path_factory: pytest.TempPathFactory, transcript: Transcript, at: int, earlier: int
) -> None:
    count = min(at, len(transcript.turns))
    deeper = min(earlier, count)
    name = transcript.heading.names[0]

    async def compare() -> None:
        async with open_store(tmp_path_factory.mktemp("law3") / "x.db") as store:
            await store.start("a", transcript)
            await store.fork("b", "a", count, transcript.heading)
            await store.fork("c", "b", deeper, replace(transcript.heading, title="another"))
            await put(store, "a", turn("more of a", name))
            await put(store, "b", turn("more of b", name))
            b, c = await store.read("b"), await store.read("c")
            assert b.transcript.until(count) == transcript.until(count)
            assert digests(b.transcript)[count] == digest(transcript.until(count))
            assert b.transcript.turns[count:] == (turn("more of b", name),)
            assert c.transcript.turns == transcript.turns[:deeper]
            assert (await store.read("a")).broken == b.broken == c.broken == ()

    asyncio.run(compare())


async def test_a_fork_copies_nothing(store: SqliteStore, tmp_path: Path) -> None:
    await store.start("a1", Transcript(HEADING, tuple(turn(str(number)) for number in range(50))))
    await store.fork("b1", "a1", 40, HEADING)
    db = sqlite3.connect(tmp_path / "moot.db")
    assert db.execute("SELECT count(*) FROM turns WHERE transcript = 'b1'").fetchone() == (0,)
    db.close()
    assert len((await store.read("b1")).transcript.turns) == 40


async def test_a_fork_beyond_the_end_is_refused(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING))
    with pytest.raises(StoreError, match="has 0 turns"):
        await store.fork("b1", "a1", 1, HEADING)


async def test_a_request_is_on_record_before_and_after(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING))
    number = await store.begin("a1", CALL)
    (begun,) = await store.calls("a1")
    assert begun == replace(CALL, begun=begun.begun)
    assert begun.outcome == "open"
    ended = replace(CALL, outcome="failed", error="reset", partial="half a \ud83d word\0", output=3)
    await store.finish(number, ended)
    await store.finish(number, replace(CALL, outcome="left"))  # one that has ended stays as it is
    (read,) = await store.calls("a1")
    assert read == replace(ended, begun=begun.begun)


async def test_a_turn_and_the_end_of_its_request_are_one_write(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING))
    number = await store.begin("a1", CALL)
    with pytest.raises(Conflict):
        await store.append("a1", 3, turn("x"), "d", (number, replace(CALL, outcome="done")))
    assert (await store.calls("a1"))[0].outcome == "open"
    await store.append("a1", 0, turn("x"), "d", (number, replace(CALL, outcome="done")))
    assert (await store.calls("a1"))[0].outcome == "done"


async def test_conversations_are_found_by_a_short_unique_prefix_or_as_the_last(store: SqliteStore) -> None:
    with pytest.raises(NotFound, match="no conversation yet"):
        await store.find("last")
    for identity in ("abc1", "abd2", "0001"):
        await store.start(identity, Transcript(HEADING))
    assert await store.find("abc") == "abc1"
    assert await store.find("last") == "0001"
    await put(store, "abd2", turn("x"))
    assert await store.find("last") == "abd2"
    assert [row.id for row in await store.list()] == ["abd2", "0001", "abc1"]
    with pytest.raises(NotFound, match="short for several conversations: abd2, abc1"):
        await store.find("ab")
    for prefix in ("x", "", "%", "_", "abc12"):
        with pytest.raises(NotFound, match="no conversation"):
            await store.find(prefix)
    with pytest.raises(NotFound):
        await store.read("x")


async def test_a_list_tells_how_each_conversation_stands(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING, (turn("x"),)))
    await store.close("a1", "all said")
    await store.fork("b1", "a1", 1, HEADING)
    first, second = await store.list()
    assert (first.id, first.turns, first.forked_from, first.forked_at, first.closed) == ("b1", 1, "a1", 1, None)
    assert (second.id, second.turns, second.closed, second.forked_from) == ("a1", 1, "all said", None)
    await put(store, "a1", turn("more"))
    assert (await store.read("a1")).listing.closed is None


@pytest.mark.parametrize(
    ("tampering", "complaint"),
    [
        ("UPDATE turns SET turn = replace(turn, 'two', 'too') WHERE seq = 1", "turn 2 of a1 does not agree"),
        ("DELETE FROM turns WHERE seq = 1", "turn 2 of a1 is missing"),
        ("UPDATE turns SET digest = 'x' WHERE seq = 0", "turn 1 of a1 does not agree"),
        ("UPDATE transcripts SET heading = replace(heading, 'Bo', 'Cy')", "the heading of a1 does not agree"),
    ],
)
async def test_tampering_is_noticed(store: SqliteStore, tmp_path: Path, tampering: str, complaint: str) -> None:
    await store.start("a1", Transcript(HEADING, (turn("one"), turn("two"), turn("three"))))
    db = sqlite3.connect(tmp_path / "moot.db")
    db.execute(tampering)
    db.commit()
    db.close()
    assert complaint in (await store.read("a1")).broken[0]


async def test_tampering_with_a_source_is_noticed_in_its_fork(store: SqliteStore, tmp_path: Path) -> None:
    await store.start("a1", Transcript(HEADING, (turn("one"), turn("two"))))
    await store.fork("b1", "a1", 2, replace(HEADING, title="b"))
    db = sqlite3.connect(tmp_path / "moot.db")
    db.execute("UPDATE turns SET turn = replace(turn, 'one', 'eins')")
    db.commit()
    db.close()
    assert (await store.read("b1")).broken


async def test_odd_characters_survive_the_disk(store: SqliteStore) -> None:
    odd = "\ud83d NUL\0 \x1b[31m \u202e [bold] \U0001f600 '; DROP TABLE turns; --"
    await store.start("a1", Transcript(replace(HEADING, title=odd), (turn(odd),)))
    stored = await store.read("a1")
    assert stored.transcript.turns == (turn(odd),)
    assert stored.broken == ()


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path / "x.db").shut()
    db = sqlite3.connect(tmp_path / "x.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="written by a newer moot"):
        open_store(tmp_path / "x.db")


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are my notes. " * 100)
    with pytest.raises(StoreError, match="is not a moot database"):
        open_store(path)
    assert path.read_text() == "These are my notes. " * 100


async def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="of another program's"):
        open_store(path)
    assert path.read_bytes() == before


async def test_a_folder_or_an_impossible_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "x.db"):
        with pytest.raises(StoreError, match="cannot be"):
            open_store(path)


async def test_the_record_is_for_its_owner_only(tmp_path: Path) -> None:
    open_store(tmp_path / "new" / "x.db").shut()
    assert (tmp_path / "new" / "x.db").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


async def test_it_is_written_through_to_the_disk(store: SqliteStore) -> None:
    db = store.file.writable
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)


async def test_a_full_disk_is_said_plainly_and_loses_nothing(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING, (turn("one"),)))
    pages = store.file.writable.execute("PRAGMA page_count").fetchone()[0]
    store.file.writable.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="the disk is full"):
        await put(store, "a1", turn("x" * 100_000))
    store.file.writable.execute("PRAGMA max_page_count = 1000000")
    await put(store, "a1", turn("two"))
    assert [one.text for one in (await store.read("a1")).transcript.turns] == ["one", "two"]


async def test_a_read_only_record_can_be_read_and_says_that_it_cannot_be_written(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING, (turn("one"),)))
    store.file.writable.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="read-only"):
        await put(store, "a1", turn("two"))
    assert (await store.read("a1")).transcript.turns == (turn("one"),)


async def test_a_cancelled_write_that_has_not_begun_never_happens_or_is_whole(store: SqliteStore) -> None:
    await store.start("a1", Transcript(HEADING))
    tasks = [asyncio.create_task(store.append("a1", number, turn(str(number)), "d")) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks[10:]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    kept = [one.text for one in (await store.read("a1")).transcript.turns]
    assert kept == [str(number) for number in range(len(kept))]
    assert len(kept) >= 10


WRITER = """
import asyncio, sys
from pathlib import Path
from moot.store import open_store, Conflict
from moot.transcript import *
async def main(path, mine):
    async with open_store(Path(path)) as store:
        heading = Heading((Participant("Ada", "script:a"),))
        await store.start(f"own{mine}", Transcript(heading))
        for number in range(20):
            stored = await store.read("shared")
            one = Turn("Ada", (Text(f"{mine}"),))
            try:
                await store.append("shared", len(stored.transcript.turns), one, link(stored.digest, as_json(one)))
            except Conflict:
                pass
asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


async def finished(processes: list[asyncio.subprocess.Process]) -> list[int]:
    return [await asyncio.wait_for(process.wait(), 60) for process in processes]


async def test_eight_processes_write_one_record_without_a_gap_or_a_doubled_turn(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    async with open_store(path) as store:
        await store.start("shared", Transcript(Heading((Participant("Ada", "script:a"),))))
    run = asyncio.create_subprocess_exec
    writers = [await run(sys.executable, "-c", WRITER, str(path), str(number)) for number in range(8)]
    assert await finished(writers) == [0] * 8
    async with open_store(path) as store:
        shared = await store.read("shared")
        assert shared.broken == ()
        assert len(shared.transcript.turns) >= 20
        assert len(await store.list()) == 9


@pytest.mark.parametrize("number", range(5))
async def test_processes_that_make_a_record_at_once_make_one(tmp_path: Path, number: int) -> None:
    code = "import sys, pathlib; from moot.store import open_store; open_store(pathlib.Path(sys.argv[1])).shut()"
    path = str(tmp_path / "deep" / "x.db")
    makers = [await asyncio.create_subprocess_exec(sys.executable, "-c", code, path) for _ in range(8)]
    assert await finished(makers) == [0] * 8


async def test_the_rows_are_plain_json(store: SqliteStore, tmp_path: Path) -> None:
    await store.start("a1", Transcript(HEADING, (turn("one"),)))
    db = sqlite3.connect(tmp_path / "moot.db")
    assert json.loads(db.execute("SELECT turn FROM turns").fetchone()[0])["parts"] == [{"kind": "text", "text": "one"}]
    db.close()
