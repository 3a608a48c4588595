"""The SQLite file of a record: opened, brought to this version's schema, tidied up, and its troubles in plain words.

It must never touch another program's file, change a record's schema without keeping a copy, or let a commit and a
checkpoint meet.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import sys
import time
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

from moot.store import StoreError
from moot.store.words import spelt, spoken_words

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from importlib.resources.abc import Traversable
    from pathlib import Path

T = TypeVar("T")

BUSY_SECONDS = 30
BUSY_PAUSE = 0.02

LOG_BYTES = 4_000_000
"""How long the write-ahead log grows before it is moved into the file: a thousand pages, as is usual for SQLite."""

LOG_KEPT = 3_000_000
"""How much is kept of a longer log that begins anew: less than `LOG_BYTES`, so that its size says when to move it."""

APPLICATION = int.from_bytes(b"moot")
"""What a moot database says that it is, as SQLite's `application_id`."""

_PLAIN = {
    "SQLITE_FULL": "the disk is full: the database {path} cannot grow; {kept}; make room and resume",
    "SQLITE_IOERR": "the disk of the database {path} fails or is full ({error}); {kept}; make room and resume",
    "SQLITE_READONLY": "the database {path} is read-only; {kept}; make it writable or name another with --db",
    "SQLITE_NOTADB": "{path} is not a moot database; name another with --db",
    "SQLITE_BUSY": "the database {path} has been busy for {seconds} seconds; {kept}; try again",
    "SQLITE_CANTOPEN": "the database {path} cannot be opened; check that it is a file in a folder that can be written",
    "SQLITE_CORRUPT": "the database {path} is damaged ({error}); keep a copy of it, and go back to a backup",
    "": "the database {path} cannot be used ({error}); {kept}",
}


class File:
    """A record's file, with a connection for writing and one that can only read; it is made where there is none.

    A record in a place that cannot be written (a read-only disk) can still be read if it was closed in peace.
    """

    writable: sqlite3.Connection
    readable: sqlite3.Connection
    copy: Path | None = None
    """What the record was before its schema was changed, where that has just been done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log_is: tuple[int, int] | None = None
        with self.plainly():
            if not path.exists():
                _make(path)
            self._log = path.resolve().with_name(f"{path.resolve().name}-wal")
            self._is = _which(path.stat())
            self._open()

    def _open(self) -> None:
        how = "mode=rw"
        if not os.access(self._log.parent, os.W_OK) and not (self._log.exists() and self._log.stat().st_size):
            how = "mode=ro&immutable=1"  # else SQLite would want to make its files beside it, even to read
        with contextlib.ExitStack() as unless_opened:
            self.writable = unless_opened.enter_context(contextlib.closing(_connect(self.path, how)))
            self.copy = _patiently(lambda: _migrate(self.writable, self.path, is_fixed="immutable" in how))
            self.readable = unless_opened.enter_context(
                contextlib.closing(_connect(self.path, how.replace("rw", "ro")))
            )
            self.readable.execute("PRAGMA query_only = ON")
            unless_opened.pop_all()

    def close(self) -> None:
        """Let go of the file; whoever is the last to do so moves the log into it."""
        self.readable.close()
        self.writable.close()

    @contextlib.contextmanager
    def plainly(self) -> Generator[None]:
        """Say what the database says in words for a person."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(_plain_words(self.path, error)) from error
        except OSError as error:
            words = f"the database {self.path} cannot be opened: {error.strerror}; name another with --db"
            raise StoreError(words) from error

    def check(self) -> None:
        """After a commit: see that it is where it will be looked for, and move a long log into the file.

        SQLite goes on writing into a file that was removed or replaced while it was open; that is then no record.
        """
        try:
            log = self._log.stat()
            is_there = _which(self.path.stat()) == self._is and _which(log) == (self._log_is or _which(log))
        except FileNotFoundError:
            log, is_there = None, False
        if log is None or not is_there:
            raise StoreError(
                f"the database {self.path} was removed or replaced by another while it was in use; "
                "nothing more can be added to it; put it back from a backup, or begin again"
            )
        self._log_is = _which(log)
        if log.st_size >= LOG_BYTES:
            with contextlib.suppress(sqlite3.OperationalError):  # no room, or busy: it is tried after the next commit
                self._tidy()

    def _tidy(self) -> None:
        """Move the log into the file while nobody can commit.

        Before 3.51.3 a commit of another process may go unnoticed by a checkpoint that runs at the same moment, and
        part of it never reach the file (https://sqlite.org/wal.html#walresetbug); so the two must not meet.
        """
        self.writable.execute("BEGIN IMMEDIATE")
        try:
            with contextlib.closing(_connect(self.path, "mode=rw")) as other:
                other.execute("PRAGMA synchronous = FULL")
                other.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            if self.writable.in_transaction:
                self.writable.execute("ROLLBACK")


def back_up(db: sqlite3.Connection, path: Path) -> None:
    """Copy a database as it is at one moment into a new file for its owner only, which is on disk when this returns."""
    path.touch(mode=0o600, exist_ok=False)
    with contextlib.closing(sqlite3.connect(path)) as copy:
        db.backup(copy)
    settle(path.parent)


def settle(folder: Path) -> None:
    """Have the names in a folder on disk: without that, a new file may be gone after a power cut, whatever it holds."""
    if sys.platform == "win32":
        return
    known = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every file system can; SQLite does not insist either
            os.fsync(known)
    finally:
        os.close(known)


def at_once(db: sqlite3.Connection, work: Callable[[], T]) -> T:
    """Read one moment of the record, however many rows that takes."""
    db.execute("BEGIN")
    try:
        return work()
    finally:
        if db.in_transaction:  # else a failing disk has ended it
            db.execute("ROLLBACK")


def pragma(db: sqlite3.Connection, name: str) -> int:
    """Return a number that SQLite keeps of a file."""
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def _which(one: os.stat_result) -> tuple[int, int]:
    return one.st_dev, one.st_ino


def _make(path: Path) -> None:
    """Make an empty file, and its folder where there is none, so that no power cut can take them away again."""
    unmade = [folder for folder in path.absolute().parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    for folder in {path.absolute().parent, *(one.parent for one in unmade)}:
        settle(folder)


def _connect(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA wal_autocheckpoint = 0")  # see `File.check`
    except BaseException:
        db.close()
        raise
    return db


def _patiently(work: Callable[[], T]) -> T:
    """Do it again while the file is busy: SQLite itself does not wait for one who tidies up, or changes its mode."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
        time.sleep(BUSY_PAUSE)


def _migrate(db: sqlite3.Connection, path: Path, *, is_fixed: bool) -> Path | None:
    """Bring the file to this version's schema in one transaction, and return the copy that was kept before.

    `StoreError` where the file is somebody else's, or a newer moot's.
    """
    folder = files("moot.store") / "migrations" / "sqlite"
    scripts = sorted((one for one in folder.iterdir() if one.name.endswith(".sql")), key=lambda one: one.name)
    have, whose, is_empty = at_once(db, lambda: _state(db))  # another process may be making it right now
    if whose != APPLICATION and not is_empty:
        raise StoreError(f"{path} is a database of another program's; name another with --db")
    if have > len(scripts):
        raise StoreError(f"the database {path} was written by a newer moot (its schema is {have}); upgrade moot")
    if (mode := db.execute("PRAGMA journal_mode = WAL").fetchone()[0]) != "wal" and not is_fixed:
        words = f"the disk of the database {path} fails, or cannot keep a write-ahead log ({mode} is all it can)"
        raise StoreError(f"{words}; nothing recorded is lost; try again, or name a place on a local disk with --db")
    db.execute(f"PRAGMA journal_size_limit = {LOG_KEPT}")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.create_function("moot_words", 1, _indexed, deterministic=True)
    return _bring_up(db, path, scripts) if have < len(scripts) else None


def _bring_up(db: sqlite3.Connection, path: Path, scripts: Sequence[Traversable]) -> Path | None:
    db.execute("BEGIN IMMEDIATE")
    try:
        have = pragma(db, "user_version")  # another process may just have done it
        copy = _kept(path, have) if 0 < have < len(scripts) else None
        for script in scripts[have:]:
            for statement in _statements(script.read_text("utf-8")):
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {len(scripts)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return copy


def _kept(path: Path, schema: int) -> Path:
    """Copy the record beside itself, under a name that is not taken, while nobody can write; return where it is."""
    names = (f"{path.stem}-schema{schema}{number}{path.suffix}" for number in ("", *itertools.islice(_numbers(), 99)))
    target = next(free for name in names if not (free := path.absolute().with_name(name)).exists())
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)  # of one that was killed: who holds the lock is alone
    try:
        with contextlib.closing(_connect(path, "mode=ro")) as db:
            back_up(db, part)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    settle(path.parent)
    return target


def _numbers() -> Iterator[str]:
    return (f"-{number}" for number in itertools.count(2))


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements; sqlite3's own way of running one ends the transaction that it is to be part of."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _indexed(turn: str) -> str:
    return " ".join(map(spelt, spoken_words(turn)))


def _state(db: sqlite3.Connection) -> tuple[int, int, bool]:
    """Return the number of a file's schema, whose file it says it is, and whether there is nothing in it."""
    have = pragma(db, "user_version")
    is_empty = not have and db.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    return have, pragma(db, "application_id"), is_empty


def _plain_words(path: Path, error: sqlite3.DatabaseError) -> str:
    code = getattr(error, "sqlite_errorname", "")
    words = next(words for start, words in _PLAIN.items() if code.startswith(start))
    return words.format(path=path, error=error, seconds=BUSY_SECONDS, kept="nothing recorded is lost")
