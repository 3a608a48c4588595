"""Forms tested by reading a play: each line is the move that must come next, and what comes of it.

    chair to Ada: Open for the motion…       the form posts this, to Ada alone ("…": it begins so)
    Ada: Good evening.                       the form lets Ada speak, who says this
    Ada to nobody: I think…                  the same, heard by nobody
    Ada votes 4: How far do you agree…       the form asks Ada this, who answers 4 ("-": names no option)
    wait for Me: Hello.                      the form waits for Me, who says this in the end
    close: all letters are written           the form closes, and why

It must never skip a line: a move that is not the next line's is an error that says what was expected.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moot.forms import Close, Move, Post, Speak, Wait, open_form
from moot.transcript import CHAIR, Ballot, Text, Transcript, Turn

if TYPE_CHECKING:
    from moot.transcript import Heading

_LINE = re.compile(
    r"(?P<wait>wait for )?(?P<who>.+?)(?: to (?P<to>[^:]+?))?(?: votes (?P<vote>[^:]+?))?: ?(?P<words>.*)", re.DOTALL
)


def play(heading: Heading, script: str, transcript: Transcript | None = None) -> Transcript:
    """Play a script against the form of a heading and return the transcript that came of it."""
    form = open_form(heading)
    transcript = transcript or Transcript(heading)
    for number, line in enumerate(filter(None, map(str.strip, script.splitlines())), 1):
        move = form(transcript)
        at = f"line {number}: {line!r}, but the form's move is {move!r}"
        if line.startswith("close: "):
            assert isinstance(move, Close), at
            assert _begins(move.reason, line.removeprefix("close: ")), at
            continue
        transcript = transcript.then(_played(transcript, move, line, at))
    return transcript


def _played(transcript: Transcript, move: Move, line: str, at: str) -> Turn:
    found = _LINE.fullmatch(line)
    assert found, f"{line!r} is no line of a play"
    who, words = found["who"], found["words"]
    hearers = _hearers(found["to"])
    if who == CHAIR:
        assert isinstance(move, Post), at
        assert move.turn.speaker == CHAIR, at
        assert (_begins(move.turn.text, words), move.turn.heard_by) == (True, hearers), at
        return move.turn
    assert isinstance(move, Wait if found["wait"] else Speak), at
    assert move.name == who, at
    transcript.heading.participant(who)
    if found["vote"] is None:
        assert (move.ask, move.heard_by) == (None, hearers), at
        return Turn(who, (Text(words),), hearers)
    assert move.ask is not None, at
    assert _begins(move.ask.text, words), at
    answer = "" if found["vote"] == "-" else found["vote"]
    return Turn(who, (Ballot(move.ask.text, move.ask.options, answer),), ())


def _hearers(names: str | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return () if names == "nobody" else tuple(name.strip() for name in names.split(","))


def _begins(text: str, said: str) -> bool:
    return text.startswith(said[:-1]) if said.endswith("…") else text == said
