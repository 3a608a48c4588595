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

if TYPE_CHECKING:
    from collections.abc import Callable

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
    terminal.shown = ""
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
