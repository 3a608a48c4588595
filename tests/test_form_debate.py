"""The form `debate` as a playbook, who hears what in it, and the command that holds one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from platformdirs import user_cache_path

from moot.forms import Close, Post, Speak, open_form
from moot.forms.debate import swapped, votes
from moot.transcript import CHAIR, Ballot, Heading, Invalid, Participant, Text, Transcript, Turn, Value, freeze
from moot.view import view
from playbook import play

MOTION = "Cities should ban cars."
ARGUMENTS: dict[str, Value] = {"motion": MOTION, "proposition": "Proposition", "opposition": "Opposition"}


def heading(judges: int = 0, seed: int = 0, **changed: Value) -> Heading:
    names = tuple(f"Judge {number + 1}" for number in range(judges))
    voices = {"Proposition": "openai:gpt-5", "Opposition": "anthropic:claude-sonnet-4-5"}
    people = tuple(Participant(name, voices.get(name, "script:x"), f"brief of {name}") for name in (*voices, *names))
    return Heading(people, form="debate", arguments=freeze(ARGUMENTS | {"judges": names} | changed), seed=seed)


SPEECHES = f"""
    chair: The motion is: "{MOTION}" Proposition speaks for it, Opposition speaks against it.
    chair to Proposition: Proposition: Give your opening speech for the motion. Use at most 200 words.
    Proposition: Cars kill.
    chair to Opposition: Opposition: Give your opening speech against the motion. Use at most 200 words.
    Opposition: Cars carry.
    chair to Proposition: Proposition: Answer what Opposition said, and go on arguing for the motion…
    Proposition: So do trams.
    chair to Opposition: Opposition: Answer what Proposition said, and go on arguing against the motion…
    Opposition: Not at night.
    chair to Proposition: Proposition: Give your closing speech for the motion, without new arguments…
    Proposition: Ban them.
    chair to Opposition: Opposition: Give your closing speech against the motion, without new arguments…
    Opposition: Keep them.
"""


def test_both_sides_open_rebut_and_close() -> None:
    play(heading(), SPEECHES + "close: all speeches are made")


def test_judges_can_vote_without_a_word() -> None:
    play(
        heading(1, reasons=False),
        f"{SPEECHES}Judge 1 votes tie: The motion was…\nclose: the judges voted: Proposition 0, Opposition 0, tie 1",
    )


def test_judges_hear_everything_give_reasons_to_nobody_then_vote() -> None:
    transcript = play(
        heading(2),
        SPEECHES
        + """
        chair to Judge 1: The debate is over. How well did Proposition and Opposition argue?…
        Judge 1 to nobody: The trams.
        Judge 1 votes Proposition: The motion was: "Cities should ban cars.". Who argued better, Proposition or…
        chair to Judge 2: The debate is over. How well did Opposition and Proposition argue?…
        Judge 2 to nobody: The night.
        Judge 2 votes -: The motion was: "Cities should ban cars.". Who argued better, Opposition or Proposition?
        close: the judges voted: Proposition 1, Opposition 0, tie 0, no answer 1
        """,
    )
    assert [message.text for message in view(transcript, "Judge 2")][-2:] == [
        transcript.turns[-3].text,
        "The night.",
    ]
    assert votes(transcript) == {"Proposition": 1, "": 1}


def test_each_side_asks_the_other_where_there_is_cross_examination() -> None:
    play(
        heading(seed=1, cross=1, rounds=0, words=20),
        """
        chair: The motion is…
        chair to Opposition: Opposition: Give your opening speech against the motion. Use at most 20 words.
        Opposition: Cars carry.
        chair to Proposition: Proposition: Give your opening speech…
        Proposition: Cars kill.
        chair to Opposition: Opposition: Ask Proposition one question about what it said. Use at most 5 words.
        Opposition: Whom?
        chair to Proposition: Proposition: Answer Opposition's question. Use at most 10 words.
        Proposition: Children.
        chair to Proposition: Proposition: Ask Opposition one question about what it said. Use at most 5 words.
        Proposition: What?
        chair to Opposition: Opposition: Answer Proposition's question. Use at most 10 words.
        Opposition: Beds.
        chair to Opposition: Opposition: Give your closing…
        Opposition: Keep them.
        chair to Proposition: Proposition: Give your closing…
        Proposition: Ban them.
        close: all speeches are made
        """,
    )


def test_a_speech_far_over_its_limit_is_noted_and_nobody_hears_it() -> None:
    long = " ".join(["word"] * 31)
    transcript = play(
        heading(words=20, rounds=0),
        f"""
        chair: The motion is…
        chair to Proposition: Proposition: Give…
        Proposition: {long}
        chair to nobody: Proposition used 31 words; 20 were allowed.
        chair to Opposition: Opposition: Give…
        Opposition: {long.removesuffix(" word")}
        chair to Proposition: Proposition: Give…
        """,
    )
    assert all(
        "allowed" not in message.text for name in ("Proposition", "Opposition") for message in view(transcript, name)
    )


def test_whoever_steps_in_changes_nothing_about_what_is_next() -> None:
    start = play(heading(), "chair: The motion is…\nchair to Proposition: Proposition: Give…")
    stepped = start.then(Turn(CHAIR, (Text("Louder!"),))).then(Turn("Opposition", (Text("Hear, hear."),)))
    play(heading(), "Proposition: Cars kill.\nchair to Opposition: Opposition: Give your opening…", stepped)


def test_who_declined_is_told_with_the_result() -> None:
    transcript = Transcript(heading(rounds=0))
    form = open_form(transcript.heading)
    for _ in range(100):
        match form(transcript):
            case Post(turn):
                transcript = transcript.then(turn)
            case Speak(name):
                transcript = transcript.then(Turn(name, stop="refusal" if name == "Opposition" else "end"))
            case move:
                assert move == Close("all speeches are made; Opposition declined to speak 2 times")
                return
    pytest.fail("it does not end")


@pytest.mark.parametrize(
    "changed",
    [
        {"motion": " "}, {"rounds": -1}, {"cross": -1}, {"words": 3}, {"judges": ("Proposition",)},
        {"opposition": "Proposition"}, {"opposition": "Tie"}, {"judges": ("J", "J")}, {"judges": ("nobody",)},
    ],
)  # fmt: skip
def test_arguments_that_make_no_debate_are_refused(changed: dict[str, Value]) -> None:
    with pytest.raises(Invalid):
        open_form(replace(heading(), arguments=freeze(ARGUMENTS | changed)))(Transcript(heading()))


def test_only_a_debate_can_be_swapped() -> None:
    with pytest.raises(Invalid, match="only a debate"):
        swapped(replace(heading(), form="talk"))


@given(st.integers(0, 3), st.integers(0, 100), st.text(max_size=5), st.text(max_size=5))
def test_swapping_twice_gives_the_same_heading(judges: int, seed: int, one: str, other: str) -> None:
    first = heading(judges, seed)
    people = tuple(
        replace(person, settings=freeze({"system": setting}))
        for person, setting in zip(first.participants, (one, other, "", "", ""), strict=False)
    )
    first = replace(first, participants=people)
    again = swapped(first)
    assert swapped(again) == first
    assert [(who.name, who.brief) for who in again.participants] == [
        (who.name, who.brief) for who in first.participants
    ]
    assert [who.voice for who in again.participants[:2]] == [who.voice for who in first.participants[1::-1]]
    assert again.participants[2:] == first.participants[2:]


def held(transcript: Transcript, replies: list[str]) -> Transcript:
    """Hold a debate with these replies, over and over, to its end; every view only grows."""
    form, names = open_form(transcript.heading), transcript.heading.names
    for count in range(200):
        before = {name: view(transcript, name) for name in names}
        match form(transcript):
            case Post(turn):
                pass
            case Speak(name, None, heard_by):
                turn = Turn(name, (Text(f"{name} {replies[count % len(replies)]}"),), heard_by)
            case Speak(name, ask) if ask:
                answer = (*ask.options, "")[count % 4]
                turn = Turn(name, (Ballot(ask.text, ask.options, answer),), ())
            case _:
                return transcript
        transcript = transcript.then(turn)
        for name in names:
            assert view(transcript, name)[: len(before[name])] == before[name]
    pytest.fail("it does not end")


@given(
    st.integers(0, 3),
    st.integers(0, 50),
    st.integers(0, 2),
    st.integers(0, 2),
    st.lists(st.text(max_size=9), min_size=1),
)
def test_it_ends_and_no_vote_or_reason_reaches_anyone_else(
    judges: int, seed: int, rounds: int, cross: int, replies: list[str]
) -> None:
    transcript = held(Transcript(heading(judges, seed, rounds=rounds, cross=cross)), replies)
    for name in transcript.heading.names:
        heard = view(transcript, name)
        assert all(not message.speaker.startswith("Judge") or message.speaker == name for message in heard)
        assert not any(word in message.text for message in heard for word in ("gpt", "claude"))
    first = next((at for at, turn in enumerate(transcript.turns) if turn.speaker.startswith("Judge")), None)
    if first is not None:
        assert all(turn.speaker not in ("Proposition", "Opposition") for turn in transcript.turns[first:])


def test_sides_and_options_are_balanced_over_successive_seeds() -> None:
    first, orders = Counter[str](), Counter[tuple[str, ...]]()
    for seed in range(12):
        turns = held(Transcript(heading(2, seed)), ["x"]).turns
        first[next(turn.speaker for turn in turns if turn.speaker != CHAIR)] += 1
        shown = [part.options for turn in turns for part in turn.parts if isinstance(part, Ballot)]
        assert shown[0] == shown[1][::-1]
        orders.update(shown)
    assert set(first.values()) == {6}
    assert len(orders) == 6
    assert set(orders.values()) == {4}


MOOT = [sys.executable, "-c", "from moot.cli import main; main()"]
LOCAL = ["local:smollm2?max_tokens=16", "local:gemma3?max_tokens=16", "--judge", "local:smollm2?max_tokens=16"]


def moot(*words: str, code: int = 0) -> str:
    run = subprocess.run([*MOOT, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert run.returncode == code, run.stderr
    return run.stderr if code else run.stdout


@pytest.fixture
def _models() -> None:
    cache = Path(os.environ["MOOT_HOME"]) / "cache"
    cache.symlink_to(os.environ.get("MOOT_TEST_CACHE") or user_cache_path("moot", appauthor=False))


@pytest.mark.usefixtures("_models")
def test_a_debate_of_embedded_models_is_killed_midway_and_resumed_to_its_verdict() -> None:
    words = ["debate", MOTION, *LOCAL, "--rounds", "0", "--words", "20", "--seed", "3"]
    process = subprocess.Popen([*MOOT, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("chair (to Proposition only)"):  # the first speech is on record
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert json.loads(moot("resume", "last", "--json"))["closed"].startswith("the judges voted: ")
    moot("verify", "last")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["only:one"], "two voices"),
        (["person", "person", "--swap"], "nothing to swap"),
        (["person", "person", "--brief", "Bo=Be kind."], "--brief is NAME=TEXT"),
    ],
)
def test_what_cannot_be_debated_is_told_in_one_line(words: list[str], said: str) -> None:
    assert said in moot("debate", MOTION, *words, code=2)


def test_a_swapped_debate_is_held_on_both_sides_and_both_results_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(["One."] * 6))
    (tmp_path / "b.txt").write_text("\n".join(["Two."] * 6))
    told = json.loads(
        moot("debate", MOTION, f"script:{tmp_path}/a.txt", f"script:{tmp_path}/b.txt", "--swap", "--json")
    )
    first, second = told["debates"]
    assert first["voices"]["Proposition"] == second["voices"]["Opposition"]
    assert first["closed"] == second["closed"] == "all speeches are made"
