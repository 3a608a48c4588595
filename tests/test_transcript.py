from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moot.transcript import (
    Ballot,
    Heading,
    Invalid,
    Participant,
    Text,
    Thought,
    Transcript,
    Turn,
    as_json,
    canonical,
    digest,
    digests,
    freeze,
    heading_from_json,
    part_from_json,
    sound,
    turn_from_json,
)
from strategies import headings, transcripts, turns

ADA, BO = Participant("Ada", "script:a"), Participant("Bo", "script:b")


@given(headings(), st.data())
def test_values_read_back_from_their_json(heading: Heading, data: st.DataObject) -> None:
    assert heading_from_json(as_json(heading)) == heading
    turn = data.draw(turns(heading))
    assert turn_from_json(as_json(turn)) == turn


@given(transcripts())
def test_the_digest_is_a_chain_over_heading_and_turns(transcript: Transcript) -> None:
    chain = digests(transcript)
    assert len(chain) == len(transcript.turns) + 1
    for count in range(len(chain)):
        assert digest(transcript.until(count)) == chain[count]


@given(transcripts(), transcripts())
def test_equal_digests_mean_equal_conversations(one: Transcript, other: Transcript) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_the_digest_of_a_known_conversation_never_changes() -> None:
    transcript = Transcript(Heading((ADA, BO), seed=7), (Turn("Ada", (Text("Hello, Bo – \u0160."),)),))
    assert digest(transcript) == "f173110b716d298289e517e830506551"


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_whole_unicode_without_nul(text: str) -> None:
    made = sound(text)
    made.encode("utf-8")
    assert "\0" not in made
    assert sound(made) == made


@given(st.text(), st.integers(0, 100))
def test_sound_text_is_left_alone(text: str, cut: int) -> None:
    del cut
    plain = text.replace("\0", "")
    assert sound(plain) == plain


def test_a_character_that_a_stream_cut_into_surrogates_is_joined() -> None:
    assert Text("\ud83d\ude00").text == "\U0001f600"
    assert Text("a\ud83d").text == "a\ufffd"
    assert Text("a\0b").text == "a\ufffdb"


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Text("a").text = "b"  # pyright: ignore[reportAttributeAccessIssue] - the claim


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        " Ada",
        "Ada ",
        "A:da",
        "A\nda",
        "A\u202eda",
        "A\u200bda",
        "chair",
        "Chair",
        "ＣＨＡＩＲ",
        "x" * 65,
        "\x1b[2J",
    ],
)
def test_a_name_that_would_mislead_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        Participant(name, "person")


@pytest.mark.parametrize(("one", "other"), [("Ada", "Ada"), ("Ada", "ADA"), ("Ada", "Ａda"), ("Ada  B", "ada b")])
def test_names_that_collide_are_refused(one: str, other: str) -> None:
    with pytest.raises(Invalid, match="cannot both be called"):
        Heading((Participant(one, "person"), Participant(other, "person")))


def test_a_conversation_needs_somebody() -> None:
    with pytest.raises(Invalid, match="at least one"):
        Heading(())


def test_only_those_of_the_heading_and_the_chair_speak_and_hear() -> None:
    transcript = Transcript(Heading((ADA, BO)))
    assert transcript.then(Turn("chair", heard_by=("Bo",))).turns == (Turn("chair", heard_by=("Bo",)),)
    with pytest.raises(Invalid, match="nobody here is called 'Cy'"):
        transcript.then(Turn("Cy"))
    with pytest.raises(Invalid, match="nobody here is called 'Cy'"):
        transcript.then(Turn("Ada", heard_by=("Cy",)))


def test_until_counts_turns_that_there_are() -> None:
    transcript = Transcript(Heading((ADA,)), (Turn("Ada"),))
    assert transcript.until(0).turns == ()
    for count in (-1, 2):
        with pytest.raises(Invalid, match="turns 0 to 1"):
            transcript.until(count)


def test_a_turns_text_is_what_was_said_aloud() -> None:
    parts = (Thought("hm"), Text("Yes. "), Ballot("?", ("a",), "a"), Text("No."))
    assert Turn("Ada", parts).text == "Yes. No."


def test_settings_are_frozen_in_one_order() -> None:
    assert freeze({"b": [1, "x"], "a": None}) == (("a", None), ("b", (1, "x")))
    assert Participant("Ada", "v", settings=(("b", 1), ("a", 2))).settings == (("a", 2), ("b", 1))
    assert replace(Heading((ADA,)), arguments=(("b", 1), ("a", 2))).arguments == (("a", 2), ("b", 1))


@pytest.mark.parametrize("value", [{"x": {"nested": 1}}, {"x": float("nan")}, {"x": [float("inf")]}, {"x": object()}])
def test_settings_that_json_cannot_hold_are_refused(value: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="'x'"):
        freeze(value)


def test_a_ballot_is_for_one_of_its_options() -> None:
    for wrong in (
        lambda: Ballot("?", ("a", "b"), "c"),
        lambda: Ballot("?", ("a", "b"), "a", (1.0,)),
        lambda: Ballot("?", ("a", "b"), "a", (1.0, float("nan"))),
    ):
        with pytest.raises(Invalid):
            wrong()


@pytest.mark.parametrize(
    "read",
    [
        lambda: part_from_json({"kind": "picture"}),
        lambda: part_from_json({"kind": "thought", "text": "x", "seal": 3}),
        lambda: turn_from_json({"parts": []}),
        lambda: turn_from_json({"speaker": "Ada", "parts": [], "stop": "tired"}),
        lambda: heading_from_json({}),
        lambda: heading_from_json({"participants": [{"name": "Ada"}]}),
        lambda: heading_from_json({"participants": [{"name": "Ada", "voice": "v"}], "title": 3}),
    ],
)
def test_json_that_is_no_value_is_refused(read: Any) -> None:
    with pytest.raises(Invalid):
        read()


def test_canonical_json_is_ascii_sorted_and_tight() -> None:
    assert canonical({"b": "\u00e9", "a": [1, None]}) == '{"a":[1,null],"b":"\\u00e9"}'
