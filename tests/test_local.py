from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moot.transcript import Heading, Participant, Text, Transcript, Turn, freeze
from moot.view import Message, view
from moot.voices import Done, Failed, Place, Pool, VoiceError, Words, fold
from moot.voices.attempts import Patience
from moot.voices.engine import main
from moot.voices.gguf import Head, read_head
from moot.voices.local import check, open_voice, prepare, settle
from moot.voices.spec import open_voices, parse
from moot.voices.weights import CATALOG
from moot.voices.wire import sentences_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.transcript import Value
    from moot.voices import Delta, Voice

pytestmark = pytest.mark.anyio
SRC = Path(__file__).parent.parent / "src"
ASKED = Message("user", "Bo", "What makes a good friend?")


def _participant(spec: str, name: str = "", brief: str = "", **changed: Value) -> Participant:
    settled = settle(parse(spec))
    name = name or settled.name
    told = brief or settled.brief_for(name, (name, "Bo"), "")
    return Participant(name, parse(spec).voice, told, freeze(dict(settled.settings) | changed))


async def _spoken(voice: Voice, participant: Participant, *messages: Message) -> list[Delta]:
    return [delta async for delta in voice.speak(participant.brief, messages)]


def _words(deltas: Sequence[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Words))


def _done(deltas: Sequence[Delta]) -> Done:
    assert isinstance(deltas[-1], Done)
    return deltas[-1]


def _engine_of(pool: Pool) -> asyncio.subprocess.Process:
    [engine] = pool._shared.values()
    return engine.process


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _shown_of(pid: int) -> bytes:
    """Return what others on the machine may see of a process: its arguments and environment."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))


def _children() -> set[int]:
    """Return the ids of this process's children."""
    return {int(pid) for path in Path("/proc/self/task").iterdir() for pid in (path / "children").read_text().split()}


def _ends_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.usefixtures("stocked")
async def test_the_pair_talks_in_short_turns_free_of_the_wires_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    # Neither another machine nor another key may get between moot and its own child.
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer another")
    heading = Heading((_participant("local:smollm2"), _participant("local:gemma3")), seed=5)
    transcript = Transcript(heading).then(Turn("chair", (Text(ASKED.text),)))
    async with Pool() as pool:
        voices = open_voices(heading, pool)
        for name in ("SmolLM2", "Gemma 3", "SmolLM2", "Gemma 3"):
            participant = heading.participant(name)
            deltas = await _spoken(voices[name], participant, *view(transcript, name))
            transcript = transcript.then(fold(participant, deltas).turn)
    for turn in transcript.turns[1:]:
        assert turn.text
        assert turn.text == turn.text.strip()
        assert not any(mark in turn.text for mark in ("\n", "<|im_start|>", "<|im_end|>"))
        ended = sentences_end(f"{turn.text} ", 2)
        assert ended is None or ended == len(turn.text)
    assert len({turn.text for turn in transcript.turns}) == 5


@pytest.mark.parametrize("spec", ["local:smollm2", "local:gemma3"])
@pytest.mark.usefixtures("stocked")
async def test_a_turn_reads_only_what_is_new_since_the_last(spec: str) -> None:
    participant = _participant(spec, sentences=0, max_tokens=24)
    more = " ".join(["Tell me more about that, and about how it felt to you at the time."] * 6)
    async with Pool() as pool:
        voice = open_voice(participant, 3, pool, Place())
        first = await _spoken(voice, participant, replace(ASKED, text=more))
        own = Message("assistant", participant.name, _words(first))
        second = await _spoken(voice, participant, replace(ASKED, text=more), own, ASKED)
    before, after = _done(first).usage, _done(second).usage
    assert before.input is not None
    assert before.output is not None
    assert after.input is not None
    assert after.cached is not None
    assert before.input > 100
    # The turn's last tokens are read anew where its text is cut into tokens in another way than it was spoken.
    assert after.cached >= before.input
    assert after.input - after.cached <= after.input - before.input - before.output + 8


@pytest.mark.usefixtures("stocked")
async def test_two_voices_of_one_model_share_a_process_and_keep_their_own_places() -> None:
    people = tuple(_participant("local:smollm2", name, sentences=0, max_tokens=8) for name in ("Ada", "Bo"))
    async with Pool() as pool:
        voices = [open_voice(one, 1, pool, Place(place, 2)) for place, one in enumerate(people)]
        clients = [(await voice.connect()).client for voice in voices]
        requests = [voice.request("", (ASKED,))["body"] for voice in voices]
        for voice, participant in zip(voices, people, strict=True):
            assert _words(await _spoken(voice, participant, ASKED))
    assert clients[0] is clients[1]
    assert [request["id_slot"] for request in requests] == [0, 1]
    assert all(request["cache_prompt"] for request in requests)


@pytest.mark.usefixtures("stocked")
async def test_the_same_seed_gives_the_same_words_in_another_process() -> None:
    participant = _participant("local:smollm2", max_tokens=16)
    said: list[str] = []
    for seed in (1, 1, 2):
        async with Pool() as pool:
            said.append(_words(await _spoken(open_voice(participant, seed, pool, Place()), participant, ASKED)))
    assert said[0] == said[1] != said[2]


@pytest.mark.usefixtures("stocked")
async def test_nobody_is_answered_without_the_key() -> None:
    import httpx2  # noqa: PLC0415 - only this test speaks HTTP itself

    async with Pool() as pool:
        voice = open_voice(_participant("local:smollm2"), 1, pool, Place())
        client = (await voice.connect()).client
        root = str(client.base_url).removesuffix("/v1/")
        assert root.startswith("http://127.0.0.1:")
        process = _engine_of(pool)
        assert client.api_key.encode() not in _shown_of(process.pid)
        async with httpx2.AsyncClient(trust_env=False, headers={"Origin": "https://example.org"}) as stranger:
            for path in ("/v1/chat/completions", "/v1/completions", "/completion", "/tokenize"):
                for key in ({}, {"Authorization": "Bearer none"}):
                    answer = await stranger.post(f"{root}{path}", json={"prompt": "a", "messages": []}, headers=key)
                    assert answer.status_code == 401
                    assert answer.headers.get("access-control-allow-origin") != "https://example.org"
            assert (await stranger.get(f"{root}/slots")).status_code == 401
            assert (await stranger.get(f"{root}/")).status_code in (401, 404)


@pytest.mark.usefixtures("stocked")
async def test_ctrl_c_and_a_closed_pool_end_the_child_only_when_the_parent_says_so() -> None:
    participant = _participant("local:smollm2", max_tokens=8)
    async with Pool() as pool:
        voice = open_voice(participant, 1, pool, Place())
        await voice.connect()
        pid = _engine_of(pool).pid
        assert os.getpgid(pid) != os.getpgid(0)
        os.kill(pid, signal.SIGINT)
        assert _words(await _spoken(voice, participant, ASKED))
        left = time.monotonic()
    assert time.monotonic() - left < 1
    assert not _is_running(pid)


@pytest.mark.usefixtures("stocked")
async def test_a_child_that_dies_midway_is_told_in_one_line() -> None:
    participant = _participant("local:smollm2", sentences=0, max_tokens=4000, stop=())
    async with Pool() as pool:
        voice = replace(open_voice(participant, 1, pool, Place()), patience=Patience(pause=0.01))
        seen: list[Delta] = []

        async def listen() -> None:
            async for delta in voice.speak(participant.brief, (ASKED,)):
                seen.append(delta)
                if isinstance(delta, Words):
                    _engine_of(pool).kill()

        with pytest.raises(VoiceError, match=r"^the process that ran local:smollm2 has ended \(killed by SIGKILL\)"):
            await listen()
        assert isinstance(seen[-1], Failed)
        assert "\n" not in seen[-1].error


@pytest.mark.usefixtures("stocked")
async def test_a_turn_that_no_longer_fits_is_told_as_that() -> None:
    participant = _participant("local:smollm2?context=256")
    async with Pool() as pool:
        voice = open_voice(participant, 1, pool, Place())
        with pytest.raises(VoiceError, match="fills its context"):
            await _spoken(voice, participant, replace(ASKED, text="a word or two " * 200))


@pytest.mark.usefixtures("stocked")
async def test_a_child_that_hangs_is_killed_when_the_pool_closes() -> None:
    async with Pool() as pool:
        await open_voice(_participant("local:smollm2"), 1, pool, Place()).connect()
        pid = _engine_of(pool).pid
        os.kill(pid, signal.SIGSTOP)
    assert not _is_running(pid)


@pytest.mark.usefixtures("stocked")
async def test_a_start_that_is_cancelled_leaves_no_child() -> None:
    before = _children()
    async with Pool() as pool:
        starting = asyncio.ensure_future(open_voice(_participant("local:gemma3"), 1, pool, Place()).connect())
        while not (begun := _children() - before):  # noqa: ASYNC110 - the system sets no events
            await asyncio.sleep(0.01)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert not any(map(_is_running, begun))


_PARENT = """
import asyncio, sys, time
from moot.transcript import Participant, freeze
from moot.voices import Place, Pool
from moot.voices.local import open_voice, settle
from moot.voices.spec import parse

async def run():
    async with Pool() as pool:
        spec = parse("local:smollm2")
        participant = Participant("Ada", spec.voice, "", freeze(settle(spec).settings))
        await open_voice(participant, 1, pool, Place()).connect()
        [engine] = pool._shared.values()
        print(engine.process.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(run())
"""

_HASTY_PARENT = """
import json, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "moot.voices.engine"], stdin=subprocess.PIPE)
child.stdin.write(json.dumps({{"path": {path!r}, "slots": 1, "context": 8192, "key": "k"}}).encode() + b"\\n")
child.stdin.flush()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("loading", [False, True])
def test_the_child_ends_when_its_parent_is_killed(stocked: Path, *, loading: bool) -> None:
    script = _HASTY_PARENT.format(path=str(CATALOG["gemma3"].path(stocked))) if loading else _PARENT
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _is_running(pid)
        parent.send_signal(signal.SIGKILL)
    assert _ends_within(pid, 5)


@pytest.mark.parametrize(("weights_of", "style", "stop"), [("smollm2", "chat", False), ("gemma3", "script", True)])
async def test_any_gguf_file_speaks_as_its_kind_does(
    stocked: Path, tmp_path: Path, weights_of: str, style: str, *, stop: bool
) -> None:
    path = tmp_path / "My model_v1.5.gguf"
    path.symlink_to(CATALOG[weights_of].path(stocked))
    participant = _participant(f"local:{path}", max_tokens=12)
    settings = dict(participant.settings)
    assert participant.name == "My model v1 5"
    assert settings["style"] == style
    assert settings["sentences"] == 0
    said = settings["stop"]
    assert isinstance(said, tuple)
    assert ("\n" in said) is stop
    check(participant, Pool())
    async with Pool() as pool:
        assert _words(await _spoken(open_voice(participant, 1, pool, Place()), participant, ASKED))


def test_a_base_model_reads_a_script_and_no_chat_template(stocked: Path) -> None:
    for spec in ("local:gemma3", f"local:{CATALOG['gemma3'].path(stocked)}"):
        participant = _participant(spec, "Ada")
        request = open_voice(participant, 1, Pool(), Place()).request("A talk.", (ASKED,))
        assert request["path"] == "/completions"
        assert request["body"]["prompt"] == "A talk.\n\nBo: What makes a good friend?\nAda:"
        assert "messages" not in request["body"]
        with pytest.raises(VoiceError, match="is a base model"):
            settle(parse(f"{spec}?style=chat"))


async def test_a_damaged_model_is_refused_with_the_engines_reason(stocked: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    with CATALOG["smollm2"].path(stocked).open("rb") as whole:
        path.write_bytes(whole.read(9_000_000))
    participant = _participant(f"local:{path}")
    async with Pool() as pool:
        with pytest.raises(VoiceError, match=r"cannot be run: .*corrupted or incomplete$"):
            await _spoken(open_voice(participant, 1, pool, Place()), participant, ASKED)


async def test_missing_weights_are_told_with_the_command_that_brings_them() -> None:
    participant = _participant("local:smollm2")
    check(participant, Pool())
    async with Pool() as pool:
        with pytest.raises(VoiceError, match=r"run: moot models fetch smollm2$"):
            await _spoken(open_voice(participant, 1, pool, Place()), participant, ASKED)


async def test_nothing_is_fetched_that_is_here_or_is_a_file(stocked: Path) -> None:
    def progress(what: str, done: int, total: int) -> None:
        raise AssertionError((what, done, total))

    path = CATALOG["gemma3"].path(stocked)
    await prepare([_participant("local:smollm2"), _participant(f"local:{path}")], progress)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("local:smollm", "did you mean 'smollm2'"),
        ("local:smollm2?style=verse", "style is 'chat' or 'script'"),
        ("local:smollm2?context=8", "256 or more, not 8"),
        ("local:smollm2?warmth=1", "no setting 'warmth'"),
        ("local:./nowhere.gguf", "cannot read the model 'nowhere.gguf': No such file"),
        ("local:/", "cannot read the model '/': Is a directory"),
        (f"local:{__file__}", "is not a GGUF model: it does not begin like one"),
    ],
)
def test_an_address_that_stands_for_nothing_is_told_in_one_line(spec: str, said: str) -> None:
    with pytest.raises(VoiceError) as caught:
        settle(parse(spec))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_went_away_is_noticed_before_a_conversation_starts() -> None:
    with pytest.raises(VoiceError, match=r"there is no model at '/nowhere/a\.gguf'"):
        check(Participant("Ada", "local:/nowhere/a.gguf"), Pool())


def test_a_missing_package_is_named_with_what_to_install() -> None:
    script = (
        "from moot.voices.local import check; from moot.transcript import Participant; from moot.voices import Pool\n"
        "try: check(Participant('Ada', 'local:smollm2'), Pool())\n"
        "except Exception as error: print(error)"
    )
    # -S: as if nothing were installed.
    environment = {"PYTHONPATH": str(SRC)}
    ran = subprocess.run([sys.executable, "-S", "-c", script], env=environment, capture_output=True, check=True)
    assert ran.stdout.decode().strip() == 'embedded models need the package xllamacpp: pip install "moot[local]"'
    order = json.dumps({"path": "a.gguf", "slots": 1, "context": 256, "key": "k"}).encode()
    command = [sys.executable, "-S", "-m", "moot.voices.engine"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(order + b"\n")
        child.stdin.flush()
        assert "xllamacpp" in json.loads(child.stdout.readline())["error"]
        assert child.wait() == 1


def test_an_engine_that_is_told_nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    with open(os.devnull) as nothing:  # noqa: PTH123 - a device
        monkeypatch.setattr(sys, "stdin", nothing)
        assert main() == 0
    signal.signal(signal.SIGINT, before)


def _gguf(*, template: bool = True, context: int = 4096) -> bytes:
    def string(text: str) -> bytes:
        return struct.pack("<Q", len(text)) + text.encode()

    pairs = [
        string("general.architecture") + struct.pack("<I", 8) + string("llama"),
        string("llama.context_length") + struct.pack("<II", 4, context),
        string("a.flag") + struct.pack("<I?", 7, True),
        string("a.float") + struct.pack("<If", 6, 0.5),
        string("a.numbers") + struct.pack("<IIQ3i", 9, 5, 3, 1, 2, 3),
        string("a.tokens") + struct.pack("<IIQ", 9, 8, 2) + string("one") + string("two"),
    ]
    if template:
        pairs.append(string("tokenizer.chat_template") + struct.pack("<I", 8) + string("{{ messages }}"))
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, len(pairs)) + b"".join(pairs)


def test_a_gguf_head_tells_the_kind_the_context_and_whether_it_chats(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"")
    with pytest.raises(VoiceError, match="is not a GGUF model: it is empty"):
        read_head(path)
    path.write_bytes(_gguf())
    assert read_head(path) == Head("llama", 4096, chats=True)
    assert settle(parse(f"local:{path}")).settings["context"] == 4096
    path.write_bytes(_gguf(template=False, context=1_000_000))
    assert read_head(path) == Head("llama", 1_000_000, chats=False)
    assert settle(parse(f"local:{path}")).settings["context"] == 8192


@given(st.data())
def test_a_broken_gguf_file_is_an_error_for_people_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "broken.gguf"
    whole = bytearray(_gguf())
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    said = ""
    try:
        read_head(path)
    except VoiceError as error:
        said = str(error)
    assert "\n" not in said
