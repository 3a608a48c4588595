"""A person at a terminal: a real one (a pseudo-terminal), with Ctrl-D and Ctrl-C as they are typed."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moot.store import open_store
from moot.transcript import Participant, Question
from moot.view import Message
from moot.voices import Chosen, Place, Pool, Rest, VoiceError, Words
from moot.voices.person import Draft, Person, check, open_voice, settle
from moot.voices.spec import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moot.voices import Delta

MOOT = [sys.executable, "-c", "from moot.cli import main; main()"]
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """A program in a terminal of its own: what it shows, and what is typed."""

    def __init__(self, *words: str) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*MOOT, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_own_terminal,  # noqa: PLW1509 - the only way to give a child its terminal; no threads here
        )
        os.close(theirs)
        self.shown = ""

    def type(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def wait_for(self, text: str) -> None:
        self._read_until(lambda: text in self.shown)
        assert text in self.shown

    def end(self) -> int:
        self._read_until(lambda: False)
        os.close(self.ours)
        return self.process.wait(20)

    def _read_until(self, satisfied: Callable[[], bool], patience: float = 20.0) -> None:
        until = time.monotonic() + patience
        while not satisfied() and time.monotonic() < until:
            if select.select([self.ours], [], [], 0.1)[0]:
                try:
                    piece = os.read(self.ours, 4096)
                except OSError:  # it has gone
                    return
                self.shown += piece.decode(errors="replace")


def _own_terminal() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a test run in the background has it ignored, and so would the child
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("bo.txt").write_text("And I am Bo.\nGoodness me.\n")
    Path("slow.txt").write_text("one two three four five six seven eight nine ten\nnext\n")
    return tmp_path


def turns() -> list[tuple[str, str]]:
    async def read() -> list[tuple[str, str]]:
        async with open_store(Path(os.environ["MOOT_HOME"]) / "moot.db") as store:
            stored = await store.read(await store.find("last"))
            return [(turn.speaker, turn.text) for turn in stored.transcript.turns]

    return asyncio.run(read())


def test_lines_are_a_turn_at_ctrl_d_and_ctrl_d_alone_leaves(scripts: Path) -> None:
    terminal = Terminal("talk", "person", "script:bo.txt", "--name", "Dan")
    terminal.wait_for("Dan, it is your turn")
    terminal.type("I am Dan.\nI like rain.\n" + CTRL_D)
    terminal.wait_for("And I am Bo.")
    terminal.shown = terminal.shown.partition("And I am Bo.")[2]
    terminal.wait_for("it is your turn")
    terminal.type(CTRL_D)
    assert terminal.end() == 0
    assert "Dan has left for now" in terminal.shown
    assert "resume" in terminal.shown.strip().splitlines()[-1]
    assert turns() == [("Dan", "I am Dan.\nI like rain."), ("bo", "And I am Bo.")]


def test_ctrl_c_while_typing_says_nothing_and_rests(scripts: Path) -> None:
    terminal = Terminal("talk", "person", "script:bo.txt")
    terminal.wait_for("it is your turn")
    terminal.type("Half a thou")
    terminal.type(CTRL_C)
    assert terminal.end() == 130
    assert "the unfinished turn is not on record" in terminal.shown
    assert turns() == []


def test_ctrl_c_in_a_turn_leaves_a_conversation_that_resumes(scripts: Path) -> None:
    terminal = Terminal("talk", "script:slow.txt?pace=0.2", "script:bo.txt", "Begin.", "--turns", "2")
    terminal.wait_for("three")
    terminal.type(CTRL_C)
    assert terminal.end() == 130
    assert "resume" in terminal.shown.strip().splitlines()[-1]
    assert turns() == [("chair", "Begin.")]
    again = Terminal("resume", "last")
    assert again.end() == 0
    assert [speaker for speaker, _ in turns()] == ["chair", "slow", "bo"]


def drafts() -> list[Path]:
    return sorted(Path(os.environ["MOOT_HOME"]).glob("moot.db-drafts/*/*"))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_lines_of_an_unfinished_turn_are_kept_and_gone_on_from(scripts: Path, ending: int) -> None:
    terminal = Terminal("talk", "person", "script:bo.txt", "--turns", "2")
    terminal.wait_for("it is your turn")
    terminal.type("I am Dan.\nI like rain.\nNot entered")
    wait_until(lambda: drafts() != [] and drafts()[0].read_text().count("\n") == 2)
    os.kill(terminal.process.pid, ending)
    assert terminal.end() != 0
    [draft] = drafts()
    assert draft.read_text() == "I am Dan.\nI like rain.\n"
    assert (draft.stat().st_mode & 0o777, draft.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert turns() == []
    again = Terminal("resume", "last")
    again.wait_for("anything else begins anew")
    assert "  I am Dan.\r\n  I like rain.\r\n" in again.shown
    again.type("\nAnd snow.\n" + CTRL_D)
    assert again.end() == 0
    assert turns() == [("You", "I am Dan.\nI like rain.\nAnd snow."), ("bo", "And I am Bo.")]
    assert drafts() == []


def test_a_draft_can_be_left_for_another_day_or_begun_anew(scripts: Path) -> None:
    terminal = Terminal("talk", "person", "script:bo.txt", "--turns", "2")
    terminal.wait_for("it is your turn")
    terminal.type("Half a thought.\n")
    wait_until(lambda: drafts() != [])
    terminal.type(CTRL_C)
    assert terminal.end() == 130
    assert "Your draft is kept" in terminal.shown
    for _ in range(2):  # however often one looks in
        left = Terminal("resume", "last")
        left.wait_for("begins anew")
        left.type(CTRL_D)
        assert left.end() == 0
    anew = Terminal("resume", "last")
    anew.wait_for("begins anew")
    anew.type("Another thought.\n")
    wait_until(lambda: [path.read_text() for path in drafts()] == ["Half a thought.\n", "Another thought.\n"])
    anew.type(CTRL_D)
    assert anew.end() == 0
    assert turns()[0] == ("You", "Another thought.")
    assert drafts() == []


def test_a_draft_that_is_on_record_already_is_not_offered_again(scripts: Path) -> None:
    terminal = Terminal("talk", "person", "script:bo.txt", "--turns", "3")
    terminal.wait_for("it is your turn")
    terminal.type("I am Dan.\n")
    wait_until(lambda: drafts() != [])
    [draft] = drafts()
    terminal.type(CTRL_D)
    terminal.wait_for("And I am Bo.")
    wait_until(lambda: drafts() == [])
    terminal.process.kill()
    terminal.end()
    draft.parent.mkdir(parents=True)
    draft.write_text("I am Dan.\n")  # as where moot is killed after the turn was kept, before the draft was removed
    again = Terminal("resume", "last")
    again.wait_for("it is your turn")
    again.type("Goodbye.\n" + CTRL_D)
    assert again.end() == 0
    assert "draft" not in again.shown
    assert turns()[-1] == ("You", "Goodbye.")


def test_a_turn_that_cannot_be_kept_as_it_is_typed_is_not_taken(scripts: Path) -> None:
    (Path(os.environ["MOOT_HOME"]) / "moot.db-drafts").write_text("in the way")
    terminal = Terminal("talk", "person", "script:bo.txt")
    terminal.wait_for("it is your turn")
    terminal.type("I am Dan.\n")
    assert terminal.end() == 3
    assert "cannot be read or kept" in terminal.shown


def test_a_person_who_is_away_needs_no_terminal() -> None:
    away = Participant("Dan", "person:web")
    assert settle(parse("person:web")).name == "You"
    voice = open_voice(away, 0, Pool(), Place())
    assert voice.request("Be kind.", [], Question("Well?", ("yes", "no"))) == {
        "brief": "Be kind.",
        "heard": [],
        "question": "Well?",
        "options": ["yes", "no"],
    }

    async def spoken() -> None:
        async for _ in voice.speak("", []):
            pytest.fail("nobody is here")

    check(away, Pool())
    with pytest.raises(Rest):
        asyncio.run(spoken())


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give this process a terminal, and return what types at it."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)

        def type_(typed: str) -> None:
            os.write(ours, typed.encode())

        yield type_
    os.close(ours)


def spoken(person: Person, *own: str, ask: Question | None = None) -> list[Delta]:
    messages = [Message("assistant", "Dan", words) for words in own]

    async def speak() -> list[Delta]:
        return [delta async for delta in person.speak("", messages, ask)]

    return asyncio.run(speak())


def test_a_draft_goes_on_whether_or_not_its_last_line_was_ended(
    keys: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = Draft(tmp_path / "drafts" / "x.txt")
    for kept in ("One\x1b[2J", "One\x1b[2J\n"):
        draft.add(kept)
        keys("\nTwo\n" + CTRL_D)
        assert spoken(Person("Dan", draft))[0] == Words("One\x1b[2J\nTwo")
        assert draft.read() == "One\x1b[2J\nTwo\n"
        assert "\x1b" not in capsys.readouterr().err
        draft.forget()
        assert not draft.path.parent.exists()


def test_a_draft_that_was_said_already_is_forgotten_and_another_begins(
    keys: Callable[[str], None], tmp_path: Path
) -> None:
    draft = Draft(tmp_path / "x.txt")
    draft.add("One\n")
    keys("Two\n" + CTRL_D)
    assert spoken(Person("Dan", draft), "One")[0] == Words("Two")
    assert draft.read() == "Two\n"


def test_an_answer_is_an_option_or_its_number_and_is_asked_for_twice(
    keys: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Question("Well?", ("yes", "no"))
    keys("perhaps\n" + CTRL_D + "2\n" + CTRL_D)
    assert spoken(Person("Dan"), ask=asked)[0] == Chosen("no", how="typed")
    assert capsys.readouterr().err.count("Well?\n  1  yes\n  2  no\n") == 2
    keys("perhaps\n" + CTRL_D + "never\n" + CTRL_D)
    assert spoken(Person("Dan"), ask=asked)[0] == Words("never")


def test_what_is_typed_after_leaving_is_no_part_of_the_turn(keys: Callable[[str], None], tmp_path: Path) -> None:
    draft = Draft(tmp_path / "x.txt")

    async def left() -> None:
        speaking = asyncio.create_task(anext(Person("Dan", draft).speak("", [])))
        keys("One\n")
        await asyncio.to_thread(wait_until, lambda: draft.read() != "")
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        keys("Two\n")
        await asyncio.sleep(0.1)

    asyncio.run(left())
    assert draft.read() == "One\n"


def test_bytes_that_are_no_text_end_it_with_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"\xff\xfe\n")
    with (tmp_path / "noise").open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(VoiceError, match="cannot be read or kept"):
            spoken(Person("Dan"))


def test_nobody_can_type_where_standard_input_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(VoiceError, match="nobody can type here"):
        check(Participant("Dan", "person"), Pool())
    with pytest.raises(VoiceError, match="or away"):
        settle(parse("person:phone"))


def wait_until(satisfied: Callable[[], bool], patience: float = 10.0) -> None:
    until = time.monotonic() + patience
    while not satisfied():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)


def test_sigterm_rests_as_gently(scripts: Path) -> None:
    terminal = Terminal("talk", "script:slow.txt?pace=0.2", "script:bo.txt", "--turns", "2")
    terminal.wait_for("three")
    terminal.process.terminate()
    assert terminal.end() == 143
    assert "the unfinished turn is not on record" in terminal.shown


def test_a_pipe_is_one_turn_and_then_nobody_is_there(scripts: Path) -> None:
    talk = [*MOOT, "talk", "person", "script:bo.txt", "--turns", "4", "--json"]
    answer = subprocess.run(talk, input="I come from a pipe.\n", capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(answer.stdout)["why"] == "You has left for now"
    assert turns() == [("You", "I come from a pipe."), ("bo", "And I am Bo.")]
