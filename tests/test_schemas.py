"""A record of any schema that there ever was is brought to this version's, whole, whatever interrupts that."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from fakes.commands import commands
from fakes.postgres import Postgres, database
from fakes.schemas import database_as_sql, numbers, restore_database, restore_file, sample, told
from moot.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakes.commands import Answer

ALL = [(name, number) for name in ("sqlite", "postgres") for number in numbers(name)]
OLD = [(name, number) for name, number in ALL if number < numbers(name)[-1]]
KILLS = 6


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


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Answer]:
    monkeypatch.chdir(tmp_path)
    return commands(capfd)


def restored(name: str, number: int, request: pytest.FixtureRequest) -> str:
    """Put a sample into a database of its own; return where that is."""
    if name == "sqlite":
        path: Path = request.getfixturevalue("tmp_path") / f"{number}.db"
        restore_file(number, path)
        return str(path)
    url: str = request.getfixturevalue("url")
    restore_database(number, url)
    return url


def tables(where: str, server: Postgres | None = None) -> list[str]:
    """Return what a database is made of, without what it holds."""
    if server is not None:
        return sorted(line for line in database_as_sql(server, where).splitlines() if not line.startswith("INSERT"))
    with closing(sqlite3.connect(where)) as db:
        sql = "SELECT coalesce(sql, name) FROM sqlite_master WHERE name NOT LIKE 'words_%' ORDER BY name"
        return [row[0] for row in db.execute(sql)]


@pytest.mark.parametrize(("name", "number"), ALL)
def test_a_record_of_every_schema_is_brought_up_to_date_and_holds_what_it_held(
    run: Callable[..., Answer], request: pytest.FixtureRequest, name: str, number: int
) -> None:
    where = restored(name, number, request)
    assert run("db", "migrate", "--db", where, "--json").json["schema"] == numbers(name)[-1]
    assert asyncio.run(told(where)) == sample(name, number)[1]
    assert run("db", "check", "--db", where).code == 0
    assert run("verify", "--db", where).code == 0
    found = run("search", "river", "alive", "--db", where, "--json").json
    assert [(hit["id"], hit["turn"]) for hit in found] == [("a1", 1)]
    assert run("db", "copy", where, "copied.db").code == 0
    for identity in ("a1", "b1", "c1"):
        for kind in ("json", "text", "markdown"):
            export = ("export", identity, "--format", kind, "--db")
            assert run(*export, where).out == run(*export, "copied.db").out
    assert run("say", "a1", "More.", "--db", where).code == 0


@pytest.mark.parametrize(("name", "number"), ALL)
def test_a_record_that_was_brought_up_to_date_has_the_very_tables_of_a_new_one(
    request: pytest.FixtureRequest, server: Postgres, tmp_path: Path, name: str, number: int
) -> None:
    """So no migration is ever changed once it is out."""
    where = restored(name, number, request)
    open_store(where).shut()
    if name == "sqlite":
        open_store(tmp_path / "new.db").shut()
        assert tables(where) == tables(str(tmp_path / "new.db"))
    else:
        with database(server.url("postgres")) as new:
            open_store(new).shut()
            ignored = re.compile(r"SELECT pg_catalog.setval")
            assert [x for x in tables(where, server) if not ignored.match(x)] == [
                x for x in tables(new, server) if not ignored.match(x)
            ]


def test_there_is_a_sample_of_every_schema(tmp_path: Path, url: str) -> None:
    for name, where in (("sqlite", tmp_path / "x.db"), ("postgres", url)):
        store = open_store(where)
        try:
            assert numbers(name) == list(range(1, asyncio.run(store.schema()) + 1)), "python tests/fakes/schemas.py"
        finally:
            store.shut()


@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_a_record_of_a_newer_moot_is_refused_in_a_line_and_left_alone(
    run: Callable[..., Answer], request: pytest.FixtureRequest, name: str
) -> None:
    where = restored(name, numbers(name)[-1], request)
    before = b""
    if name == "sqlite":
        with closing(sqlite3.connect(where)) as db:
            db.execute("PRAGMA user_version = 99")
        before = Path(where).read_bytes()
    else:
        with psycopg.connect(where) as db:
            db.execute("INSERT INTO moot.migrations VALUES (99, '')")
    for words in (("list",), ("db", "migrate"), ("db", "check"), ("say", "a1", "More.")):
        answer = run(*words, "--db", where)
        assert answer.code == 5
        assert re.fullmatch(
            r"moot: the database .* was written by a newer moot \(its schema is 99\); upgrade moot\n", answer.err
        )
    if name == "sqlite":
        assert Path(where).read_bytes() == before
        assert [path.name for path in Path(where).parent.iterdir()] == [Path(where).name]


KILLED_AT = """
import os, signal, sqlite3, sys
left = int(sys.argv[2])
def tick(*_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
from moot.store import file, open_store
if sys.argv[1].startswith("postgresql"):
    import psycopg
    execute = psycopg.Connection.execute
    psycopg.Connection.execute = lambda self, *words, **more: (tick(), execute(self, *words, **more))[1]
else:
    connect = file._connect
    def connected(*words):
        db = connect(*words)
        db.set_trace_callback(tick)
        return db
    file._connect = connected
open_store(sys.argv[1]).shut()
print(left)
"""


def killed_at(where: str, statement: int) -> int | None:
    """Open a record in a process that is killed before this statement; how many were left over where it was not."""
    command = [sys.executable, "-c", KILLED_AT, where, str(statement)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode == -signal.SIGKILL:
        return None
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.mark.parametrize(("name", "number"), OLD)
def test_a_record_whose_migration_is_killed_is_whole_and_is_migrated_the_next_time(
    run: Callable[..., Answer], request: pytest.FixtureRequest, name: str, number: int, tmp_path: Path, url: str
) -> None:
    where = restored(name, number, request)
    left = killed_at(where, 10_000)
    assert left is not None
    statements = 10_000 - left
    schemas: list[int] = []
    for kill in range(KILLS):
        if name == "sqlite":
            for path in tmp_path.iterdir():
                path.unlink()
            where = restored(name, number, request)
        else:
            with psycopg.connect(where) as db:
                db.execute("DROP SCHEMA moot CASCADE")
            restore_database(number, where)
        at = 3 + kill * (statements - 3) // KILLS
        assert killed_at(where, at) is None
        schemas.append(schema(where))
        assert run("db", "migrate", "--db", where, "--json").json["schema"] == numbers(name)[-1], at
        assert run("db", "check", "--db", where).code == 0, at
        assert asyncio.run(told(where)) == sample(name, number)[1], at
        assert [path for path in tmp_path.iterdir() if ".part" in path.name] == []
    print(f"killed at {KILLS} of {statements} statements; the schema was then {schemas}")  # noqa: T201 - shown with -s
    assert set(schemas) <= {number, numbers(name)[-1]}, "a migration is whole, or has not been"
    assert schemas.count(number) >= 3


def schema(where: str) -> int:
    if where.startswith("postgresql"):
        with psycopg.connect(where) as db:
            row = db.execute("SELECT max(number) FROM moot.migrations").fetchone()
        assert row
        return row[0]
    with closing(sqlite3.connect(where)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]
