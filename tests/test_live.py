"""What stands on the screen while a conversation goes on, and what must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from moot.cli.live import _Screen
from moot.convene import Said, Spoken
from moot.transcript import CHAIR, Ballot, Text, Turn
from moot.voices import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.convene import Event

NAMES = ("Ada", "Bo", "You")
SECRET: tuple[Event, ...] = (
    Spoken(1, Turn(CHAIR, (Text("A SECRET cue."),), ("Ada",))),
    Said("Ada", Words("A SECRET draft."), ("Ada",)),
    Spoken(2, Turn("Ada", (Text("A SECRET draft."),), ("Ada",))),
    Spoken(3, Turn("Bo", (Ballot("Where does Bo stand?\nNow?", ("1", "2"), "1"),), ())),
)


def shown(events: Sequence[Event], typed: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    screen = _Screen(NAMES, typed, silent=False)
    for event in events:
        screen.show(event)
    return capsys.readouterr().out


def test_whoever_takes_part_sees_no_more_than_they_hear(capsys: pytest.CaptureFixture[str]) -> None:
    public: tuple[Event, ...] = (
        Spoken(4, Turn(CHAIR, (Text("A word to You and Bo."),), ("You", "Bo"))),
        Said("Bo", Words("Aloud.")),
        Spoken(5, Turn("Bo", (Text("Aloud."),))),
    )
    seen = shown((*SECRET, *public), ["You"], capsys)
    assert "SECRET" not in seen
    assert "answers" not in seen
    assert "A word to You and Bo." in seen
    assert seen.count("Aloud.") == 1


def test_whoever_looks_on_sees_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    seen = shown(SECRET, [], capsys)
    assert seen.count("A SECRET draft.") == 1
    assert "A SECRET cue." in seen
    assert 'Bo answers "1" (Where does Bo stand?)' in seen


@pytest.mark.parametrize("long", ["x" * 99, "x" * 300])
def test_a_long_question_is_cut_and_an_unread_answer_is_said(long: str, capsys: pytest.CaptureFixture[str]) -> None:
    turn = Turn("Bo", (Ballot(long, ("1", "2"), ""), Text("Hm.")), ())
    seen = " ".join(shown([Spoken(1, turn)], [], capsys).split())
    assert seen.startswith("Bo names none of the options (xxx")
    assert ("…" in seen) == (len(long) > 100)
