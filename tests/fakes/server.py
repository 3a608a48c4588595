"""The fakes' HTTP/1.1 server: a thread with a loop of its own, so that it answers whatever the test is doing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from fakes.replies import Refused, Reply, Request
from fakes.wires import WIRES, error_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fakes.wires import Wire

KEY = "sk-test-CANARY-7f3a9b2c"
"""The one key that a fake takes unless told otherwise."""


def answer(request: Request) -> Reply:
    """Say something that depends on the request alone, as a deterministic voice would."""
    heard = json.dumps(request.body.get("messages") or request.body.get("input") or request.body.get("prompt"))
    return Reply(("I heard", f" {len(heard.split())}", " words."))


class Fake:
    """A provider of every wire on one port.

    It answers with `replies` in order, then with what `otherwise` says. `key=None` takes any key; `context` is how
    many words fit; `strict` demands alternating roles of a chat, as many templates do; `stream_options=False` knows
    no such thing, as older servers do.
    """

    def __init__(
        self,
        *replies: Reply,
        key: str | None = KEY,
        context: int = 100_000,
        strict: bool = False,
        stream_options: bool = True,
    ) -> None:
        self.replies: deque[Reply] = deque(replies)
        self.otherwise: Callable[[Request], Reply] = answer
        self.requests: list[Request] = []
        self.key = key
        self.context = context
        self.strict = strict
        self.stream_options = stream_options
        self.cache: set[str] = set()
        self.port = 0
        self._connections = 0
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

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        number = self._connections
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
                await self._respond(request, writer)
                first = await watch
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side left, or the fake is closing: both end this connection and nothing else
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(ConnectionError):
                writer.close()

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> None:
        try:
            wire = self._admit(request)
        except Refused as refused:
            await _write_error(writer, request, refused, ())
            return
        reply = self.replies.popleft() if self.replies else self.otherwise(request)
        if reply.status == 200:
            await self._stream(request, reply, wire, writer)
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

    async def _stream(self, request: Request, reply: Reply, wire: Wire, writer: asyncio.StreamWriter) -> None:
        if reply.fault == "reset" and reply.at < 0:
            _reset(writer)
            return
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
            b"x-request-id: req_fake\r\nrequest-id: req_fake\r\n\r\n"
        )
        events = wire.events(request.body, reply, self) if reply.raw is None else map(_data, reply.raw)
        number = -1
        for number, event in enumerate(events):
            if reply.fault is not None and number == reply.at:
                if await self._strike(reply, wire, writer):
                    return
                continue
            await asyncio.sleep(reply.pace)
            for piece in _pieces(event.encode(), reply.split):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
        if reply.fault is not None and reply.at > number:
            await self._strike(reply, wire, writer)
            return
        request.complete = True
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _strike(self, reply: Reply, wire: Wire, writer: asyncio.StreamWriter) -> bool:
        """Let the fault happen; whether the stream is over by it."""
        match reply.fault:
            case "reset":
                await writer.drain()
                await asyncio.sleep(0.02)  # let what was sent be read before the connection is torn down
                _reset(writer)
                return True
            case "stall":
                await self._over.wait()
                return True
            case "end":
                writer.write(b"0\r\n\r\n")
                await writer.drain()
                return True
            case "error":
                piece = wire.in_band(reply).encode()
                writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(piece), piece))
                await writer.drain()
                return True
            case _:
                piece = b"event: message_start\ndata: {not json\n\n"
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
                return False


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _data(line: str) -> str:
    return f"data: {line}\n\n"


def _pieces(text: bytes, size: int) -> Iterable[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size)) if size else (text,)


def _note_gone(done: asyncio.Future[bytes], request: Request) -> None:
    if not request.complete and (done.cancelled() or done.exception() is not None or not done.result()):
        request.gone.set()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Tear the connection down with RST, as a crashed server or a cut line does."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


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
