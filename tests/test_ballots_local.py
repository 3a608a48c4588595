"""Ballots of real embedded models: held to a grammar, with the model's own probability of each option."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from moot.transcript import Participant, Question, freeze
from moot.view import Message
from moot.voices import Attempt, Chosen, Done, Failed, Place, Pool, Words
from moot.voices.local import open_voice, settle
from moot.voices.options import labels
from moot.voices.spec import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.voices import Delta
    from moot.voices.openai import CompatibleVoice

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("stocked")]

TALK = (Message("user", "Bo", "What makes a good friend?"),)
PLAIN = Question("Is fire hot?", ("yes", "no"))
LETTERED = Question("Is a river alive?", ("yes", "no", "not sure"))
SCALE = Question("How far do you agree, from 1 to 7, that rivers are alive?", tuple("1234567"))
MANY = Question("Which one do you like best?", tuple(f"choice {number}" for number in range(1, 27)))
MODELS = ["local:smollm2", "local:gemma3"]


def participant(spec: str) -> Participant:
    return Participant("Ada", parse(spec).voice, "Ada chats with Bo.", freeze(settle(parse(spec)).settings))


async def asked(voice: CompatibleVoice, ask: Question, view: Sequence[Message] = TALK) -> list[Delta]:
    return [delta async for delta in voice.speak(voice.participant.brief, view, ask)]


def chosen(deltas: Sequence[Delta]) -> Chosen:
    [found] = [delta for delta in deltas if isinstance(delta, Chosen)]
    return found


@pytest.mark.parametrize("spec", MODELS)
async def test_every_kind_of_question_gets_an_answer_with_probabilities(spec: str) -> None:
    async with Pool() as pool:
        voice = open_voice(participant(spec), 1, pool, Place())
        for ask in (PLAIN, LETTERED, SCALE, MANY):
            deltas = await asked(voice, ask)
            found = chosen(deltas)
            assert found.how == "held to a grammar, the most probable"
            assert found.probabilities is not None
            assert sum(found.probabilities) == pytest.approx(1)
            assert all(chance > 0 for chance in found.probabilities)
            assert found.answer == ask.options[found.probabilities.index(max(found.probabilities))]
            assert not any(isinstance(delta, Words) for delta in deltas)
            assert isinstance(deltas[-1], Done)
            assert deltas[-1].usage.output == 2  # the label and the end


async def test_probabilities_do_not_depend_on_what_was_drawn() -> None:
    """The engine lists what it drew from, with or without the grammar as chance has it: both come to the same."""
    ada = participant("local:smollm2")
    listed: set[int] = set()
    found: list[tuple[float, ...]] = []
    async with Pool() as pool:
        await asked(open_voice(ada, 0, pool, Place()), LETTERED)  # so that all others find it read
        for seed in range(12):
            deltas = await asked(open_voice(ada, seed, pool, Place()), LETTERED)
            probabilities = chosen(deltas).probabilities
            assert probabilities is not None
            found.append(probabilities)
            assert isinstance(deltas[-1], Done)
            listed.add(len(deltas[-1].tokens[0].likely))
    assert len(listed) > 1
    assert min(listed) < 20 < max(listed)
    for probabilities in found:
        assert probabilities == pytest.approx(found[0], abs=2e-3)


@pytest.mark.parametrize("spec", MODELS)
async def test_a_ballot_within_a_talk_reads_only_the_question(spec: str) -> None:
    long = " ".join(["Tell me about that, and about how it felt to you at the time."] * 10)
    async with Pool() as pool:
        voice = open_voice(participant(spec), 1, pool, Place())
        [*_, spoken] = [delta async for delta in voice.speak("Ada chats with Bo.", (replace(TALK[0], text=long),))]
        [*_, done] = await asked(voice, PLAIN, (replace(TALK[0], text=long),))
    assert isinstance(spoken, Done)
    assert isinstance(done, Done)
    assert spoken.usage.input is not None
    assert done.usage.cached is not None
    assert done.usage.cached >= spoken.usage.input - 8  # what the template puts at the end is elsewhere now


async def test_numbers_that_begin_alike_are_answered_without_probabilities() -> None:
    ask = Question("From 0 to 10, how alive is a river?", tuple(map(str, range(11))))
    async with Pool() as pool:
        found = chosen(await asked(open_voice(participant("local:smollm2"), 1, pool, Place()), ask))
    assert found == Chosen(found.answer, None, "held to a grammar")
    assert found.answer in ask.options


async def test_options_beyond_the_letters_are_said_in_full() -> None:
    ask = Question("Which do you like?", tuple(f'the "{number}th" caf\u00e9' for number in range(30)))
    async with Pool() as pool:
        found = chosen(await asked(open_voice(participant("local:smollm2"), 1, pool, Place()), ask))
    assert labels(ask) == ask.options
    assert found == Chosen(found.answer, None, "held to a grammar")
    assert found.answer in ask.options


async def test_a_user_may_have_an_embedded_model_read_from_its_words() -> None:
    async with Pool() as pool:
        deltas = await asked(open_voice(participant("local:smollm2?ballots=parse"), 1, pool, Place()), PLAIN)
    requests = [delta.request["body"] for delta in deltas if isinstance(delta, Attempt)]
    assert not any("grammar" in body or "logprobs" in body for body in requests)
    assert chosen(deltas).answer in ("", *PLAIN.options)
    assert chosen(deltas).probabilities is None
    unread = [delta for delta in deltas if isinstance(delta, Failed) and delta.usage.output]
    assert len(unread) == chosen(deltas).how.endswith("asked twice")


async def test_questions_in_quick_succession_find_the_engine_there_each_time() -> None:
    async with Pool() as pool:
        voice = open_voice(participant("local:smollm2"), 1, pool, Place())
        deltas = [
            delta for number in range(30) for delta in await asked(voice, replace(PLAIN, text=f"Is it {number}?"))
        ]
    assert not any(isinstance(delta, Failed) for delta in deltas)
