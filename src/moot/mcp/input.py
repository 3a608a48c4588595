"""Standard input that can be ended from here, though whoever writes to it does not end it.

It must never lose a byte, or let anybody else in this process read what is meant for the protocol.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

PIECE = 65536


@contextlib.contextmanager
def endable() -> Generator[Callable[[], None]]:
    """Put in place of standard input what can be ended by the function that is yielded; within, fd 0 reads nothing.

    A thread that reads a pipe cannot be called off: without this, a signal would wait for the next line.
    """
    usual, number = sys.stdin, sys.stdin.fileno()
    source, null = os.dup(number), os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, number)
    os.close(null)
    ours, theirs = socket.socketpair()

    def feed() -> None:
        with contextlib.suppress(OSError), ours:
            while piece := os.read(source, PIECE):
                ours.sendall(piece)

    def end() -> None:
        with contextlib.suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=feed, name="moot-mcp-input", daemon=True).start()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(theirs.makefile("rb", buffering=0)), encoding="utf-8")
    try:
        yield end
    finally:
        end()
        sys.stdin = usual
        os.dup2(source, number)
