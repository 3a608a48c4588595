"""A conversation as it happens: events of the loop, shown as they come.

It must never show a turn as finished before the record has it; that is why the loop, not this file, says `Spoken`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import click

from moot.cli import LIMIT, caps, record
from moot.cli.terminal import Lines, colour, console, print_json, program, safe
from moot.cli.waiting import asked, draft_of, way_in
from moot.convene import NO_LIMITS, Closed, Pause, Retry, Said, Spoken, convene
from moot.transcript import CHAIR, Ballot, Transcript
from moot.view import is_ballot
from moot.voices import VoiceError, Words
from moot.voices.person import Person
from moot.voices.spec import check, open_voices, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rich.console import Console
    from rich.progress import TaskID

    from moot.convene import Event
    from moot.spending import Limits
    from moot.store import Store
    from moot.transcript import Heading, Turn


async def ready(heading: Heading, foreigners: Sequence[str] = ()) -> None:
    """See that every voice can speak, fetching what an embedded model lacks; `VoiceError` where one cannot.

    A file must not choose where words and keys are sent: who came with one may not bring an address along.
    """
    pool = record.pool()
    for participant in heading.participants:
        settings = dict(participant.settings)
        brought = settings.get("base_url") or settings.get("key_env")
        if brought and participant.name in foreigners:
            raise VoiceError(
                f"{participant.name}'s voice came with an imported file, which may not choose {brought}; "
                f"choose one yourself: {program()} fork ID --voice {participant.name}=VOICE"
            )
        check(participant, pool)
    with fetching() as progress:
        await prepare(heading.participants, progress)


@contextlib.contextmanager
def fetching() -> Generator[Callable[[str, int, int], None]]:
    """Show on standard error how a download goes on: a bar on a terminal, elsewhere a line for each step."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn  # noqa: PLC0415 - only to fetch

    out = console(err=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(safe(what), total=total or None)
                size = f" ({total / 1e6:.0f} MB)" if total else ""
                if not out.is_terminal:
                    out.print(safe(f"{what}{size}"))
            bars.update(tasks[what], completed=done, total=total or None)

        yield progress


async def carry(
    store: Store, identity: str, *, more: int | None = None, limits: Limits = NO_LIMITS, silent: bool = False
) -> Pause | Closed:
    """Carry a conversation on, showing it unless `silent`, and return how it ended for now."""
    stored = await store.read(identity)
    heading = stored.transcript.heading
    typed = [one.name for one in heading.participants if one.voice == "person" and sys.stdin.isatty()]
    drafts = {name: draft_of(identity, name) for name in typed}
    screen = _Screen(heading.names, typed, silent=silent)
    ending: Pause | Closed = Closed("")
    try:
        async with record.pool() as pool:
            voices = open_voices(heading, pool, stored.chosen) | {
                name: Person(name, draft) for name, draft in drafts.items()
            }
            told = convene(store, identity, voices, more=more, limits=limits, find=record.forms_of(stored))
            async for event in told:
                screen.show(event)
                if isinstance(event, Spoken) and event.turn.speaker in drafts and event.turn.text:
                    drafts[event.turn.speaker].forget()
                if isinstance(event, Pause | Closed):
                    ending = event
    except asyncio.CancelledError:
        screen.close("interrupted; the unfinished turn is not on record, all others are")
        click.echo(await _ways_on(store, identity))
        raise
    except VoiceError as error:
        screen.close("")
        kept = len((await store.read(identity)).transcript.turns)
        on = f"{program()} resume {identity[:8]}"
        raise VoiceError(f"{error}; conversation {identity[:8]} keeps its {kept} turns, go on with: {on}") from None
    screen.close(ending.reason)
    return ending


async def begin(store: Store, heading: Heading) -> str:
    """Put a new conversation on record, say who takes part, carry it on, and return its id."""
    await ready(heading)
    identity = record.new_id()
    await store.start(identity, Transcript(heading))
    if not record.wants_json():
        introduce(heading, identity)
    await carry_and_tell(store, identity)
    return identity


def introduce(heading: Heading, identity: str) -> None:
    """Say on standard error who is about to talk."""
    notes = console(err=True)
    notes.print(f"Conversation {identity[:8]}", style="bold")
    for one in heading.participants:
        base = ", a base model: it continues a script" if dict(one.settings).get("style") == "script" else ""
        notes.print(safe(f"  {one.name}  {one.voice}{base}"), style="dim")
    notes.print()


async def carry_and_tell(store: Store, identity: str, more: int | None = None) -> None:
    """Carry a conversation on within the limits that were asked for, and say how to go on from here.

    Ends the command with the code for a limit where one was reached.
    """
    as_json = record.wants_json()
    limits = caps.limits((await store.read(identity)).transcript.heading)
    ending = await carry(store, identity, more=more, limits=limits, silent=as_json)
    if as_json:
        after = await store.read(identity)
        turns, closed = len(after.transcript.turns), after.listing.closed
        print_json({"id": identity, "turns": turns, "closed": closed, "why": ending.reason})
    else:
        click.echo(await _ways_on(store, identity))
    if isinstance(ending, Pause) and ending.limit:
        raise click.exceptions.Exit(LIMIT)


async def _ways_on(store: Store, identity: str) -> str:
    stored = await store.read(identity)
    turns, short = len(stored.transcript.turns), identity[:8]
    say = way_in(stored)  # the one thing left to do where somebody is waited for
    usual = ("show {}", "resume {}", f"fork {{}} --at {max(1, turns // 2)}", "export {} --format md")
    question = asked(stored)
    ways = " | ".join(f"{program()} {way}" for way in (*([say] if say else []), *(one.format(short) for one in usual)))
    return f"{safe(question)}\n{ways}" if question else ways


LONGEST_QUESTION = 100
"""Characters of a question that are shown with its answer."""


class _Screen:
    """Where the events of one conversation are shown."""

    def __init__(self, names: Sequence[str], typed: Sequence[str], *, silent: bool) -> None:
        self._names = names
        self._typed = typed  # the words of these stand on the screen already
        self._silent = silent
        self._out = console()
        self._notes = console(err=True)
        self._lines = Lines(self._out.width if self._out.is_terminal else 0)
        self._speaking = ""
        self._thinking = False

    def show(self, event: Event) -> None:
        if self._silent:
            return
        match event:
            case Said(name, _, heard_by) if name in self._typed or self._hides(name, heard_by):
                pass
            case Said(name, Words(text)):
                self._open(name)
                self._print(self._lines.add(safe(text)))
            case Said(name):
                self._open(name)
                if not self._thinking:
                    self._print(self._lines.add("(thinking) "), "dim")
                self._thinking = True
            case Retry(name, error, wait):
                self._end()
                again = "" if wait is None else f"; again in {wait:.0f} s, from the start of the turn"
                self._notes.print(safe(f"[{name}: {error}{again}]"), style="yellow")
            case Spoken(_, turn):
                self._spoken(turn)
            case Pause() | Closed():
                self._end()

    def _hides(self, speaker: str, heard_by: Sequence[str] | None) -> bool:
        """Whether a turn is none of the business of those who sit here and take part: they see what they hear."""
        return bool(self._typed) and heard_by is not None and not {speaker, *heard_by} & {*self._typed}

    def _spoken(self, turn: Turn) -> None:
        if self._hides(turn.speaker, turn.heard_by):
            return
        if answer := answer_of(turn):
            self._end()
            self._out.print(safe(f"{turn.speaker} {answer}"), style="dim")
            self._out.print()
            return
        if not self._speaking and turn.speaker not in self._typed:
            print_label(self._out, turn, self._names)
            self._print(self._lines.add(safe(turn.text) or "(says nothing)"), "" if turn.text else "dim")
            self._speaking = turn.speaker
        self._end()
        if remarks := remarks_on(turn):
            self._out.print(safe(remarks), style="dim")
        self._out.print()

    def close(self, why: str) -> None:
        self._end()
        if why and not self._silent:
            self._notes.print(f"[{safe(why)}]", style="dim")

    def _open(self, name: str) -> None:
        if not self._speaking:
            self._speaking = name
            self._out.print(f"{safe(name)}:", style=colour(name, self._names))

    def _end(self) -> None:
        if self._speaking:
            self._print(self._lines.end())
            self._out.print()
        self._speaking, self._thinking = "", False
        sys.stdout.flush()

    def _print(self, text: str, style: str = "") -> None:
        from rich.text import Text  # noqa: PLC0415 - comes with the console

        self._out.print(Text(text, style=style), end="")
        sys.stdout.flush()


def print_label(out: Console, turn: Turn, names: Sequence[str], number: int | None = None) -> None:
    """Print who speaks, and to whom where not everyone hears it."""
    only = "" if turn.heard_by is None else f" (to {', '.join(turn.heard_by) or 'nobody'} only)"
    count = "" if number is None else f"{number}  "
    out.print(safe(f"{count}{turn.speaker}{only}:"), style=colour(turn.speaker, names))


def answer_of(turn: Turn) -> str:
    """Return what a ballot says, as the end of a sentence that begins with its giver's name; empty for other turns."""
    ballots = [part for part in turn.parts if isinstance(part, Ballot)] if is_ballot(turn) else []
    told = (f'answers "{one.answer}"' if one.answer else "names none of the options" for one in ballots)
    lines = (one.question.strip().partition("\n")[0] for one in ballots)
    shown = (line if len(line) <= LONGEST_QUESTION else f"{line[:LONGEST_QUESTION].rstrip()}…" for line in lines)
    return "; ".join(f"{answer} ({line})" for answer, line in zip(told, shown, strict=True))


def remarks_on(turn: Turn) -> str:
    """Return what a reader should know of how a turn ended, or nothing."""
    stops = {
        "length": "cut off by the length limit",
        "refusal": "declined",
        "filtered": "withheld by the provider",
        "interrupted": "" if turn.marks else "broken off",
    }
    said = [stops.get(turn.stop, ""), *turn.marks]
    remarks = "; ".join(one for one in said if one)
    return f"({remarks})" if remarks and turn.speaker != CHAIR else ""
