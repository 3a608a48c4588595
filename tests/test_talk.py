"""The form `talk` as a playbook: given these turns, the next move is this."""

import pytest
from hypothesis import given

from moot.forms import Close, Post, Speak, open_form
from moot.forms.talk import talk
from moot.transcript import CHAIR, Heading, Invalid, Participant, Stop, Text, Transcript, Turn, freeze
from strategies import talks

NAMES = ("Ada", "Bo")


def given_turns(*lines: str, names: tuple[str, ...] = NAMES, stop: Stop = "end") -> Transcript:
    """Read `Ada: words` lines; `chair>Ada: words` is for Ada alone."""
    turns: list[Turn] = []
    for line in lines:
        label, _, words = line.partition(": ")
        speaker, _, hearer = label.partition(">")
        turns.append(Turn(speaker, (Text(words),) if words else (), (hearer,) if hearer else None, stop))
    return Transcript(Heading(tuple(Participant(name, "script:x") for name in names)), tuple(turns))


def test_the_prompt_is_posted_to_the_first_alone() -> None:
    assert talk(prompt="Hello.")(given_turns()) == Post(Turn(CHAIR, (Text("Hello."),), ("Ada",)))


def test_the_prompt_is_posted_to_all_where_that_is_asked_for() -> None:
    assert talk(prompt="Hello.", to="all")(given_turns()) == Post(Turn(CHAIR, (Text("Hello."),)))


def test_without_a_prompt_the_first_begins() -> None:
    assert talk()(given_turns()) == Speak("Ada")


def test_they_speak_in_turn() -> None:
    move = talk(prompt="Hello.")
    assert move(given_turns("chair>Ada: Hello.")) == Speak("Ada")
    assert move(given_turns("chair>Ada: Hello.", "Ada: One.")) == Speak("Bo")
    assert move(given_turns("chair>Ada: Hello.", "Ada: One.", "Bo: Two.")) == Speak("Ada")
    assert talk()(given_turns("Ada: 1", "Bo: 2", names=("Ada", "Bo", "Cy"))) == Speak("Cy")


def test_a_word_of_the_chairs_does_not_change_whose_turn_it_is() -> None:
    assert talk()(given_turns("Ada: One.", "chair: Go on.", "chair>Ada: Well?")) == Speak("Bo")


def test_only_spoken_turns_count() -> None:
    turns = ("chair>Ada: Hello.", "Ada: One.", "chair: Go on.", "Bo: Two.")
    assert talk(turns=3)(given_turns(*turns)) == Speak("Ada")
    assert talk(turns=2)(given_turns(*turns)) == Close("all 2 turns are spoken")


def test_a_goodbye_must_be_mutual() -> None:
    assert talk()(given_turns("Ada: I must go. Goodbye!")) == Speak("Bo")
    assert talk()(given_turns("Ada: I must go. Goodbye!", "Bo: But wait.")) == Speak("Ada")
    assert talk()(given_turns("Ada: Goodbye!", "Bo: Bye, take care!")) == Close(
        "they said goodbye to each other (goodbye, turns 1 to 2)"
    )


@pytest.mark.parametrize(
    "words", ["Farewell, friend.", "See you soon!", "Have a lovely day.", "Good bye.", "Until next time!"]
)
def test_a_goodbye_has_many_forms(words: str) -> None:
    assert talk()(given_turns(f"Ada: {words}", f"Bo: {words}")) == Close(
        "they said goodbye to each other (goodbye, turns 1 to 2)"
    )


def test_a_long_turn_that_mentions_a_goodbye_is_none() -> None:
    long = "He said goodbye to her. " + "And then the story went on for quite a while. " * 8
    assert talk()(given_turns(f"Ada: {long}", f"Bo: {long}")) == Speak("Ada")


def test_a_word_of_the_chairs_after_the_goodbye_gives_another_round() -> None:
    assert talk()(given_turns("Ada: Goodbye!", "Bo: Bye!", "chair: One more thing.")) == Speak("Ada")


def test_silence_must_be_everyones() -> None:
    assert talk()(given_turns("Ada: Well.", "Bo: ")) == Speak("Ada")
    assert talk()(given_turns("Ada: ", "Bo:   ")) == Close("everyone fell silent (collapse, turns 1 to 2)")


def test_refusals_must_be_everyones() -> None:
    assert talk()(given_turns("Ada: No.", stop="refusal")) == Speak("Bo")
    assert talk()(given_turns("Ada: No.", "Bo: No.", stop="refusal")) == Close(
        "everyone declined to go on (collapse, turns 1 to 2)"
    )


def test_three_rounds_of_the_same_are_a_loop() -> None:
    round_of = ("Ada: So true!", "Bo: So  TRUE, indeed!")
    assert talk()(given_turns(*round_of * 2)) == Speak("Ada")
    assert talk()(given_turns(*round_of * 3)) == Close(
        "they say the same over again, every 2 turns (loop, turns 1 to 6)"
    )
    assert talk()(given_turns("Ada: Something else.", "Bo: Yes.", *round_of * 2)) == Speak("Ada")


@given(talks())
def test_a_form_is_a_function_of_the_transcript(transcript: Transcript) -> None:
    form = open_form(transcript.heading)
    move = form(transcript)
    assert move == open_form(transcript.heading)(transcript)
    assert isinstance(move, Speak | Close | Post)


@pytest.mark.parametrize("arguments", [{"turns": -1}, {"to": "nobody"}, {"turn": 3}, {"turns": "many"}, {"prompt": 3}])
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, object]) -> None:
    heading = Heading((Participant("Ada", "person"),), arguments=freeze(arguments))
    with pytest.raises(Invalid):
        open_form(heading)


def test_an_unknown_form_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match=r"no form 'conversation'; there are .*ask, .*talk"):
        open_form(Heading((Participant("Ada", "person"),), form="conversation"))
