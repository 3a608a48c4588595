"""Forms that users write: by path, by entry point, and never those that came with somebody's file."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import moot.cli
from moot.forms import Close, maker_of
from moot.forms.arguments import check_arguments
from moot.own_forms import find, settled
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from moot.forms import Form
    from moot.transcript import Value

    Run = Callable[..., str]

DUEL = Path(__file__).parent / "samples" / "duel.py"
DOCS = Path(__file__).parents[1] / "docs" / "forms" / "own.md"


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


def turns_of(run: Run) -> list[str]:
    turns = json.loads(run("export", "last", "--format", "json"))["turns"]
    return ["".join(part["text"] for part in turn["parts"]) for turn in turns]


def test_a_form_in_one_short_file_works_by_path_and_is_resumed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "duel.py").write_text(DUEL.read_text())
    assert len(DUEL.read_text().splitlines()) <= 30
    run("run", "duel.py:duel", "script:a.txt", "script:b.txt", "--set", "rounds=3", "--max-tokens", "0")
    assert turns_of(run) == ["Round 1!", "a0", "b0", "Round 2!", "a1", "b1", "Round 3!", "a2", "b2"]
    run("fork", "last", "--at", "4")
    run("resume", "last")
    assert turns_of(run)[4:] == ["a1", "b1", "Round 3!", "a2", "b2"]
    assert "all 3 rounds are fought" in run("show", "last") + run("list")


def test_the_file_in_the_docs_is_the_one_that_is_tested() -> None:
    assert DUEL.read_text() in DOCS.read_text()


def test_a_form_whose_file_has_changed_does_not_go_on_unnoticed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "duel.py"
    path.write_text(DUEL.read_text())
    run("run", "duel.py:duel", "script:a.txt", "script:b.txt")
    run("fork", "last", "--at", "1")
    path.write_text(DUEL.read_text().replace("Round", "Bout"))
    assert "has changed since this conversation began" in run("resume", "last", code=2)
    path.write_text(DUEL.read_text())
    run("resume", "last")
    assert turns_of(run)[-1] == "b1"


def test_a_scenario_names_its_form_from_where_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "duel.py").write_text(DUEL.read_text())
    cast = "".join(f'[[cast]]\nname = "{name}"\nvoice = "script:{name}.txt"\n' for name in ("a", "b"))
    (tmp_path / "sub" / "s.toml").write_text(f'form = "duel.py:duel"\n[arguments]\nrounds = 1\n{cast}')
    run("run", "sub/s.toml")
    assert turns_of(run) == ["Round 1!", "a0", "b0"]


def test_a_package_offers_a_form_by_entry_point(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "duels-1.dist-info").mkdir(parents=True)
    (site / "duels.py").write_text(DUEL.read_text())
    (site / "duels-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: duels\nVersion: 1\n")
    (site / "duels-1.dist-info" / "entry_points.txt").write_text("[moot.forms]\nduel = duels:duel\n")
    monkeypatch.syspath_prepend(site)
    run("run", "duel", "script:a.txt", "script:b.txt", "--set", "rounds=1")
    assert turns_of(run) == ["Round 1!", "a0", "b0"]
    sys.modules.pop("duels")


def test_a_form_that_came_with_a_file_is_never_run(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "duel.py"
    path.write_text(DUEL.read_text())
    run("run", "duel.py:duel", "script:a.txt", "script:b.txt")
    document = json.loads(run("export", "last", "--format", "json"))
    marker = tmp_path / "was-run"
    path.write_text(f"open({str(marker)!r}, 'w')\n{DUEL.read_text()}")
    document["heading"]["form"] = f"{path}:duel"
    document = {name: document[name] for name in document if name not in ("id", "digest")}
    (tmp_path / "theirs.json").write_text(json.dumps(document))
    run("import", "theirs.json")
    assert "moot runs no code that you have not named" in run("resume", "last", code=2)
    assert "cannot go on here" in run("show", "last")
    run("view", "last", "--as", "a", "--turn", "2")
    run("fork", "last", "--at", "1", "--voice", "a=script:a.txt", "--voice", "b=script:b.txt")
    assert "moot runs no code that you have not named" in run("resume", "last", code=2)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("source", "name", "why"),
    [
        ("def f(): pass", "own.py:g", "no function 'g'"),
        ("f = 3", "own.py:f", "no function that makes a form"),
        ("import nowhere_at_all", "own.py:f", "cannot be loaded: ModuleNotFoundError"),
        ("", "other.py:f", "cannot be read: No such file"),
        ("", "own.txt:f", "is no Python file"),
        ("", "debat", "there is no form 'debat'"),
    ],
)
def test_what_is_no_form_is_refused_in_one_line(tmp_path: Path, source: str, name: str, why: str) -> None:
    (tmp_path / "own.py").write_text(f"{source}\n")
    (tmp_path / "own.txt").write_text("words")
    with pytest.raises(Invalid, match=why):
        settled(name, tmp_path)


def test_moots_own_forms_need_no_file(tmp_path: Path) -> None:
    assert settled("talk", tmp_path) == "talk"
    assert find("talk") is maker_of("talk")


def form_of_all_kinds(
    *, share: float = 0.5, count: int = 1, names: tuple[str, ...] = (), loud: bool = False, odd: object = None
) -> Form:
    return lambda _: Close(f"{share} {count} {names} {loud} {odd}")


def test_an_argument_that_a_form_needs_is_missed_by_name() -> None:
    with pytest.raises(Invalid, match="the form 'ask' needs the argument 'of'"):
        check_arguments("ask", maker_of("ask"), {})


def test_a_type_that_is_named_for_type_checkers_alone_cannot_be_an_arguments() -> None:
    def maker(*, odd: NowhereToBeFound) -> Form:  # noqa: F821 # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] - the claim
        return lambda _: Close(f"{odd}")

    with pytest.raises(Invalid, match="'NowhereToBeFound' is not defined; import it"):
        check_arguments("mine", maker, {})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"share": 1, "count": 2, "names": ("a",), "loud": True, "odd": 3}, None),
        ({"share": 0.25, "odd": "anything"}, None),
        ({"share": True}, "takes share as a number, not True"),
        ({"share": "1"}, "takes share as a number, not '1'"),
        ({"count": 1.5}, "takes count as a whole number, not 1.5"),
        ({"count": True}, "takes count as a whole number, not True"),
        ({"names": "a"}, "takes names as a list of text, not 'a'"),
        ({"names": ("a", 1)}, "takes names as a list of text"),
        ({"loud": 1}, "takes loud as true or false, not 1"),
    ],
)
def test_the_arguments_of_a_form_are_held_against_its_annotations(given: dict[str, Value], why: str | None) -> None:
    with nullcontext() if why is None else pytest.raises(Invalid, match=why):
        check_arguments("mine", form_of_all_kinds, given)
