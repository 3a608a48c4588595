"""Servers by name: where they are and which key they get is the user's configuration's word alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import moot.cli
from fakes import KEY, Fake, Reply
from fakes.speaking import HELLO, serve
from moot.transcript import Heading, Participant, freeze
from moot.voices import Pool, VoiceError
from moot.voices.endpoints import Endpoint, Quirks
from moot.voices.spec import check, open_voices, parse, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.anyio

WIRES = ("anthropic", "openai-chat", "openai-responses")


def lab(fake: Fake | None = None, **changed: Any) -> Mapping[str, Endpoint]:
    url = fake.openai_url if fake else "http://127.0.0.1:9/v1"
    fields: dict[str, Any] = {"base_url": url, "key_env": "LAB_KEY"} | changed
    return {"lab": Endpoint("lab", **fields)}


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


def test_ollama_is_spoken_to_where_it_is_compatible() -> None:
    ada = cast("ollama:llama3.2:3b", Pool().endpoints)
    assert "base_url" not in dict(ada.settings)
    check(ada, Pool())
    assert body(ada, Pool().endpoints)["model"] == "llama3.2:3b"


@pytest.mark.parametrize("address", ["openai:m?wire=chat", "openai:m?wire=responses", "anthropic:m"])
def test_a_key_never_follows_a_redirect(
    address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bo.txt").write_text("Hi.\n")
    with Fake() as elsewhere, serve(monkeypatch, Fake()) as fake:
        where = (("location", f"{elsewhere.openai_url}/chat/completions"),)
        fake.replies.extend([Reply(status=307, headers=where)] * 9)
        with pytest.raises(SystemExit) as ended:
            moot.cli.main(["talk", address, "script:bo.txt", "Hello."])
        assert elsewhere.requests == []
    assert ended.value.code == 3
    assert "307" in capfd.readouterr().err


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
