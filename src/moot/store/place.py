"""Where a PostgreSQL database is, how it is reached again after it was lost, and how its schema is brought up to date.

It must never print a password.
"""

from __future__ import annotations

import contextlib
import logging
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from moot.store import StoreError
from moot.store.rows import now

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from psycopg import Connection

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two looks: the first, doubled up to the longest."""

CONNECT_SECONDS = 10
LOCK = int.from_bytes(b"moot")
"""The advisory lock of whoever brings the schema to this version."""


class Place:
    """Where the database is, and how it is reached again after it was lost."""

    def __init__(self, url: str, patience: float) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an optional extra
            from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - as above
        except ImportError:
            raise StoreError('a record in PostgreSQL needs: pip install "moot[postgres]"') from None
        try:
            known = conninfo_to_dict(url)
        except psycopg.Error:
            raise StoreError("this is no address of a PostgreSQL database: postgresql://USER@HOST/NAME") from None
        if "@" in url.partition("://")[2].partition("?")[0].partition("/")[2]:  # part of it would be taken for the host
            raise StoreError(
                "this address cannot be read: in a password, / is written %2F and @ is %40; or use PGPASSWORD"
            )
        self._url, self._patience = url, patience
        self._secrets = [str(value) for name, value in known.items() if "password" in name and value]
        self.name = f"{known.get('dbname') or known.get('user') or ''} at {known.get('host') or 'this machine'}"

    def connect(self) -> Connection[Any]:
        """Return a new connection whose commits are on disk when they return."""
        import psycopg  # noqa: PLC0415 - an optional extra

        if not (log := logging.getLogger("psycopg")).hasHandlers():
            log.addHandler(logging.NullHandler())  # else it warns on stderr of what is raised, too
        db = psycopg.connect(self._url, connect_timeout=CONNECT_SECONDS, client_encoding="utf8", autocommit=True)
        db.execute("SET synchronous_commit = on")
        return db

    def persistently(self, once: Callable[[], T]) -> T:
        """Try again where a connection was lost, or two writers stood in each other's way, until patience ends."""
        import psycopg  # noqa: PLC0415 - an optional extra

        pause, until = FIRST_PAUSE, time.monotonic() + self._patience
        while True:
            try:
                return once()
            except psycopg.OperationalError as error:
                if time.monotonic() > until or _is_refused(error):
                    raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    @contextlib.contextmanager
    def plainly(self) -> Generator[None]:
        """Say what the database says in words for a person, without what opens it."""
        import psycopg  # noqa: PLC0415 - an optional extra

        try:
            yield
        except psycopg.Error as error:
            said = " ".join(str(error).split()) or type(error).__name__
            for secret in self._secrets:
                said = said.replace(secret, "***")
            kept = "nothing that was answered is lost"
            raise StoreError(f"the database {self.name} cannot be used ({said}); {kept}; try again") from error


def _is_refused(error: Exception) -> bool:
    """Whether waiting is no use: the password, user, or database is not known there, or the disk is full."""
    state = getattr(error, "sqlstate", None) or ""
    words = ("password authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied")
    return state.startswith(("28", "3D", "53100")) or any(one in str(error) for one in words)


@contextlib.contextmanager
def or_closed(db: Connection[Any]) -> Generator[Connection[Any]]:
    """Let go of a connection that an operation failed on: on the next one, what it left is looked up."""
    import psycopg  # noqa: PLC0415 - an optional extra

    try:
        yield db
    except psycopg.OperationalError:
        db.close()
        raise


def migrate(place: Place) -> None:
    """Bring the database to this version's schema; `StoreError` where a newer moot wrote it."""
    folder = files("moot.store") / "migrations" / "postgres"
    scripts = sorted(one.name for one in folder.iterdir() if one.name.endswith(".sql"))
    with contextlib.closing(place.connect()) as db, db.transaction():
        have = _have(db)
        if have < len(scripts):
            db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))  # another process may be doing it right now
            db.execute("CREATE SCHEMA IF NOT EXISTS moot")
            db.execute("CREATE TABLE IF NOT EXISTS moot.migrations (number integer PRIMARY KEY, at text NOT NULL)")
            have = _have(db)
        if have > len(scripts):
            raise StoreError(
                f"the database {place.name} was written by a newer moot (its schema is {have}); upgrade moot"
            )
        for number, name in enumerate(scripts[have:], have + 1):
            db.execute((folder / name).read_bytes())
            db.execute("INSERT INTO moot.migrations VALUES (%s, %s)", (number, now()))


def _have(db: Connection[Any]) -> int:
    if db.execute("SELECT to_regclass('moot.migrations')").fetchone() == (None,):
        return 0
    row = db.execute("SELECT coalesce(max(number), 0) FROM moot.migrations").fetchone()
    return row[0] if row else 0
