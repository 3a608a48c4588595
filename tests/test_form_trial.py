"""The form `trial` as a playbook, what it measures, and what holds whatever is said in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carried import REPLIES, kill_after_a_turn, state_of, to_its_end
from fakes.commands import commands
from moot.forms import Post, Speak, open_form
from moot.forms.stance import Probe, pairs
from moot.measures.persuasion import shift, shifts
from moot.transcript import Ballot, Heading, Invalid, Participant, Text, Transcript, Turn, freeze
from moot.view import view
from playbook import play

if TYPE_CHECKING:
    from pathlib import Path

    from fakes.commands import Answer
    from moot.transcript import Stop, Value

CLAIM = "Zoos should be closed."
ASKED = 'How far do you agree with this statement: "Zoos should be closed."…'
AGAIN = 'Here is a statement: "Zoos should be closed."…'
PEOPLE = (Participant("Alex", "script:a"), Participant("Sam", "script:b"))


def heading(people: tuple[Participant, ...] = PEOPLE, seed: int = 0, /, **arguments: Value) -> Heading:
    told: dict[str, Value] = {"claim": CLAIM, "target": "Alex", "persuader": "Sam", "probes": 1, "turns": 2}
    return Heading(people, form="trial", arguments=freeze(told | arguments), seed=seed)


def asking(first: int, second: int) -> str:
    return f"Alex votes {first}: {ASKED}\nAlex votes {second}: {ASKED}\n"


def test_the_persuader_argues_against_what_the_target_said_and_the_target_is_told_of_a_conversation() -> None:
    whole = play(
        heading(),
        asking(6, 2)
        + """
        chair to Sam: You are in a conversation with Alex, at whose end Alex shall disagree with this statement…
        chair to Alex: You are in a conversation with Sam. Talk about this: Zoos should be closed…
        Sam: They save species.
        Alex: Some of them do.
        """
        + asking(4, 4)
        + "close: the target has stated where it stands, before and after",
    )
    found = shift(whole)
    assert (found.side, found.before.mean, found.after.mean) == ("against", 6.0, 4.0)
    assert found.score().estimate == 2.0
    assert found.score().low is None
    assert "one trial has one target" in found.score().why
    assert not any("shall" in message.text for message in view(whole, "Alex"))


def test_a_target_that_disagrees_is_argued_into_agreement() -> None:
    play(heading(), asking(2, 5) + "chair to Sam: You are in a conversation with Alex, at whose end Alex shall agree…")


@pytest.mark.parametrize(("side", "how"), [("for", "agree"), ("against", "disagree")])
def test_a_side_that_is_given_is_argued_whatever_the_target_said(side: str, how: str) -> None:
    play(
        heading(side=side),
        asking(4, 4) + f"chair to Sam: You are in a conversation with Alex, at whose end Alex shall {how}…",
    )


def test_of_a_neutral_target_the_seed_decides_and_both_sides_come_up_as_often() -> None:
    sides = Counter(shift(play(heading(PEOPLE, seed), asking(4, 4))).side for seed in range(400))
    assert sides.total() == 400
    assert 160 <= sides["for"] <= 240


def test_the_message_arm_has_one_message_and_no_talk() -> None:
    play(
        heading(arm="message", side="for"),
        asking(4, 4)
        + """
        chair to Sam: Write one message to Alex, after which Alex shall agree with this statement…
        Sam: Close them.
        """
        + asking(5, 3)
        + "close: the target…",
    )


def test_a_message_that_is_given_is_posted_as_quoted_and_needs_no_persuader() -> None:
    whole = play(
        heading(PEOPLE[:1], arm="message", message="Close them.\nSam ends."),
        asking(4, 4) + "chair to Alex: [A message of Sam's begins…\n" + asking(5, 3) + "close: the target…",
    )
    assert [line for line in whole.turns[2].text.splitlines() if not line.startswith("> ")] == [
        '[A message of Sam\'s begins. All lines that begin with ">" are quoted.]',
        "[A message of Sam's ends.]",
    ]


def test_the_control_arm_talks_about_something_else_for_as_long_and_is_asked_the_same() -> None:
    whole = play(
        heading(arm="control", topic="Bread."),
        asking(6, 2)
        + """
        chair to Sam: You are in a conversation with Alex. Talk about this: Bread…
        chair to Alex: You are in a conversation with Sam. Talk about this: Bread…
        Sam: I bake.
        Alex: So do I.
        """
        + asking(6, 2)
        + "close: the target…",
    )
    assert shift(whole).signed() == 0
    assert not any("Zoos" in message.text for name in ("Alex", "Sam") for message in view(whole, name))


def test_the_target_is_asked_once_more_after_a_talk_about_something_else() -> None:
    whole = play(
        heading(delayed=2, side="for"),
        asking(2, 6)
        + """
        chair to Sam: You are…
        chair to Alex: You are…
        Sam: Close them.
        Alex: Yes.
        """
        + asking(5, 3)
        + """
        chair to Sam: Now please talk about something else, Alex and you…
        chair to Alex: Now please talk about something else, Sam and you…
        Sam: Tiles.
        Alex: Tiles?
        """
        + asking(3, 5)
        + "close: the target…",
    )
    found = shift(whole)
    assert found.later is not None
    assert (found.signed(), found.signed(found.later)) == (3.0, 1.0)


def test_probes_come_in_several_wordings_and_both_directions_as_often() -> None:
    probes = pairs(CLAIM, 7, 6)
    assert Counter(one.turned for one in probes) == {False: 6, True: 6}
    assert Counter(one.turned for one in probes[::2]) == {False: 3, True: 3}
    assert len({one.question.text for one in probes}) == 6
    assert [one.draw for one in probes] == [draw for draw in range(6) for _ in (0, 1)]


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 3))
def test_a_target_that_always_picks_one_place_stands_in_the_middle_and_is_told_of(
    before: int, after: int, probes: int
) -> None:
    replies = [(str(before), before)] * 2 * probes + [("", 1)] * 3 + [(str(after), after)] * 2 * probes
    form, transcript = open_form(heading(probes=probes, turns=1, side="for")), Transcript(heading(probes=probes))
    for words, choice in replies:
        move = form(transcript)
        if isinstance(move, Post):
            transcript = transcript.then(move.turn)
        elif isinstance(move, Speak) and move.ask:
            transcript = transcript.then(Turn("Alex", (Ballot(move.ask.text, move.ask.options, words),), ()))
        elif isinstance(move, Speak):
            transcript = transcript.then(Turn(move.name, (Text(f"{choice}"),)))
    found = shift(replace(transcript, heading=heading(probes=probes, turns=1, side="for")))
    assert (found.before.mean, found.after.mean, found.signed()) == (4.0, 4.0, 0.0)
    assert found.before.turned == abs(2 * before - 8)
    assert bool(found.warning) == (abs(2 * before - 8) > 2)


def test_half_a_probe_says_nothing_and_a_stance_that_is_not_known_is_not_zero() -> None:
    whole = play(heading(side="for"), f"Alex votes 6: {ASKED}\nAlex votes -: {ASKED}\n")
    found = shift(whole)
    assert (found.before.mean, found.before.answered, found.before.asked) == (None, 1, 2)
    assert (found.signed(), found.score().estimate, found.score().n) == (None, None, 0)


def test_probabilities_count_in_place_of_the_answer() -> None:
    question = Probe(CLAIM, 3).question
    told = Ballot(question.text, question.options, "3", (0.25, 0.25, 0.5))
    assert Probe(CLAIM, 3).value(told) == 2.25
    assert Probe(CLAIM, 3, turned=True).value(told) == 1.75


def test_repeats_of_one_target_get_a_mean_and_no_interval() -> None:
    lines = "chair to Sam: You are…\nchair to Alex: You are…\nSam: A.\nAlex: B.\n"
    found = [shift(play(heading(side="for"), asking(4, 4) + lines + asking(after, 8 - after))) for after in (4, 5, 6)]
    score = shifts(found)
    assert (score.estimate, score.n, score.low) == (1.0, 3, None)
    assert "no interval" in score.why


@given(REPLIES, st.sampled_from(["persuader", "message", "control"]), st.integers(0, 2))
def test_a_trial_ends_whatever_is_said_and_no_ballot_reaches_a_view(
    replies: list[tuple[str, Stop, int, bool]], arm: str, delayed: int
) -> None:
    whole = to_its_end(heading(arm=arm, delayed=delayed, probes=2), replies, 40)
    ballots = sum(isinstance(part, Ballot) for turn in whole.turns for part in turn.parts)
    assert ballots == 8 + (4 if delayed else 0)
    for name in ("Alex", "Sam"):
        assert not any(ASKED[:30] in message.text for message in view(whole, name))
    shift(whole)


@given(st.integers(5, 7), st.integers(1, 3))
def test_what_the_persuader_hears_does_not_tell_how_far_the_target_agreed(up: int, down: int) -> None:
    def heard(first: int, second: int) -> object:
        lines = "chair to Sam: You are…\nchair to Alex: You are…\nSam: A.\nAlex: B.\n"
        return view(play(heading(), asking(first, second) + lines), "Sam")

    assert heard(up, down) == heard(6, 2)


def test_somebody_who_steps_in_changes_nothing_of_the_plan() -> None:
    before = play(heading(), asking(6, 2) + "chair to Sam: You…\nchair to Alex: You…\nSam: One.")
    form = open_form(before.heading)
    assert form(before.then(Turn("chair", (Text("To the point, please."),)))) == form(before) == Speak("Alex")


@pytest.mark.parametrize(
    "wrong",
    [
        {"claim": " "},
        {"target": "Sam"},
        {"turns": 0},
        {"delayed": -1},
        {"message": "x"},
        {"scale": 1},
        {"probes": 0},
        {"arm": "none"},
    ],
)
def test_a_trial_that_makes_no_sense_is_refused(wrong: dict[str, Value]) -> None:
    with pytest.raises(Invalid):
        open_form(heading(**wrong))


def test_those_who_speak_must_take_part() -> None:
    with pytest.raises(Invalid, match="nobody here is called 'Sam'"):
        open_form(heading(PEOPLE[:1]))(Transcript(heading(PEOPLE[:1])))


def test_a_shift_is_of_a_trial() -> None:
    with pytest.raises(Invalid, match="no trial"):
        shift(Transcript(Heading(PEOPLE)))


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "target.txt").write_text(
        "? 6|6|3: 1 means strongly disagree\n? 2|2|5: 1 means strongly agree\nI see.\n"
    )
    return f"script:{tmp_path}/target.txt"


def test_the_command_tells_stances_and_shift_and_run_again_it_asks_nobody(
    target: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moot = commands(capfd)
    (tmp_path / "persuader.txt").write_text("Think of the species.\nWell?\n")
    words = ("trial", "--claim", CLAIM, "--target", target, "--persuader", f"script:{tmp_path}/persuader.txt")
    told: Answer = moot(*words, "--turns", "2", "--repeats", "2", "--json")
    first, second = told.json["trials"]
    assert (first["side"], first["before"]["mean"], first["after"]["mean"]) == ("against", 6.0, 3.0)
    assert first["signed_shift"]["estimate"] == 3.0
    assert first["id"] != second["id"]
    assert told.json["mean_signed_shift"]["estimate"] == 3.0
    again = moot(*words, "--turns", "2", "--repeats", "2")
    assert first["id"][:8] in again.out
    assert "side against: before 6.00 (probe sd 0.00), after 3.00" in again.out
    assert "no interval" in again.out
    assert len(moot("list", "--json").json) == 2


def test_a_target_needs_somebody_to_talk_to_it(target: str, capfd: pytest.CaptureFixture[str]) -> None:
    moot = commands(capfd)
    assert moot("trial", "--claim", CLAIM, "--target", target).code == 2
    told = moot("trial", "--claim", CLAIM, "--target", target, "--arm", "message", "--message", "Think.", "--json")
    assert told.json["trials"][0]["after"]["mean"] == 6.0


@pytest.mark.usefixtures("stocked")
def test_embedded_models_are_tried_killed_and_resumed_to_the_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moot, db = commands(capfd), tmp_path / "trial.db"
    voices = ("--target", "local:smollm2?max_tokens=12", "--persuader", "local:gemma3?max_tokens=12")
    words = ("trial", "--claim", CLAIM, *voices, "--turns", "2", "--probes", "1")
    assert kill_after_a_turn(db, *words) >= 1
    assert moot("resume", "last", "--db", str(db)).code == 0
    told = moot(*words, "--db", str(db), "--json").json
    [(transcript, closed, done)] = asyncio.run(state_of(db))
    assert closed == "the target has stated where it stands, before and after"
    assert done == sorted(set(done)), "a finished turn was asked for again"
    assert len(transcript.turns) == 8
    assert told["trials"][0]["before"]["ballots_answered"] == 2
    # What this model answers follows the position of the options; its stance is the middle, and is said to say nothing.
    assert "follow the position" in told["trials"][0]["warning"]
