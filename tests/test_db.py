"""`moot search` and `moot db`, as a user types them, on both databases."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from fakes.commands import commands
from fakes.postgres import database, running
from moot.store import Call, Conflict, open_store
from moot.store.copying import copy
from moot.transcript import Heading, Participant, Text, Transcript, Turn, as_json, digests, link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakes.commands import Answer

HEADING = Heading((Participant("Ada", "script:a"), Participant("Bo", "script:b")))
TALK = Transcript(
    HEADING, tuple(Turn(name, (Text(text),)) for name, text in (("Ada", "A river."), ("Bo", "[b]Alive[/b]?\x1b[2J")))
)
CALL = Call(0, "Ada", "script:a", "d" * 32)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Answer]:
    monkeypatch.chdir(tmp_path)
    return commands(capfd)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.fixture
def url(server: str) -> Iterator[str]:
    with database(server) as address:
        yield address


def kept() -> Path:
    return Path(os.environ["MOOT_HOME"]) / "moot.db"


async def fill(where: Path | str) -> None:
    async with open_store(where) as store:
        await store.start("a1", TALK, ("Bo",))
        await store.fork("b1", "a1", 1, HEADING)
        number = await store.begin("b1", CALL)
        said = Turn("Bo", (Text("And alive."),))
        ended = replace(CALL, outcome="done")
        await store.append("b1", 1, said, link(digests(TALK)[1], as_json(said)), (number, ended))
        await store.fork("c1", "b1", 2, HEADING)
        await store.begin("c1", CALL)
        await store.close("c1", "all said")
        await store.append("a1", 2, said, link(digests(TALK)[2], as_json(said)))


async def told(where: Path | str) -> list[object]:
    async with open_store(where) as store:
        assert await store.faults() == []
        return [(await store.share(name), await store.read(name)) for name in ("a1", "b1", "c1")]


def test_turns_are_found_and_shown_safely(run: Callable[..., Answer]) -> None:
    asyncio.run(fill(kept()))
    answer = run("search", "ALIVE")
    lines = answer.out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["a1  turn 3  Bo", "b1  turn 2  Bo", "a1  turn 2  Bo"]
    assert "[b]Alive[/b]" in lines[2]
    assert "\x1b" not in answer.out
    (hit,) = run("search", "a", "river", "--json").json
    assert (hit["id"], hit["turn"], hit["speaker"], hit["snippet"]) == ("a1", 1, "Ada", "A river.")
    assert len(run("search", "alive", "--limit", "1").out.splitlines()) == 1
    assert "No turn holds" in run("search", "nowhere").err
    assert run("search", "?!").code == 2


def test_a_record_of_the_first_schema_is_brought_up_to_date_and_its_words_are_found(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    asyncio.run(fill(tmp_path / "new.db"))
    script = (files("moot.store") / "migrations" / "sqlite" / "0001_record.sql").read_text("utf-8")
    old = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    old.executescript(f"PRAGMA application_id = {int.from_bytes(b'moot')}; PRAGMA user_version = 1; {script}")
    old.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
    for table in ("transcripts", "turns", "calls"):
        names = ", ".join(name for _, name, *_ in old.execute(f"PRAGMA main.table_info({table})"))
        old.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    old.close()
    before = (tmp_path / "old.db").read_bytes()
    answer = run("db", "migrate", "--db", "old.db", "--json")
    assert answer.json == {"schema": 3, "copy": str(tmp_path / "old-schema1.db")}
    assert "as it was before, it is kept at" in answer.err
    assert run("db", "migrate", "--db", "old.db", "--json").json == {"schema": 3, "copy": None}
    assert (tmp_path / "old-schema1.db").stat().st_mode & 0o077 == 0
    (tmp_path / "old.db").write_bytes(before)  # somebody went back, and comes again
    assert run("list", "--db", "old.db").err.endswith("old-schema1-2.db\n")
    assert asyncio.run(told(tmp_path / "old.db")) == asyncio.run(told(tmp_path / "new.db"))
    assert len(run("search", "alive", "--db", "old.db", "--json").json) == 3


def test_a_copy_from_one_database_to_the_other_and_back_is_equal_and_can_be_repeated(
    run: Callable[..., Answer], url: str
) -> None:
    asyncio.run(fill("moot.db"))
    assert "3 conversations, 3 of them new" in run("db", "copy", "moot.db", url).out
    assert run("db", "copy", "moot.db", url, "--json").json == {"conversations": 3, "new": 0}
    assert run("db", "copy", url, "back.db", "--json").json == {"conversations": 3, "new": 3}
    assert asyncio.run(told("moot.db")) == asyncio.run(told(url)) == asyncio.run(told("back.db"))
    found = run("search", "alive", "--db", url, "--json").json
    assert {(hit["id"], hit["turn"]) for hit in found} == {("a1", 2), ("b1", 2), ("a1", 3)}


def test_a_copy_that_was_broken_off_goes_on_and_takes_what_came_since(run: Callable[..., Answer], url: str) -> None:
    async def broken_off() -> None:
        async with open_store("moot.db") as one, open_store(url) as other:
            with pytest.raises(KeyboardInterrupt):
                await copy(one, other, stop)
            assert await store_ids(other) == {"a1"}
            (number,) = [number for number, _ in enumerate(await one.calls("c1"), 2)]
            await one.finish(number, replace(CALL, outcome="left"))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    async def store_ids(store: object) -> set[str]:
        return {row.id for row in await store.list()}  # type: ignore[attr-defined]

    asyncio.run(fill("moot.db"))
    asyncio.run(broken_off())
    assert run("db", "copy", "moot.db", url, "--json").json == {"conversations": 3, "new": 2}
    assert asyncio.run(told("moot.db")) == asyncio.run(told(url))


@pytest.mark.parametrize("postgres", ["", "yes"])
def test_a_copy_never_writes_over_other_content(run: Callable[..., Answer], url: str, postgres: str) -> None:
    target = url if postgres else "other.db"

    async def differ() -> None:
        async with open_store(target) as store:
            await store.start("a1", replace(TALK, turns=TALK.turns[::-1]))
            await store.start("b1", Transcript(replace(HEADING, title="another")))

    asyncio.run(fill("moot.db"))
    asyncio.run(differ())
    answer = run("db", "copy", "moot.db", target)
    assert answer.code == 5
    assert "a1 went on otherwise there; nothing was copied over it" in answer.err

    async def refused() -> None:
        async with open_store("moot.db") as one, open_store(target) as other:
            with pytest.raises(Conflict, match="another conversation is called b1 there"):
                await other.take(await one.share("b1"))
            with pytest.raises(Conflict, match="other requests"):
                await other.take(replace(await other.share("b1"), calls=()))

    async def asked() -> None:
        async with open_store(target) as store:
            await store.begin("b1", CALL)

    asyncio.run(asked())
    asyncio.run(refused())
    assert run("db", "copy", "moot.db", "moot.db").code == 2
    assert run("db", "copy", "nowhere.db", target).code == 2


def test_a_backup_is_whole_and_overwrites_nothing(run: Callable[..., Answer], url: str) -> None:
    asyncio.run(fill(kept()))
    assert "kept.db" in run("db", "backup", "kept.db").out
    assert asyncio.run(told("kept.db")) == asyncio.run(told(kept()))
    assert Path("kept.db").stat().st_mode & 0o077 == 0
    assert run("db", "backup", "kept.db").code == 2
    asyncio.run(fill(url))
    assert run("db", "backup", "from_postgres.db", "--db", url, "--json").json["bytes"] > 0
    assert asyncio.run(told("from_postgres.db")) == asyncio.run(told(url))
    assert {path.name for path in Path().iterdir()} == {"kept.db", "from_postgres.db"}


def test_what_is_wrong_with_a_record_is_told_with_its_own_exit_code(run: Callable[..., Answer]) -> None:
    asyncio.run(fill(kept()))
    assert "3 conversations agree" in run("db", "check").out
    assert run("db", "check", "--json").json == {"schema": 3, "faults": []}
    db = sqlite3.connect(kept(), isolation_level=None)
    db.execute("UPDATE turns SET turn = replace(turn, 'river', 'lake')")
    db.execute("DELETE FROM spoken WHERE transcript = 'b1'")
    db.execute("INSERT INTO turns VALUES ('gone', 0, '{}', '', '')")
    db.close()
    answer = run("db", "check")
    assert answer.code == 5
    assert "a row of turns refers to a missing row of transcripts" in answer.out
    assert "index does not agree with the turns in 2 places" in answer.out
    assert "turn 1 of a1 does not agree with its digest" in answer.out
    assert run("db", "check", "--json").code == 5


def test_a_conversation_is_held_and_shown_on_postgresql(run: Callable[..., Answer], url: str) -> None:
    Path("a.txt").write_text("One.\nThree.\n")
    Path("b.txt").write_text("Two.\nFour.\n")
    talk = ("talk", "script:a.txt", "script:b.txt", "--name", "Ada", "--name", "Bo", "--turns", "4")
    assert run(*talk, "--db", url).code == 0
    os.environ["MOOT_DB"] = url
    assert "Four." in run("show", "last").out
    assert run("verify").code == 0
    doctor = run("doctor")
    assert (doctor.code, "canary-password" in doctor.out) == (0, False)
    assert "the record is the database moot_test_" in " ".join(doctor.out.split())
    lost = run("doctor", "--db", "postgresql://me:canary-password@127.0.0.1:9/moot")
    assert (lost.code, "canary-password" in lost.out) == (1, False)
    assert "the database moot at 127.0.0.1 cannot be used" in " ".join(lost.out.split())
    assert "canary-password" not in run("db", "check").out


DAMAGE = [
    *(
        ("turns", "turn", "transcript = 'a1' AND seq = 1", odd, "turn 2 of conversation a1")
        for odd in (b"", b"[]", b"\xff")
    ),
    ("turns", "turn", "transcript = 'a1' AND seq = 1", b'{"speaker": 1}', "turn 2 of conversation a1"),
    ("transcripts", "heading", "id = 'a1'", b"{", "the heading of conversation a1"),
    ("transcripts", "foreigners", "id = 'a1'", b"3", "the heading of conversation a1"),
    ("calls", "partial", "transcript = 'b1'", b"half", "a request for turn 1 of conversation b1"),
]


@pytest.mark.parametrize(("table", "column", "rows", "odd", "name"), DAMAGE)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_what_cannot_be_read_is_named_and_all_else_is_checked(
    run: Callable[..., Answer], url: str, database: str, table: str, column: str, rows: str, odd: bytes, name: str
) -> None:
    where = url if database == "postgres" else "moot.db"

    async def and_another() -> None:
        await fill(where)
        async with open_store(where) as store:
            await store.start("z1", TALK)

    asyncio.run(and_another())
    if database == "postgres":
        with psycopg.connect(url) as changed:
            changed.execute(f"UPDATE moot.{table} SET {column} = %s WHERE {rows}".encode(), (odd.decode("latin-1"),))
            changed.execute("UPDATE moot.turns SET digest = 'x' WHERE transcript = 'z1'")
    else:
        with closing(sqlite3.connect("moot.db", isolation_level=None)) as db:
            db.execute(f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE {rows}", (odd,))
            db.execute("UPDATE turns SET digest = 'x' WHERE transcript = 'z1'")
    checked = run("db", "check", "--db", where, "--json")
    assert checked.code == 5
    words = f"{name} cannot be read: the record is damaged there; go back to a backup (see: moot db check)"
    assert words in checked.json["faults"]
    assert "turn 1 of z1 does not agree with its digest" in checked.json["faults"]
    for words in (("show", "a1"), ("list",), ("search", "alive"), ("verify",), ("export", "a1"), ("cost", "b1")):
        answer = run(*words, "--db", where)
        told = [line for line in answer.err.splitlines() if line.startswith("moot: ")]
        assert (answer.code, len(told)) in ((0, 0), (5, 0), (5, 1)), answer
        assert "fault in moot" not in answer.err
