from itertools import pairwise

import pytest
from hypothesis import given

from moot.transcript import CHAIR, Ballot, Heading, Invalid, Participant, Text, Thought, Transcript, Turn
from moot.view import Message, hears, view
from strategies import transcripts


def pair(*turns: Turn, names: tuple[str, ...] = ("Ada", "Bo")) -> Transcript:
    return Transcript(Heading(tuple(Participant(name, "script:x") for name in names)), turns)


def said(speaker: str, text: str, *hearers: str) -> Turn:
    return Turn(speaker, (Text(text),), hearers or None)


@given(transcripts())
def test_law_1_a_view_only_grows_at_its_end(transcript: Transcript) -> None:
    for name in transcript.heading.names:
        views = [view(transcript.until(count), name) for count in range(len(transcript.turns) + 1)]
        for before, after in pairwise(views):
            assert after[: len(before)] == before
            assert len(after) - len(before) <= 1


@given(transcripts())
def test_law_7_nobody_hears_what_was_not_for_them_nor_anybodys_thoughts(transcript: Transcript) -> None:
    for name in transcript.heading.names:
        heard = view(transcript, name)
        meant = [turn for turn in transcript.turns if hears(turn, name)]
        assert [message.speaker for message in heard] == [turn.speaker for turn in meant]
        for message, turn in zip(heard, meant, strict=True):
            if turn.speaker != name:
                assert message.text == turn.text
                assert message.thoughts == ()


@given(transcripts())
def test_own_turns_are_the_assistants_and_all_others_the_users(transcript: Transcript) -> None:
    for name in transcript.heading.names:
        assert all((one.role == "assistant") == (one.speaker == name) for one in view(transcript, name))


def test_the_prompt_opens_the_conversation_for_the_first_and_the_firsts_words_for_the_second() -> None:
    transcript = pair(said(CHAIR, "Introduce yourself.", "Ada"), said("Ada", "I am Ada."), said("Bo", "I am Bo."))
    assert [(one.role, one.words) for one in view(transcript, "Ada")] == [
        ("user", "Introduce yourself."),
        ("assistant", "I am Ada."),
        ("user", "I am Bo."),
    ]
    assert [(one.role, one.words) for one in view(transcript, "Bo")] == [
        ("user", "I am Ada."),
        ("assistant", "I am Bo."),
    ]


def test_the_chair_who_steps_in_between_two_is_not_taken_for_the_other() -> None:
    transcript = pair(said("Ada", "Hello."), said(CHAIR, "Be brief."))
    assert [one.words for one in view(transcript, "Bo")] == ["Hello.", "chair: Be brief."]


def test_among_three_everyone_else_is_named() -> None:
    transcript = pair(said(CHAIR, "Begin."), said("Ada", "Hello."), said("Bo", "Hi."), names=("Ada", "Bo", "Cy"))
    assert [one.words for one in view(transcript, "Bo")] == ["chair: Begin.", "Ada: Hello.", "Hi."]


def test_the_same_model_on_both_sides_is_told_apart_by_name() -> None:
    both = tuple(Participant(name, "openai:gpt-5") for name in ("Ada", "Bo"))
    transcript = Transcript(Heading(both), (said("Ada", "one"), said("Bo", "two")))
    assert [one.role for one in view(transcript, "Ada")] == ["assistant", "user"]
    assert [one.role for one in view(transcript, "Bo")] == ["user", "assistant"]


def test_own_thoughts_come_back_to_their_owner_only() -> None:
    thought = Thought("hm", "v", "{}")
    turn = Turn("Ada", (thought, Text("Well.")))
    assert view(pair(turn), "Ada") == (Message("assistant", "Ada", "Well.", thoughts=(thought,)),)
    assert view(pair(turn), "Bo") == (Message("user", "Ada", "Well."),)


def test_a_ballot_is_in_no_view_and_is_no_word_after_which_the_chair_is_named() -> None:
    ballot = Turn("Ada", (Thought("hm"), Ballot("Agree?", ("yes", "no"), "yes")), ())
    unread = Turn("Ada", (Ballot("Agree?", ("yes", "no"), ""), Text("Well, perhaps.")), ())
    cue = Turn(CHAIR, (Text("Begin."),))
    for name in ("Ada", "Bo"):
        assert view(pair(ballot, unread, cue), name) == (Message("user", CHAIR, "Begin."),)


def test_an_empty_turn_is_heard_as_an_empty_message() -> None:
    assert view(pair(Turn("Ada")), "Bo") == (Message("user", "Ada", ""),)


def test_nobody_else_has_a_view() -> None:
    with pytest.raises(Invalid, match="Cy"):
        view(pair(), "Cy")
