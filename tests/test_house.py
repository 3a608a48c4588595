"""The house keeps its own rules: floors, names, sizes, pins and prose."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "moot"
CORE = ("transcript.py", "view.py", "convene.py", "forms/__init__.py", "forms/arguments.py")
"""What must be read to know how a conversation goes; each form is one of a shelf, and small for itself."""

MOST_CORE_LINES = 800
MOST_FILE_LINES = 400
MOST_FORM_LINES = 150
MOST_FUNCTION_LINES = 80
MOST_PARAMETERS = 8
DEEPEST_INHERITANCE = 2
LONGEST_DECISION = 40

PIN = re.compile(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[a-z0-9.+!-]+ \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")

AUDIT = """
import sys
seen = []
def note(event, args):
    if event == "open" and (args[2] or 0) & 3:  # not for reading only
        seen.append(f"{event} {args[0]}")
    elif event.startswith(("socket.", "subprocess.", "shutil.", "os.mkdir", "os.system", "os.putenv")):
        seen.append(event)
before = set(sys.modules)
sys.addaudithook(note)
for name in sys.argv[1:]:
    __import__(name)
strange = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names) - {"moot"}
print(*sorted(strange), *seen)
"""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class File:
    """A Python file, read and parsed."""

    path: Path
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def functions(self) -> Iterator[Function]:
        """All its functions and methods."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    @property
    def classes(self) -> Iterator[ast.ClassDef]:
        """All its classes."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))


def python_files(*folders: Path) -> list[File]:
    paths = sorted(path for folder in folders for path in folder.rglob("*.py"))
    texts = [path.read_text("utf-8") for path in paths]
    return [File(path, text, ast.parse(text)) for path, text in zip(paths, texts, strict=True)]


MOOT = python_files(SOURCE)


def code_lines(file: File) -> int:
    """Count the lines that are not blank, comment or docstring."""
    prose: set[int] = set()
    for node in ast.walk(file.tree):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            first = node.body[0]
            prose.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = enumerate(map(str.strip, file.text.splitlines()), 1)
    return sum(bool(line) and not line.startswith("#") and number not in prose for number, line in lines)


def is_command(node: Function) -> bool:
    """Whether a function is a command of the command line: its parameters are that command's options."""
    return any("command(" in ast.unparse(decorator) for decorator in node.decorator_list)


def has_code(file: File) -> bool:
    """Whether a module does more than open by a docstring, import, and name what it offers."""
    plain = ast.Expr | ast.Import | ast.ImportFrom | ast.Assign
    return any(not isinstance(node, plain) for node in file.tree.body)


def started_alone(home: Path, *modules: str) -> str:
    """Import modules in a process of their own; return what they loaded or touched that they must not."""
    run = subprocess.run(
        [sys.executable, "-I", "-B", "-c", AUDIT, *modules],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    return run.stdout.strip()


def test_arrows_point_down_the_floors() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([tool, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_importing_moot_has_no_side_effect(tmp_path: Path) -> None:
    assert started_alone(tmp_path, "moot") == ""
    assert list(tmp_path.iterdir()) == []


def test_only_the_two_top_rooms_need_a_third_party_package_to_be_imported(tmp_path: Path) -> None:
    below = [file for file in MOOT if not {"cli", "web"} & {*file.path.parts}]
    rooms = [file.path.relative_to(SOURCE.parent).with_suffix("") for file in below]
    modules = [".".join(room.parts).removesuffix(".__init__") for room in rooms if room.name != "__main__"]
    assert started_alone(tmp_path, *modules) == ""
    assert list(tmp_path.iterdir()) == []


def test_the_audit_of_imports_sees_what_it_forbids(tmp_path: Path) -> None:
    assert "click" in started_alone(tmp_path, "click").split()


@pytest.mark.parametrize("file", MOOT, ids=str)
def test_a_module_opens_by_saying_what_it_is_and_what_it_must_never_do(file: File) -> None:
    opening = ast.get_docstring(file.tree) or ""
    assert re.match(r"\S.*?[.?!](\s|$)", opening, re.DOTALL), "it opens without a sentence"
    if has_code(file) and not (file.path.parent.name == "cli" and file.path.name != "__init__.py"):
        assert re.search(r"\bnever\b", opening), "it does not say what it must never do"


def test_nothing_is_named_for_its_job() -> None:
    title = re.compile(r"(Manager|Handler|Helper|Processor|Utils?)(?![a-z])")
    verb = re.compile(r"_*(process|handle|manage|do)_|.*(^|_)(helper|utils?)(_|$)")
    classes = [f"{file}: {node.name}" for file in MOOT for node in file.classes if title.search(node.name)]
    functions = [f"{file}: {node.name}" for file in MOOT for node in file.functions if verb.match(node.name)]
    assert classes + functions == []


def test_no_file_is_a_drawer_for_odds_and_ends() -> None:
    files = python_files(SOURCE, ROOT / "tests", ROOT / "bench")
    assert [str(file) for file in files if re.search(r"util|helper|misc|common", str(file))] == []


def test_the_core_stays_small() -> None:
    core = [file for file in MOOT if file.path.relative_to(SOURCE).as_posix() in CORE]
    assert len(core) == len(CORE)
    assert sum(map(code_lines, core)) <= MOST_CORE_LINES
    forms = [file for file in MOOT if file.path.parent.name == "forms"]
    assert [str(file) for file in forms if code_lines(file) > MOST_FORM_LINES] == []


def test_a_file_stays_small() -> None:
    assert {str(file): count for file in MOOT if (count := code_lines(file)) > MOST_FILE_LINES} == {}


def test_a_function_fits_a_screen() -> None:
    long = {
        f"{file}: {node.name}": lines
        for file in MOOT
        for node in file.functions
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    }
    assert long == {}


def test_a_function_takes_few_parameters() -> None:
    greedy: dict[str, int] = {}
    for file in MOOT:
        for node in file.functions:
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            is_form = (
                file.path.parent.name == "forms" and node.name == file.path.stem
            )  # arguments of a heading, by name
            if count > MOST_PARAMETERS and not is_command(node) and not is_form:
                greedy[f"{file}: {node.name}"] = count
    assert greedy == {}


def test_inheritance_is_shallow() -> None:
    bases = {
        node.name: [ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases]
        for file in MOOT
        for node in file.classes
    }

    def depth(name: str) -> int:
        return 1 + max((depth(base) for base in bases[name] if base in bases and base != name), default=0)

    assert {name: depth(name) for name in bases if depth(name) > DEEPEST_INHERITANCE} == {}


def pins(name: str) -> set[str]:
    """Return the names and versions that a file of constraints holds."""
    lines = (ROOT / "constraints" / name).read_text("utf-8").splitlines()
    return {line.removesuffix(" \\") for line in lines if PIN.fullmatch(line)}


@pytest.mark.parametrize("name", ["talk.txt", "test.txt"])
def test_constraints_hold_names_versions_and_hashes_only(name: str) -> None:
    lines = (ROOT / "constraints" / name).read_text("utf-8").splitlines()
    assert [line for line in lines if not PIN.fullmatch(line) and not HASH.fullmatch(line)] == []
    assert pins(name)


def test_tests_run_on_the_versions_that_a_talk_runs_on() -> None:
    plain = {re.sub(r"\[.*?\]", "", pin) for pin in pins("test.txt")}  # a package's extras are no other version of it
    assert pins("talk.txt") - plain == set()


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    needed = {
        "talk.txt": [*project["dependencies"], *extras["local"]],
        "test.txt": [one for wanted in extras.values() for one in wanted if not one.startswith("moot[")],
    }
    for name, requirements in needed.items():
        asked = {re.split(r"[^A-Za-z0-9_.-]", one)[0].lower().replace("_", "-") for one in requirements}
        assert asked - {re.split(r"[\[=]", pin)[0] for pin in pins(name)} == set()


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## \[Unreleased\]$", changelog, re.MULTILINE)


def test_a_decision_fits_a_page() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text("utf-8")
        assert len(text.splitlines()) <= LONGEST_DECISION, path.name
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], path.name


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    # The patterns are written so that they do not find themselves.
    hosts = r"\b(pypi|pythonhosted|npmjs|debian)[.](org|com)\b"
    folders = r"(?<![\w.~])/(work|root|opt|home|Users|tmp)/\w"
    forbidden = re.compile(f"{hosts}|{folders}".encode())
    places = ["src", "tests", "bench", "docs", "constraints", ".ci"]
    paths = [path for place in places for path in (ROOT / place).rglob("*") if "__pycache__" not in path.parts]
    paths += [path for path in ROOT.iterdir() if not path.name.startswith(".coverage")]
    found = {
        path.relative_to(ROOT).as_posix(): match[0]
        for path in paths
        if path.is_file()
        if (match := forbidden.search(path.read_bytes()))
    }
    assert found == {}
