"""The form `interview` as a playbook, and the course of two series of letters got again from their questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moot.forms import Close, Post, Speak, open_form
from moot.transcript import CHAIR, Heading, Invalid, Participant, Stop, Text, Transcript, Turn, freeze
from moot.view import view
from playbook import play

if TYPE_CHECKING:
    from moot.transcript import Value


PAIR = ("script:a", "script:b")


def heading(voices: tuple[str, str] = PAIR, /, **arguments: Value) -> Heading:
    told = {"asker": "Ada", "answerer": "Bo"} | arguments
    people = (Participant("Ada", voices[0]), Participant("Bo", voices[1]))
    return Heading(people, form="interview", arguments=freeze(told))


def test_one_asks_and_one_answers_until_all_questions_are_answered() -> None:
    whole = play(
        heading(questions=2),
        """
        Ada: Who are you?
        Bo: I am Bo.
        Ada: And where?
        Bo: Here.
        close: all 2 questions are answered
        """,
    )
    assert [message.words for message in view(whole, "Bo") if message.role == "user"] == ["Who are you?", "And where?"]


def test_a_topic_is_told_to_the_asker_alone() -> None:
    play(
        heading(questions=1, topic="rivers"),
        """
        chair to Ada: You interview Bo about this: rivers…
        Ada: Is a river alive?
        Bo: No.
        close: the question is answered
        """,
    )


def test_without_a_number_it_goes_on_until_the_asker_says_nothing() -> None:
    play(
        heading(),
        """
        Ada: One?
        Bo: One.
        Ada: Two?
        Bo:
        Ada: Three?
        Bo: Three.
        Ada:
        close: Ada has no more questions
        """,
    )


def test_either_may_be_away_for_days() -> None:
    play(heading(("person:web", "script:b")), "wait for Ada: Who are you?\nBo: I am Bo.\nwait for Ada: And where?")
    play(heading(("script:a", "person:web")), "Ada: Who are you?\nwait for Bo: I am Bo.\nAda: And where?")


def test_what_the_asker_adds_belongs_to_the_question_and_asides_to_nothing() -> None:
    transcript = Transcript(heading(questions=2)).then(Turn("Ada", (Text("Who are you?"),)))
    transcript = transcript.then(Turn("Ada", (Text("I mean your name."),))).then(Turn(CHAIR, (Text("Go on."),)))
    transcript = transcript.then(Turn("Bo", (Text("To myself."),), ()))
    whole = play(transcript.heading, "Bo: I am Bo.", transcript).then(Turn("Bo", (Text("Bo, as I said."),)))
    play(transcript.heading, "Ada: And where?\nBo: Here.\nclose: all 2 questions are answered", whole)


def test_a_word_of_the_chairs_gives_an_asker_without_questions_another_chance() -> None:
    silent = play(heading(), "Ada: One?\nBo: One.\nAda:\nclose: Ada has no more questions")
    play(heading(), "Ada: Two?\nBo: Two.", silent.then(Turn(CHAIR, (Text("Anything else?"),))))


@pytest.mark.parametrize("arguments", [{"asker": "Bo"}, {"answerer": "Cy"}, {"questions": 0}, {"questions": "all"}])
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Value]) -> None:
    asked = heading(**arguments)
    with pytest.raises(Invalid):
        open_form(asked)(Transcript(asked))


REPLIES = st.tuples(st.sampled_from(["", "Why?", "Because."]), st.sampled_from(["end", "refusal", "length"]))


@given(st.lists(REPLIES, min_size=1), st.integers(1, 4), st.sampled_from(["", "rivers"]))
def test_it_ends_whatever_they_say(replies: list[tuple[str, Stop]], questions: int, topic: str) -> None:
    asked = heading(questions=questions, topic=topic)
    transcript = Transcript(asked)
    for number in range(2 * questions + 2):
        match open_form(asked)(transcript):
            case Post(turn):
                transcript = transcript.then(turn)
            case Speak(name, None, None):
                words, stop = replies[number % len(replies)]
                before = {one: view(transcript, one) for one in asked.names}
                transcript = transcript.then(Turn(name, (Text(words),), None, stop))
                assert all(view(transcript, one)[: len(seen)] == seen for one, seen in before.items())
            case move:
                assert isinstance(move, Close)
                return
    pytest.fail("it does not end")
