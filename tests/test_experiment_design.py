from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moot.experiment.design import cells_of, identity_of, read_design, said
from moot.experiment.plan import LENGTHS, MOST_TURNS, loads, power_of, sealed, unsealed, whole
from moot.forms import maker_of
from moot.transcript import Heading, Invalid, Participant, freeze

if TYPE_CHECKING:
    from moot.experiment.design import Cell, Design
    from moot.store import Call

HEAD = 'name = "rivers"\n'
CAST = '[[cast]]\nname = "Ada"\nvoice = "openai:{model}"\n[[cast]]\nname = "Bo"\nvoice = "openai:b"\n'
GRID = '[factors]\nmodel = ["a", "b", "c"]\n'
PEOPLE = (Participant("Ada", "openai:a", "Talk."), Participant("Bo", "person"))


def read(text: str) -> Design:
    return read_design(text, "grid.toml")


def ids(design: Design) -> list[str]:
    return [identity_of(cell.heading(PEOPLE)) for cell in cells_of(design)]


def test_factors_are_crossed_in_the_order_of_the_file_and_each_cell_is_repeated() -> None:
    design = read(HEAD + "repeats = 2\n" + GRID + 'topic_ = ["x", "y"]\n[arguments]\nprompt = "{topic_}"\n' + CAST)
    cells = cells_of(design)
    assert [said(cell.values) for cell in cells[::2]] == [f"model={m}, topic_={t}" for m in "abc" for t in "xy"]
    assert [cell.repeat for cell in cells] == [1, 2] * 6
    assert [cell.scenario.cast[0].voice for cell in cells[::4]] == ["openai:a", "openai:b", "openai:c"]
    assert len({cell.scenario.seed for cell in cells}) == 12
    assert {cell.scenario.series for cell in cells} == {"rivers"}


def test_a_place_that_stands_alone_keeps_its_type_and_others_become_words() -> None:
    text = (
        HEAD + 'title = "{{n}} is {n}, {warm}, {yes}, {both}"\n[arguments]\nturns = "{n}"\n[factors]\nn = [3]\n'
        'warm = [0.5]\nyes = [true]\nboth = [["Ada", "Bo"]]\n'
        '[[cast]]\nname = "Ada"\nvoice = "openai:a?temperature={warm}"\nbrief = "{n}"\n'
    )
    (cell,) = cells_of(read(text))
    assert cell.scenario.title == "{n} is 3, 0.5, true, Ada, Bo"
    assert dict(cell.scenario.arguments) == {"turns": 3}
    assert cell.scenario.cast[0].voice == "openai:a?temperature=0.5"
    assert cell.scenario.cast[0].brief == "3"


def test_cells_may_be_listed_or_excluded() -> None:
    listed = HEAD + '[[cells]]\nmodel = "a"\n[[cells]]\nmodel = "c"\n' + CAST
    excluded = HEAD + GRID + '[[exclude]]\nmodel = "b"\n' + CAST
    assert ids(read(listed)) == ids(read(excluded))


def test_an_id_depends_on_what_is_said_and_not_on_budget_question_or_more_repeats() -> None:
    usual = HEAD + GRID + CAST
    again = HEAD + 'question = "Which?"\n' + GRID + CAST + "[budget]\ndollars = 2.5\ntokens = 9\n"
    more = HEAD + "repeats = 3\n" + GRID + CAST
    assert ids(read(usual)) == ids(read(again))
    assert set(ids(read(usual))) < set(ids(read(more)))
    assert set(ids(read(usual))).isdisjoint(ids(read(HEAD + "seed = 1\n" + GRID + CAST)))
    assert read(again).budget.dollars == Decimal("2.5")
    assert read(again).digest != read(usual).digest
    assert read("# a note\n" + usual).digest == read(usual).digest


levels = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)


@given(st.dictionaries(st.sampled_from("abcd"), levels, max_size=3), st.lists(levels, max_size=2), st.integers(1, 3))
def test_what_is_balanced_is_balanced_in_every_cell(
    factors: dict[str, list[int]], balanced: list[list[int]], times: int
) -> None:
    combinations = 1
    for one in balanced:
        combinations *= len(one)
    turning = {f"t{place}": one for place, one in enumerate(balanced)}
    places = " ".join(f"{{{name}}}" for name in (*factors, *turning))
    tables = [("factors", factors), ("balanced", turning)]
    text = f'{HEAD}topic = "x {places}"\nrepeats = {times * combinations}\n'
    text += "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in table.items()) for name, table in tables)
    cells = cells_of(read(text + CAST.replace("{model}", "a")))
    by_cell: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        by_cell.setdefault(tuple(one for one in cell.values if one[0] in factors), []).append(cell)
    for group in by_cell.values():
        seen = Counter(tuple(one for one in cell.values if one[0] in turning) for cell in group)
        assert len(seen) == combinations
        assert set(seen.values()) == {times}
    assert len({identity_of(cell.heading(PEOPLE)) for cell in cells}) == len(cells)


def test_orders_of_the_cast_are_balanced_and_change_who_is_first() -> None:
    text = HEAD + '[balanced]\norder = "all"\n' + CAST.replace("{model}", "a")
    cells = cells_of(read(text))
    assert [[role.name for role in cell.scenario.cast] for cell in cells] == [["Ada", "Bo"], ["Bo", "Ada"]]


WRONG = {
    "it is not TOML": "name =",
    "there is no key 'factor'; did you mean 'factors'?": HEAD + CAST + "[factor]\n",
    "name: an experiment needs a name": CAST,
    "name: it is text": "name = 3\n" + CAST,
    "cast: there must be at least one": HEAD,
    "there is no factor 'model'; there are none": HEAD + CAST,
    "there is no factor 'modell'; did you mean 'model'?": HEAD + 'topic = "{modell}"\n' + GRID + CAST,
    "factors: model is a list": HEAD + '[factors]\nmodel = "a"\n' + CAST,
    "factors: model has a value twice": HEAD + '[factors]\nmodel = ["a", "a"]\n' + CAST,
    "a factor's name is a word": HEAD + '[factors]\n"a b" = ["a"]\n' + CAST,
    "it is text, a number": HEAD + "[factors]\nmodel = [{a = 1}]\n" + CAST,
    "other is used nowhere": HEAD + GRID + "other = [1, 2]\n" + CAST,
    "not both": HEAD + GRID + "[[cells]]\nmodel = 1\n" + CAST,
    "each cell names the same factors": HEAD + "[[cells]]\nmodel = 1\n[[cells]]\nmodell = 1\n" + CAST,
    "the same cell is there twice": HEAD + "[[cells]]\nmodel = 1\n[[cells]]\nmodel = 1\n" + CAST,
    "exclude 1: there is no key 'modle'; did you mean 'model'?": HEAD + GRID + "[[exclude]]\nmodle = 1\n" + CAST,
    "exclude 1: no cell is like that": HEAD + GRID + '[[exclude]]\nmodel = "z"\n' + CAST,
    "no cell is left": HEAD + '[factors]\nmodel = ["a"]\n[[exclude]]\nmodel = "a"\n' + CAST,
    "crossed or balanced, not both": HEAD + GRID + "[balanced]\nmodel = [1]\n" + CAST,
    "make them a multiple of 2": HEAD + "repeats = 3\n[balanced]\nmodel = [1, 2]\n" + CAST,
    "repeats: it is a whole number from 1": HEAD + "repeats = 0\n" + CAST,
    "seed: it is a whole number": HEAD + "seed = true\n" + CAST,
    "budget: there is no key 'dolars'; did you mean 'dollars'?": HEAD + GRID + CAST + "[budget]\ndolars = 1\n",
    "budget: dollars is a number": HEAD + GRID + CAST + "[budget]\ndollars = -1\n",
    "budget: tokens is a number": HEAD + GRID + CAST + "[budget]\ntokens = 1.5\n",
    "more than the 1,000,000": HEAD
    + "[factors]\n"
    + "".join(f"f{n} = {list(range(101))}\n" for n in range(3))
    + CAST.replace("{model}", "{f0}{f1}{f2}"),
    "order: it lists each name": HEAD + '[balanced]\norder = [["Ada", "Cy"]]\n' + CAST.replace("{model}", "a"),
    "base_url is for your own moot.toml": HEAD + '[factors]\nmodel = ["a?base_url=http://x"]\n' + CAST,
    "key_env is for your own moot.toml": HEAD + '[factors]\nmodel = ["a?key_env=HOME"]\n' + CAST,
    "takes no argument 'turnz'; did you mean 'turns'?": HEAD + GRID + CAST + "[arguments]\nturnz = 1\n",
    "nobody at its terminal: write person:web": HEAD + CAST.replace("openai:{model}", "person"),
    "limits: there is no key 'turn'; did you mean 'turns'?": HEAD + GRID + CAST + "[limits]\nturn = 1\n",
}


@pytest.mark.parametrize("words", list(WRONG))
def test_what_is_wrong_is_told_in_a_line(words: str) -> None:
    with pytest.raises(Invalid, match=re.escape(words)) as told:
        cells_of(read(WRONG[words]))
    assert "\n" not in str(told.value)


def test_a_file_nested_too_deeply_is_no_crash() -> None:
    with pytest.raises(Invalid, match="nested too deeply"):
        read("a = " + "[" * 5000)


# The plan


def test_the_power_of_a_comparison_agrees_with_the_textbook() -> None:
    """Cohen's tables: d 0.5 and 80 % take 64 a group by t, 63 by the normal; of 15.6 on 0 to 100, 956 for 2 points."""
    assert power_of(0.5, 1, 63).needed == 63
    assert power_of(0.5, 1, 63).power == pytest.approx(0.80, abs=0.005)
    assert power_of(2, 15.6, 956).needed == 956
    assert power_of(1e-9, 1, 10).power == pytest.approx(0.05, abs=1e-4)
    with pytest.raises(Invalid):
        power_of(0, 1, 10)


def priced(call: Call) -> Decimal | None:
    return None if call.voice == "openai:b" else Decimal((call.input or 0) + (call.output or 0))


def test_calls_are_counted_by_playing_the_form_and_prices_that_are_not_known_stay_unknown() -> None:
    heading = Heading(
        (Participant("Alex", "openai:a"), Participant("Sam", "openai:c")),
        form="trial",
        arguments=freeze({"claim": "Rivers.", "target": "Alex", "persuader": "Sam", "turns": 4, "probes": 2}),
    )
    low, usual, high = loads(heading, priced, maker_of)
    assert {low.calls, usual.calls, high.calls} == {4 + 2 * 4}
    assert low.tokens < usual.tokens < high.tokens
    assert usual.dollars == usual.tokens
    assert high.tokens > 4 * LENGTHS[2]
    three = whole([((low, usual, high), 3)])
    assert three[1].calls == 36
    unknown = replace(heading, participants=(heading.participants[0], Participant("Sam", "openai:b")))
    assert loads(unknown, priced, maker_of)[1].dollars is None
    assert loads(unknown, priced, maker_of)[1].unpriced == ("openai:b",)


def test_a_talk_without_an_end_is_played_so_far_and_that_is_told() -> None:
    heading = Heading((Participant("A", "script:x"), Participant("B", "person")), form="talk")
    endless = loads(heading, priced, maker_of)[0]
    assert endless.endless == (endless.calls == MOST_TURNS)
    capped = loads(heading, priced, maker_of, 3)[0]
    assert (capped.calls, capped.tokens, capped.endless) == (3, 0, False)


def test_a_plan_cannot_be_changed_quietly() -> None:
    text = sealed({"calls": [1, 2, 3], "made": "today"})
    assert unsealed(text, "p")["calls"] == [1, 2, 3]
    for broken in (text.replace("today", "1999"), "[]", "{}", "no"):
        with pytest.raises(Invalid, match=r"^p (was changed by hand|is no plan)"):
            unsealed(broken, "p")
