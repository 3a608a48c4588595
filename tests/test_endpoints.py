"""Servers by name: where they are and which key they get is the user's configuration's word alone."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

import moot.cli
from fakes import KEY, Fake, Reply
from fakes.commands import Answer, commands
from fakes.speaking import HELLO, serve
from moot.config import load
from moot.transcript import Heading, Participant, Question, freeze
from moot.view import Message
from moot.voices import ContextFull, Done, Pool, Voice, VoiceError
from moot.voices.attempts import Patience
from moot.voices.endpoints import KNOWN, OF_OLLAMA, USUAL, Endpoint, Quirks, WireName
from moot.voices.spec import Absent, check, open_voices, parse, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.anyio

WIRES = ("anthropic", "openai-chat", "openai-responses")


def lab(fake: Fake | None = None, **changed: Any) -> Mapping[str, Endpoint]:
    url = fake.openai_url if fake else "http://127.0.0.1:9/v1"
    fields: dict[str, Any] = {"base_url": url, "key_env": "LAB_KEY"} | changed
    return {"lab": Endpoint("lab", **fields)}


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    return commands(capfd)


def _impatient(voice: Voice) -> Voice:
    patience = Patience(tries=1, connect=1, first=2)
    return replace(voice, patience=patience)  # pyright: ignore[reportArgumentType] - those of the wires are dataclasses


def keys(variable: str) -> str:
    return {"LAB_KEY": KEY}.get(variable, "")


def cast(address: str, endpoints: Mapping[str, Endpoint]) -> Participant:
    spec = parse(address)
    return Participant("Ada", spec.voice, "Be brief.", freeze(settle(spec, endpoints).settings))


def body(participant: Participant, endpoints: Mapping[str, Endpoint]) -> dict[str, Any]:
    pool = Pool(endpoints, keys)
    return open_voices(Heading((participant,)), pool)["Ada"].request("Be brief.", HELLO)["body"]


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses", "anthropic"])
async def test_an_endpoint_speaks_its_wire_and_gets_its_key(wire: str) -> None:
    with Fake(Reply(("Hello.",))) as fake:
        url = fake.anthropic_url if wire == "anthropic" else fake.openai_url
        endpoints = lab(fake, wire=wire, base_url=url)
        ada = cast("lab:any/model:3b", endpoints)
        async with Pool(endpoints, keys) as pool:
            voice = open_voices(Heading((ada,)), pool)["Ada"]
            [delta async for delta in voice.speak("Be brief.", HELLO)]
        (request,) = fake.requests
        assert request.key == KEY
        assert request.body["model"] == "any/model:3b"
        assert request.body == voice.request("Be brief.", HELLO)["body"]


def test_what_is_recorded_names_no_address_and_no_key() -> None:
    recorded = json.dumps(dict(cast("lab:m", lab()).settings))
    assert "127.0.0.1" not in recorded
    assert "LAB_KEY" not in recorded


def test_quirks_are_frozen_when_a_voice_is_cast_and_shape_its_requests() -> None:
    odd = Quirks(system=False, temperature=False, max_tokens="max_completion_tokens", stream_options=False)
    ada = cast("lab:m?temperature=0.5&max_tokens=9", lab(quirks=odd))
    for endpoints in (lab(quirks=odd), lab()):  # a change of the configuration does not change what was recorded
        sent = body(ada, endpoints)
        assert sent["messages"][0] == {"role": "user", "content": f"Be brief.\n\n{HELLO[0].text}"}
        assert sent["max_completion_tokens"] == 9
        assert not {"temperature", "max_tokens", "stream_options"} & set(sent)


def test_an_address_cannot_say_where_an_endpoint_is() -> None:
    for option in ("base_url=http://evil.example", "key_env=OPENAI_API_KEY", "wire=responses"):
        with pytest.raises(VoiceError, match=option.partition("=")[0]):
            settle(parse(f"lab:m?{option}"), lab())


def test_a_record_cannot_either() -> None:
    ada = Participant("Ada", "lab:m", settings=freeze({"base_url": "http://evil.example", "key_env": "OTHER"}))
    with pytest.raises(VoiceError, match="set LAB_KEY"):
        check(ada, Pool(lab()))


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(VoiceError, match="did you mean 'lab'"):
        settle(parse("lob:m"), lab())
    with pytest.raises(VoiceError, match=r"voices are .*ollama"):
        settle(parse("qqqqq:m"))


def test_every_quirk_of_a_table_is_acted_on_or_frozen() -> None:
    frozen = {
        "alternate": ("alternate", False),
        "system": ("system", False),
        "temperature": ("sampling", False),
        "max_tokens": ("limit_as", "max_completion_tokens"),
        "stream_options": ("stream_options", False),
        "ballots": ("ballots", "schema"),
        "logprobs": ("logprobs", True),
        "context": ("context", 4096),
        "truncates": ("truncates", True),
    }
    assert set(frozen) == {one.name for one in fields(Quirks)}
    acted_on = {
        "openai-chat": set(frozen),
        "ollama": set(frozen) - {"max_tokens", "stream_options"},
        "openai-responses": {"ballots", "logprobs"},
        "anthropic": {"ballots"},
    }
    assert set(acted_on) == set(get_args(WireName))
    for wire, quirks in acted_on.items():
        plain = dict(cast("lab:m", lab(wire=wire)).settings)
        for quirk, (name, value) in frozen.items():
            odd = dict(cast("lab:m", lab(wire=wire, quirks=replace(USUAL, **{quirk: value}))).settings)
            assert odd == plain | ({name: value} if quirk in quirks else {})


def test_what_an_address_asks_for_goes_before_a_quirk() -> None:
    odd = Quirks(system=False, ballots="schema", context=4096)
    settings = dict(cast("lab:m?system=true&ballots=parse&context=99", lab(quirks=odd)).settings)
    assert (settings["system"], settings["ballots"], settings["context"]) == (True, "parse", 99)


def test_turns_are_joined_unless_the_endpoint_wants_them_apart() -> None:
    messages = (Message("user", "Bo", "One."), Message("user", "Cy", "Two."))
    for alternate, contents in ((True, ["One.\n\nTwo."]), (False, ["One.", "Two."])):
        endpoints = lab(quirks=Quirks(alternate=alternate))
        voice = open_voices(Heading((cast("lab:m", endpoints),)), Pool(endpoints, keys))["Ada"]
        assert [one["content"] for one in voice.request("", messages)["body"]["messages"]] == contents


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ({"prompt_tokens": 2050, "completion_tokens": 2}, "it read 2050 tokens and was sent 3000 or more"),
        ({"prompt_tokens": 4096, "completion_tokens": 2}, "it read 4096 tokens, which is all that"),
        ({"prompt_tokens": 3500, "completion_tokens": 2}, ""),
        (None, ""),
    ],
)
async def test_a_compatible_server_that_drops_the_beginning_is_caught_by_its_counts(
    usage: dict[str, int] | None, found: str
) -> None:
    chunks = [{"choices": [{"delta": {"content": "Yes."}, "finish_reason": "stop"}]}]
    chunks += [{"choices": [], "usage": usage}] if usage else []
    lines = (*map(json.dumps, chunks), "[DONE]")
    view = (Message("user", "Bo", " ".join(["word"] * 3000)),)
    for truncates in (True, False):
        with Fake(Reply(raw=lines)) as fake:
            endpoints = lab(fake, quirks=Quirks(context=4096, truncates=truncates))
            async with Pool(endpoints, keys) as pool:
                deltas = open_voices(Heading((cast("lab:m", endpoints),)), pool)["Ada"].speak("", view)
                if truncates and found:
                    with pytest.raises(ContextFull, match=found):
                        [delta async for delta in deltas]
                else:
                    assert isinstance([delta async for delta in deltas][-1], Done)


async def test_a_complete_reply_whose_counts_never_come_is_kept() -> None:
    chunk = json.dumps({"choices": [{"delta": {"content": "Yes."}, "finish_reason": "stop"}]})
    for fault in ("stall", "reset"):
        with Fake(Reply(raw=(chunk, "[DONE]"), fault=fault, at=1)) as fake:
            endpoints = lab(fake, quirks=Quirks(context=4096, truncates=True))
            async with Pool(endpoints, keys) as pool:
                voice = open_voices(Heading((cast("lab:m", endpoints),)), pool)["Ada"]
                patient = replace(voice, patience=Patience(tail=0.2))  # pyright: ignore[reportArgumentType] - a dataclass
                deltas = [delta async for delta in patient.speak("", HELLO)]
        assert isinstance(deltas[-1], Done)
        assert len(fake.requests) == 1


def test_an_endpoint_of_ollamas_wire_has_its_quirks_unless_its_table_says_otherwise(tmp_path: Path) -> None:
    table = '[endpoints.box]\nbase_url = "http://127.0.0.1:9"\nwire = "ollama"\n'
    (tmp_path / "moot.toml").write_text(f"{table}[endpoints.box.quirks]\ncontext = 2048\n")
    endpoints = load(tmp_path, {"MOOT_HOME": str(tmp_path / "home")}).endpoints
    assert endpoints["box"].quirks == replace(OF_OLLAMA, context=2048)
    ada = cast("box:m", endpoints)
    request = open_voices(Heading((ada,)), Pool(endpoints))["Ada"].request("", HELLO)
    assert (request["path"], request["body"]["options"]) == ("/api/chat", {"num_ctx": 2048})


# What was asked of a server that is configured no more


@pytest.mark.parametrize("wire", get_args(WireName))
@pytest.mark.parametrize("address", ["lab:m?temperature=0.5&max_tokens=9", "lab:m"])
def test_past_requests_of_an_endpoint_are_made_from_the_record_alone(wire: str, address: str) -> None:
    odd = Quirks(system=False, max_tokens="max_completion_tokens", ballots="schema", context=4096)
    for endpoints in (lab(wire=wire), lab(wire=wire, quirks=odd)):
        ada = cast(address, endpoints)
        ask = Question("Do you agree?", ("yes", "no"))
        for asked in (None, ask):
            here = open_voices(Heading((ada,)), Pool(endpoints, keys))["Ada"].request("Be brief.", HELLO, asked)
            there = open_voices(Heading((ada,)), Pool(KNOWN))["Ada"].request("Be brief.", HELLO, asked)
            assert there == here


def test_a_script_of_an_endpoint_is_shown_without_it_as_well() -> None:
    ada = cast("lab:m?style=script", lab())
    there = open_voices(Heading((ada,)), Pool(KNOWN))["Ada"].request("Be brief.", HELLO)
    assert there["path"] == "/completions"


@pytest.mark.parametrize("wire", get_args(WireName))
@pytest.mark.parametrize("brought", [{}, {"base_url": ""}, {"base_url": "OWN", "key_env": "OPENAI_API_KEY"}])
async def test_an_endpoint_that_is_not_configured_is_never_looked_for_elsewhere(
    wire: str, brought: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(monkeypatch, Fake()) as fake:
        brought = {name: value.replace("OWN", fake.openai_url) for name, value in brought.items()}
        ada = cast("lab:m", lab(wire=wire))
        ada = replace(ada, settings=freeze(dict(ada.settings) | brought))
        async with Pool(KNOWN) as pool:
            with pytest.raises(VoiceError, match=r"unknown voice 'lab': there is no \[endpoints.lab\]"):
                check(ada, pool)
            voice = open_voices(Heading((ada,)), pool)["Ada"]
            with pytest.raises(VoiceError, match="unknown voice 'lab'"):
                await anext(voice.speak("Be brief.", HELLO))
            assert isinstance(voice, Absent)
            with pytest.raises(VoiceError, match=r"nowhere\.invalid|key"):  # even if somebody let the one within speak
                [delta async for delta in _impatient(voice.voice).speak("Be brief.", HELLO)]
        assert fake.requests == []


async def test_an_endpoint_without_a_recorded_wire_is_unknown() -> None:
    ada = Participant("Ada", "lab:m")
    for way in (check, lambda one, pool: open_voices(Heading((one,)), pool)):
        with pytest.raises(VoiceError, match="unknown voice 'lab'"):
            way(ada, Pool(KNOWN))
    assert open_voices(Heading((ada,)), Pool(lab()))["Ada"].request("", HELLO)["path"] == "/chat/completions"


def test_a_conversation_can_be_viewed_but_not_resumed_where_its_endpoint_is_gone(
    moot_: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bo.txt").write_text("Hi.\nHo.\n")
    own = Path(moot.cli.os.environ["MOOT_HOME"]) / "config.toml"
    with Fake(key=None) as fake:
        own.parent.mkdir(exist_ok=True)
        own.write_text(f'[endpoints.lab]\nbase_url = "{fake.anthropic_url}"\nwire = "ollama"\n')
        fake.replies.extend([Reply(("I see.",)), Reply(status=400, message="no more today")])
        assert moot_("talk", "lab:m", "script:bo.txt", "Hello.", "--turns", "4").code == 3
        shown = moot_("view", "last", "--as", "m", "--turn", "2", "--json")
        sent, _ = fake.bodies
    own.unlink()
    again = moot_("view", "last", "--as", "m", "--turn", "2", "--json")
    assert again.json == shown.json
    assert again.json["request"]["body"] == sent
    assert again.json["sent"] is True
    refused = moot_("resume", "last")
    assert refused.code == 3
    assert "unknown voice 'lab'" in refused.err


def test_a_kept_key_is_used_as_one_of_the_environment_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bo.txt").write_text("Hi.\n")
    run: Callable[..., object] = moot.cli.main
    with Fake() as fake:
        home = Path(moot.cli.os.environ["MOOT_HOME"])
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(f'[endpoints.lab]\nbase_url = "{fake.openai_url}"\nkey_env = "LAB_KEY"\n')
        (home / "keys.json").write_text(json.dumps({"LAB_KEY": KEY}))
        (home / "keys.json").chmod(0o600)
        with pytest.raises(SystemExit) as ended:
            run(["talk", "lab:m", "script:bo.txt", "Hello.", "--turns", "2"])
        printed = capfd.readouterr()
        assert ended.value.code == 0, printed.err
        assert [request.key for request in fake.requests] == [KEY]
        assert KEY not in printed.out + printed.err


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "GEMINI_API_KEY"])
def test_a_known_providers_key_goes_to_no_other_host(variable: str) -> None:
    endpoints = lab(key_env=variable, own=True)
    with pytest.raises(VoiceError, match="is not sent to"):
        check(cast("lab:m", endpoints), Pool(endpoints, keys))
    with pytest.raises(VoiceError, match="is not sent to"):
        check(cast(f"openai:m?base_url=http://127.0.0.1:9/v1&key_env={variable}", {}), Pool({}, keys))


def test_the_wire_of_a_recorded_conversation_stays_what_it_was() -> None:
    ada = cast("lab:m", lab(wire="anthropic"))
    requests = [open_voices(Heading((ada,)), Pool(lab(wire=wire), keys))["Ada"].request("", HELLO) for wire in WIRES]
    assert [request["path"] for request in requests] == ["/v1/messages"] * len(WIRES)


@pytest.mark.parametrize("command", ["debate", "trial"])
def test_a_server_named_in_an_address_gets_the_key_that_was_named_with_it(
    moot_: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAB_KEY", KEY)
    Path("bo.txt").write_text("? 6|6|3: 1 means strongly disagree\n? 2|2|5: 1 means strongly agree\nHi.\nHo.\n")
    with Fake() as fake:
        spec = f"openai:m?base_url={fake.openai_url}&key_env=LAB_KEY"
        words = {
            "trial": ("--claim", "Rivers.", "--target", "script:bo.txt", "--persuader", spec, "--turns", "1"),
            "debate": ("Rivers.", spec, "script:bo.txt", "--swap"),
        }
        told = moot_(command, *words[command])
        assert told.code == 0, told.err
        assert {request.key for request in fake.requests} == {KEY}
