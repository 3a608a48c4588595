"""A question's options: how they are labelled, how an answer is read, and when probabilities are told."""

from __future__ import annotations

import json
import math
from string import ascii_uppercase
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from moot.transcript import Question
from moot.voices import Token
from moot.voices.ballots import grammar_of, schema_of
from moot.voices.options import labels, odds, read_json, read_option, read_words, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN = Question("Is a river alive?", ("yes", "no"))
LETTERED = Question("Is a river alive?", ("yes", "no", "not sure"))
SCALE = Question("How far?", tuple("1234567"))


def asks(*options: str) -> Question:
    return Question("Which?", options)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    words = st.text("abyzAB 17é-.\n", min_size=1, max_size=6) | st.sampled_from(["yes", "no", "not sure", "10", "A"])
    options = draw(st.lists(words.filter(str.strip), min_size=2, max_size=30, unique=True))
    return Question("Which?", tuple(options))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("yes", "no"), ("yes", "no")),
        (("yes", "no", "not sure"), "ABC"),
        (("agree", "disagree", "neither"), ("agree", "disagree", "neither")),
        (tuple("1234567"), "1234567"),
        (("0", "1", "10"), ("0", "1", "10")),
        (("-1", "0", "1"), ("-1", "0", "1")),
        (("B", "yes"), ("B", "yes")),
        (("A", "a"), "Aa"),
        (("yes", "nothing that could be said in a word"), "AB"),
        (("yes", " no"), "AB"),
        (("yes", "n\no"), "AB"),
        (("\u00e9t\u00e9", "hiver"), "AB"),
        (tuple(f"option {number}" for number in range(26)), ascii_uppercase),
        (tuple(f"option {number}" for number in range(27)), tuple(f"option {number}" for number in range(27))),
    ],
)
def test_options_stand_for_themselves_where_that_is_plain_and_else_have_letters(
    options: Sequence[str], expected: Sequence[str]
) -> None:
    assert labels(asks(*options)) == tuple(expected)


@given(questions())
def test_each_option_has_a_label_of_its_own_that_is_shown_and_allowed(ask: Question) -> None:
    marks = labels(ask)
    assert len(set(marks)) == len(marks) == len(ask.options)
    assert schema_of(ask)["properties"]["answer"]["enum"] == list(marks)
    assert all(json.dumps(mark, ensure_ascii=False) in grammar_of(ask) for mark in marks)
    for mark, option in zip(marks, ask.options, strict=True):
        assert (f"- {option}" if marks == ask.options else f"{mark}) {option}") in shown(ask)


@given(questions(), st.data())
def test_an_answer_that_a_schema_or_a_grammar_allows_is_read_as_its_option(ask: Question, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(ask.options) - 1))
    mark = labels(ask)[index]
    assert read_json(json.dumps({"answer": mark}), ask) == ask.options[index]
    assert read_json(f"```json\n{json.dumps({'answer': mark})}\n```", ask) == ask.options[index]
    if labels(ask) != ask.options:
        assert read_words(mark, ask) == ask.options[index]
        assert read_words(f"{mark}) {ask.options[index]}", ask) in ("", ask.options[index])


@given(questions(), st.text())
def test_whatever_was_said_one_of_the_options_is_read_or_none(ask: Question, said: str) -> None:
    assert read_words(said, ask) in ("", *ask.options)
    assert read_json(said, ask) in (None, "", *ask.options)


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ("A", "yes"),
        (" b ", "no"),
        ("(C)", "not sure"),
        ("**B**", "no"),
        ("B.", "no"),
        ("B) no", "no"),
        ("A: Yes, it moves.", "yes"),
        ("B no", "no"),
        ("C - not sure", "not sure"),
        ("My answer is B.", "no"),
        ("Answer: **A**", "yes"),
        ("I pick option C", "not sure"),
        ("yes", "yes"),
        ("Not sure.", "not sure"),
        ("A river is not alive", ""),
        ("A or B", ""),
        ("B) yes", ""),
        ("A) no", ""),
        ("I would not choose A", ""),
        ("D", ""),
        ("The answer is a river.", ""),
        ("The answer is A river.", ""),
        ("", ""),
        ("Perhaps B", ""),
    ],
)
def test_a_letter_is_an_answer_only_where_it_is_no_word(said: str, option: str) -> None:
    assert read_words(said, LETTERED) == option


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ('{"answer": "A"}', "yes"),
        ('{"answer":"not sure","why":"it flows"}', "not sure"),
        ('{"answer": "D"}', ""),
        ('{"answer": 1}', ""),
        ('{"choice": "A"}', ""),
        ('{"answer": "A", "answer": "B"}', ""),
        ("[1]", None),
        ("yes", None),
        ("", None),
    ],
)
def test_json_is_read_strictly(said: str, option: str | None) -> None:
    assert read_json(said, LETTERED) == option


STRICT = {"yes": "yes", "Yes.": "yes", " **No** ": "no", "(not sure)": "not sure", "NOT SURE!": "not sure"}
OPENING = {"No, it has no life.": "no", "yes\nit moves": "yes", "My answer is: yes": "yes", "Answer: **no**": "no"}
NONE = ["", "Perhaps.", "There is no way to tell", "yes or no", "Yes, but also no.", "nothing", "I know", "no yes"]


@pytest.mark.parametrize(("said", "option"), [*STRICT.items(), *OPENING.items(), *((text, "") for text in NONE)])
def test_an_answer_names_one_option_and_no_other(said: str, option: str) -> None:
    assert read_option(said, LETTERED.options) == option


@pytest.mark.parametrize(
    ("said", "options", "option"),
    [
        ("7", "1234567", "7"),
        ("4 of 7", "1234567", ""),
        ("17", "1234567", ""),
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
def test_no_number_is_guessed(said: str, options: Sequence[str], option: str) -> None:
    assert read_words(said, asks(*options)) == option


def token(said: str, *likely: tuple[str, float], least: float = 1.0) -> Token:
    return Token(said, likely, least)


def test_the_probability_of_an_option_is_that_of_all_tokens_that_begin_it_and_no_other() -> None:
    first = token("yes", ("yes", 0.5), ("no", 0.2), ("y", 0.1), ("yesterday", 0.1), (" no", 0.05), ("not", 0.05))
    assert odds("yes", [first], PLAIN) == pytest.approx((0.75, 0.25))
    assert odds("yes", [token("ye", ("ye", 0.3), ("n", 0.1)), Token("s")], PLAIN) == pytest.approx((0.75, 0.25))


def test_the_answers_token_is_found_in_json_however_it_was_cut() -> None:
    likely = (("A", 0.6), ('B"', 0.2), ("B\n", 0.1), ("C", 0.2))
    opening = token('{"', ('{"', 1.0))
    tokens = [opening, Token("answer"), Token('": "'), token("A", *likely), Token('"}'), Token("\n")]
    assert odds('{"answer": "A"}', tokens, LETTERED) == pytest.approx((0.6, 0.2, 0.2))
    joined = [Token('{"answer":'), token('"A', ('"A', 0.6), ('"B', 0.2), ('"C', 0.2)), Token('"}')]
    assert odds('{"answer":"A"}', joined, LETTERED) == pytest.approx((0.6, 0.2, 0.2))


def test_another_way_to_the_same_place_unsettles_the_probabilities() -> None:
    joined = [Token('{"answer":'), token('"A', ('"A', 0.5), ('"B', 0.2), ('"C', 0.2), ('"', 0.1)), Token('"}')]
    assert odds('{"answer":"A"}', joined, LETTERED) is None


@pytest.mark.parametrize(
    ("likely", "least", "expected"),
    [
        ((("A", 0.7), ("B", 0.2)), 0.1, None),
        ((("A", 0.7), ("B", 0.3)), 0.1, (0.7, 0.3, 0.0)),
        ((("A", 0.5), ("B", 0.1)), 0.0002, (5 / 6, 1 / 6, 0.0)),
        ((("A", 0.5), ("B", 0.1)), 0.0004, None),
        ((("A", 0.0), ("B", 0.0), ("C", 0.0)), 0.0, None),
        ((("x", 0.7),), 0.1, None),
    ],
)
def test_an_option_that_is_not_listed_is_never_given_a_number_that_could_be_wrong(
    likely: Sequence[tuple[str, float]], least: float, expected: tuple[float, ...] | None
) -> None:
    found = odds("A", [token("A", *likely, least=least)], LETTERED)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("said", "tokens", "ask"),
    [
        ("10", [token("1", ("1", 0.9), ("0", 0.1)), Token("0")], asks("0", "1", "10")),
        ("A", [], LETTERED),
        ("A", [token("B", ("B", 1.0))], LETTERED),
        ("My answer is A", [Token("My answer is "), token("A", ("A", 0.5), ("B", 0.3), ("C", 0.2))], LETTERED),
    ],
)
def test_where_the_first_token_does_not_settle_the_answer_no_probability_is_told(
    said: str, tokens: Sequence[Token], ask: Question
) -> None:
    assert odds(said, tokens, ask) is None


@given(st.lists(st.floats(1e-6, 1), min_size=7, max_size=7), st.floats(0, 1))
def test_probabilities_are_the_models_own_normalised_over_the_options(weights: list[float], other: float) -> None:
    whole = sum(weights) + other
    likely = [(mark, weight / whole) for mark, weight in zip(SCALE.options, weights, strict=True)]
    found = odds("4", [token("4", *likely, ("The", other / whole))], SCALE)
    assert found is not None
    assert math.isclose(sum(found), 1)
    assert found == pytest.approx([weight / sum(weights) for weight in weights])


@given(st.lists(st.tuples(st.sampled_from(["y", "yes", "n", "no", "x"]), st.floats(0, 1)), max_size=6))
def test_however_likely_the_tokens_are_probabilities_sum_to_one_or_are_not_told(
    likely: list[tuple[str, float]],
) -> None:
    assume(sum(chance for _, chance in likely) <= 1)
    found = odds("yes", [token("yes", *likely, least=min((chance for _, chance in likely), default=1.0))], PLAIN)
    assert found is None or math.isclose(sum(found), 1)
