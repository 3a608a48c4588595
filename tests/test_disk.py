"""A disk that fails, fills up, is taken away or kept busy: one clear line, and nothing that was answered is lost.

The failures come from under the real store and Python's own sqlite3; see `fakes/disk.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.commands import commands
from fakes.disk import CUTTING, FULL, OPENING, READING, SYNCING, WRITING, Disk, Failure, listening, quick
from fakes.lives import HEADING, Life, found
from moot.store import StoreError, file, open_store
from moot.transcript import Text, Transcript, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from fakes.commands import Answer
    from moot.store.sqlite import SqliteStore

KINDS = {
    "full from then on": (("write",), FULL, 1_000_000),
    "failed to write once": (("write",), WRITING, 1),
    "failed to sync once": (("sync",), SYNCING, 1),
    "fails to sync": (("sync",), SYNCING, 1_000_000),
    "failed to read once": (("read",), READING, 1),
    "failed to cut once": (("cut",), CUTTING, 1),
    "failed to open once": (("open",), OPENING, 1),
}
SAID = r"the disk of the database .* (fails|is full)|cannot keep a write-ahead log|the disk is full|cannot be opened"


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick() as where:
        yield where


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[..., Answer]:
    monkeypatch.chdir(folder)
    for name, words in (("a", "One.\nThree.\n"), ("b", "Two.\nFour.\n")):
        Path(f"{name}.txt").write_text(words)
    return commands(capfd)


def disk_with(folder: Path, number: int) -> Path:
    home = folder / str(number)
    home.mkdir()
    return home


async def talk_on(life: Life, store: SqliteStore) -> None:
    """Bring two conversations to two turns each, wherever they are; as convening again would."""

    async def go_on(name: str) -> None:
        if name not in {row.id for row in await store.list()}:
            await life.start(store, name)
        while len((stored := await store.read(name)).transcript.turns) < 2:
            life.ends[name] = stored.digest
            await life.say(store, name, len(stored.transcript.turns), 900)

    for done in await asyncio.gather(go_on("c0"), go_on("c1"), return_exceptions=True):
        if done is not None:
            raise done


async def suffer(life: Life, failure: Failure) -> list[str]:
    """Live on a disk that fails, and on when it is well again; return what was told meanwhile."""
    told: list[str] = []
    life.disk.failure = failure
    with contextlib.ExitStack() as until_the_end:
        try:
            store = life.open()
            until_the_end.callback(store.shut)
            await talk_on(life, store)
        except StoreError as error:
            told.append(str(error))
        life.disk.failure = None
        store = life.open()  # beside the one that has suffered
        try:
            await talk_on(life, store)
        finally:
            store.shut()
    return told


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fails_at_any_operation_is_told_of_in_a_line_and_costs_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(file, "LOG_BYTES", 40_000)
    monkeypatch.setattr(file, "LOG_KEPT", 20_000)
    kinds, code, times = KINDS[kind]
    struck = 0
    for nth in range(10_000):
        home = disk_with(folder, nth)
        with listening(home) as disk:
            life = Life(disk, home / "moot.db")
            failure = Failure(frozenset(kinds), nth, code, times)
            told = asyncio.run(suffer(life, failure))
        assert all("\n" not in line for line in told)
        assert [line for line in told if not re.search(SAID, line)] == []
        assert found(life.path, life.facts) == "", f"{kind}, from operation {nth} on"
        if not failure.struck:
            break
        struck += 1
    print(f"{kind}: {struck} operations")  # noqa: T201 - shown with -s
    assert struck >= 5


@pytest.mark.parametrize("kind", ["full from then on", "failed to sync once", "failed to write once"])
def test_a_command_whose_disk_fails_says_so_in_a_line_and_what_it_showed_can_be_resumed(
    run: Callable[..., Answer], folder: Path, kind: str
) -> None:
    talk = ("talk", "script:a.txt", "script:b.txt", "--name", "Ada", "--name", "Bo", "--turns", "4", "--seed", "1")
    (folder / "whole").mkdir()
    assert run(*talk, "--db", "whole/moot.db").code == 0
    whole = run("show", "last", "--db", "whole/moot.db").out
    kinds, code, times = KINDS[kind]
    ended: list[int] = []
    for nth in range(2, 10_000, 3 if "sync" in kind else 23):
        db = disk_with(folder, nth) / "moot.db"
        with listening(db.parent) as disk:
            disk.failure = Failure(frozenset(kinds), nth, code, times)
            answer = run(*talk, "--db", str(db))
            struck, disk.failure = disk.failure.struck, None
            said = [line for line in answer.err.splitlines() if line.startswith("moot: ")]
            assert (answer.code, len(said)) in ((0, 0), (5, 1)), answer
            assert "fault in moot" not in answer.err
            shown = sum(word in answer.out for word in ("One.\n", "Two.\n", "Three.\n", "Four.\n"))
            there = run("list", "--json", "--db", str(db)).json
            assert sum(row["turns"] for row in there) >= shown
            again = run("resume", "last", "--db", str(db)) if there else run(*talk, "--db", str(db))
            assert again.code == 0, again
            assert whole.splitlines()[1:] == run("show", "last", "--db", str(db)).out.splitlines()[1:]
            assert run("db", "check", "--db", str(db)).code == 0
        if not struck:
            break
        ended.append(answer.code)
    print(f"{kind}: {len(ended)} commands, of which {ended.count(5)} were told")  # noqa: T201 - shown with -s
    assert ended.count(5) >= 3


@contextlib.contextmanager
def as_nobody() -> Generator[None]:
    """Be somebody who may not do everything, where the tests run as one who may."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_record_that_may_only_be_read_is_read_and_one_that_may_not_is_told_of(run: Callable[..., Answer]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="moot-readable-"))
    db = folder / "moot.db"
    try:
        talk = ("talk", "script:a.txt", "script:b.txt", "--turns", "2", "--db", str(db))
        assert run(*talk).code == 0
        run("show", "last", "--db", str(db))  # all that is imported later is imported here: nobody may not read it
        assert run("say", "nowhere", "word", "--db", str(db)).code == 2
        for what, mode, code in ((db, 0o444, 5), (folder, 0o555, 5), (db, 0o000, 2)):
            folder.chmod(0o777)
            what.chmod(mode)
            with as_nobody():
                read, written = run("show", "last", "--db", str(db)), run("say", "last", "More.", "--db", str(db))
            assert (read.code == 0) is (code == 5), read
            assert written.code == code
            assert len(written.err.splitlines()) == 1
            assert re.search("is read-only|is not readable", written.err)
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_record_that_is_removed_or_replaced_while_it_is_open_answers_nothing_more(tmp_path: Path) -> None:
    async def lost(harm: Callable[[Path], None]) -> None:
        path = tmp_path / f"{harm.__name__}.db"
        async with open_store(path) as store:
            await store.start("a1", Transcript(HEADING))
            harm(path)
            for _ in range(2):
                with pytest.raises(StoreError, match="was removed or replaced by another while it was in use"):
                    await store.start("b1", Transcript(HEADING))

    def removed(path: Path) -> None:
        path.unlink()

    def replaced(path: Path) -> None:
        open_store(path.with_name("other.db")).shut()
        path.with_name("other.db").replace(path)

    def without_its_log(path: Path) -> None:
        path.with_name(f"{path.name}-wal").unlink()

    def with_another_log(path: Path) -> None:
        log = path.with_name(f"{path.name}-wal")
        log.rename(log.with_name("aside"))
        log.write_bytes(log.with_name("aside").read_bytes())

    for harm in (removed, replaced, without_its_log, with_another_log):
        asyncio.run(lost(harm))


def test_a_record_reached_by_a_link_is_no_other(tmp_path: Path) -> None:
    async def write() -> None:
        async with open_store(tmp_path / "link.db") as store:
            await store.start("a1", Transcript(HEADING))
            assert len(await store.list()) == 1

    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "x.db")
    open_store(tmp_path / "real" / "x.db").shut()
    asyncio.run(write())


def test_while_the_log_is_moved_into_the_file_nobody_can_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before SQLite 3.51.3 a commit of another process at that moment could be lost; here there is no such moment."""
    monkeypatch.setattr(file, "LOG_BYTES", 100_000)
    monkeypatch.setattr(file, "LOG_KEPT", 20_000)
    tried: list[str] = []

    def hear(kind: str, name: str) -> None:
        if (kind, name) == ("write", "moot.db"):  # only a checkpoint writes into the file itself
            disk.hook = None
            with contextlib.closing(sqlite3.connect(folder / name, timeout=0, isolation_level=None)) as other:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    tried.append(error.sqlite_errorname)
            disk.hook = hear

    async def write(disk: Disk) -> None:
        async with open_store(folder / "moot.db") as store:
            disk.hook = hear
            for number in range(30):
                await store.start(f"a{number}", Transcript(HEADING, (Turn("Ada", (Text("word " * 500),)),)))
            disk.hook = None

    with listening(folder) as disk:
        asyncio.run(write(disk))
    assert set(tried) == {"SQLITE_BUSY"}
    assert len(tried) > 10


def test_a_record_that_is_kept_busy_is_waited_for_and_then_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert file.BUSY_SECONDS == 30
    monkeypatch.setattr(file, "BUSY_SECONDS", 1)

    async def write() -> None:
        async with open_store(tmp_path / "x.db") as store:
            await store.start("a1", Transcript(HEADING))
            with contextlib.closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(
                    StoreError, match=r"has been busy for 1 seconds; nothing recorded is lost; try again"
                ):
                    await store.start("b1", Transcript(HEADING))
                waiting = asyncio.create_task(store.start("c1", Transcript(HEADING)))
                await asyncio.sleep(0.3)
                assert not waiting.done()
                other.execute("ROLLBACK")
                await waiting
            assert [row.id for row in await store.list()] == ["c1", "a1"]

    asyncio.run(write())
