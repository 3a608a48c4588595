from __future__ import annotations

import math

import numpy as np
import pytest

from moot.measures.dynamics import Said, Talk, dynamics, study, talk_of
from moot.measures.dynamics.agreeing import agreements
from moot.measures.dynamics.basics import evenness, language
from moot.measures.dynamics.collapse import shrinking
from moot.measures.dynamics.repetition import compressions, grams, likeness, loop
from moot.measures.dynamics.words import mattr, mtld, words
from moot.transcript import CHAIR, Ballot, Heading, Invalid, Participant, Text, Transcript, Turn


def talk(identity: str, *texts: str, speakers: str = "AB", unit: str = "", topic: str = "") -> Talk:
    said = (Said(speakers[at % len(speakers)], text, at + 1) for at, text in enumerate(texts))
    return Talk(identity, tuple(said), unit, topic)


def one(*texts: str, speakers: str = "AB") -> dict[str, float]:
    found = study([talk("t", *texts, speakers=speakers)])
    return {name: float(column[0]) for name, column in found.each.items()}


# Words


def test_words_are_of_letters_in_any_script_whatever_their_form() -> None:
    assert words("It\u2019s *cafe\u0301*, _so_ what?") == ["it's", "café", "so", "what"]
    assert words("你好 नमस्ते \U0001f64f … — ") == ["你", "好", "नमस्ते"]
    assert words("\U0001f64f\u200b \n *…*") == []


def test_mattr_and_mtld_by_hand() -> None:
    assert mattr(["a", "b", "a", "c"], 2) == 1.0
    assert mattr(["a", "a", "b", "b"], 2) == pytest.approx((1 / 2 + 2 / 2 + 1 / 2) / 3)
    assert mattr(["a", "b", "a", "a", "c"], 3) == pytest.approx((2 + 2 + 2) / 9)
    assert mattr(["a"], 2) is None
    # Forwards: "a b a" has 2/3 <= 0.72, a factor; of "c d" nothing is used up. Backwards: "d c a b a" at "a" has 4/5,
    # so (1 - 0.8) / 0.28 of a factor.
    assert mtld(["a", "b", "a", "c", "d"], 1) == pytest.approx((5 / 1 + 5 / (0.2 / 0.28)) / 2)
    assert mtld(["a"], 2) is None


def test_mattr_is_what_windows_give_one_by_one() -> None:
    chance = np.random.default_rng(5)
    said = [str(one) for one in chance.integers(0, 40, 400)]
    slow = np.mean([len(set(said[at : at + 50])) / 50 for at in range(351)])
    assert mattr(said) == pytest.approx(slow)


# Repetition


def test_runs_of_four_words_by_hand() -> None:
    said = [words("one two three four five"), words("a one two three four"), words("no no no no no no"), words("short")]
    repeated, seen = grams(said)
    assert repeated == [0, 0, pytest.approx(2 / 3), None]
    assert seen == [0, 0.5, 0, None]


def test_likeness_is_to_ones_own_last_turn_and_a_loop_is_a_run_of_it() -> None:
    turns = talk("t", "abcd", "x", "abcf", "  x ", "abcf", "\n", "abcf", "").turns
    assert likeness(turns) == [None, None, 0.75, 1.0, 1.0, 0.0, 1.0, 1.0]
    assert loop(likeness(turns)) == (3, 2)
    assert loop([None, None]) == (0, 0)
    assert loop([0.9, 0.89, 0.95, 1, 1]) == (2, 3)


def test_compression_is_of_equal_lengths() -> None:
    chance = np.random.default_rng(1)
    noise = ["".join(chance.choice(list("abcdefghijklmnop"), 1_300))]
    varied, same = (
        compressions(talk("t", *noise).turns),
        compressions(talk("t", *("la la " * 300, "\n\n\n" * 900)).turns),
    )
    assert len(varied) == 1
    assert (varied[0] < 2, same[0] > 20) == (True, True)
    assert compressions(talk("t", "x" * 999).turns) == []
    assert len(compressions(talk("t", "x" * 2_500).turns)) == 2


# Closing


def test_a_closing_loop_is_found_where_it_begins_and_a_goodbye_within_a_turn_is_none() -> None:
    told = ("So the hero said goodbye to the sea. Then the story went on, and he came back.", "And then?")
    long = talk("long", *told * 4)
    loop_ = talk(
        "loop", "What of tides?", "They rise.", "Goodbye!", "Goodbye, friend.", "Take care!", "Bye!", "You too!", "Bye."
    )
    short = talk("short", "What of tides?", "They rise. Goodbye!", "Goodbye!")
    found = study([long, loop_, short], ["closing"])
    assert found.each["turns after goodbye"].tolist() == [0, 4, 0]
    assert found.each["closing loops"].tolist() == [0, 1, 0]
    assert found.cites["closing loops"] == [("loop", 4)]
    (score,) = (each for each in found.scores if each.name == "closing loops")
    assert score.cites == (("loop", 4),)
    assert (score.estimate, score.low) == (pytest.approx(1 / 3), None)
    assert "fewer than 5" in score.why


# Collapse


def test_thirds_are_of_turns_and_medians_of_words() -> None:
    assert shrinking([10, 20, 6, 1, 2, 3]) == pytest.approx(2.5 / 15)
    assert shrinking([0, 4, 4]) is None
    assert shrinking([1, 2]) is None


def test_a_talk_that_fell_silent_is_seen_though_no_word_repeats() -> None:
    """As two models did at the end of long talks of their own: pictures, white space, a stage direction, nothing."""
    opening = [f"Of tide {at} comes wave {at * 7}, and wind {at} over it." for at in range(16)]
    found = study([talk("silence", *opening, *("\U0001f64f", "*silence*", "\n\n", "", "…", "[ ]") * 6)])
    each = {name: column[0] for name, column in found.each.items()}
    assert each["rep4"] == each["seen4"] == 0  # what only looks at words sees nothing
    assert each["longest silence"] == 36
    assert each["silences"] == 1
    assert each["turns without words"] == pytest.approx(30 / 52)
    assert each["empty turns"] == pytest.approx(36 / 52)
    assert each["length ratio"] == 0
    assert found.cites["silences"] == [("silence", 17)]
    same = study([talk("silence", *opening, *[" "] * 36)])
    assert same.each["longest loop"][0] == 34  # each speaker's first silence repeats nothing
    assert same.each["rep4"][0] == 0


# Agreement, themes, basics


def test_agreement_that_is_denied_is_none() -> None:
    assert agreements(words("I agree. That's true, and exactly what I mean!")) == 3
    assert agreements(words("I don't agree; that is not right. I never really agreed. Not exactly.")) == 0


def test_agreement_drift_is_of_thirds_per_thousand_words() -> None:
    found = one(
        "No it is not so",
        "Why is it so",
        "Five words are in here",
        "Four words in here",
        "I agree with you there",
        "Exactly",
    )
    assert found["agreement, first third"] == 0
    assert found["agreement, last third"] == pytest.approx(1_000 * 2 / 6)
    assert found["agreement drift"] == pytest.approx(1_000 * 2 / 6)


def test_themes_are_open_lists_of_words_and_stems() -> None:
    found = study(
        [talk("t", "The sea is wide", "an hour of time", "Seaside moons and time")],
        ["themes"],
        lists={"sea": "sea moon*"},
    )
    assert found.each["theme sea"][0] == pytest.approx(1_000 * 2 / 12)
    assert found.each["theme sea, drift"][0] == pytest.approx(1_000 * (1 / 4 - 1 / 4))
    assert [score.name for score in found.scores] == ["theme sea", "theme sea, drift", "emoji, drift"]


def test_basics_by_hand() -> None:
    found = one("one two three", "four?", "five six")
    assert found["words per turn"] == 2
    assert found["questions per turn"] == pytest.approx(1 / 3)
    assert found["share of the most talkative"] == pytest.approx(5 / 6)
    p = 1 / 6
    assert found["balance"] == pytest.approx(-(p * math.log2(p) + (1 - p) * math.log2(1 - p)))
    assert evenness([3, 3, 3]) == pytest.approx(1)
    assert evenness([3]) is None
    assert evenness([0, 0]) is None


def test_a_switch_of_language_is_seen_and_a_loan_word_is_none() -> None:
    english = "It is what I have said of the sea, and this is all that it was."
    german = "Das ist es nicht, was ich für die See und den Wind auch mit dir für dich bin."
    assert [language(words(text)) for text in (english, german, "Zeitgeist!", "это было очень хорошо сегодня")] == [
        "en", "de", "", "Cyrillic"]  # fmt: skip
    assert language(words("これは本当に良い日です")) == "Japanese"
    found = study([talk("t", english, "Zeitgeist!", german, english)], ["basics"])
    assert found.each["language switches"][0] == 100
    assert found.cites["language switches"] == [("t", 3), ("t", 4)]


# What is told, and what cannot be


def test_what_cannot_be_told_says_why() -> None:
    scores = {score.name: score for score in dynamics([talk("t", "Hello there", "Well", speakers="A")])}
    assert "two speakers" in scores["balance"].why
    assert "four words" in scores["rep4"].why
    assert "no model" in scores["accommodation"].why
    assert "0 exchanges" in scores["coordination, everyone to everyone"].why
    assert all(score.why for score in scores.values())
    with pytest.raises(Invalid, match="no conversation"):
        dynamics([])
    assert all(score.why for score in dynamics([Talk("empty", ())]))


def test_the_unit_is_the_conversation_or_what_is_named_and_p_is_told_with_its_comparisons() -> None:
    chance = np.random.default_rng(2)
    talks = [
        talk(
            f"t{at}",
            *(" ".join(chance.choice(["tide", "moon", "yes", "agreed"], 12)) for _ in range(6)),
            unit=f"u{at % 6}",
        )
        for at in range(18)
    ]
    found = study(talks, ["basics", "agreement"])
    scores = {score.name: score for score in found.scores}
    drift = scores["agreement drift"]
    assert (drift.n, drift.clusters) == (18, 6)
    of_units = [np.mean(found.each["agreement drift"][at::6]) for at in range(6)]
    assert drift.estimate == pytest.approx(np.mean(of_units))
    assert drift.se == pytest.approx(np.std(of_units, ddof=1) / 6**0.5)
    assert drift.more["comparisons"] == 1
    assert drift.more["p_bh"] == drift.p
    assert scores["words per turn"].why.startswith("no interval: nothing varies")


def test_a_transcript_gives_what_its_participants_said_to_all() -> None:
    turns = (
        Turn(CHAIR, (Text("Begin."),)),
        Turn("Ada", (Text("Hello."),)),
        Turn("Bo", (Ballot("Is it so?", ("yes", "no"), "yes"),), heard_by=()),
        Turn("Bo", (Text("For Ada alone."),), heard_by=("Ada",)),
        Turn("Bo", (Text("Hi."),)),
    )
    head = Heading((Participant("Ada", "script:a.txt"), Participant("Bo", "script:b.txt")), topic="Tides")
    found = talk_of("id", Transcript(head, turns))
    assert found.turns == (Said("Ada", "Hello.", 2), Said("Bo", "Hi.", 5))
    assert (found.topic, found.voices["Bo"]) == ("Tides", "script:b.txt")
