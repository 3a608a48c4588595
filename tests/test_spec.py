from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from moot.transcript import Heading, Invalid, Participant, freeze
from moot.voices import Pool, VoiceError
from moot.voices.spec import Spec, check, is_spec, open_voices, parse, prepare, settle, with_options
from moot.voices.unknown import Unknown

pytestmark = pytest.mark.anyio


def test_an_address_is_taken_apart() -> None:
    assert parse("local:smollm2?temperature=1.1&stop=a|b") == Spec(
        "local", "smollm2", (("temperature", "1.1"), ("stop", "a|b"))
    )
    assert parse("person") == Spec("person", "")
    assert parse("local:/a/b c.gguf").model == "/a/b c.gguf"
    assert parse("openai:gpt-5").voice == "openai:gpt-5"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("person", True),
        ("script:my lines.txt", True),
        ("antropic:x", True),
        ("my-own:x", True),
        ("Hello", False),
        ("Discuss: is it so?", True),
        ("Please discuss: is it so?", False),
        ("", False),
        (":x", False),
    ],
)
def test_an_address_is_told_from_a_prompt_by_its_form(text: str, is_one: bool) -> None:  # noqa: FBT001 - a row's value
    assert is_spec(text) is is_one


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Hello", "a voice is written KIND:MODEL"),
        ("local:", "names no model: write local:NAME"),
        ("local:x?&", "are not of the form"),
    ],
)
def test_what_is_no_address_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(VoiceError, match=complaint):
        parse(text)


def test_settings_are_read_as_the_type_of_their_default() -> None:
    options = (("a", "1"), ("b", "2.5"), ("c", ""), ("d", "p|q"), ("e", "word"), ("f", "3"))
    spec = Spec("x", "y", options)
    defaults = {"a": 0, "b": 0.0, "c": False, "d": (), "e": ""}
    assert with_options(spec, defaults, {"f": int, "g": int}) == {
        "a": 1,
        "b": 2.5,
        "c": True,
        "d": ("p", "q"),
        "e": "word",
        "f": 3,
    }


@pytest.mark.parametrize("option", [("a", "x"), ("b", "inf"), ("b", "nan"), ("c", "maybe"), ("nope", "1")])
def test_a_setting_that_makes_no_sense_is_refused(option: tuple[str, str]) -> None:
    with pytest.raises(VoiceError, match=option[0]):
        with_options(Spec("x", "y", (option,)), {"a": 0, "b": 0.0, "c": False}, {})


def test_a_setting_of_a_few_words_takes_these_and_names_them() -> None:
    ways = {"way": Literal["high", "low"]}
    assert with_options(Spec("x", "y", (("way", "low"),)), {}, ways) == {"way": "low"}
    with pytest.raises(VoiceError, match="x:y: way cannot be 'up'; it is one of high, low"):
        with_options(Spec("x", "y", (("way", "up"),)), {}, ways)


def test_voices_that_share_a_model_know_their_places() -> None:
    people = [Participant(name, "local:smollm2") for name in ("Ada", "Bo")]
    voices = open_voices(Heading((*people, Participant("Cy", "local:gemma3"))), Pool())
    assert [voices[name].request("", ())["body"]["id_slot"] for name in ("Ada", "Bo", "Cy")] == [0, 1, 0]


async def test_an_imported_speaker_can_say_what_it_heard_and_no_more() -> None:
    cy = Participant("Cy", "unknown:CY")
    with pytest.raises(VoiceError, match="cannot speak"):
        settle(parse("unknown:CY"))
    with pytest.raises(VoiceError, match="moot fork ID --voice 'Cy'=VOICE"):
        check(cy, Pool())
    voice = open_voices(Heading((cy,)), Pool())["Cy"]
    assert voice.request("b", ()) == {"brief": "b", "messages": []}
    with pytest.raises(VoiceError, match="names no voice"):
        await anext(Unknown(cy).speak("", ()))


async def test_a_pool_opens_each_thing_once_and_closes_it() -> None:
    said: list[str] = []

    async def close() -> None:
        said.append("closed")

    async def opened() -> tuple[str, Callable[[], Awaitable[None]]]:
        said.append("opened")
        return "thing", close

    async with Pool() as pool:
        for _ in range(3):
            assert await pool.share("key", opened) == "thing"
        assert said == ["opened"]
    assert said == ["opened", "closed"]


async def test_what_needs_no_preparing_is_ready() -> None:
    def progress(what: str, done: int, total: int) -> None:
        raise AssertionError(what, done, total)

    await prepare([Participant("Ada", "person")], progress)


def test_a_script_without_its_lines_cannot_speak() -> None:
    for broken in ({}, {"lines": "not a list"}):
        with pytest.raises(VoiceError, match="no lines to speak"):
            check(Participant("Ada", "script:x", settings=freeze(broken)), Pool())
    with pytest.raises(Invalid):
        Participant("chair", "script:x")
