"""Scenario files: what they may say, what they may not, and those that ship."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import moot.cli
from moot.forms import SHELF, check_arguments, maker_of, open_form
from moot.scenario import Role, caps_of, read_scenario, schema, shipped
from moot.spending import Caps
from moot.transcript import Heading, Invalid, Participant, freeze

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., str]

SCHEMA = Path(__file__).parents[1] / "docs" / "scenario.schema.json"
CAST = (
    '[[cast]]\nname = "Ada"\nvoice = "script:a.txt"\n[[cast]]\nname = "Bo"\nvoice = "script:b.txt"\nbrief = "Be Bo."\n'
)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{name}{number}\n" for number in range(9)))

    def run(*words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            moot.cli.main(words)
        printed = capfd.readouterr()
        assert ended.value.code == code, printed.err
        return printed.out if code == 0 else printed.err

    return run


def test_a_file_says_all_that_a_conversation_needs() -> None:
    text = (
        'title = "T"\ntopic = "t"\nseries = "s"\nseed = 7\n[arguments]\nturns = 3\n'
        f"[limits]\ndollars = 1.50\nturns = 9\n{CAST}"
    )
    found = read_scenario(text, "x.toml")
    assert found.cast == (Role("Ada", "script:a.txt"), Role("Bo", "script:b.txt", "Be Bo."))
    assert (found.form, found.arguments, found.seed) == ("talk", (("turns", 3),), 7)
    assert found.caps == Caps(turns=9, dollars=Decimal("1.50"))
    heading = Heading((Participant("Ada", "script:a.txt"),), source=found.source)
    assert caps_of(heading) == found.caps


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cast = 3", "cast: there must be at least one"),
        (CAST.replace("name", "nam"), "cast 1: there is no key 'nam'; did you mean 'name'"),
        ('[[cast]]\nname = "A"', "cast 1: voice is missing"),
        ("turms = 3\n" + CAST, "there is no key 'turms'"),
        ("[arguments]\nturms = 3\n" + CAST, "takes no argument 'turms'; did you mean 'turns'"),
        ('[arguments]\nturns = "3"\n' + CAST, "takes turns as a whole number or nothing, not '3'"),
        ("seed = -1\n" + CAST, "seed: it is a whole number"),
        ("seed = true\n" + CAST, "seed: it is a whole number"),
        ("title = 3\n" + CAST, "title: it is text in quotes"),
        ("[limits]\ndolars = 3\n" + CAST, "limits: there is no key 'dolars'; did you mean 'dollars'"),
        ("[limits]\nturns = 1.5\n" + CAST, "limits: turns is a number from 0 up"),
        ("[limits]\ndollars = true\n" + CAST, "limits: dollars is a number from 0 up"),
        (CAST.replace("script:a.txt", "openai:x?base_url=http://evil.example"), "base_url is for your own moot.toml"),
        (CAST.replace("script:a.txt", "openai:x?key_env=OTHER"), "key_env is for your own moot.toml"),
        (CAST.replace("script:a.txt", "nothing"), "unknown voice 'nothing'"),
        ("a = [", "it is not TOML"),
        ("a = " + "[" * 9999, "it is not TOML"),
    ],
)
def test_what_a_file_gets_wrong_is_said_in_a_line_that_names_it(text: str, why: str) -> None:
    with pytest.raises(Exception, match=why) as told:
        read_scenario(text, "x.toml")
    assert "\n" not in str(told.value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_argument_is_taken_or_refused_and_never_breaks_a_form(value: object) -> None:
    try:
        arguments = dict(freeze({"turns": value, "to": value, "prompt": value}))
        check_arguments("talk", maker_of("talk"), arguments)
    except Invalid:
        return
    raise AssertionError(arguments)  # no value is a number, one of two words, and any text at once


@pytest.mark.parametrize("name", list(shipped()))
def test_every_scenario_that_ships_is_one_and_opens_its_form(name: str) -> None:
    found = read_scenario(shipped()[name].read_text("utf-8"), name)
    assert found.about
    people = tuple(Participant(role.name, role.voice) for role in found.cast)
    open_form(Heading(people, form=found.form, arguments=found.arguments))


def test_the_schema_knows_every_form_and_every_argument() -> None:
    by_form = {
        one["if"]["properties"]["form"]["const"]: one["then"]["properties"]["arguments"] for one in schema()["allOf"]
    }
    assert set(by_form) == set(SHELF)
    assert by_form["talk"]["properties"]["to"] == {"enum": ["first", "all"]}
    assert by_form["talk"]["properties"]["turns"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert by_form["ask"]["required"] == ["of", "question", "options", "after"]
    assert json.loads(SCHEMA.read_text("utf-8")) == schema()  # made anew by: moot scenarios --schema


def test_a_scenario_runs_with_its_cast_or_with_others(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f"[arguments]\nturns = 3\n{CAST}")
    run("run", "s.toml", "--seed", "5", "--title", "Mine")
    document = json.loads(run("export", "last", "--format", "json"))["heading"]
    assert (document["seed"], document["title"]) == (5, "Mine")
    assert [one.get("brief", "") for one in document["participants"]][1] == "Be Bo."
    run("run", "s.toml", "script:b.txt", "--set", "turns=1", "--name", "Cy")
    assert [
        one["name"] for one in json.loads(run("export", "last", "--format", "json"))["heading"]["participants"]
    ] == [
        "Cy",
        "Bo",
    ]
    assert "not 3" in run("run", "s.toml", "script:a.txt", "script:a.txt", "script:a.txt", code=2)
    assert "NAME=VALUE" in run("run", "s.toml", "--set", "turns", code=2)
    assert "cannot be read" in run("run", "other.toml", code=2)
    assert "is no scenario" in run("run", "nope", code=2)


def test_the_limits_of_a_scenario_hold_when_it_is_resumed_as_well(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f"[arguments]\nturns = 9\n[limits]\nturns = 2\n{CAST}")
    assert "may have 2 turns" in run("run", "s.toml", code=4)
    assert "may have 2 turns" in run("resume", "last", code=4)


def test_scenarios_are_listed_printed_and_run_by_name(run: Run, tmp_path: Path) -> None:
    listed = run("scenarios")
    assert all(name in listed for name in shipped())
    assert {one["name"] for one in json.loads(run("scenarios", "--json"))} == set(shipped())
    printed = run("scenarios", "get-acquainted")
    (tmp_path / "mine.toml").write_text(printed)
    run("run", "mine.toml", "script:a.txt", "script:b.txt", "--set", "turns=2")
    run("run", "get-acquainted", "script:a.txt", "script:b.txt", "--set", "turns=2")
    assert json.loads(run("scenarios", "--schema"))["title"] == "A moot scenario"
    assert "there is no scenario" in run("scenarios", "nope", code=2)
