"""The form `audience` as a playbook, and what holds whatever its reader answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carried import REPLIES, kill_after_a_turn, state_of, to_its_end
from fakes.commands import commands
from moot.cli.sources import document, of_transcript
from moot.forms import open_form
from moot.forms.material import MARK, quoted
from moot.transcript import CHAIR, Ballot, Heading, Invalid, Participant, Text, Transcript, Turn, freeze
from moot.view import view
from playbook import play
from strategies import words

if TYPE_CHECKING:
    from pathlib import Path

    from moot.transcript import Stop, Value

CLAIM = "Rivers are alive."
READER = Participant("Reader 1", "script:r")
ASKED = 'How far do you agree with this statement: "Rivers are alive."'
UP, DOWN = "\n1 means strongly disagree", "\n1 means strongly agree"


def heading(people: tuple[Participant, ...] = (READER,), /, **arguments: Value) -> Heading:
    told: dict[str, Value] = {"claim": CLAIM, "pieces": ("One.", "Two."), "labels": ("Ada", "Bo"), "check": False}
    return Heading(people, form="audience", arguments=freeze(told | arguments))


def stance(value: int) -> str:
    return f"Reader 1 votes {value}: {ASKED}…\nReader 1 votes {8 - value}: {ASKED}…\n"


def test_the_reader_is_asked_before_after_each_piece_and_after_all() -> None:
    whole = play(
        heading(),
        stance(4)
        + "chair: [Piece 1 of 2: Ada begins…\n"
        + stance(5)
        + "chair: [Piece 2 of 2: Bo begins…\n"
        + stance(6)
        + "close: the reader has read it all",
    )
    assert [message.text for message in view(whole, "Reader 1")] == [
        quoted("Piece 1 of 2: Ada", "One."),
        quoted("Piece 2 of 2: Bo", "Two."),
    ]


def test_where_only_the_end_counts_the_reader_is_asked_before_and_after_all() -> None:
    lines = "chair: [Piece 1 of 2…\nchair: [Piece 2 of 2…\n"
    play(heading(each=False, labels=()), stance(4) + lines + stance(6) + "close: the reader…")


def test_the_check_asks_for_repeats_negation_nothing_and_what_is_plain_in_both_directions() -> None:
    claim = "\n".join(
        f"Reader 1 votes 4: {how}…" for how in ("How far", "How far", "Here is", "Here is", "Somebody", "Somebody")
    )
    others = "\n".join(
        f'Reader 1 votes 4: How far do you agree with this statement: "{text}…'
        for text in ("They are not", "N/A", "A week has seven", "A week has twelve")
        for _ in (0, 1)
    )
    play(heading(check=True, negation="They are not."), f"{claim}\n{others}\nchair: [Piece 1 of 2…")


@given(REPLIES, st.booleans(), st.booleans())
def test_a_reading_ends_whatever_is_answered_and_no_answer_is_heard(
    replies: list[tuple[str, Stop, int, bool]],
    each: bool,  # noqa: FBT001 - drawn
    check: bool,  # noqa: FBT001 - drawn
) -> None:
    whole = to_its_end(heading(each=each, check=check), replies, 40)
    heard = view(whole, "Reader 1")
    assert all(message.role == "user" for message in heard)
    assert not any(isinstance(part, Ballot) for turn in whole.turns if turn.speaker == CHAIR for part in turn.parts)


@given(st.lists(st.integers(1, 7), min_size=3, max_size=3))
def test_what_a_reader_is_sent_is_the_same_whatever_it_answered(answers: list[int]) -> None:
    lines = [stance(answer) for answer in answers]
    cues = ["chair: [Piece 1…\n", "chair: [Piece 2…\n", ""]
    script = "".join(line + cue for line, cue in zip(lines, cues, strict=True))
    plain = "".join(stance(4) + cue for cue in cues)
    assert view(play(heading(), script), "Reader 1") == view(play(heading(), plain), "Reader 1")


@given(words, words)
def test_quoted_words_cannot_leave_their_frame(label: str, said: str) -> None:
    first, *inner, last = quoted(label, said).splitlines()
    assert (first[0], last[0], last[-1]) == ("[", "[", "]")
    assert all(line.startswith(MARK.strip()) for line in inner)
    bare = [line.removeprefix(MARK) if line.startswith(MARK) else line.removeprefix(MARK.strip()) for line in inner]
    assert bare == [line.rstrip() for line in said.splitlines() or [""]]


@pytest.mark.parametrize(
    "wrong", [{"claim": ""}, {"pieces": ()}, {"labels": ("Ada",)}, {"scale": 200}, {"probes": 0}, {"pieces": "One."}]
)
def test_a_reading_that_makes_no_sense_is_refused(wrong: dict[str, Value]) -> None:
    with pytest.raises(Invalid):
        open_form(heading(**wrong))


def test_a_reader_is_alone() -> None:
    two = heading((READER, Participant("Reader 2", "script:r")))
    with pytest.raises(Invalid, match="one alone"):
        open_form(two)(Transcript(two))


def test_a_source_is_what_was_said_aloud_to_all() -> None:
    talk = Transcript(
        Heading((Participant("Ada", "person"), Participant("Bo", "person"))),
        (
            Turn(CHAIR, (Text("To Ada alone."),), ("Ada",)),
            Turn("Ada", (Text("Hello."),)),
            Turn("Bo", (Ballot("Q?", ("a", "b"), "a"),), ()),
            Turn("Bo", (Text("  "),)),
            Turn("Bo", (Text("Bye."),)),
        ),
    )
    assert [(one.by, one.words) for one in of_transcript(talk, "", "").pieces] == [("Ada", "Hello."), ("Bo", "Bye.")]


def test_a_document_is_cut_at_its_headings_its_paragraphs_or_not_at_all() -> None:
    text = "Before.\n\n# One\n\nA.\n\n## Two\n\nB.\n"
    assert [one.words for one in document(text, "sections")] == ["Before.", "# One\n\nA.", "## Two\n\nB."]
    assert len(document(text, "paragraphs")) == 5
    assert [one.words for one in document(text, "whole")] == [text.strip()]


@pytest.mark.usefixtures("stocked")
def test_an_embedded_reader_is_killed_and_the_same_command_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moot, db = commands(capfd), tmp_path / "audience.db"
    (tmp_path / "letter.md").write_text("Rivers move.\n\nThey feed those who live by them.\n")
    words = ("audience", str(tmp_path / "letter.md"), "--split", "paragraphs", "--claim", CLAIM, "--no-check")
    words = (*words, "--reader", "local:smollm2")
    assert kill_after_a_turn(db, *words) >= 1
    told = moot(*words, "--db", str(db), "--json")
    assert told.code == 0
    [(transcript, closed, done)] = asyncio.run(state_of(db))
    assert closed == "the reader has read it all"
    assert done == sorted(set(done)), "a finished turn was asked for again"
    assert len(transcript.turns) == 8
    [reader] = told.json["readers"]
    assert reader["check"] == {"verdict": "unchecked"}
    assert [point["ballots_answered"] for point in reader["stances"].values()] == [2, 2, 2]
