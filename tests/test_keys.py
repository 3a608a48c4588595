from __future__ import annotations

import io
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.commands import Answer, commands
from moot.keys import KeysError, find, forget, keep, path, read

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "sk-canary-0123456789-tail"


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Run a command with words on its standard input."""
    run = commands(capfd)

    def given(*words: str, said: str = "") -> Answer:
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        return run(*words)

    return given


@pytest.fixture
def home() -> Path:
    return Path(os.environ["MOOT_HOME"])


def test_a_kept_key_is_found_again_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "moot"
    keep("LAB_KEY", CANARY, folder)
    keep("OTHER", "other-key", folder)
    assert read(folder) == {"LAB_KEY": CANARY, "OTHER": "other-key"}
    assert stat.S_IMODE(path(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [one.name for one in folder.iterdir()] == ["keys.json"]
    found = find("LAB_KEY", folder, {})
    assert found
    assert (found.value, found.source, found.end) == (CANARY, "key file", "tail")
    assert CANARY not in repr(found)


def test_the_environment_wins_unless_it_is_empty(tmp_path: Path) -> None:
    keep("LAB_KEY", CANARY, tmp_path)
    for environ, value, source in (
        ({"LAB_KEY": "from-here"}, "from-here", "environment"),
        ({"LAB_KEY": " "}, CANARY, "key file"),
    ):
        found = find("LAB_KEY", tmp_path, environ)
        assert found
        assert (found.value, found.source) == (value, source)
    assert find("NONE", tmp_path, {}) is None
    assert find("NONE", tmp_path / "nowhere", {}) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622, 0o610])
def test_a_file_that_others_can_touch_is_not_used_and_the_way_out_is_told(tmp_path: Path, mode: int) -> None:
    keep("LAB_KEY", CANARY, tmp_path)
    path(tmp_path).chmod(mode)
    for attempt in (lambda: read(tmp_path), lambda: find("LAB_KEY", tmp_path, {}), lambda: keep("B", "b", tmp_path)):
        with pytest.raises(KeysError, match=f"chmod 600 {path(tmp_path)}"):
            attempt()
    assert find("LAB_KEY", tmp_path, {"LAB_KEY": "from-here"})


def test_no_key_is_put_where_others_can_change_the_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    with pytest.raises(KeysError, match=f"chmod 700 {tmp_path}"):
        keep("LAB_KEY", CANARY, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("held", ["", "{", "[]", '{"A": 1}', '{"A": "sk-canary', "\ud800", "[" * 100_000])
def test_a_damaged_file_is_told_without_what_is_in_it(tmp_path: Path, held: str) -> None:
    path(tmp_path).write_bytes(held.encode("utf-8", "surrogatepass"))
    path(tmp_path).chmod(0o600)
    with pytest.raises(KeysError) as told:
        read(tmp_path)
    assert "is damaged" in str(told.value)
    assert "canary" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__context__ is None


def test_a_failed_write_keeps_the_old_file_and_leaves_none_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("LAB_KEY", CANARY, tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeysError, match="No space left on device; nothing was kept"):
        keep("OTHER", "other-key", tmp_path)
    assert read(tmp_path) == {"LAB_KEY": CANARY}
    assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    path(tmp_path).mkdir()
    with pytest.raises(KeysError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("variable", "key"), [("not one", "key"), ("A", ""), ("A", "two words"), ("A", "käse"), ("A", "a\nb")]
)
def test_what_is_no_key_is_not_kept(tmp_path: Path, variable: str, key: str) -> None:
    with pytest.raises(KeysError) as told:
        keep(variable, key, tmp_path)
    assert not key or key not in str(told.value).replace("a key", "")
    assert read(tmp_path) == {}


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_][A-Z0-9_]{0,9}", fullmatch=True), st.from_regex(r"[!-~]{1,40}", fullmatch=True)
    )
)
def test_all_kept_keys_are_found_and_all_forgotten_ones_gone(
    tmp_path_factory: pytest.TempPathFactory, held: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    for variable, key in held.items():
        keep(variable, key, folder)
    assert read(folder) == held
    for variable in held:
        assert forget(variable, folder)
        assert not forget(variable, folder)
    assert read(folder) == {}


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("google", "GEMINI_API_KEY"),
        ("MY_KEY", "MY_KEY"),
    ],
)
def test_a_key_is_set_listed_and_removed_by_its_endpoint_or_variable(
    moot_: Any, home: Path, name: str, variable: str
) -> None:
    answer = moot_("keys", "set", name, said=f"{CANARY}\n")
    assert (answer.code, answer.out) == (0, f"{variable} is kept in {home / 'keys.json'}\n")
    assert json.loads((home / "keys.json").read_text()) == {variable: CANARY}
    listed = moot_("keys", "list")
    assert listed.out.split() == [variable, "...tail", "key", "file"]
    (row,) = moot_("keys", "list", "--json").json
    assert (row["name"], row["source"], row["end"], row["also_kept"]) == (variable, "key file", "tail", False)
    assert moot_("keys", "remove", name).out == f"{variable} is no longer kept\n"
    assert moot_("keys", "remove", name).code == 2
    assert moot_("keys", "list").err == "No keys are here; keep one with: moot keys set NAME\n"


def test_the_list_says_where_a_key_comes_from(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "short")
    answer = moot_("keys", "set", "openai", "--json", said=CANARY)
    assert answer.json["shadowed"] is True
    assert "wins" in moot_("keys", "set", "openai", said=CANARY).err
    assert moot_("keys", "list").out.split() == [
        "OPENAI_API_KEY",
        "environment",
        "(wins",
        "over",
        "the",
        "kept",
        "one)",
    ]
    (row,) = moot_("keys", "list", "--json").json
    assert (row["end"], row["also_kept"], row["voices"]) == ("", True, ["openai"])
    assert "OPENAI_API_KEY comes from the environment, which wins over the key file" in moot_("doctor").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("openai", CANARY), "then: moot keys set openai"),
        ((CANARY, CANARY), "then: moot keys set NAME"),
        ((CANARY,), "neither an endpoint with a key nor a variable"),
        (("opnai",), "did you mean 'openai'?"),
        (("ollama",), "ollama wants no key"),
    ],
)
def test_a_key_in_the_wrong_place_is_refused_and_not_repeated(moot_: Any, words: tuple[str, ...], told: str) -> None:
    answer = moot_("keys", "set", *words, said="")
    assert answer.code == 2
    assert told in answer.err
    assert "canary" not in answer.err + answer.out


def test_no_command_says_a_key(moot_: Any, monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    moot_("keys", "set", "openai", said=CANARY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY[::-1])
    for words in (("keys", "list"), ("voices",), ("doctor",), ("cost",), ("keys", "remove", "google")):
        for form in ((), ("--json",)):
            answer = moot_(*words, *form)
            assert CANARY not in answer.out + answer.err
            assert CANARY[::-1] not in answer.out + answer.err
    held = [one.name for one in home.iterdir() if one.is_file() and CANARY.encode() in one.read_bytes()]
    assert held == ["keys.json"]


def test_a_key_file_open_to_others_is_found_by_doctor_and_told_beside_the_voices(moot_: Any, home: Path) -> None:
    moot_("keys", "set", "openai", said=CANARY)
    (home / "keys.json").chmod(0o644)
    assert moot_("keys", "list").code == 2
    doctor = moot_("doctor")
    assert doctor.code == 1
    assert f"chmod 600 {home / 'keys.json'}" in doctor.out
    rows = {row["voice"]: row for row in moot_("voices", "--json").json}
    assert "chmod 600" in rows["openai:MODEL"]["needs"]
    assert rows["person"]["ready"] is True


def test_at_a_terminal_the_key_is_asked_for_and_not_shown(home: Path) -> None:
    leader, follower = pty.openpty()
    words = [sys.executable, "-c", "from moot.cli import main; main(['keys', 'set', 'openai'])"]
    child = subprocess.Popen(words, stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.close(follower)
    seen = b""
    try:
        while b"OPENAI_API_KEY: " not in seen:
            seen += os.read(leader, 1024)
        os.write(leader, f"{CANARY}\n".encode())
        while True:
            try:
                more = os.read(leader, 1024)
            except OSError:  # how a terminal's end is told here
                break
            if not more:
                break
            seen += more
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()
        os.close(leader)
    assert CANARY.encode() not in seen
    assert json.loads((home / "keys.json").read_text()) == {"OPENAI_API_KEY": CANARY}
