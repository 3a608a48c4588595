from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moot.experiment.afterwards import subjects
from moot.experiment.design import cells_of, identity_of, read_design, said
from moot.experiment.plan import LENGTHS, MOST_TURNS, loads, sample, sealed, sort_of, unsealed, whole
from moot.forms import maker_of
from moot.measures import power
from moot.measures.power import power_of
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
    """Cohen's tables: d 0.5 and 80 % take 64 a group by t, 63 by the normal, and d 0.8 and 26 a group have 81 %."""
    assert (power_of(0.5, 1, 64).needed, power_of(0.5, 1, 64).needed_normal) == (64, 63)
    assert power_of(0.5, 1, 64).power == pytest.approx(0.80, abs=0.005)
    assert power_of(0.8, 1, 26).power == pytest.approx(0.81, abs=0.005)
    assert power_of(1e-9, 1, 10).power == pytest.approx(0.05, abs=1e-4)
    assert (power_of(100, 1, 5).power, power_of(100, 1, 5).needed) == (1.0, 2)
    assert power_of(1, 1, 1).power == 0
    with pytest.raises(Invalid):
        power_of(0, 1, 10)


@pytest.mark.parametrize(("points", "normal"), [(2, 956), (3, 425), (5, 153), (10, 39)])
def test_a_residual_spread_of_15_6_points_takes_as_many_an_arm_as_is_published(points: int, normal: int) -> None:
    found = power_of(points, 15.6, 100)
    assert found.needed_normal == normal
    assert found.needed == normal + 1  # as Student's t has it
    assert power_of(points, 15.6, normal).power == pytest.approx(0.8, abs=0.007)
    assert power_of(points, 15.6, found.needed).power >= 0.8


def test_without_scipy_power_is_nearly_the_same_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [(d / 10, n) for d in (1, 3, 5, 8, 12, 20) for n in (3, 5, 10, 40, 200)]
    exact = [power_of(d, 1, n).power for d, n in cases]
    needed = [power_of(points, 15.6, 100).needed for points in (2, 3, 5, 10)]

    def none_here(name: str) -> None:
        raise Invalid(name)

    monkeypatch.setattr(power, "library", none_here)
    near = [power_of(d, 1, n).power for d, n in cases]
    assert max(abs(one - other) for one, other in zip(exact, near, strict=True)) < 0.014
    assert [power_of(points, 15.6, 100).needed for points in (2, 3, 5, 10)] == needed
    assert "approximated" in power_of(1, 1, 10).method


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


def test_of_many_kinds_a_few_are_played_for_all_and_no_voice_number_or_option_is_left_out() -> None:
    def heading(place: int) -> Heading:
        people = (Participant("A", f"openai:{place % 3}"), Participant("B", "openai:b"))
        told = {"claim": f"No. {place} of the claims.", "target": "A", "persuader": "B", "turns": 1 + place % 2}
        return Heading(people, form="trial", arguments=freeze(told | {"arm": ("persuader", "control")[place % 5 == 0]}))

    kinds = [(heading(place), 1 + place % 4) for place in range(600)]
    chosen = sample(kinds, sort_of, 120)
    assert 100 < len(chosen) <= 120
    assert {sort_of(one) for one, _ in chosen} == {sort_of(one) for one, _ in kinds}
    by_sort = [Counter[object](), Counter[object]()]
    for counted, each in zip(by_sort, (kinds, chosen), strict=True):
        for one, count in each:
            counted[sort_of(one)] += count
    assert by_sort[0] == by_sort[1]
    assert sample(kinds, sort_of, 120) == chosen
    assert sample(kinds[:5], sort_of, 120) == tuple(kinds[:5])


# What follows

READERS = """
[[afterwards]]
form = "audience"
voices = ["openai:r", "openai:s"]
readers = 2
[afterwards.arguments]
claim = "{model} is right."
"""
JUDGES = """
[[afterwards]]
form = "judge"
voices = ["openai:j"]
pair = "model"
"""


def test_who_reads_afterwards_is_filled_in_and_pairs_differ_in_one_factor_alone() -> None:
    both = '[factors]\nmodel = ["a", "b", "c"]\ntopic_ = ["x", "y"]\n[balanced]\nside = ["l", "r"]\n'
    text = HEAD + 'repeats = 4\ntopic = "{topic_} {side}"\n' + both + CAST + READERS + JUDGES
    design = read(text + JUDGES.replace('"model"', '"side"') + 'only = {topic_ = "y"}\n')
    each = [(f"{number}", cell) for number, cell in enumerate(cells_of(design))]
    by_id = dict(each)
    found = list(subjects(design.afterwards, each, len(design.balanced)))
    kinds = Counter(one.number for one in found)
    assert kinds == {1: 24, 2: 2 * 4 * 3, 3: 3 * 2}
    told = design.after(1, found[0].values)
    assert dict(told.arguments)["claim"] == "a is right."
    assert [design.after(number, one.values).of_each for number, one in ((1, found[0]), (2, found[24]))] == [4, 2]
    for one in found[24:]:
        cells = [dict(by_id[identity].values) for identity in one.ids]
        factor = ("model", "side")[one.number - 2]
        assert {name for name in cells[0] if cells[0][name] != cells[1][name]} == {factor}
        assert one.levels == tuple(cell[factor] for cell in cells)
    assert {dict(one.values)["topic_"] for one in found if one.number == 3} == {"y"}


AFTER = HEAD + GRID + CAST + '[[afterwards]]\nvoices = ["openai:r"]\n'
WRONG_AFTERWARDS = {
    "afterwards: there must be at least one [[afterwards]]": HEAD + "afterwards = []\n" + GRID + CAST,
    "form: it is 'audience' or 'judge', not 'talk'": AFTER + 'form = "talk"\n',
    "there is no key 'reader'; did you mean 'readers'?": AFTER + 'form = "audience"\nreader = 2\n',
    "there is no key 'readers'": AFTER + 'form = "judge"\nreaders = 2\n',
    "voices: it is a list of one or more voices": HEAD + GRID + CAST + '[[afterwards]]\nform = "judge"\nvoices = []\n',
    "a person cannot": AFTER.replace("openai:r", "person") + 'form = "judge"\n',
    "pieces is not for you to give": AFTER + 'form = "audience"\narguments = {claim = "x", pieces = []}\n',
    "takes no argument 'clam'": AFTER + 'form = "audience"\narguments = {claim = "x", clam = 1}\n',
    "needs the argument 'claim'": AFTER + 'form = "audience"\n',
    "there is no factor 'modle'; did you mean 'model'?": AFTER + 'form = "audience"\narguments = {claim = "{modle}"}\n',
    "pair: there is no key 'arm'": AFTER + 'form = "judge"\npair = "arm"\n',
    "only: there is no key 'arm'": AFTER + 'form = "judge"\nonly = {arm = 1}\n',
    "only: it is a table": AFTER + 'form = "judge"\nonly = 1\n',
    "repeats: it is a whole number from 1": AFTER + 'form = "judge"\nrepeats = 0\n',
    "between: it is a list of two names": AFTER + 'form = "judge"\nbetween = ["Ada"]\n',
    "not both": AFTER + 'form = "judge"\nbetween = ["Ada", "Bo"]\npair = "model"\n',
    "afterwards 1: limits: tokens is a number": AFTER + 'form = "judge"\nlimits = {tokens = -1}\n',
    "scrub: it is true or false": AFTER + 'form = "audience"\nscrub = 1\narguments = {claim = "x"}\n',
}


@pytest.mark.parametrize("words", list(WRONG_AFTERWARDS))
def test_what_is_wrong_with_readers_and_judges_is_told_before_anything_is_run(words: str) -> None:
    with pytest.raises(Invalid, match=re.escape(words)) as told:
        read(WRONG_AFTERWARDS[words])
    assert "\n" not in str(told.value)


def test_a_plan_cannot_be_changed_quietly() -> None:
    text = sealed({"calls": [1, 2, 3], "made": "today"})
    assert unsealed(text, "p")["calls"] == [1, 2, 3]
    for broken in (text.replace("today", "1999"), "[]", "{}", "no"):
        with pytest.raises(Invalid, match=r"^p (was changed by hand|is no plan)"):
            unsealed(broken, "p")
