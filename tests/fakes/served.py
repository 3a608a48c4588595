"""moot's own server, on loopback in a thread of its own, over a record of the test's."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moot.config import load
from moot.store import open_store
from moot.transcript import Heading, Participant, Text, Transcript, Turn, freeze
from moot.voices import Pool
from moot.web.doors import OWNER, Doors, Visitor
from moot.web.serving import Server, bound, hosts_for
from moot.web.site import open_site

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator, Sequence
    from pathlib import Path

    from moot.store.sqlite import SqliteStore
    from moot.web.site import Site


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body, as text."""
        return self.body.decode()


@dataclass(slots=True)
class Served:
    """A server that runs; `entered` are those who came in."""

    port: int
    loop: asyncio.AbstractEventLoop
    site: Site
    entered: list[Visitor] = field(default_factory=list[Visitor])

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def link(self, visitor: Visitor = OWNER) -> str:
        """Return a link that lets this visitor in."""
        return f"{self.address}/enter?token={self.site.doors.invite(visitor)}"

    def cookie(self, visitor: Visitor = OWNER) -> str:
        """Let a visitor in, and return the cookie that they have from then on."""
        answer = self.ask("GET", self.link(visitor).removeprefix(self.address))
        return re.split("[;]", answer.headers["set-cookie"])[0]

    def ask(self, method: str, path: str, cookie: str = "", fields: str | None = None, **more: str) -> Answer:
        """Send a request as a page of our own would, and return the answer."""
        headers = {"cookie": cookie, "origin": self.address, "sec-fetch-site": "same-origin"}
        if fields is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, fields, headers)
            got = connection.getresponse()
            told = {name.lower(): value for name, value in got.getheaders()}
            body = b"" if "event-stream" in told.get("content-type", "") else got.read()
            return Answer(got.status, told, body)
        finally:
            connection.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something in the server's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    @property
    def store(self) -> Any:
        """The record; its methods are for `run`."""
        return self.site.store


@contextmanager
def served(where: Path) -> Generator[Served]:
    """Serve the record in a file until the test is done with it."""
    ready, told = threading.Event(), dict[str, Any]()

    async def main() -> None:
        listener = bound("127.0.0.1", 0)
        config = load(None, os.environ)
        async with open_store(where) as store, Pool(config.endpoints, config.key) as pool:
            entered: list[Visitor] = []
            site = open_site(store, config, pool, where.parent, Doors(), entered.append)
            port = listener.getsockname()[1]
            told["served"] = Served(port, asyncio.get_running_loop(), site, entered)
            told["server"] = Server(site, hosts_for("127.0.0.1", port, ()))
            ready.set()
            await told["server"].serve([listener])

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield told["served"]
    finally:
        told["server"].should_exit = True
        thread.join(10)
        assert not thread.is_alive(), "the server did not end"


def events(told: bytes) -> Iterator[tuple[str, int | None, str]]:
    """Yield the kind, id and data of each whole event of a stream's bytes."""
    for block in told.decode().split("\n\n")[:-1]:
        fields = [line.partition(": ")[::2] for line in block.split("\n") if line and not line.startswith(":")]
        kinds = [value for name, value in fields if name == "event"]
        if kinds:
            number = next((int(value) for name, value in fields if name == "id"), None)
            yield kinds[0], number, "\n".join(value for name, value in fields if name == "data")


def talk_of(*turns: Turn, title: str = "A talk", **arguments: Any) -> Transcript:
    """Return a talk of Ada and Bo that has these turns."""
    cast = (Participant("Ada", "person:web", "You are Ada."), Participant("Bo", "person:web", "You are Bo."))
    return Transcript(Heading(cast, title=title, arguments=freeze(arguments)), turns)


def said(speaker: str, text: str, **more: Any) -> Turn:
    """Return a turn of these words."""
    return Turn(speaker, (Text(text),), **more)


def paced(lines: Sequence[str], pace: float = 0.01, turns: int | None = None) -> Transcript:
    """Return a talk of two scripts that say these lines, so many seconds a word."""
    voices = [("Ada", list(lines[::2])), ("Bo", list(lines[1::2]))]
    cast = tuple(
        Participant(name, f"script:{name}.txt", settings=freeze({"pace": pace, "lines": own})) for name, own in voices
    )
    ignored = {"loop": "ignore", "collapse": "ignore", "goodbye": "ignore", "meta": "ignore"}
    arguments = freeze({"turns": len(lines) if turns is None else turns} | ignored)
    return Transcript(Heading(cast, title="Paced", arguments=arguments), ())


async def put_all(store: SqliteStore, **talks: Transcript) -> None:
    """Put conversations on record under these ids."""
    for identity, talk in talks.items():
        await store.start(identity, talk)
