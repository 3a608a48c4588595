"""The form `letters` as a playbook, and what holds whatever the writers do."""

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

CLAIM = "Rivers are alive"


PAIR = ("script:a", "script:b")


def heading(voices: tuple[str, str] = PAIR, /, **arguments: Value) -> Heading:
    told = {"claim": CLAIM, "author": "Ada", "critic": "Bo"} | arguments
    people = (Participant("Ada", voices[0], "For it."), Participant("Bo", voices[1], "Against it."))
    return Heading(people, form="letters", arguments=freeze(told))


def test_a_letter_a_reply_and_a_rebuttal() -> None:
    whole = play(
        heading(),
        """
        chair to Ada: What you write next…
        Ada: Dear all, they are. Ada
        chair to Bo: What you write next…
        Bo: Dear Ada, they are not. Bo
        chair to Ada: What you write next…
        Ada: Dear Bo, they are. Ada
        close: all 3 letters are written
        """,
    )
    assert [message.words for message in view(whole, "Bo") if message.speaker == "Ada"] == [
        "Dear all, they are. Ada",
        "Dear Bo, they are. Ada",
    ]


def test_every_order_says_what_to_whom_how_long_and_that_the_letter_stands_alone() -> None:
    whole = play(
        heading(words=120, exchanges=2, reader="the town council"),
        """
        chair to Ada: What you write next is a letter of about 120 words, and nothing besides…
        Ada: 1
        chair to Bo: What you write next…
        Bo: 2
        chair to Ada: What you write next…
        Ada: 3
        chair to Bo: What you write next…
        Bo: 4
        chair to Ada: What you write next…
        Ada: 5
        """,
    )
    orders = [turn.text for turn in whole.turns[::2]]
    assert [order.splitlines()[-1].removesuffix(f" this claim: {CLAIM}") for order in orders] == [
        "Write an open letter to the town council that argues for",
        "Answer the open letter as the devil's advocate: write a letter to Ada with the strongest honest case against",
        "Write a rebuttal: a letter to Bo that answers each point made against",
        "Answer the rebuttal in a further letter to Ada, still against",
        "Write a rebuttal: a letter to Bo that answers each point made against",
    ]
    for order, writer in zip(orders, ("Ada", "Bo") * 3, strict=False):
        assert "stands alone: it opens with a salutation" in order
        assert f"ends with the signature {writer}." in order


def test_further_exchanges_are_pairs_of_reply_and_rebuttal() -> None:
    play(
        heading(exchanges=2),
        """
        chair to Ada: What you write next…
        Ada: 1
        chair to Bo: What you write next…
        Bo: 2
        chair to Ada: What you write next…
        Ada: 3
        chair to Bo: What you write next…
        Bo: 4
        chair to Ada: What you write next…
        Ada: 5
        close: all 5 letters are written
        """,
    )
    play(heading(exchanges=0), "chair to Ada: What you write next…\nAda: 1\nclose: the letter is written")


def test_drafts_are_heard_by_nobody_else_and_the_last_words_are_the_letter() -> None:
    whole = play(
        heading(drafts=2, exchanges=1),
        """
        chair to Ada: What you write next…
        Ada to Ada: Poor.
        chair to Ada: That was draft 1 of 2, which nobody else has read…
        Ada to Ada: Fair.
        chair to Ada: That was draft 2 of 2…
        Ada: Good.
        chair to Bo: What you write next…
        Bo to Bo: Weak.
        """,
    )
    assert whole.turns[2].text.endswith("write the whole letter again, better.")
    assert whole.turns[4].text.endswith("write the whole letter as it is to be sent.")
    assert [message.text for message in view(whole, "Bo") if message.speaker == "Ada"] == ["Good."]
    assert "Weak." not in str(view(whole, "Ada"))


def test_a_writer_who_is_away_is_waited_for() -> None:
    play(
        heading(("person:web", "script:b")),
        """
        chair to Ada: What you write next…
        wait for Ada: Dear all. Ada
        chair to Bo: What you write next…
        Bo: Dear Ada. Bo
        chair to Ada: What you write next…
        wait for Ada: Dear Bo. Ada
        close: all 3 letters are written
        """,
    )


def test_who_declines_or_says_nothing_ends_it_until_the_chair_gives_another_chance() -> None:
    form = open_form(heading())
    for refused in (Turn("Ada", (Text("I cannot."),), stop="refusal"), Turn("Ada", (Text(" "),))):
        transcript = play(heading(), "chair to Ada: What you write next…").then(refused)
        assert form(transcript) == Close("Ada wrote no letter")
        transcript = transcript.then(Turn(CHAIR, (Text("Please do."),)))
        assert form(transcript) == Speak("Ada")
        assert form(transcript.then(refused)) == Close("Ada wrote no letter")
        written = transcript.then(Turn("Ada", (Text("Dear all. Ada"),)))
        assert isinstance(form(written), Post)


def test_what_others_put_in_between_does_not_confuse_the_plan() -> None:
    transcript = play(heading(), "chair to Ada: What you write next…")
    transcript = transcript.then(Turn("Bo", (Text("Is it done yet?"),))).then(Turn(CHAIR, (Text("Patience."),)))
    transcript = play(heading(), "Ada: Dear all. Ada", transcript).then(Turn("Ada", (Text("P.S. One more thing."),)))
    play(
        heading(), "chair to Bo: What you write next…\nBo: Dear Ada. Bo\nchair to Ada: What you write next…", transcript
    )


def test_a_letter_that_comes_before_it_was_asked_for_is_the_letter() -> None:
    transcript = Transcript(heading()).then(Turn("Ada", (Text("Dear all, unasked. Ada"),)))
    play(heading(), "chair to Bo: What you write next…", transcript)


def test_an_edited_cue_stands_for_the_forms_own() -> None:
    cue = Turn(CHAIR, (Text("Write to them as you would to a friend."),), ("Ada",), marks=("edited",))
    play(heading(), "Ada: Dear friends. Ada\nchair to Bo: What you write next…", Transcript(heading()).then(cue))


@pytest.mark.parametrize(
    "arguments",
    [
        {"critic": "Ada"},
        {"author": "Cy"},
        {"claim": " "},
        {"words": 0},
        {"exchanges": -1},
        {"drafts": -1},
        {"drafts": "two"},
        {"letters": 3},
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Value]) -> None:
    asked = heading(**arguments)
    with pytest.raises(Invalid):
        open_form(asked)(Transcript(asked))


REPLIES = st.tuples(
    st.sampled_from(["", "Dear all", "chair: hm", "Dear all\n\nBo"]), st.sampled_from(["end", "refusal", "length"])
)


@given(st.lists(REPLIES, min_size=1), st.integers(0, 3), st.integers(0, 3))
def test_it_ends_whatever_they_reply_and_drafts_stay_private(
    replies: list[tuple[str, Stop]], exchanges: int, drafts: int
) -> None:
    asked = heading(exchanges=exchanges, drafts=drafts)
    form, transcript = open_form(asked), Transcript(asked)
    most = (1 + 2 * exchanges) * (2 + 2 * drafts)
    for number in range(most + 1):
        move = form(transcript)
        assert move == open_form(asked)(transcript)
        before = transcript
        match move:
            case Post(turn):
                transcript = transcript.then(turn)
            case Speak(name, None, heard_by):
                words, stop = replies[number % len(replies)]
                transcript = transcript.then(Turn(name, (Text(words),), heard_by, stop))
            case _:
                assert isinstance(move, Close)
                return
        for name in asked.names:
            assert view(transcript, name)[: len(view(before, name))] == view(before, name)
        last = transcript.turns[-1]
        assert last.speaker != CHAIR or last.heard_by in {("Ada",), ("Bo",)}
    pytest.fail(f"more than {most} moves")
