"""`moot verify`: every digest derived again, and every recorded request made again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from moot.cli import STORE, record
from moot.cli.terminal import console, print_json, safe
from moot.stepping import request_for
from moot.transcript import Invalid, link
from moot.voices import VoiceError

if TYPE_CHECKING:
    from moot.store import Store, Stored


@click.command(short_help="Check that the record is whole and agrees with its digests.")
@click.argument("conversations", nargs=-1)
@record.option
@record.as_json
def command(
    conversations: tuple[str, ...],
) -> None:
    """Check conversations (default: all): each digest is derived again, and each request made again from the record.

    \b
    moot verify
    moot verify 3f2a

    Ends with code 5 where the record does not agree with itself.
    """

    async def work(store: Store) -> int:
        ids = [await store.find(one) for one in conversations] or [row.id for row in await store.list()]
        reports = [await _report(store, await store.read(identity)) for identity in ids]
        if record.wants_json():
            print_json([asdict(report) for report in reports])
        else:
            _print(reports)
        return sum(bool(report.broken) for report in reports)

    if record.run(work):
        raise click.exceptions.Exit(STORE)


@dataclass(frozen=True, slots=True)
class Report:
    """How one conversation stands: `other` are turns whose request another version of moot sent in another shape."""

    id: str
    digest: str
    turns: int
    requests_agree: int
    other: tuple[int, ...]
    broken: tuple[str, ...]


async def _report(store: Store, stored: Stored) -> Report:
    calls = await store.calls(stored.listing.id)
    done = {(call.seq, call.speaker) for call in calls if call.outcome == "done"}
    sent = {(call.seq, call.speaker, call.request) for call in calls}
    other = [seq + 1 for seq, name in sorted(done) if (seq, name, _request(stored, name, seq)) not in sent]
    turns = len(stored.transcript.turns)
    return Report(stored.listing.id, stored.digest, turns, len(done) - len(other), tuple(other), stored.broken)


def _request(stored: Stored, name: str, seq: int) -> str:
    """Return the digest of a turn's request, made again; nothing where this moot cannot open its voice."""
    try:
        return link("", request_for(stored, name, seq + 1, record.pool()))
    except (VoiceError, Invalid):
        return ""


def _print(reports: list[Report]) -> None:
    out = console()
    for report in reports:
        for line in report.broken:
            out.print(safe(f"{report.id[:8]}  BROKEN  {line}"), style="bold red")
        if not report.broken:
            note = f"; the requests of turns {list(report.other)} were sent in another shape" if report.other else ""
            out.print(f"{report.id[:8]}  whole  {report.turns} turns, {report.requests_agree} requests agree{note}")
    sound = sum(not report.broken for report in reports)
    out.print(f"{sound} of {len(reports)} conversations are whole", style="dim")
