"""The command line as a user meets it: what it prints, where, and with which code it ends."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fakes.commands import commands
from moot import __version__
from moot.cli import COMMANDS, cli
from moot.cli.terminal import Lines, safe

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command in this process, in a folder with two scripts, ada.txt and bo.txt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    Path("ada.txt").write_text("Hello, I am Ada.\nWhat do you like?\nGoodness me.\n")
    Path("bo.txt").write_text("And I am Bo.\nI like lists.\nYes.\n")

    return commands(capfd)


TALK = ("talk", "script:ada.txt", "script:bo.txt", "Say hello.", "--turns", "4")


def start(run: Any, *more: str) -> str:
    """Have the two scripts talk and return the conversation's id."""
    assert run(*TALK, *more).code == 0
    return run("list", "--json").json[0]["id"]


def test_a_talk_is_shown_as_it_happens_and_ends_with_the_ways_on(moot_: Any) -> None:
    answer = moot_(*TALK)
    assert answer.code == 0
    assert "ada:\nHello, I am Ada.\n\nbo:\nAnd I am Bo.\n\n" in answer.out
    identity = moot_("list", "--json").json[0]["id"][:8]
    last = answer.out.rstrip("\n").splitlines()[-1]
    for verb in ("show", "resume", "fork", "export"):
        assert re.search(rf"\b{verb} {identity}\b", last)
    assert "all 4 turns are spoken" in answer.err


def test_a_talk_can_answer_in_json_alone(moot_: Any) -> None:
    answer = moot_(*TALK, "--json")
    assert answer.json | {"id": ""} == {
        "id": "",
        "turns": 5,
        "closed": "all 4 turns are spoken",
        "why": "all 4 turns are spoken",
    }


def test_the_same_script_twice_is_the_same_conversation(moot_: Any) -> None:
    start(moot_)
    start(moot_)
    one, other = moot_("verify", "--json").json
    assert one["digest"] == other["digest"]
    assert one["id"] != other["id"]


def test_voices_are_named_and_briefed(moot_: Any) -> None:
    start(moot_, "--name", "Ada", "--name", "Bo B.", "--brief", "Be kind.", "--brief", "Ada=Be brief.", "--title", "T")
    heading = moot_("show", "last", "--json").json["heading"]
    assert [(one["name"], one["brief"]) for one in heading["participants"]] == [
        ("Ada", "Be brief."),
        ("Bo B.", "Be kind."),
    ]
    assert heading["title"] == "T"


def test_briefs_come_in_the_order_of_the_voices(moot_: Any) -> None:
    start(moot_, "--brief", "One.", "--brief", "Two.")
    assert [one["brief"] for one in moot_("show", "--json").json["heading"]["participants"]] == ["One.", "Two."]


def test_names_that_collide_are_numbered_and_those_asked_for_refused(moot_: Any) -> None:
    answer = moot_("talk", "script:ada.txt", "script:ada.txt", "script:ada.txt", "--turns", "1", "--json")
    assert answer.code == 0
    assert [one["name"] for one in moot_("show", "--json").json["heading"]["participants"]] == ["ada", "ada 2", "ada 3"]
    assert moot_(*TALK, "--name", "Ada", "--name", "ADA").code == 2
    assert moot_(*TALK, "--name", "bo").code == 0
    assert [one["name"] for one in moot_("show", "--json").json["heading"]["participants"]] == ["bo", "bo 2"]


def test_the_prompt_goes_to_the_first_or_to_all(moot_: Any) -> None:
    start(moot_)
    assert moot_("show", "--json").json["turns"][0]["heard_by"] == ["ada"]
    start(moot_, "--to", "all")
    assert moot_("show", "--json").json["turns"][0]["heard_by"] is None


def test_a_conversation_is_shown_with_numbered_turns(moot_: Any) -> None:
    start(moot_)
    shown = moot_("show").out
    assert "1  chair (to ada only):\nSay hello.\n\n2  ada:\nHello, I am Ada.\n" in shown
    assert "[closed: all 4 turns are spoken]" in shown


def test_resume_goes_on_from_what_is_on_record(moot_: Any) -> None:
    start(moot_)
    fork = moot_("fork", "last", "--at", "2", "--json").json
    assert moot_("resume", fork["id"][:6], "--more", "1").code == 0
    assert len(moot_("show", fork["id"], "--json").json["turns"]) == 3
    assert moot_("resume", fork["id"], "--turns", "3").code == 0
    assert len(moot_("show", fork["id"], "--json").json["turns"]) == 4
    assert moot_("resume", fork["id"]).code == 0
    assert moot_("show", fork["id"], "--json").json["digest"] == moot_("show", "last", "--json").json["digest"]
    assert moot_("resume", fork["id"], "--more", "1", "--turns", "2").code == 2


def test_a_fork_reads_as_its_source_and_may_change_its_heading(moot_: Any) -> None:
    identity = start(moot_)
    whole = moot_("show", identity, "--json").json
    same = moot_("fork", identity, "--at", "3", "--json").json
    assert moot_("show", same["id"], "--json").json["turns"] == whole["turns"][:3]
    assert moot_("show", same["id"], "--json").json["heading"] == whole["heading"]
    other = moot_(
        "fork", identity, "--voice", "bo=script:ada.txt", "--seed", "5", "--turns", "6", "--title", "New", "--json"
    )
    heading = moot_("show", other.json["id"], "--json").json["heading"]
    assert (heading["seed"], heading["title"], heading["arguments"]["turns"]) == (5, "New", 6)
    assert heading["participants"][1]["voice"] == "script:ada.txt"
    assert moot_("fork", identity, "--at", "9").code == 2
    assert moot_("fork", identity, "--voice", "cy=person").code == 2
    assert "on record" not in moot_("fork", identity, "--at", "1").err


def test_a_word_of_the_chairs_reaches_whom_it_is_for(moot_: Any) -> None:
    identity = start(moot_)
    fork = moot_("fork", identity, "--at", "3", "--json").json["id"]
    assert "turn 4 of" in moot_("say", fork, "Be brief.", "--to", "ada").out
    heard = moot_("view", fork, "--as", "ada", "--json")
    assert heard.code == 0
    assert moot_("show", fork, "--json").json["turns"][3] == {
        "speaker": "chair",
        "parts": [{"kind": "text", "text": "Be brief."}],
        "heard_by": ["ada"],
        "stop": "end",
    }
    assert moot_("say", fork, "I say so.", "--as", "bo", "--json").json["turn"] == 5
    assert moot_("say", fork, "x", "--as", "cy").code == 2
    assert moot_("say", fork, "x", "--to", "cy").code == 2


def test_words_are_read_from_standard_input(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = start(moot_)
    monkeypatch.setattr(sys, "stdin", io.StringIO("From a pipe.\n"))
    assert moot_("say", identity, "-").code == 0
    assert moot_("show", identity, "--json").json["turns"][-1]["parts"][0]["text"] == "From a pipe.\n"


def test_a_replay_says_what_was_said(moot_: Any) -> None:
    identity = start(moot_)
    answer = moot_("talk", f"replay:{identity[:6]}/bo", f"replay:{identity[:6]}", "--turns", "2")
    assert "bo:\nAnd I am Bo.\n\nbo 2:\nAnd I am Bo.\n" in answer.out
    assert moot_("talk", *[f"replay:{identity}"] * 3).code == 2
    assert moot_("talk", "replay:nope", "person").code == 2


def test_the_view_of_a_turn_is_what_was_sent(moot_: Any) -> None:
    identity = start(moot_)
    answer = moot_("view", identity, "--as", "bo", "--turn", "5", "--json").json
    assert answer == {"id": identity, "name": "bo", "turn": 5, "sent": True, "request": {"line": 2}}
    assert "digest for digest" in moot_("view", identity, "--as", "bo", "--turn", "5").err
    assert "turn 4 is ada's" in moot_("view", identity, "--as", "bo", "--turn", "4").err
    assert "turn 1 is the chair's" in moot_("view", identity, "--as", "ada", "--turn", "1").err
    assert "would be sent next" in moot_("view", identity, "--as", "ada").err
    assert moot_("view", identity, "--as", "cy").code == 2
    assert moot_("view", identity, "--as", "ada", "--turn", "99").code == 2
    fork = moot_("fork", identity, "--at", "4", "--voice", "bo=person", "--json").json["id"]
    assert moot_("view", fork, "--as", "bo", "--turn", "3", "--json").json == answer | {
        "turn": 3,
        "request": {"line": 1},
    }
    moot_("say", fork, "Typed.", "--as", "bo")
    assert "no request is on record" in moot_("view", fork, "--as", "bo", "--turn", "5").err


def test_a_request_in_another_shape_is_told_from_a_broken_record(moot_: Any) -> None:
    identity = start(moot_)
    change_record("UPDATE calls SET request = 'x' WHERE seq = 2")
    assert "in another shape" in moot_("view", identity, "--as", "bo", "--turn", "3").err
    answer = moot_("verify")
    assert answer.code == 0
    assert "the requests of turns [3] were sent in another shape" in answer.out


def change_record(sql: str) -> None:
    db = sqlite3.connect(Path(os.environ["MOOT_HOME"]) / "moot.db")
    db.execute(sql)
    db.commit()
    db.close()


def test_verify_says_what_is_broken_and_ends_with_5(moot_: Any) -> None:
    identity = start(moot_)
    start(moot_)
    assert moot_("verify").code == 0
    change_record(f"UPDATE turns SET turn = replace(turn, 'Hello', 'Hullo') WHERE transcript = '{identity}'")
    answer = moot_("verify")
    assert answer.code == 5
    assert "BROKEN  turn 2" in answer.out
    assert "1 of 2 conversations are whole" in answer.out
    assert moot_("resume", identity).code == 5


def test_a_list_is_short_and_says_how_much_more_there_is(moot_: Any) -> None:
    assert moot_("list").code == 0
    assert moot_("list", "--json").json == []
    for _ in range(3):
        start(moot_)
    answer = moot_("list", "--limit", "2")
    assert len(answer.out.splitlines()) == 3
    assert "1 more" in answer.err
    assert len(moot_("list", "--all").out.splitlines()) == 4
    (row, *_) = moot_("list", "--json").json
    assert row["participants"] == [{"name": "ada", "voice": "script:ada.txt"}, {"name": "bo", "voice": "script:bo.txt"}]


def test_what_is_exported_as_json_is_imported_once(moot_: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    identity = start(moot_)
    assert moot_("export", identity, "--format", "json", "-o", "talk.json").code == 0
    assert "was on record already" in moot_("import", "talk.json").out
    monkeypatch.setenv("MOOT_DB", str(tmp_path / "other.db"))
    (report,) = moot_("import", "talk.json", "--json").json
    assert (report["id"], report["known"], report["turns"]) == (identity, False, 5)
    assert moot_("import", "talk.json", "--json").json[0]["known"] is True
    moot_("say", identity, "More.")
    (again,) = moot_("import", "talk.json", "--json").json
    assert again["id"] != identity
    assert again["digest"] == report["digest"]


def test_text_and_markdown_are_exported_and_what_they_lose_is_said(moot_: Any) -> None:
    identity = start(moot_)
    assert "ada:\nHello, I am Ada.\n" in moot_("export", identity).out
    assert "Hello, I am Ada." in moot_("export", identity, "--format", "md").out
    moot_("say", identity, "A secret.", "--to", "bo")
    answer = moot_("export", identity)
    assert "not in this file" in answer.err
    assert moot_("export", identity, "-o", "no/such/folder/x.txt").code == 2
    assert list(Path().glob(".*")) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("talk", "antropic:x", "person"), 3, "did you mean 'anthropic'"),
        (("talk", "foo", "person"), 3, "unknown voice 'foo'"),
        (("talk", "local:", "person"), 3, "names no model"),
        (("talk", "script:ada.txt"), 2, "only one voice"),
        (("talk", "script:ada.txt", "Hello there."), 2, "'Hello there.' is not a voice"),
        (("talk", "script:none.txt", "person"), 3, "cannot be read"),
        (("talk", "script:ada.txt?pase=1", "person"), 3, "did you mean 'pace'"),
        (("talk", "script:ada.txt?pace=fast", "person"), 3, "cannot be 'fast'"),
        (("talk", "script:ada.txt?pace=nan", "person"), 3, "cannot be 'nan'"),
        (("talk", "script:ada.txt?", "person"), 3, "not of the form"),
        (("talk", "openai:gpt-5", "person"), 3, "OPENAI_API_KEY"),
        (("talk", "anthropic:claude-sonnet-4-5", "person"), 3, "ANTHROPIC_API_KEY"),
        (("talk", "person:phone", "person"), 3, "or away (person:web)"),
        ((*TALK, "--name", "a", "--name", "b", "--name", "c"), 2, "3 names for 2 voices"),
        ((*TALK, "--name", "chair"), 2, "leads the conversation"),
        ((*TALK, "--name", "a\nb"), 2, "control or invisible"),
        ((*TALK, "--brief", "a", "--brief", "b", "--brief", "c"), 2, "3 briefs for 2 voices"),
        ((*TALK, "--turns", "0"), 2, "--turns"),
        ((*TALK, "--turnz", "0"), 2, "--turns"),
        (("show", "nope"), 2, "no conversation 'nope'"),
        (("show", "last"), 2, "no conversation yet"),
        (("shwo",), 2, "show"),
        (("import", "nope.txt"), 2, "cannot be read"),
        (("import", "noise.bin"), 2, "not UTF-8"),
        (("import", "empty.txt"), 2, "empty"),
        (("import", "broken.json"), 2, "broken JSON"),
        (("export", "last", "--format", "pdf"), 2, "--format"),
        (("list", "--db", "notes.txt"), 5, "not a moot database"),
        (("list", "--db", "ada.txt/x.db"), 5, "cannot be opened"),
    ],
)
def test_bad_input_gets_one_clear_line_and_a_code(moot_: Any, words: tuple[str, ...], code: int, says: str) -> None:
    Path("noise.bin").write_bytes(os.urandom(2000))
    Path("empty.txt").touch()
    Path("broken.json").write_text('{"moot": 1, "heading": {')
    Path("notes.txt").write_text("These are notes. " * 200)
    answer = moot_(*words)
    assert answer.code == code, answer.err
    assert answer.out == ""
    assert says in answer.err
    lines = answer.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("moot: ")
    assert "Traceback" not in answer.err


def test_nothing_is_on_record_of_a_talk_that_could_not_begin(moot_: Any) -> None:
    moot_("talk", "openai:gpt-5", "script:ada.txt")
    assert moot_("list", "--json").json == []


def test_an_ambiguous_id_names_those_that_it_may_mean(moot_: Any) -> None:
    start(moot_)
    for letter in "cd":
        columns = f"'ab{letter}', heading, digest, at, touched, forked_from, forked_at, closed, foreigners"
        change_record(f"INSERT INTO transcripts SELECT {columns} FROM transcripts WHERE id NOT LIKE 'ab%'")
    answer = moot_("show", "ab")
    assert answer.code == 2
    assert "short for several conversations" in answer.err


def test_errors_are_json_too_where_json_was_asked_for(moot_: Any) -> None:
    answer = moot_("show", "nope", "--json")
    assert answer.json["error"]["code"] == answer.code == 2
    assert "no conversation" in answer.json["error"]["message"]


def test_words_of_a_model_are_never_obeyed_by_the_terminal(moot_: Any) -> None:
    Path("evil.txt").write_text(
        "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m [bold red]x[/] \u202eabc :smile: \x00\n", encoding="utf-8"
    )
    answer = moot_("talk", "script:evil.txt", "script:bo.txt", "\x1b[31mred", "--turns", "1", "--name", "Eve")
    shown = moot_("show").out
    for text in (answer.out, answer.err, shown, moot_("list").out, moot_("view", "--as", "bo").out):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "[bold red]x[/]" in answer.out
    assert ":smile:" in shown


def test_safe_text_keeps_what_is_harmless() -> None:
    assert safe("a\tb\nc é 😀 \r\n") == "a\tb\nc é 😀 \n"
    assert safe("\x1b\x7f\x9b\u202e") == "␛␡<009B><202E>"


def test_silence_is_shown_and_ends_the_talk(moot_: Any) -> None:
    Path("quiet.txt").write_text("")
    answer = moot_("talk", "script:quiet.txt", "script:quiet.txt", "--turns", "9")
    assert answer.out.count("(says nothing)") == 2
    assert "everyone fell silent" in answer.err
    assert "(says nothing)" in moot_("show").out


def test_voices_and_doctor_say_what_is_needed_and_no_key(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ANTHROPIC_API_KEY" in moot_("voices").out
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-canary")
    rows = {row["voice"]: row for row in moot_("voices", "--json").json}
    assert rows["anthropic:MODEL"]["ready"] is True
    assert rows["openai:MODEL"]["needs"] == "a key in OPENAI_API_KEY"
    for words in (("voices",), ("doctor",), ("doctor", "--json"), ("models", "list")):
        answer = moot_(*words)
        assert answer.code == 0
        assert "canary" not in answer.out + answer.err


def test_doctor_finds_a_record_that_cannot_be_used(moot_: Any) -> None:
    Path("notes.txt").write_text("These are notes. " * 200)
    answer = moot_("doctor", "--db", "notes.txt")
    assert answer.code == 1
    assert "not a moot database" in answer.out
    assert moot_("doctor", "--db", "ada.txt/x.db").code == 1
    start(moot_)
    assert "the record is" in moot_("doctor").out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_opens_with_what_it_does_and_an_example(command: str) -> None:
    answer = CliRunner().invoke(cli, [command, "--help"])
    assert answer.exit_code == 0
    assert f"moot {command}" in answer.output


def test_help_lists_every_command_and_version_is_told() -> None:
    answer = CliRunner().invoke(cli, ["-h"])
    assert all(re.search(rf"^  {command} ", answer.output, re.MULTILINE) for command in COMMANDS)
    assert CliRunner().invoke(cli, ["--version"]).output == f"moot, version {__version__}\n"


def test_a_fault_of_ours_is_one_line_without_anything_private(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise RuntimeError(f"secret {path}")

    monkeypatch.setattr("moot.cli.record.open_store", broken)
    answer = moot_("list")
    assert answer.code == 1
    assert answer.err.startswith("moot: this is a fault in moot (RuntimeError at ")
    assert "secret" not in answer.err
    monkeypatch.setenv("MOOT_DEBUG", "1")
    assert "Traceback" in moot_("list").err


def test_a_reader_who_leaves_early_gets_no_complaint(moot_: Any) -> None:
    start(moot_)
    code = "from moot.cli import main; main(['show'])"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(20) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


@given(st.text(st.sampled_from("ab \n字"), max_size=60), st.data())
def test_lines_are_broken_between_words_however_they_come(text: str, data: st.DataObject) -> None:
    lines = Lines(12)
    printed, rest = "", text
    while rest:
        length = data.draw(st.integers(1, len(rest)))
        printed, rest = printed + lines.add(rest[:length]), rest[length:]
    printed += lines.end()
    assert printed.split() == text.split()
    for line in printed.split("\n"):
        assert cell_len(line.rstrip()) <= 12 or len(line.split()) == 1


def test_all_that_is_on_record_is_shown(moot_: Any) -> None:
    heading = {
        "participants": [{"name": "Ada", "voice": "unknown:ADA", "brief": "Be kind."}],
        "form": "sonnets",
        "series": "Letters of a winter",
        "title": "The first",
    }
    ballot = {"kind": "ballot", "question": "Agreed?", "options": ["yes", "no"], "answer": "yes"}
    parts = [{"kind": "thought", "text": "hm"}, {"kind": "text", "text": "Well."}, ballot]
    turns = [{"speaker": "Ada", "parts": parts, "heard_by": [], "stop": "interrupted"}]
    Path("letters.json").write_text(json.dumps({"moot": 1, "heading": heading, "turns": turns}))
    assert moot_("import", "letters.json").code == 0
    shown = moot_("show").out
    for words in ("The first", "of the series Letters of a winter", "is told: Be kind.", "Ada (to nobody only):"):
        assert words in shown
    for words in ("(a thought; --thoughts shows it)", "(Agreed? yes)", "(broken off)", "cannot go on here"):
        assert words in shown
    assert "(thought: hm)" in moot_("show", "--thoughts").out
    assert "names no voice" in moot_("resume").err
    moot_("fork", "last", "--voice", "Ada=script:ada.txt")
    assert "the form 'sonnets' came with an imported file" in moot_("resume").err
    assert "shares its first 1 turns with" in moot_("show").out


def test_an_open_conversation_goes_on_for_a_dozen_turns_where_no_number_is_named(moot_: Any) -> None:
    lines = "\n".join(f"line {number}" for number in range(30))
    for name in ("Ada", "Bo"):
        Path(f"{name}.txt").write_text(lines)
    Path("talk.txt").write_text("Ada: One thing.\n\nBo: Another thing.\n\nAda: A third.\n\nBo: A fourth.\n")
    assert moot_("import", "talk.txt").code == 0
    moot_("fork", "last", "--voice", "Ada=script:Ada.txt", "--voice", "Bo=script:Bo.txt")
    assert moot_("resume").code == 0
    assert len(moot_("show", "--json").json["turns"]) == 16


def test_an_import_never_takes_the_place_of_another_conversation(moot_: Any) -> None:
    identity = start(moot_)
    moot_("export", identity, "--format", "json", "-o", "talk.json")
    moot_("say", identity, "More.")
    moot_("import", "talk.json")
    own = moot_("list", "--json").json[0]["id"]
    moot_("say", own, "More still.")
    answer = moot_("import", "talk.json")
    assert answer.code == 5
    assert "another conversation is on record" in answer.err


def test_an_export_replaces_a_file_whole(moot_: Any) -> None:
    start(moot_)
    Path("out.txt").write_text("old")
    assert moot_("export", "-o", "out.txt").code == 0
    assert "Hello, I am Ada." in Path("out.txt").read_text()
    Path("folder").mkdir()
    Path("folder/x").touch()
    assert moot_("export", "-o", "folder").code == 2
    assert list(Path().glob(".*")) == []


def test_the_record_is_where_it_is_named(moot_: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    moot_(*TALK, "--db", "here.db")
    assert Path("here.db").exists()
    monkeypatch.setenv("MOOT_DB", "there.db")
    moot_(*TALK)
    assert Path("there.db").exists()
    monkeypatch.delenv("MOOT_DB")
    monkeypatch.delenv("MOOT_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    moot_(*TALK)
    assert len(list(tmp_path.rglob("moot.db"))) == 1


def test_a_terminal_without_utf_8_gets_no_fault(moot_: Any, tmp_path: Path) -> None:
    Path("uni.txt").write_text("Zoë – 字 😀\n", encoding="utf-8")
    start(moot_)
    environment = dict(os.environ) | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    code = "from moot.cli import main; main(['talk', 'script:uni.txt', 'script:bo.txt', 'Hello?', '--turns', '2'])"
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    doctor = [sys.executable, "-c", "from moot.cli import main; main(['doctor'])"]
    assert b"encoding is ascii" in subprocess.run(doctor, env=environment, capture_output=True, check=False).stdout


def test_a_participant_is_asked_on_a_fork(moot_: Any) -> None:
    Path("bo.txt").write_text("And I am Bo.\n no \nWell, it depends.\n")
    identity = start(moot_, "--turns", "2")
    question = ("Is a river alive?", "--of", "bo", "--option", "yes", "--option", "no")
    answer = moot_("ask", identity, *question)
    assert answer.out == "no\n"
    assert "scripted; on record as" in answer.err
    assert "(Is a river alive? no)" in moot_("show").out
    assert "the question is answered" in moot_("show").out
    asked = moot_("ask", identity, *question, "--json", "--shuffle").json
    assert (asked["answer"], asked["how"], asked["probabilities"]) == ("no", "scripted", None)
    assert len(moot_("show", identity, "--json").json["turns"]) == 3
    later = moot_("ask", "last", "Sure?", "--of", "bo", "--scale", "7", "--json").json
    assert (later["answer"], later["words"]) == (None, " no ")  # a ballot is no turn said: the same line is next
    assert "no option could be made out of: And I am Bo." in moot_("ask", identity, *question, "--at", "1").err


@pytest.mark.parametrize(
    "words",
    [
        ("--of", "bo"),
        ("--of", "bo", "--option", "yes"),
        ("--of", "cy", "--scale", "3"),
        ("--of", "bo", "--scale", "3", "--option", "a"),
        ("--of", "bo", "--scale", "1"),
        ("--of", "bo", "--scale", "3", "--at", "99"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(moot_: Any, words: tuple[str, ...]) -> None:
    identity = start(moot_)
    answer = moot_("ask", identity, "Agreed?", *words)
    assert answer.code == 2
    assert len(moot_("list", "--json").json) == 1


def test_reaching_a_limit_rests_with_code_4_and_resumes(moot_: Any) -> None:
    answer = moot_(*TALK, "--max-time", "0")
    assert answer.code == 4
    assert "this run may take 0 seconds" in answer.err
    assert "resume" in answer.out.splitlines()[-1]
    assert moot_("list", "--json").json[0]["closed"] is None
    assert moot_("resume", "--max-cost", "1").code == 0
    assert moot_(*TALK, "--max-cost", "much").code == 2
    assert moot_(*TALK, "--max-cost", "-1").code == 2


def test_every_command_that_the_readme_names_is_one_and_every_command_is_named() -> None:
    text = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    named = set(re.findall(r"^moot ([a-z]+)", blocks, re.MULTILINE)) | set(re.findall(r"`moot ([a-z]+)", text))
    assert named - set(COMMANDS) == set()
    assert set(COMMANDS) - named == set()
