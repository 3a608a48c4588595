"""The fakes' HTTP/1.1 server: a thread with a loop of its own, so that it answers whatever the test is doing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from fakes.line import Line, inside
from fakes.net import moved
from fakes.replies import Refused, Reply, Request
from fakes.wires import WIRES, error_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fakes.holding import Holding
    from fakes.wires import Wire

KEY = "sk-test-CANARY-7f3a9b2c"
"""The one key that a fake takes unless told otherwise."""

PAGE = "<!doctype html>\n<title>Sign in</title>\n<p>Welcome to this network. Sign in to go on.\n"
"""What a network's own door answers to everything."""


def answer(request: Request) -> Reply:
    """Say something that depends on the request alone, as a deterministic voice would."""
    heard = json.dumps(request.body.get("messages") or request.body.get("input") or request.body.get("prompt"))
    return Reply(("I heard", f" {len(heard.split())}", " words."))


class Fake:
    """A provider of every wire on one port.

    It answers with `replies` in order, then with what `otherwise` says. `key=None` takes any key; `context` is how
    many words fit; `strict` demands alternating roles of a chat, as many templates do; `stream_options=False` knows
    no such thing, as older servers do; `holding` is what it does with a schema or a grammar. When it closes, every
    participant's request must have extended the one before; `moves_prefix` says why a test means to break that.
    `answering` is how many answers are under way.
    """

    def __init__(
        self,
        *replies: Reply,
        key: str | None = KEY,
        context: int = 100_000,
        strict: bool = False,
        stream_options: bool = True,
        holding: Holding = "held",
        moves_prefix: str = "",
    ) -> None:
        self.replies: deque[Reply] = deque(replies)
        self.otherwise: Callable[[Request], Reply] = answer
        self.requests: list[Request] = []
        self.key = key
        self.context = context
        self.strict = strict
        self.stream_options = stream_options
        self.holding: Holding = holding
        self.moves_prefix = moves_prefix
        self.cache: set[str] = set()
        self.paused: list[dict[str, Any]] = []
        self.port = 0
        self._connections = 0
        self.answering = 0
        self._server: asyncio.Server | None = None
        self._open: dict[int, asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def anthropic_url(self) -> str:
        """What ANTHROPIC_BASE_URL is to be."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """What OPENAI_BASE_URL is to be."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of all requests so far."""
        return [request.body for request in self.requests]

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def deafen(self) -> None:
        """Hang up on everybody and refuse connections, until `hear`."""
        asyncio.run_coroutine_threadsafe(self._deafen(), self._loop).result(5)

    def hear(self) -> None:
        """Take connections again."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)
        if kind is None:  # what went wrong first is what is told
            found = moved(self.requests)
            assert bool(found) == bool(self.moves_prefix), found or f"no prefix moved, though {self.moves_prefix}"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        await self._listen()
        self._ready.set()
        await self._over.wait()
        await self._deafen()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open.values()):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        number = self._connections
        self._open[number] = writer
        try:
            first = await reader.read(1)
            while first:
                head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(_header(line) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Request(head[0].split()[1], headers, json.loads(body or b"{}"), number)
                self.requests.append(request)
                watch = asyncio.ensure_future(reader.read(1))
                watch.add_done_callback(lambda done, request=request: _note_gone(done, request))
                self.answering += 1
                try:
                    await self._respond(request, writer, watch)
                finally:
                    self.answering -= 1
                first = await watch
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side left, or the fake is closing: both end this connection and nothing else
        finally:
            self._tasks.discard(task)
            del self._open[number]
            with contextlib.suppress(ConnectionError):
                writer.close()

    async def _respond(self, request: Request, writer: asyncio.StreamWriter, watch: asyncio.Future[bytes]) -> None:
        try:
            wire = self._admit(request)
        except Refused as refused:
            await _write_error(writer, request, refused, ())
            return
        reply = self.replies.popleft() if self.replies else self.otherwise(request)
        if reply.status == 200:
            events = [event.encode("utf-8", "surrogateescape") for event in self._events(request, reply, wire)]
            await self._stream(request, reply, wire, Line(writer, watch, reply, events, wire.kind), events)
        else:
            refused = Refused(reply.status, reply.code, reply.message or "Something went wrong.")
            await _write_error(writer, request, refused, reply.headers)

    def _admit(self, request: Request) -> Wire:
        wire = next((one for path, one in WIRES.items() if request.path.endswith(path)), None)
        if wire is None:
            raise Refused(404, "not_found_error", f"no such path {request.path}")
        if self.key is not None and request.key != self.key:
            raise Refused(401, *wire.wrong_key(request.key))
        wire.check(request.body, self)
        return wire

    def _events(self, request: Request, reply: Reply, wire: Wire) -> Iterable[str]:
        if reply.framing == "page":
            return (PAGE,)
        if reply.events is not None:
            return reply.events
        return wire.events(request.body, reply, self) if reply.raw is None else map(_data, reply.raw)

    async def _stream(self, request: Request, reply: Reply, wire: Wire, line: Line, events: Sequence[bytes]) -> None:
        if reply.fault is not None and reply.at < 0 and await self._strike(reply, wire, line):
            return
        await line.open()
        for number, event in enumerate(events):
            if reply.fault is not None and number == reply.at:
                if part := inside(event, reply.into):
                    await line.write(part)
                if await self._strike(reply, wire, line):
                    return
                continue
            await asyncio.sleep(reply.pace)
            if await line.write(event, dripping=bool(reply.drip) and number == reply.at):
                request.sent.append(event.decode("utf-8", "surrogateescape"))
        if reply.fault is not None and reply.at >= len(events):
            await self._strike(reply, wire, line)
            return
        request.complete = True
        await line.close()

    async def _strike(self, reply: Reply, wire: Wire, line: Line) -> bool:
        """Let the fault happen; whether the stream is over by it."""
        match reply.fault:
            case "reset" | "close":
                await line.hang_up(hard=reply.fault == "reset")
                return True
            case "stall":
                await asyncio.wait({line.gone})
                return True
            case "end":
                await line.close()
                return True
            case "error":
                await line.write(wire.in_band(reply).encode())
                await line.close()
                return True
            case _:
                await line.write(b"event: message_start\ndata: {not json\n\n")
                return False


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _data(line: str) -> str:
    return f"data: {line}\n\n"


def _note_gone(done: asyncio.Future[bytes], request: Request) -> None:
    if not request.complete and (done.cancelled() or done.exception() is not None or not done.result()):
        request.gone.set()


async def _write_error(
    writer: asyncio.StreamWriter, request: Request, refused: Refused, headers: tuple[tuple[str, str], ...]
) -> None:
    request.complete = True
    body = json.dumps(error_body(request.path, refused.code, refused.message)).encode()
    lines = [
        f"HTTP/1.1 {refused.status} Fake",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "x-request-id: req_fake",
        "request-id: req_fake",
        *(f"{name}: {value}" for name, value in headers),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()
