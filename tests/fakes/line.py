"""The line that an answer goes over: its bytes in the framing that the reply asks for, right or wrong."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fakes.replies import Reply

BOMB = 8 * 1024 * 1024
"""Bytes of nothing that a few packed kilobytes burst into."""

_LENGTH = ("long", "short")
_PACKED = ("gzip", "bomb")


class Line:
    """One answer on its way to a client; `gone` is done when the client has hung up."""

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        gone: asyncio.Future[bytes],
        reply: Reply,
        events: Sequence[bytes],
        kind: str = "text/event-stream; charset=utf-8",
    ) -> None:
        self.gone = gone
        self._writer = writer
        self._reply = reply
        self._kind = kind
        self._packer = zlib.compressobj(wbits=31) if reply.framing in _PACKED else None
        self._declared = _declared(reply, events) if reply.framing in _LENGTH else None
        self._count = 0

    async def open(self) -> None:
        """Send the status and the headers."""
        kind = "text/html" if self._reply.framing == "page" else self._kind
        lines = ["HTTP/1.1 200 OK", f"content-type: {kind}", "x-request-id: req_fake", "request-id: req_fake"]
        lines.append("transfer-encoding: chunked" if self._declared is None else f"content-length: {self._declared}")
        if self._declared is not None:
            lines.append("connection: close")
        if self._packer or self._reply.framing == "false gzip":
            lines.append("content-encoding: gzip")
        if self._reply.framing == "bloated":
            lines.append(f"x-bloat: {'x' * 300_000}")
        lines += [f"{name}: {value}" for name, value in self._reply.headers]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        if self._reply.framing == "bomb":
            await self.write(b" " * BOMB + b"\n\n")

    async def write(self, content: bytes, *, dripping: bool = False) -> bool:
        """Send some of the body, as far as it lies within the length that was told; whether all of it does."""
        room = len(content) if self._declared is None else max(0, self._declared - self._count)
        self._count += len(content)
        for piece in _pieces(content[:room], 1 if dripping else self._reply.split):
            if dripping:
                await asyncio.sleep(self._reply.drip)
            packed = self._packer.compress(piece) + self._packer.flush(zlib.Z_SYNC_FLUSH) if self._packer else piece
            self._writer.write(packed if self._declared is not None else b"%x\r\n%s\r\n" % (len(packed), packed))
            await self._writer.drain()
        return len(content) <= room

    async def close(self) -> None:
        """End the body: as its framing says, or by hanging up where the length was wrong."""
        if self._declared is not None:
            self._writer.close()
            return
        if self._packer and (rest := self._packer.flush()):
            self._writer.write(b"%x\r\n%s\r\n" % (len(rest), rest))
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def hang_up(self, *, hard: bool) -> None:
        """End the connection; hard is with RST, as a crashed server or a cut line does."""
        await self._writer.drain()
        await asyncio.sleep(self._reply.settle)  # let what was sent be read before the connection is torn down
        if not hard:
            self._writer.close()
            return
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def inside(event: bytes, into: str) -> bytes:
    """Return how much of an event is sent before a fault that strikes inside it: a character has more than one byte."""
    if into == "character":
        return event[: next(at for at, byte in enumerate(event) if byte >= 0xC0) + 1]
    return event[: len(event) // 2] if into else b""


def _declared(reply: Reply, events: Sequence[bytes]) -> int:
    if reply.framing == "long":
        return sum(map(len, events)) + 100
    cut = inside(events[reply.at], "event") if reply.at < len(events) else b""
    return sum(map(len, events[: reply.at])) + len(cut)


def _pieces(text: bytes, size: int) -> Iterable[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size)) if size else (text,)
