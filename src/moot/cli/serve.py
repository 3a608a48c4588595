"""`moot serve`: the browser, from this machine for this machine."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import click

from moot.cli import record

if TYPE_CHECKING:
    from moot.store import Store

PORT = 8765


@click.command(short_help="Read, watch and lead conversations in the browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 is any that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--allow-remote", is_flag=True, help="Listen where other machines can reach it; each needs a link.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="Another name by which browsers reach it.")
@click.option("--open/--no-open", "opens", default=False, help="Open it in your browser.")
@record.option
def command(
    port: int,
    host: str,
    allow_remote: bool,  # noqa: FBT001 - a flag, given by name
    names: tuple[str, ...],
    opens: bool,  # noqa: FBT001 - the same
) -> None:
    """Read, watch and lead conversations in the browser, on this machine alone unless you say otherwise.

    \b
    moot serve
    moot serve --port 8080 --open

    Open the link that is printed: it is good once, and lets that browser in. Ctrl-C ends it.
    """
    try:
        from moot.web import serving  # noqa: PLC0415 - an extra
    except ImportError:
        raise click.ClickException('the browser needs: pip install "moot[web]"') from None
    if host not in serving.LOOPBACK and not allow_remote:
        raise click.UsageError(
            f"other machines can reach {host}; say --allow-remote if that is what you want (words travel unencrypted), "
            "or reach this machine by: ssh -L"
        )
    try:
        listener = serving.bound(host, port)
    except serving.CannotListen as error:
        raise click.UsageError(str(error)) from None
    shown: list[str] = []

    def told(link: str) -> None:
        click.echo(f"moot is at {link}" if not shown else f"That link is used; for another browser: {link}")
        if opens and not shown:
            webbrowser.open(link)
        shown.append(link)

    async def work(store: Store) -> None:
        async with record.pool() as pool:
            where = record.path().parent
            await serving.serve(store, record.config(), pool, where, listener=listener, names=names, told=told)

    record.run(work)
