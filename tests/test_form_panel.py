"""The form `panel` as a playbook: in turn, as a moderator picks, or as hands are raised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from platformdirs import user_cache_path

from moot.forms import Close, Post, Speak, open_form
from moot.transcript import CHAIR, Ballot, Heading, Invalid, Participant, Text, Transcript, Turn, Value, freeze
from moot.view import view
from playbook import play

ORDERS = ("round-robin", "moderator", "hands")


def heading(*names: str, **arguments: Value) -> Heading:
    people = tuple(Participant(name, "script:x") for name in names or ("Ada", "Bo", "Cy"))
    return Heading(people, form="panel", arguments=freeze({"prompt": "Rain.", "turns": 4} | arguments), seed=5)


def test_round_robin_goes_round() -> None:
    play(heading(), "chair: Rain.\nAda: a\nBo: b\nCy: c\nAda: d\nclose: all 4 turns are spoken")


def test_a_moderator_picks_anyone_but_the_last_and_where_it_names_nobody_it_goes_round() -> None:
    transcript = play(
        heading("Ada", "Bo", "Cy", "Mo", order="moderator", moderator="Mo"),
        """
        chair: Rain.
        Mo votes Bo: Who should speak next?
        Bo: b
        Mo votes Ada: Who should speak next?
        Ada: a
        Mo votes -: Who should speak next?
        Bo: c
        Mo votes Cy: Who should speak next?
        Cy: d
        close: all 4 turns are spoken
        """,
    )
    asked = [set(part.options) for turn in transcript.turns for part in turn.parts if isinstance(part, Ballot)]
    assert asked == [{"Ada", "Bo", "Cy"}, {"Ada", "Cy"}, {"Bo", "Cy"}, {"Ada", "Cy"}]


def test_hands_are_raised_before_anybody_has_heard_anything() -> None:
    play(
        heading("Ada", "Bo", order="hands", prompt="", turns=1),
        """
        Ada votes 1: How much do you want…
        Bo votes 4: How much do you want…
        Bo: I begin.
        close: all 1 turns are spoken
        """,
    )


def test_with_one_other_there_is_nothing_to_pick() -> None:
    play(
        heading("Ada", "Bo", "Mo", order="moderator", moderator="Mo"),
        "chair: Rain.\nMo votes Ada: Who should speak next?\nAda: a\nBo: b\nAda: c",
    )


def test_who_wants_it_most_speaks_and_a_word_of_the_chairs_has_them_asked_again() -> None:
    ask = "How much do you want to speak next, from 0 to 5?"
    play(
        heading(order="hands"),
        f"""
        chair: Rain.
        Ada votes 1: {ask}
        Bo votes 4: {ask}
        Cy votes -: {ask}
        Bo: b
        Ada votes 0: {ask}
        Cy votes 1: {ask}
        Cy: c
        """,
    )
    asked = play(heading(order="hands"), f"chair: Rain.\nAda votes 5: {ask}")
    play(heading(order="hands"), f"Ada votes 0: {ask}", asked.then(Turn(CHAIR, (Text("And snow?"),))))


def test_it_is_over_where_nobody_wants_to_speak_twice_running() -> None:
    ask = "How much do you want to speak next, from 0 to 5?"
    once = f"Ada votes 0: {ask}\nBo votes 0: {ask}\nCy votes 0: {ask}\n"
    transcript = play(heading(order="hands"), f"chair: Rain.\n{once}{once}close: nobody wants to speak")
    assert [message.text for message in view(transcript, "Ada")] == ["Rain."]


@pytest.mark.parametrize(
    "arguments", [{"turns": -1}, {"order": "moderator"}, {"moderator": "Cy"}, {"order": "any"}, {"loop": "stop"}]
)
def test_arguments_that_make_no_panel_are_refused(arguments: dict[str, Value]) -> None:
    with pytest.raises(Invalid):
        open_form(heading(**arguments))


@pytest.mark.parametrize("names", [("Ada", "Mo"), ("Ada", "Bo")])
def test_a_panel_needs_voices_and_the_moderator_it_names(names: tuple[str, ...]) -> None:
    one = heading(*names, order="moderator", moderator="Mo")
    with pytest.raises(Invalid):
        open_form(one)(Transcript(one))


@given(st.sampled_from(ORDERS), st.lists(st.text(max_size=9), min_size=1), st.integers(0, 20))
def test_it_ends_whatever_is_said_or_voted_and_no_ballot_is_heard(order: str, said: list[str], skew: int) -> None:
    extra: dict[str, Value] = {"moderator": "Mo"} if order == "moderator" else {}
    transcript = Transcript(heading("Ada", "Bo", "Cy", "Mo", order=order, turns=9, **extra))
    form = open_form(transcript.heading)
    for count in range(200):
        before = {name: view(transcript, name) for name in transcript.heading.names}
        match form(transcript):
            case Post(turn):
                pass
            case Speak(name, None):
                turn = Turn(name, (Text(said[count % len(said)]),))
            case Speak(name, ask) if ask:
                turn = Turn(name, (Ballot(ask.text, ask.options, (*ask.options, "")[(count * skew) % 3]),), ())
            case move:
                assert isinstance(move, Close)
                return
        transcript = transcript.then(turn)
        for name, heard in before.items():
            assert view(transcript, name)[: len(heard)] == heard
            assert turn.heard_by != () or view(transcript, name) == heard
    pytest.fail("it does not end")


def moot(*words: str, code: int = 0) -> str:
    command = [sys.executable, "-c", "from moot.cli import main; main()", *words]
    run = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert run.returncode == code, run.stderr
    return run.stderr if code else run.stdout


def test_embedded_models_hold_a_panel_that_a_moderator_leads_and_resume_it() -> None:
    cache = Path(os.environ["MOOT_HOME"]) / "cache"
    cache.symlink_to(os.environ.get("MOOT_TEST_CACHE") or user_cache_path("moot", appauthor=False))
    small = ["local:smollm2?max_tokens=12", "local:gemma3?max_tokens=12", "local:smollm2?max_tokens=12"]
    command = [sys.executable, "-c", "from moot.cli import main; main()", "panel", *small, "What is rain?"]
    process = subprocess.Popen(
        [*command, "--moderator", "local:smollm2", "--turns", "3", "--seed", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    spoken = 0
    for line in process.stdout:
        spoken += line == "\n"
        if spoken == 3:  # the topic, a ballot or a speech, and one more are on record
            break
    process.kill()
    process.communicate()
    told = json.loads(moot("resume", "last", "--json"))
    assert told["closed"]
    moot("verify", "last")


@pytest.mark.parametrize(
    "words",
    [
        ["person", "Rain?"],
        ["person", "person"],
        ["person", "person", "Rain?", "--order", "moderator"],
        ["person", "person", "Rain?", "--order", "hands", "--moderator", "person"],
        ["person", "person", "Rain?", "--name", "A", "--name", "B", "--name", "C"],
    ],
)
def test_what_makes_no_panel_is_told_in_one_line(words: list[str]) -> None:
    assert "moot: " in moot("panel", *words, code=2)
