"""An option out of a voice's words: what counts as an answer, what does not, and what is on record of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fakes import Fake, Reply
from fakes.speaking import HELLO, WIRES, opened, serve
from moot.transcript import Ballot, Question
from moot.voices import Attempt, Chosen, Delta, Failed, Words, fold
from moot.voices.ballots import read_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.anyio

ASK = Question("Is a river alive?", ("yes", "no", "not sure"))
STRICT = {"yes": "yes", "Yes.": "yes", " **No** ": "no", "(not sure)": "not sure", "NOT SURE!": "not sure"}
OPENING = {
    "No, it has no life.": "no",
    "yes\nit moves": "yes",
    "My answer is: yes": "yes",
    "Answer: **no**": "no",
}
NONE = ["", "Perhaps.", "There is no way to tell", "yes or no", "Yes, but also no.", "nothing", "I know", "no yes"]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    with serve(monkeypatch, Fake()) as running:
        yield running


@pytest.mark.parametrize(("text", "option"), [*STRICT.items(), *OPENING.items(), *((text, "") for text in NONE)])
def test_an_answer_names_one_option_and_no_other(text: str, option: str) -> None:
    assert read_option(text, ASK.options) == option


def test_options_may_be_numbers_of_a_scale() -> None:
    scale = tuple(map(str, range(1, 8)))
    assert read_option("7", scale) == "7"
    assert read_option("4.", scale) == "4"
    assert read_option("4 of 7", scale) == ""
    assert read_option("17", scale) == ""


@pytest.mark.parametrize(
    ("text", "options", "option"),
    [
        ("I would not choose 3", "1234567", ""),
        ("I don't pick 3.", "1234567", ""),
        ("3.9", "1234567", ""),
        ("My answer is 3.9", "1234567", ""),
        ("3.", "1234567", "3"),
        ("- 4", "1234567", "4"),
        ("-1", "1234567", ""),
        ("Answer: -1", "1234567", ""),
        ("a.", "Aa", "a"),
        ("A", "Aa", "A"),
        ("b.", "AB", "B"),
        ("-1", ("-1", "0", "1"), "-1"),
        ("-1.", ("-1", "0", "1"), "-1"),
        ("My answer is -1", ("-1", "0", "1"), "-1"),
        ("1", ("-1", "0", "1"), "1"),
        ("-1 or 1", ("-1", "0", "1"), ""),
    ],
)
def test_no_answer_is_guessed(text: str, options: Sequence[str], option: str) -> None:
    assert read_option(text, tuple(options)) == option


async def ask(address: str) -> list[Delta]:
    async with opened(address) as voice:
        return [delta async for delta in voice.speak("Be brief.", HELLO, ASK)]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_plain_answer_is_the_ballot(fake: Fake, wire: str) -> None:
    fake.replies.append(Reply(("Y", "es.")))
    deltas = await ask(WIRES[wire])
    assert [delta for delta in deltas if isinstance(delta, Chosen)] == [Chosen("yes", how="read from the words")]
    assert "Is a river alive?" in fake.requests[0].text
    assert "not sure" in fake.requests[0].text


@pytest.mark.parametrize("wire", WIRES)
async def test_the_request_is_what_was_announced_and_can_be_made_again(fake: Fake, wire: str) -> None:
    fake.replies.append(Reply(("no",)))
    async with opened(WIRES[wire]) as voice:
        request = voice.request("Be brief.", HELLO, ASK)
        told = [delta async for delta in voice.speak("Be brief.", HELLO, ASK)]
        plain = json.dumps(voice.request("Be brief.", HELLO)["body"])
    assert told[0] == Attempt(request)
    assert fake.bodies == [request["body"]]
    assert "river" not in plain


@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_that_names_no_option_is_asked_for_once_more(fake: Fake, wire: str) -> None:
    fake.replies.extend([Reply(("It depends.",)), Reply(("no",))])
    deltas = await ask(WIRES[wire])
    assert sum(isinstance(delta, Attempt) for delta in deltas) == 2
    assert [delta.error for delta in deltas if isinstance(delta, Failed)] == [
        "no option could be made out of the answer"
    ]
    assert Chosen("no", how="read from the words, asked twice") in deltas
    assert "It depends." in fake.requests[1].text
    assert "exactly one of them" in fake.requests[1].text


@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_that_names_none_twice_is_kept_as_words(fake: Fake, wire: str) -> None:
    fake.replies.extend([Reply(("It depends.",)), Reply(("As I said.",))])
    async with opened(WIRES[wire]) as voice:
        speech = fold(voice.participant, [one async for one in voice.speak("Be brief.", HELLO, ASK)], (), ASK)
    assert speech.turn.text == "As I said."
    assert speech.turn.heard_by == ()
    assert not any(isinstance(part, Ballot) for part in speech.turn.parts)
    assert len(fake.requests) == 2


async def test_a_refusal_is_no_answer_and_is_not_pressed(fake: Fake) -> None:
    fake.replies.append(Reply(("No, I would rather not say.",), stop="refusal"))
    deltas = await ask(WIRES["messages"])
    assert Words("No, I would rather not say.") in deltas
    assert not any(isinstance(delta, Chosen) for delta in deltas)
    assert len(fake.requests) == 1


async def test_a_broken_stream_is_asked_again_whole(fake: Fake) -> None:
    fake.replies.extend([Reply(("yes", " and"), fault="reset", at=2), Reply(("no",))])
    async with opened(WIRES["chat"]) as voice:
        deltas = [one async for one in voice.speak("Be brief.", HELLO, ASK)]
    assert Chosen("no", how="read from the words") in deltas
