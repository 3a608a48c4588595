"""The canary drill: two keys, one of the environment and one of the key file, and every command under every fault.

Whatever happens, neither is found in what was printed, logged or left behind: not in the record, its WAL, an export or
any other file, nor turned round, quoted, encoded or in part.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import pytest

import moot.cli
from fakes import Fake, Reply, Request
from fakes.commands import commands
from moot.formats import FORMATS
from moot.voices import attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

OURS = "sk-canary-env-Zq7/9+KdLm3vRx8w=Yt5"
KEPT = "sk-canary-file-Xw4/3+JfPn6bTc2s=Hu9"
PIECE = 12
"""Characters of a key that nothing may hold in a row; `moot keys list` shows the last four."""

GRID = """
name = "grid"
[arguments]
turns = 1
prompt = "{claim}"
[factors]
claim = ["Rivers are alive."]
model = ["lab:m", "openai:gpt-5"]
[[cast]]
name = "Ada"
voice = "{model}"
"""
TRIALS = "post,pre,a,b,won\n" + "".join(f"{at},{at % 4},{who}\n" for at in range(8) for who in ("x,y,x", "y,x,x"))
TRIAL = ("trials.csv", "--post", "post", "--pre", "pre")
CAST = ("--name", "Ada", "--name", "Bo", "--turns", "2")
ADDRESSES = (
    ("openai:gpt-5?wire=responses", "anthropic:claude-sonnet-4-5"),
    ("lab:m", "claude-lab:m"),
    ("openai:d?style=script", "ollama:qwen3:4b"),
)
CLAIM = "Rivers are alive."
CASES: dict[str, tuple[tuple[str, ...], ...]] = {
    "interview": (("lab:m", "--interviewer", "openai:gpt-5", "--topic", "Rivers", "--count", "1"),),
    "letters": (("--claim", CLAIM, "--author", "lab:m", "--exchanges", "0"),),
    "debate": ((CLAIM, "lab:m", "openai:gpt-5", "--rounds", "0", "--judge", "claude-lab:m"),),
    "panel": (("lab:m", "openai:gpt-5", "ollama:qwen3:4b", CLAIM, "--turns", "3"),),
    "trial": (("--claim", CLAIM, "--target", "lab:m", "--persuader", "openai:gpt-5", "--turns", "1", "--probes", "1"),),
    "audience": (("words.txt", "--claim", CLAIM, "--reader", "lab:m", "--readers", "1", "--last-only"),),
    "run": (("talk", "lab:m", "openai:gpt-5", "--set", "turns=2"),),
    "experiment plan": (("grid.toml",),),
    "experiment run": (("grid.toml",), ("grid.toml", "--jsonl")),
    "experiment status": (("grid.toml",), ("grid.toml", "--json")),
    "experiment retry": (("grid.toml",),),
    "experiment export": (
        ("grid.toml",),
        ("grid.toml", "--format", "jsonl", "-o", "grid.jsonl"),
        ("grid.toml", "--afterwards"),
    ),
    "scenarios": ((), ("backrooms",)),
    "mcp": (("--allow-write",),),  # is refused; what it answers is tests/test_mcp.py's business
    "serve": (("--host", "0.0.0.0"),),  # is refused; what pages show is tests/test_web.py's business
    "talk": tuple((*pair, "Talk.", *CAST) for pair in ADDRESSES),
    "resume": (("last", "--more", "1"), ("last", "--more", "1", "--json")),
    "say": (("last", "More."),),
    "ask": (("last", "Is a river alive?", "--of", "Ada", "--option", "yes", "--option", "no"),),
    "fork": (("last", "--at", "1"),),
    "edit": (("last", "--turn", "1", "--file", "words.txt", "--go"),),
    "show": (("last", "--thoughts"), ("last", "--json")),
    "list": ((), ("--json",)),
    "search": (("see",), ("see", "--json")),
    "view": (("last", "--as", "Ada"), ("last", "--as", "Ada", "--json")),
    "verify": ((), ("--json",)),
    "measure": (("last",), ("last", "--json", "--csv", "scores.csv")),
    "counterfactual": (("last", "--of", "Ada", "--claim", CLAIM, "--probes", "1", "--turn", "1"),),
    "effect": ((*TRIAL, "--by", "a"), (*TRIAL, "--json")),
    "ratings": (("trials.csv", "--left", "a", "--right", "b", "--winner", "won"),),
    "agreement": (("trials.csv", "--rater", "a", "--item", "post", "--value", "pre", "--level", "nominal"),),
    "dynamics": (
        ("trials.csv", "--conversation", "post", "--speaker", "a", "--text", "won"),
        ("trials.csv", "--conversation", "post", "--speaker", "a", "--text", "won", "--only", "basics", "--json"),
    ),
    "report": (("grid.toml", "--figures", "figures"), ("last", "-o", "last.html", "--markdown", "last.md", "--full")),
    "publish": (
        ("last", "-o", "article.html", "--with", "private", "--yes"),
        ("last", "-o", "article.md", "--markdown", "--with", "thoughts", "--with", "private", "--yes"),
        ("last", "--with", "private", "--preview"),
    ),
    "export": tuple(("last", "--format", one, *more) for one in FORMATS for more in ((), ("-o", f"talk.{one}"))),
    "judge": (("before.json", "--between", "Ada", "Bo", "--judge", "openai:gpt-5", "--no-reasons"),),
    "import": (("talk.json",), ("talk.text",), ("nowhere.txt", "--json")),
    "cost": ((), ("--json",)),
    "voices": ((), ("--json",)),
    "keys list": ((), ("--json",)),
    "keys path": ((),),
    "keys set": (("lab",), ("openai", "--json"), ("lab", KEPT), ("not a name",)),
    "keys remove": (("openai",), ("google",)),
    "models list": ((), ("--json",)),
    "models fetch": (("nowhere",),),
    "models remove": (("nowhere",),),
    "db check": ((), ("--json",)),
    "db backup": (("kept.db",), ("kept.db", "--json")),
    "db copy": (("../moot.db", "copied.db"), ("../moot.db", f"postgresql://me:{KEPT}@127.0.0.1:9/moot")),
    "db migrate": ((),),
    "doctor": ((), ("--json",)),
}
"""What each command is called with, in an order in which each has something to work on."""


UNWELCOME = {
    *(f"export last --format {one}" for one in ("convokit", "hf", "inspect")),  # which are no text to print
    "import nowhere.txt --json",
    f"keys set lab {KEPT}",
    "keys set not a name",
    "keys remove google",
    "models fetch nowhere",
    "models remove nowhere",
    "serve --host 0.0.0.0",
    "mcp --allow-write",
    "db backup kept.db --json",
    f"db copy ../moot.db postgresql://me:{KEPT}@127.0.0.1:9/moot",
}
"""What fails where nothing is wrong."""


def every_command(group: click.Group = moot.cli.cli, prefix: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from every_command(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


def test_every_command_is_in_the_drill() -> None:
    assert set(every_command()) == set(CASES)


# Faults, each with the key wherever a provider might put it


def refused(status: int, said: str, code: str = "", **headers: str) -> Callable[[Request], Reply]:
    named = (("retry-after-ms", "0"), *((name.replace("_", "-"), value) for name, value in headers.items()))
    return lambda request: Reply(
        status=status, code=_filled(code, request), message=_filled(said, request), headers=_all_filled(named, request)
    )


def _filled(text: str, request: Request) -> str:
    key = request.key
    return text.format(key=key, quoted=quote(key, safe=""), masked=f"{key[:16]}******{key[-4:]}")


def _all_filled(headers: Iterable[tuple[str, str]], request: Request) -> tuple[tuple[str, str], ...]:
    return tuple((name, _filled(value, request)) for name, value in headers)


FAULTS: dict[str, Callable[[Request], Reply]] = {
    "none": lambda _: Reply(("I", " see", "."), thoughts=("hm",)),
    "named": lambda request: Reply(
        raw=(
            json.dumps({"id": request.key, "model": request.key, "choices": [{"delta": {}, "finish_reason": "stop"}]}),
            json.dumps({"type": "message_start", "message": {"id": request.key, "model": request.key}}),
            json.dumps({"type": "message_stop"}),
        ),
    ),
    "named in a header": lambda request: Reply(headers=(("x-request-id", request.key), ("request-id", request.key))),
    "401": refused(401, "Incorrect API key provided: {key}.", "invalid_api_key"),
    "403": refused(403, "The key {masked} may not do this.", "permission_error"),
    "400": refused(400, "POST https://api.example/v1?key={quoted} is not valid:\n{key}", "invalid_request_error"),
    "429": refused(429, "Too many requests by {key}.", "rate_limit_exceeded"),
    "500": refused(500, "Internal error for Bearer {key}", "{key}"),
    "redirect": refused(307, "Go to {quoted}.", location="http://127.0.0.1:9/v1"),
    "reset": lambda _: Reply(("I", " see", "."), fault="reset", at=2),
    "stall": lambda _: Reply(fault="stall", at=1),
    "garbage": lambda request: Reply(raw=(f'{{"not json {request.key}',)),
    "in band": lambda request: Reply(fault="error", at=2, code="server_error", message=f"Failed for {request.key}"),
    "page": lambda request: Reply(events=(f"<html><p>{request.key} {request.key[::-1]}</html>",), framing="page"),
    "end": lambda _: Reply(("I", " see", "."), fault="end", at=2),
}


# Searching


def forms(key: str) -> dict[str, bytes]:
    """Return how a key may be written: in part, turned round, quoted, encoded."""
    told = {f"piece {at}": key[at : at + PIECE] for at in range(len(key) - PIECE + 1)}
    told |= {f"turned round, {at}": key[::-1][at : at + PIECE] for at in range(len(key) - PIECE + 1)}
    told |= {"quoted": quote(key, safe=""), "hex": key.encode().hex()}
    for shift in range(3):
        whole = base64.b64encode(b" " * shift + key.encode()).decode()
        told[f"base64, {shift}"] = whole[shift + 1 : shift + 21]
    return {name: text.encode() for name, text in told.items()}


FORMS = {f"{name}, {form}": text for name in ("OURS", "KEPT") for form, text in forms(globals()[name]).items()}


def hits(content: bytes) -> list[str]:
    return [form for form, text in FORMS.items() if text in content]


def searched(root: Path) -> dict[str, bytes]:
    """Return all that lies under a folder but for the key file, and each record once more as SQL."""
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    found = {name: content for name, content in found.items() if Path(name).name != "keys.json"}
    for path in root.rglob("*.db"):
        with sqlite3.connect(path) as record:
            found[f"{path.name} as SQL"] = "\n".join(record.iterdump()).encode()
        record.close()
    return found


def leaks(told: dict[str, bytes]) -> dict[str, list[str]]:
    return {where: found for where, content in told.items() if (found := hits(content))}


# The drill


@dataclass(frozen=True)
class Drill:
    """A user's home with a key in it and another in the environment, and a provider of every wire."""

    root: Path
    fake: Fake
    run: Callable[..., Any]
    codes: dict[str, int] = field(default_factory=dict[str, int])

    def command(self, words: tuple[str, ...]) -> dict[str, bytes]:
        """Run a command and return what it printed."""
        answer = self.run(*words)
        name = " ".join(words)
        self.codes[name] = answer.code
        return {f"{name}: stdout": answer.out.encode(), f"{name}: stderr": answer.err.encode()}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home in which everything stays that moot or what it stands on may write."""
    home = tmp_path / "home"
    (work := home / "work").mkdir(parents=True)
    monkeypatch.chdir(work)
    for name in ("HOME", "MOOT_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(home))
    return home


@pytest.fixture
def drill(root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Drill]:
    run = commands(capfd)
    with Fake(key=None) as fake, hurried():
        configure(root, fake, monkeypatch)
        monkeypatch.setattr(sys, "stdin", io.StringIO(KEPT))
        run("keys", "set", "lab")
        yield Drill(root, fake, run)


@contextmanager
def hurried(silence: float = 10.0) -> Generator[None]:
    """Have every voice give up after two quick tries: no command has an option for that, and needs none."""
    hurry = {"tries": 2, "first": silence, "idle": silence, "tail": 0.1, "pause": 0.0}
    usual = {name: getattr(attempts.PATIENCE, name) for name in hurry}
    try:
        for name, value in hurry.items():
            object.__setattr__(attempts.PATIENCE, name, value)
        yield
    finally:
        for name, value in usual.items():
            object.__setattr__(attempts.PATIENCE, name, value)


def configure(root: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = {
        "lab": (fake.openai_url, "openai-chat"),
        "claude-lab": (fake.anthropic_url, "anthropic"),
        "ollama": (fake.anthropic_url, "ollama"),
    }
    lines = [
        f'[endpoints.{name}]\nbase_url = "{url}"\nkey_env = "LAB_KEY"\nwire = "{wire}"\n'
        for name, (url, wire) in servers.items()
    ]
    Path("words.txt").write_text("Otherwise.\n")
    Path("grid.toml").write_text(GRID)
    Path("trials.csv").write_text(TRIALS)
    (root / "config.toml").write_text("\n".join(lines))
    monkeypatch.setenv("OPENAI_BASE_URL", fake.openai_url)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", fake.anthropic_url)
    monkeypatch.setenv("OPENAI_API_KEY", OURS)
    monkeypatch.setenv("ANTHROPIC_API_KEY", OURS)
    monkeypatch.setenv("MOOT_DEBUG", "1")


@pytest.mark.parametrize("fault", list(FAULTS))
def test_no_command_leaves_a_key_anywhere_whatever_goes_wrong(
    drill: Drill, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    for pair in ADDRESSES:
        drill.command(("talk", *pair, "Talk.", *CAST))  # something to work on, from before the fault
    drill.command(("export", "last", "--format", "json", "-o", "before.json"))
    keys = {request.key for request in drill.fake.requests}
    assert keys == {OURS, KEPT}  # both are used, so that both could be lost
    drill.fake.otherwise = FAULTS[fault]
    silence = 0.15 if fault == "stall" else 10.0
    with hurried(silence), sqlite3.connect(drill.root / "moot.db") as kept_open:  # so that the WAL stays to be searched
        kept_open.execute("SELECT count(*) FROM sqlite_master").fetchall()
        told: dict[str, bytes] = {}
        for name, cases in CASES.items():
            for case in cases:
                monkeypatch.setattr(sys, "stdin", io.StringIO(KEPT if "lab" in case else OURS))
                told |= drill.command((*name.split(), *case))
        # An SDK's own log tells all headers of an answer, even one that repeats a key: that is beyond moot's reach.
        told |= ({} if "header" in fault else {"log": caplog.text.encode()}) | searched(drill.root)
    kept_open.close()
    assert {"moot.db", "moot.db-wal", "moot.db as SQL", "work/talk.json"} <= told.keys()
    assert told["moot.db-wal"]
    assert fault != "none" or {name for name, code in drill.codes.items() if code} == UNWELCOME
    assert leaks(told) == {}
    assert all(OURS not in json.dumps([one.path, one.body]) for one in drill.fake.requests)
    assert json.loads((drill.root / "keys.json").read_text())["LAB_KEY"] == KEPT


# The drill itself


def test_every_form_of_a_key_is_known_and_nothing_else() -> None:
    for form, text in FORMS.items():
        assert form in hits(b"words " + text + b" words")
    assert hits(b"sk-canary, and words that are no key") == []


def test_a_key_is_found_wherever_one_is_planted(drill: Drill, caplog: pytest.LogCaptureFixture) -> None:
    drill.command(("talk", *ADDRESSES[0], "Talk.", *CAST))
    assert leaks(searched(drill.root)) == {}
    with sqlite3.connect(drill.root / "moot.db") as record:
        record.execute("UPDATE calls SET voice = ?", (OURS,))
        record.commit()
        assert {"moot.db-wal", "moot.db as SQL"} <= leaks(searched(drill.root)).keys()
    record.close()
    assert {"moot.db", "moot.db as SQL"} <= leaks(searched(drill.root)).keys()
    for name in ("work/talk.html", ".cache/deep/down", "moot.log"):
        (where := drill.root / name).parent.mkdir(parents=True, exist_ok=True)
        where.write_text(f"a page with {KEPT[3:-3]} in it")
        assert name in leaks(searched(drill.root))
    caplog.set_level(logging.DEBUG)
    logging.getLogger("openai").debug("sent %s", {"authorization": OURS})
    assert hits(caplog.text.encode())


def test_the_drill_finds_what_is_lost_where_the_wires_hide_nothing(
    drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "without", lambda _, text: text)
    for fault in ("400", "403", "500", "in band"):
        drill.fake.otherwise = FAULTS[fault]
        talk = ("talk", *ADDRESSES[0], fault, *CAST)
        told = drill.command(talk) | drill.command(("export", "last", "--format", "json")) | searched(drill.root)
        lost = {"export last --format json: stdout", f"{' '.join(talk)}: stderr", "moot.db", "moot.db as SQL"}
        assert lost <= leaks(told).keys()
        (drill.root / "moot.db").unlink()


# What ends otherwise than moot means to


def test_a_traceback_holds_no_key(drill: Drill, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"with {OURS} and {KEPT}")

    monkeypatch.setattr("moot.voices.openai.judge", broken)
    drill.fake.otherwise = FAULTS["500"]
    for pair in (ADDRESSES[0], ("lab:m", "lab:n")):
        answer = drill.run("talk", *pair, "Talk.", *CAST)
        assert answer.code == 1
        assert "Traceback" in answer.err
        assert "with [key] and [key]" in answer.err
        assert "Internal error for Bearer [key]" in answer.err  # as the SDK's error has it, of which ours was a context
        assert leaks({"stderr": answer.err.encode(), "stdout": answer.out.encode()} | searched(drill.root)) == {}


TALKATIVE = {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug", "PYTHONASYNCIODEBUG": "1", "PYTHONFAULTHANDLER": "1"}
NO_CORE = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"


def started(*words: str) -> subprocess.Popen[bytes]:
    code = f"{NO_CORE}; from moot.cli import main; main({list(words)!r})"
    argv = [sys.executable, "-X", "dev", "-c", code]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | TALKATIVE)


@pytest.mark.parametrize("fault", ["none", "400"])
def test_a_talkative_sdk_tells_no_key(drill: Drill, fault: str) -> None:
    drill.fake.otherwise = FAULTS[fault]
    running = [started("talk", *pair, "Talk.", *CAST) for pair in ADDRESSES[:2]]
    told = [one.communicate(timeout=30) for one in running]
    for _, err in told:
        assert b"HTTP Request" in err, err.decode()
    assert leaks({f"{number} {at}": one[at] for number, one in enumerate(told) for at in (0, 1)}) == {}
    assert leaks(searched(drill.root)) == {}


@pytest.mark.parametrize("sent", [signal.SIGABRT, signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_ended_amid_a_request_leaves_no_key(drill: Drill, sent: signal.Signals) -> None:
    drill.fake.otherwise = FAULTS["stall"]
    running = started("talk", *ADDRESSES[1], "Talk.", *CAST)
    deadline = time.monotonic() + 20
    while not drill.fake.requests and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(sent)
    out, err = running.communicate(timeout=20)
    assert drill.fake.requests
    assert (b"Fatal Python error" in err) == (sent == signal.SIGABRT)
    assert leaks({"stdout": out, "stderr": err} | searched(drill.root)) == {}
