"""Power cuts: whatever of what was not synced is lost or torn, all that the store has answered is there.

The real store runs on Python's own sqlite3 over SQLite's own VFS, which `fakes/disk.py` only listens to; from the log
of every write, cut, sync, new name and removal, `fakes/cuts.py` builds what a power cut at any moment may leave, and
the real store opens it. What is covered: opening and migrating, conversations that start, go on at the same time, fork
and close, requests that begin and end, commits in groups, the log moved into the file and begun anew, two stores at
once, closing and opening again, and a copy. What is not: a disk that says that it has synced and has not, one that
harms bytes that nobody was writing, and file systems without POSIX's promises.

The log is moved into the file after 60 kB instead of 4 MB, so that it happens often. What the shared memory beside a
log holds is not kept: after a power cut nobody has it open, and SQLite makes it anew.

MOOT_TEST_CUTS=100000 MOOT_TEST_SEED=17 pytest tests/test_power.py
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, get_args

import pytest

from fakes.cuts import Platter
from fakes.disk import Made, Synced, Written, listening, quick
from fakes.lives import COPY, HEADING, Fact, Kind, Life, found
from moot.store import file, sqlite
from moot.store.file import APPLICATION
from moot.transcript import Text, Transcript, Turn, digests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakes.cuts import Mood
    from fakes.lives import Breach

CUTS = int(os.environ.get("MOOT_TEST_CUTS", "5000"))
SEED = int(os.environ.get("MOOT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
SECTORS = (512, 4096)
How = Callable[[Life], Coroutine[None, None, None]]


async def live(life: Life) -> None:
    """A record's whole life: made, talked on by many at once, forked, closed, opened again, and by two stores."""
    names = [f"c{number}" for number in range(4)]
    async with life.open() as store:
        await asyncio.gather(*(life.start(store, name) for name in names))

        async def talk(name: str) -> None:
            for seq in range(3):
                await life.say(store, name, seq, 9000 if name == "c3" and seq == 1 else 60)

        await asyncio.gather(*map(talk, names))
        await life.fail(store, "c0", 3)
        await life.answered(store.close("c0", "all said"), "closed", "c0", 0, "all said")
        life.ends["f1"] = digests((await store.read("c1")).transcript)[2]
        await life.answered(store.fork("f1", "c1", 2, HEADING), "conversation", "f1")
        await life.say(store, "f1", 2)
    async with life.open() as one, life.open() as other:
        await asyncio.gather(
            *(life.say(store, name, 3) for store in (one, other) for name in names[1 + (store is one) :: 2])
        )
        await life.answered(other.close("c2", "enough"), "closed", "c2", 0, "enough")
    async with life.open() as store:
        begun = len(life.disk.log)
        await life.answered(store.back_up(life.path.with_name(COPY)), "copied", "", begun)
        await life.say(store, "f1", 3)


def first_schema(path: Path) -> None:
    """Make a record as the first release did, with a talk in it that is on disk."""
    script = (files("moot.store") / "migrations" / "sqlite" / "0001_record.sql").read_text("utf-8")
    talk = Transcript(HEADING, tuple(Turn("Ada", (Text(f"{seq} of old"),)) for seq in range(30)))
    chain = digests(talk)
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1; {script}")
        sql = "INSERT INTO transcripts (id, heading, digest, at, touched, foreigners) VALUES (?, ?, ?, ?, 0, ?)"
        old.execute(sql, sqlite.head_row("old", HEADING, ()))
        turns = [("old", seq, *sqlite.turn_row(turn, chain[seq + 1])) for seq, turn in enumerate(talk.turns)]
        old.executemany("INSERT INTO turns VALUES (?, ?, ?, ?, ?)", turns)
        old.commit()


async def upgrade(life: Life) -> None:
    """A record of the first schema: what was on it is there whatever happens to it when it is brought up to date."""
    life.facts.append(Fact(0, "conversation", "old"))
    life.facts.extend(Fact(0, "turn", "old", seq, f"{seq} of old") for seq in range(30))
    async with life.open() as store:
        life.ends["old"] = (await store.read("old")).digest
        await life.say(store, "old", 30)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: images are written by the thousand."""
    with quick() as where:
        yield where


def lived(folder: Path, how: How, breach: Breach = "") -> Life:
    home = folder / "home"
    home.mkdir()
    if how is upgrade:
        first_schema(home / "moot.db")
    with listening(home) as disk:
        life = Life(disk, home / "moot.db", breach)
        asyncio.run(how(life))
    return life


@dataclass(slots=True)
class Drill:
    """Power cuts through a life: what each image lacks or has wrong is counted by its kind."""

    life: Life
    folder: Path
    sector: int
    chance: random.Random
    wrong: Counter[str] = field(default_factory=Counter[str])
    first: str = ""
    images: int = 0

    def run(self, cuts: int, *, at_every_one: bool) -> None:
        """Cut at so many random moments; and with all lost and all kept at every operation where that is asked."""
        log = self.life.disk.log
        randomly = Counter(self.chance.randrange(len(log) + 1) for _ in range(cuts))
        platter = Platter.of(self.sector, self.life.disk.before)
        for at in range(len(log) + 1):
            if at_every_one:
                self._cut(platter, at, "all")
                if at == 0 or isinstance(log[at - 1], Synced):  # else what is safe is what it was
                    self._cut(platter, at, "none")
            for _ in range(randomly[at]):
                self._cut(platter, at, "any")
            if at < len(log):
                platter.play(log[at])

    def _cut(self, platter: Platter, at: int, mood: Mood) -> None:
        where = self.folder / "image"
        where.mkdir(exist_ok=True)
        platter.left(where, mood, self.chance)
        self.images += 1
        problem = found(where / "moot.db", [fact for fact in self.life.facts if fact.when <= at])
        if problem:
            self.wrong[problem.partition(":")[0]] += 1
            self.first = self.first or f"{problem} (operation {at} of {len(self.life.disk.log)}, {mood}, seed {SEED})"


@pytest.fixture(autouse=True)
def _short_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "LOG_BYTES", 60_000)
    monkeypatch.setattr(file, "LOG_KEPT", 40_000)


@pytest.mark.parametrize("sector", SECTORS)
@pytest.mark.parametrize("how", [live, upgrade])
def test_after_a_power_cut_at_any_moment_all_that_was_answered_is_there(folder: Path, how: How, sector: int) -> None:
    life = lived(folder, how)
    drill = Drill(life, folder, sector, random.Random(SEED))
    drill.run(CUTS * (2 if how is live else 1) // 6 + 1, at_every_one=sector == SECTORS[0])
    print(f"{drill.images} images of {len(life.disk.log)} operations, seed {SEED}")  # noqa: T201 - shown with -s
    assert not drill.wrong, f"{drill.wrong}; first: {drill.first}"


def test_the_life_that_is_cut_has_what_it_should_have(folder: Path) -> None:
    life = lived(folder, live)
    log = life.disk.log
    (log_file, *_) = [op.file for op in log if isinstance(op, Made) and op.name == "moot.db-wal"]
    begun_anew = [op for op in log if isinstance(op, Written) and op.file == log_file and op.at == 0]
    assert len(begun_anew) > 2, "the log is moved into the file and begun anew while it is in use"
    groups = Counter(fact.when for fact in life.facts if fact.kind == "turn")
    assert max(groups.values()) > 1, "several turns share one commit"
    assert {fact.kind for fact in life.facts} == set(get_args(Kind))
    assert found(life.path, life.facts) == ""


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ("normal", {"lost", "copy lost"}),
        (
            "off",
            {"lost", "damaged", "not opened", "broken", "half a write", "copy lost", "copy damaged", "copy not opened"},
        ),
        ("early", {"lost", "copy lost"}),
    ],
)
def test_the_drill_finds_a_store_that_syncs_too_little_or_answers_too_early(
    folder: Path, breach: Breach, told: set[str]
) -> None:
    drill = Drill(lived(folder, live, breach), folder, 512, random.Random(SEED))
    drill.run(150, at_every_one=False)
    print(f"{breach}: {drill.wrong} of {drill.images}")  # noqa: T201 - shown with -s
    assert drill.wrong.keys() <= told, drill.first
    assert drill.wrong["lost"] > 20
