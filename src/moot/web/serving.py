"""The server: where it listens, and how it ends.

It must never listen where others can reach it unless that was asked for by name, nor hang on a tab that stays open.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

from moot.web.app import application
from moot.web.doors import OWNER, Doors
from moot.web.site import open_site

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from moot.config import Config
    from moot.store import Store
    from moot.voices import Pool
    from moot.web.doors import Visitor
    from moot.web.site import Site

PATIENCE = 1
"""Seconds in which answers that are under way can end when the server does."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not listened at


class CannotListen(OSError):
    """Nobody can listen at this address, and why."""


def hosts_for(host: str, port: int, names: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts that a server at this address answers to."""
    own = LOOPBACK if host in (*LOOPBACK, *EVERYWHERE) else (*LOOPBACK, host)
    return tuple(f"{f'[{name}]' if ':' in name else name}:{port}" for name in (*own, *names))


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens at this address; port 0 is any that is free. `CannotListen` where it cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # before the link is told: whoever is quick waits, and is not refused
    except OSError as error:
        listener.close()
        raise CannotListen(f"nobody can listen at {host}:{port} ({error.strerror}); name another with --port") from None
    return listener


class Server(uvicorn.Server):
    """A server that ends all streams before it waits for its connections to close."""

    def __init__(self, site: Site, hosts: Sequence[str]) -> None:
        super().__init__(
            uvicorn.Config(
                application(site, hosts),
                log_level="critical",
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=PATIENCE,
            )
        )
        self._site = site

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        await self._site.shut()
        await super().shutdown(sockets)


async def serve(
    store: Store,
    config: Config,
    pool: Pool,
    folder: Path,
    *,
    listener: socket.socket,
    names: Sequence[str],
    told: Callable[[str], None],
) -> None:
    """Serve until a signal ends it; `told` gets each new link for the owner."""
    host, port = listener.getsockname()[:2]
    address = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    doors = Doors()

    def invite() -> None:
        told(f"http://{address}:{port}/enter?token={doors.invite(OWNER)}")

    def entered(visitor: Visitor) -> None:
        if visitor == OWNER:
            invite()

    site = open_site(store, config, pool, folder, doors, entered)
    await store.list()  # so that the first page is as quick as all others
    invite()
    await Server(site, hosts_for(host, port, names)).serve([listener])
