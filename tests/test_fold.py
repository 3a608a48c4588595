from hypothesis import given
from hypothesis import strategies as st

from moot.transcript import Participant, Text, Thought, Turn
from moot.view import Message
from moot.voices import (
    Attempt,
    Delta,
    Done,
    Failed,
    Speech,
    Thinking,
    Words,
    fold,
    overrun,
    settled_length,
    shown_labels,
)

ADA = Participant("Ada", "openai:gpt-5")
LABELS = ("Bo", "Cy Young")

pieces = st.lists(
    st.one_of(
        st.builds(Words, st.text(max_size=8)),
        st.builds(Thinking, st.text(max_size=8)),
        st.just(Thinking(seal='{"signature": "x"}')),
        st.just(Words("\nBo: and then")),
        st.just(Words("\n**Cy Young** : hm")),
    ),
    max_size=8,
)


def cut_anywhere(data: st.DataObject, deltas: list[Words | Thinking]) -> list[Delta]:
    cut: list[Delta] = []
    for delta in deltas:
        text = delta.text
        while len(text) > 1 and data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(text)))
            cut.append(type(delta)(text[:at]))
            text = text[at:]
        cut.append(Words(text) if isinstance(delta, Words) else Thinking(text, delta.seal))
    return cut


@given(pieces, st.data(), st.sampled_from([(), LABELS]))
def test_law_4_the_turn_does_not_depend_on_how_the_stream_was_cut(
    deltas: list[Words | Thinking], data: st.DataObject, labels: tuple[str, ...]
) -> None:
    assert fold(ADA, cut_anywhere(data, deltas), labels) == fold(ADA, deltas, labels)


@given(pieces, st.data())
def test_law_4_holds_where_the_stream_is_left_as_soon_as_a_label_shows(
    deltas: list[Words | Thinking], data: st.DataObject
) -> None:
    heard: list[Delta] = []
    text = ""
    for delta in cut_anywhere(data, deltas):
        heard.append(delta)
        text += delta.text if isinstance(delta, Words) else ""
        if overrun(text, LABELS):
            break
    assert fold(ADA, heard, LABELS).turn == fold(ADA, deltas, LABELS).turn


@given(st.lists(st.sampled_from(["a", "Bo", "Cy", " Young", ":", "\n", " ", "**"]), max_size=12))
def test_what_is_shown_early_is_never_taken_back(tokens: list[str]) -> None:
    text = ""
    shown = 0
    for token in tokens:
        text += token
        if overrun(text, LABELS):
            break
        shown = max(shown, settled_length(text, LABELS))
    assert fold(ADA, [Words(text)], LABELS).turn.text.startswith(text[:shown])


def test_the_words_of_a_broken_attempt_are_never_glued_to_the_next() -> None:
    deltas = [
        Attempt({}),
        Words("I think the answer "),
        Failed("reset", 1.0),
        Attempt({}),
        Words("I think it is 42."),
        Done(),
    ]
    assert fold(ADA, deltas) == Speech(Turn("Ada", (Text("I think it is 42."),)))


def test_thoughts_and_words_stay_in_order_each_joined() -> None:
    deltas = [
        Thinking("h"),
        Thinking("m"),
        Thinking(seal="s"),
        Thinking("2"),
        Words("a"),
        Words("b"),
        Thinking("3"),
        Words("c"),
    ]
    voice = ADA.voice
    expected = (Thought("hm", voice, "s"), Thought("2", voice), Text("ab"), Thought("3", voice), Text("c"))
    assert fold(ADA, deltas).turn.parts == expected


def test_a_sealed_thought_without_words_is_kept() -> None:
    assert fold(ADA, [Thinking(seal="s")]).turn.parts == (Thought("", ADA.voice, "s"),)


def test_an_empty_reply_is_an_empty_turn() -> None:
    assert fold(ADA, [Attempt({}), Words(""), Done()]) == Speech(Turn("Ada"))


def test_how_it_stopped_is_kept() -> None:
    for stop in ("length", "refusal", "filtered"):
        assert fold(ADA, [Words("No."), Done(stop)]).turn.stop == stop


def test_a_model_that_writes_the_others_turn_is_cut_there() -> None:
    speech = fold(ADA, [Words("Yes.\n\nBo: I agree.\nAda: Good."), Done()], LABELS)
    assert speech == Speech(
        Turn("Ada", (Text("Yes."),), stop="interrupted", marks=("spoke for Bo",)), "\n\nBo: I agree.\nAda: Good."
    )


def test_it_is_cut_whatever_dress_the_label_wears() -> None:
    for line in ("bo: x", "  Bo : x", "**Bo:** x", "> Bo: x", "### Bo: x", "**Bo**: x"):
        assert fold(ADA, [Words(f"Yes.\n{line}")], LABELS).turn.text == "Yes."


def test_a_label_that_was_not_shown_is_only_a_word() -> None:
    words = "Yes.\nBo: I agree."
    assert fold(ADA, [Words(words)]) == Speech(Turn("Ada", (Text(words),)))


def test_a_name_within_a_line_or_in_a_longer_word_is_only_a_word() -> None:
    words = "I said Bo: hello.\nBored: yes.\nBo is here."
    assert fold(ADA, [Words(words)], LABELS).turn.text == words


def test_a_turn_that_is_the_others_from_its_first_word_is_empty() -> None:
    speech = fold(ADA, [Thinking("hm"), Words("Bo: I agree.")], LABELS)
    assert speech.turn == Turn("Ada", (Thought("hm", ADA.voice),), stop="interrupted", marks=("spoke for Bo",))


def test_thoughts_after_the_cut_go_with_it() -> None:
    deltas = [Words("Yes."), Thinking("1"), Words("\nBo: no"), Thinking("2"), Words("x")]
    assert fold(ADA, deltas, LABELS).turn.parts == (Text("Yes."),)


def test_labels_are_those_that_the_speaker_was_shown() -> None:
    heard = (Message("user", "Bo", "x"), Message("user", "Cy", "x", named=True), Message("assistant", "Ada", "x"))
    assert shown_labels(ADA, heard) == ("Cy",)
    assert shown_labels(Participant("Ada", "local:x", settings=(("style", "script"),)), heard) == ("Bo", "Cy")
