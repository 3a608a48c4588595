"""A provider on loopback that costs next to nothing: every answer is made once, and only a number in it changes.

It must never leave 127.0.0.1 or look at what it is asked beyond the path and whether to stream. It is a process of its
own, so that what it costs is not counted, and its events are those of the tests' fakes. Run as a program it prints its
port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes import Fake, Reply
from fakes.wires import WIRES

if TYPE_CHECKING:
    from collections.abc import Generator

WORDS = 60
"""Words, tokens and events of each reply."""

PATHS = ("/v1/messages", "/responses", "/chat/completions")

_NUMBER = b"0123456789"
"""What stands in a prepared answer where each one gets a number of its own, so that no two replies are the same."""


def main() -> None:
    """Serve until the standard input ends."""
    asyncio.run(_serve())


@contextlib.contextmanager
def served() -> Generator[str]:
    """Run a fake beside this process; yield its URL, without a path."""
    with subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None  # noqa: S101 - it was asked for in the line above
        try:
            yield f"http://127.0.0.1:{int(one.stdout.readline())}"
        finally:
            one.communicate()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    answers = _answers()
    server = await loop.create_server(lambda: _Connection(answers), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def _answers() -> dict[tuple[str, bool], bytes]:
    """Return the answer to each path, streamed or not."""
    said = {"role": "user", "content": [{"type": "text", "text": "asked"}]}
    body = {"model": "fake", "messages": [said], "input": [said], "stream_options": {"include_usage": True}}
    reply = Reply((_NUMBER.decode(), *(f" word{number}" for number in range(1, WORDS))))
    answers: dict[tuple[str, bool], bytes] = {}
    for path in PATHS:
        events = [event.encode() for event in WIRES[path].events(body, reply, Fake())]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events)
        answers[path, True] = _head("text/event-stream", "transfer-encoding: chunked") + chunks + b"0\r\n\r\n"
    whole = json.dumps(
        {
            "id": "chatcmpl-fake",
            "object": "chat.completion",
            "created": 0,
            "model": "fake",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "".join(reply.words)},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": WORDS, "total_tokens": WORDS + 1},
        }
    ).encode()
    answers["/chat/completions", False] = _head("application/json", f"content-length: {len(whole)}") + whole
    return answers


def _head(kind: str, length: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{length}\r\n\r\n".encode()


class _Connection(asyncio.Protocol):
    """One connection; requests come one after the other. A path may open with `/after-N`, N milliseconds of delay."""

    numbers = iter(range(10 ** (len(_NUMBER) - 1), 10 ** len(_NUMBER)))

    def __init__(self, answers: dict[tuple[str, bool], bytes]) -> None:
        self._answers = answers
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server has no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        _, _, rest = head.partition(b"\r\ncontent-length:")
        length = int(rest.split(b"\r\n", 1)[0] or b"0")
        if len(self._buffer) < end + 4 + length:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        path = head.split(b" ", 2)[1].decode()
        streams = b'"stream":true' in body or b'"stream": true' in body
        answer = next(
            (one for (end_, how), one in self._answers.items() if how == streams and path.endswith(end_)), b""
        )
        answer = answer.replace(_NUMBER, b"%d" % next(self.numbers), 1)
        wait = int(path.split("/", 2)[1].removeprefix("after-")) / 1000 if path.startswith("/after-") else 0.0
        if wait:
            asyncio.get_running_loop().call_later(wait, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


if __name__ == "__main__":
    main()
