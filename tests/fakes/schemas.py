"""Records of every schema that there was, kept as SQL: how one is made of today's, and put into a database again.

python tests/fakes/schemas.py writes that of the schema that moot has now, once it is final; it must never change one
that is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from fakes.postgres import Postgres, database
from moot.store import Call, open_store
from moot.transcript import Ballot, Heading, Participant, Text, Thought, Transcript, Turn, as_json, digests, link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moot.store import Store

SAMPLES = Path(__file__).parents[1] / "samples" / "schemas"
HEADING = Heading(
    (Participant("Ada", "script:a", "You are Ada."), Participant("Bo", "script:b")),
    title="Rivers; and 'lakes' -- as \"they\" are",
    topic="Is a river alive?",
    seed=7,
)
CALL = Call(0, "Ada", "script:a", "d" * 32, model="m-1", request_id="req", input=10, output=3, first_ms=5, total_ms=9)
ODD = "\ud83d NUL\0 \x1b[31m \u202e [bold] \U0001f600 '; DROP TABLE turns; --\n\n  ünïcödé 河"


async def fill(store: Store) -> None:
    """Put on record one of everything: turns of all kinds, forks of forks, requests of every outcome, closings."""
    said = (
        Turn("Ada", (Thought("Hm."), Text("A river is alive."))),
        Turn("Bo", (Text(ODD),), heard_by=("Ada",), stop="length", marks=("cut",)),
        Turn("Ada", (Ballot("Alive?", ("yes", "no"), "yes", (0.75, 0.25), "grammar"),)),
        Turn("Bo", (), stop="refusal"),
    )
    await store.start("a1", Transcript(HEADING, said[:2]), ("Bo",))
    chain = digests(Transcript(HEADING, said))
    for seq in (2, 3):
        number = await store.begin("a1", replace(CALL, seq=seq))
        await store.append("a1", seq, said[seq], chain[seq + 1], (number, replace(CALL, seq=seq, outcome="done")))
    await store.close("a1", "all said")
    await store.fork("b1", "a1", 3, replace(HEADING, title="otherwise"))
    last = link(digests(Transcript(replace(HEADING, title="otherwise"), said[:3]))[-1], as_json(said[1]))
    await store.append("b1", 3, said[1], last)
    await store.fork("c1", "b1", 4, HEADING, ("Ada", "chair"))
    for outcome in ("failed", "paused", "left", "open"):
        number = await store.begin("c1", replace(CALL, seq=4))
        if outcome != "open":
            await store.finish(number, replace(CALL, seq=4, outcome=outcome, error="reset by 河", partial=ODD, cut=ODD))


async def told(where: Path | str) -> list[str]:
    """Return what a record of these holds, a line a conversation."""
    async with open_store(where) as store:
        rows = [(row, await store.read(row.id), await store.calls(row.id)) for row in await store.list()]
    assert not any(stored.broken for _, stored, _ in rows)
    return [
        f"{row.id} {stored.digest} {row.turns} turns, closed {row.closed!r}, from {row.forked_from} at {row.forked_at}"
        f", foreigners {row.foreigners}, calls {[(call.outcome, call.output, len(call.partial)) for call in calls]}"
        for row, stored, calls in rows
    ]


def sample(database: str, number: int) -> tuple[str, list[str]]:
    """Return the SQL of a sample, and what the record holds."""
    text = (SAMPLES / f"{database}-{number:03}.sql").read_text("utf-8")
    return text, re.findall(r"^-- holds: (.*)$", text, re.MULTILINE)


def numbers(database: str) -> list[int]:
    """Return the schemas of which there is a sample."""
    return sorted(int(path.stem[-3:]) for path in SAMPLES.glob(f"{database}-*.sql"))


def restore_file(number: int, path: Path) -> None:
    """Make the record's file anew, as that version of moot left it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(sample("sqlite", number)[0])


def restore_database(number: int, url: str) -> None:
    """Make the record's tables anew in an empty database."""
    with psycopg.connect(url) as db:
        db.execute(sample("postgres", number)[0].encode())


def _file_as_sql(path: Path) -> Iterator[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        yield from (line for line in db.iterdump() if line != 'INSERT INTO "words" VALUES(NULL);')  # it keeps no text
        for name in ("application_id", "user_version"):
            yield f"PRAGMA {name} = {db.execute(f'PRAGMA {name}').fetchone()[0]};"


def database_as_sql(server: Postgres, url: str) -> str:
    """Return the statements that make moot's tables of a database anew, with what they hold."""
    command = [server.programs / "pg_dump", "--inserts", "--no-owner", "--schema=moot", url]
    dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return re.sub(r"^(\\.*|--.*|SET .*|SELECT pg_catalog.set_config.*|)\n", "", dumped, flags=re.MULTILINE)


async def _filled(where: Path | str) -> tuple[int, str]:
    async with open_store(where) as store:
        await fill(store)
        number = await store.schema()
    return number, "".join(f"-- holds: {line}\n" for line in await told(where))


def main() -> None:
    """Write the samples of today's schema that are not there yet."""
    server = Postgres()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder, database(server.url("postgres")) as url:
            path = Path(folder) / "moot.db"
            number, holds = asyncio.run(_filled(path))
            _write("sqlite", number, holds + "\n".join(_file_as_sql(path)) + "\n")
            number, holds = asyncio.run(_filled(url))
            _write("postgres", number, holds + database_as_sql(server, url))
    finally:
        server.stop()


def _write(database: str, number: int, text: str) -> None:
    path = SAMPLES / f"{database}-{number:03}.sql"
    if path.exists():
        print(f"{path.name} is there already", file=sys.stderr)  # noqa: T201 - a script tells what it did
    else:
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
