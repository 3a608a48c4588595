"""Forms carried to their end by whatever replies, for property tests: each form must come to one."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from moot.forms import Close, Post, Speak, Wait, open_form
from moot.store import open_store
from moot.transcript import CHAIR, STOPS, Ballot, Text, Transcript, Turn
from moot.view import view
from strategies import words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moot.forms import Move
    from moot.transcript import Heading, Stop

REPLIES = st.lists(st.tuples(words, st.sampled_from(STOPS), st.integers(-1, 9), st.booleans()), min_size=1, max_size=12)
"""What is said, why it ended, which option is named (-1: none), and whether somebody steps in before it."""


def to_its_end(heading: Heading, replies: Sequence[tuple[str, Stop, int, bool]], most: int) -> Transcript:
    """Carry a form on by these replies, over and over, and return what came of it; at most so many moves it may make.

    On the way each view only grows, and the same transcript always gives the same move.
    """
    form, transcript = open_form(heading), Transcript(heading)
    for number in range(most):
        move = form(transcript)
        assert move == open_form(heading)(transcript)
        if isinstance(move, Close):
            return transcript
        said, stop, choice, steps_in = replies[number % len(replies)]
        after = transcript
        if steps_in and number < len(replies):
            after = after.then(Turn(CHAIR, (Text(f"Please go on. {said}"),)))
        after = after.then(turn_of(move, said, stop, choice))
        for name in heading.names:
            assert view(after, name)[: len(view(transcript, name))] == view(transcript, name)
        transcript = after
    raise AssertionError(f"no end after {most} moves: {form(transcript)}")


def turn_of(move: Move, said: str, stop: Stop, choice: int) -> Turn:
    """Return the turn that a move and such a reply make."""
    match move:
        case Post(turn):
            return turn
        case Speak(name, None, heard_by):
            return Turn(name, (Text(said),), heard_by, stop)
        case Speak(name, ask) if ask:
            answer = "" if choice < 0 else ask.options[choice % len(ask.options)]
            return Turn(name, (Ballot(ask.text, ask.options, answer), Text(said)), (), stop)
        case Speak() | Wait() | Close():
            raise AssertionError(move)


def kill_after_a_turn(db: Path, *arguments: str) -> int:
    """Run a command, end it with SIGKILL once a spoken turn is on record, and return how many turns there are then."""
    program = [sys.executable, "-c", "from moot.cli import main; main()", *arguments, "--db", str(db)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and spoken(db) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    _, err = process.communicate()
    assert process.returncode < 0, err
    return spoken(db)


def spoken(db: Path) -> int:
    """Return how many turns of participants are on record."""
    import sqlite3  # noqa: PLC0415 - the one reader that does not mind who is writing

    if not db.exists():
        return 0
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as reader:
        try:
            rows = reader.execute("SELECT count(*) FROM calls WHERE outcome = 'done'").fetchone()
        except sqlite3.OperationalError:
            return 0
    reader.close()
    return int(rows[0])


async def state_of(db: Path) -> list[tuple[Transcript, str | None, list[int]]]:
    """Return each conversation on record, why it closed, and the turns whose call came to its end."""
    async with open_store(db) as store:
        found = [await store.read(one.id) for one in await store.list()]
        assert all(one.broken == () for one in found)
        calls = [await store.calls(one.listing.id) for one in found]
    return [
        (one.transcript, one.listing.closed, [call.seq for call in mine if call.outcome == "done"])
        for one, mine in zip(found, calls, strict=True)
    ]
