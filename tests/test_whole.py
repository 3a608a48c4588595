"""The whole way of a conversation: command line, loop, voices, wires, record and back, against truthful servers."""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import moot.cli
from fakes import KEY, Fake, Reply
from fakes.speaking import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., str]

SAMPLES = Path(__file__).parent / "samples"
SEEDS = Path(__file__).parents[2] / "shared" / "seeds"
PAIR = ("anthropic:claude-sonnet-4-5", "openai:gpt-5?wire=responses")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*words: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            moot.cli.main(words)
        printed = capfd.readouterr()
        assert ended.value.code == code, printed.err
        assert KEY not in printed.out + printed.err
        return printed.out if code == 0 else printed.err

    return run


def document(run: Run, identity: str = "last") -> dict[str, Any]:
    return json.loads(run("export", identity, "--format", "json"))


def messages_of(body: dict[str, Any]) -> list[Any]:
    return body.get("messages") or body["input"]


def without_cache_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_cache_marks(one) for name, one in value.items() if name != "cache_control"}
    return [without_cache_marks(one) for one in value] if isinstance(value, list) else value


def test_law_6_what_the_servers_got_is_what_the_record_says_was_sent(fake: Fake, run: Run) -> None:
    run("talk", *PAIR, "Introduce yourself.", "--turns", "6", "--brief", "Ada's own.", "--brief", "Bo's own.")
    turns = document(run)["turns"]
    assert [turn["speaker"] for turn in turns] == ["chair", "Claude", "GPT-5", "Claude", "GPT-5", "Claude", "GPT-5"]
    assert len(fake.requests) == 6
    for number, (turn, request) in enumerate(zip(turns[1:], fake.requests, strict=True), 2):
        seen = json.loads(run("view", "last", "--as", turn["speaker"], "--turn", str(number), "--json"))
        assert seen["sent"] is True
        assert seen["request"]["body"] == request.body
        assert request.path.split("?")[0].endswith(seen["request"]["path"])


@pytest.mark.parametrize("pair", [PAIR, ("openai:a?wire=chat", "openai:b?style=script"), (PAIR[0], PAIR[0])])
def test_law_1_each_request_of_a_participant_extends_its_last_one(fake: Fake, run: Run, pair: tuple[str, ...]) -> None:
    run("talk", *pair, "Introduce yourself.", "--turns", "8", "--brief", "Be one.", "--brief", "Be two.")
    run("say", "last", "Be brief.")
    run("fork", "last", "--turns", "12")
    run("resume", "last")
    assert len(fake.requests) == 12
    for own in (fake.bodies[0::2], fake.bodies[1::2]):
        for before, after in itertools.pairwise(own):
            if "prompt" in before:
                assert after["prompt"].startswith(before["prompt"])
                continue
            earlier, later = (without_cache_marks(messages_of(body)) for body in (before, after))
            assert later[: len(earlier)] == earlier


def test_each_is_told_its_own_brief_and_nobody_elses(fake: Fake, run: Run) -> None:
    run("talk", PAIR[0], PAIR[0], "Talk.", "--turns", "4", "--name", "Ada", "--name", "Bo")
    run("talk", *PAIR, "Talk.", "--turns", "4", "--brief", "You are the first.", "--brief", "You are the second.")
    for number, request in enumerate(fake.requests[4:]):
        mine, others = ("first", "second") if number % 2 == 0 else ("second", "first")
        assert f"You are the {mine}." in request.text
        assert f"You are the {others}." not in request.text


def test_one_model_on_both_sides_is_two_participants(fake: Fake, run: Run) -> None:
    run("talk", PAIR[0], PAIR[0], "Talk.", "--turns", "4")
    assert [turn["speaker"] for turn in document(run)["turns"][1:3]] == ["Claude", "Claude 2"]
    roles = [[message["role"] for message in body["messages"]] for body in fake.bodies]
    assert roles == [["user"], ["user"], ["user", "assistant", "user"], ["user", "assistant", "user"]]


def test_law_7_a_private_word_reaches_one_wire_only(fake: Fake, run: Run) -> None:
    run("talk", *PAIR, "Talk.", "--turns", "2")
    run("say", "last", "CANARY-WORD", "--to", "Claude")
    run("fork", "last", "--turns", "6")
    run("resume", "last")
    later = fake.requests[2:]
    assert [("CANARY-WORD" in request.text) for request in later] == [True, False, True, False]


def test_thoughts_are_on_record_and_in_nobody_elses_request(fake: Fake, run: Run) -> None:
    fake.replies.extend([Reply(("Aloud.",), thoughts=("a SECRET thought",)), Reply(), Reply(("Again.",))])
    run("talk", f"{PAIR[0]}?thinking=1024", PAIR[1], "Talk.", "--turns", "3")
    assert document(run)["turns"][1]["parts"][0]["text"] == "a SECRET thought"
    assert "SECRET" not in fake.requests[1].text
    assert "SECRET" in fake.requests[2].text
    assert "SECRET" not in run("show", "last")
    assert "SECRET" in run("show", "last", "--thoughts")


def test_a_broken_stream_is_tried_again_whole_and_on_record(fake: Fake, run: Run) -> None:
    fake.replies.extend([Reply(("I think ", "the answer "), fault="reset", at=5), Reply(("I think it is 42.",))])
    run("talk", *PAIR, "Talk.", "--turns", "1")
    record = document(run)
    assert record["turns"][1]["parts"] == [{"kind": "text", "text": "I think it is 42."}]
    assert [call["outcome"] for call in record["calls"]] == ["failed", "done"]
    assert record["calls"][0]["partial"].startswith("I think")


def test_refusals_and_cut_replies_are_turns_that_say_so(fake: Fake, run: Run) -> None:
    fake.replies.extend([Reply(("I would rather not.",), stop="refusal"), Reply(("And so",), stop="length"), Reply(())])
    out = run("talk", *PAIR, "Talk.", "--turns", "3")
    assert [turn["stop"] for turn in document(run)["turns"]] == ["end", "refusal", "length", "end"]
    assert "(declined)" in out
    assert "(cut off by the length limit)" in out
    assert "(says nothing)" in out


def test_a_voice_that_gives_up_leaves_all_it_has_and_says_how_to_go_on(fake: Fake, run: Run) -> None:
    fake.replies.extend([Reply(("One.",)), Reply(status=400, code="invalid_request_error", message="bad thing")])
    complaint = run("talk", *PAIR, "Talk.", "--turns", "4", code=3)
    assert "keeps its 2 turns" in complaint
    assert "resume" in complaint
    run("resume", "last")
    assert len(document(run)["turns"]) == 5


def test_a_wrong_key_is_named_by_its_variable(fake: Fake, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-wrong-CANARY-key")
    complaint = run("talk", *PAIR, "Talk.", code=3)
    assert "ANTHROPIC_API_KEY" in complaint
    assert "CANARY" not in complaint


def test_no_key_is_in_anything_that_stays(fake: Fake, run: Run, tmp_path: Path) -> None:
    fake.replies.extend([Reply(), Reply(status=500, message=f"you sent {KEY}"), Reply(("gone",), fault="reset", at=3)])
    run("talk", *PAIR, "Talk.", "--turns", "4")
    for layout in ("text", "md", "json"):
        run("export", "last", "--format", layout, "-o", f"talk.{layout}")
    left = [
        path for folder in (tmp_path, Path(os.environ["MOOT_HOME"])) for path in folder.rglob("*") if path.is_file()
    ]
    assert len(left) >= 4
    for path in left:
        assert KEY.encode() not in path.read_bytes(), path


def test_a_mutual_goodbye_ends_what_would_go_on(fake: Fake, run: Run) -> None:
    fake.replies.extend([Reply(("Hello.",)), *[Reply(("Goodbye, and take care!",))] * 2])
    run("talk", *PAIR, "Talk.", "--turns", "40")
    assert len(fake.requests) == 3
    assert len(document(run)["turns"]) == 4


def test_a_full_context_closes_with_that_reason(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, Fake(context=150)) as fake:
        fake.otherwise = lambda _: Reply((f"word {len(fake.requests)} " * 6,))
        run("talk", *PAIR, "Talk.", "--turns", "40")
        (row,) = json.loads(run("list", "--json"))
        assert re.search("context|read", row["closed"])
        asked = len(fake.requests)
        assert 5 < row["turns"] < 40
        run("resume", "last")
        assert asked == len(fake.requests)


def test_an_imported_talk_goes_on_with_other_voices_each_with_its_own_past(fake: Fake, run: Run) -> None:
    check_continued(run, fake, SAMPLES / "talk.txt")


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the seed files are not part of the project")
def test_the_first_seed_goes_on_with_other_voices_each_with_its_own_past(fake: Fake, run: Run) -> None:
    (seed,) = SEEDS.glob("000_*.txt")
    check_continued(run, fake, seed)
    run("import", str(seed), str(seed))
    assert run("export", "last", "--format", "text") != ""


def check_continued(run: Run, fake: Fake, path: Path) -> None:
    (report,) = json.loads(run("import", str(path), "--json"))
    whole = document(run, report["id"])
    first, second = (one["name"] for one in whole["heading"]["participants"])
    for count in range(1, report["turns"] + 1):
        fake.requests.clear()
        run("fork", report["id"], "--at", str(count), "--voice", f"{first}={PAIR[0]}", "--voice", f"{second}={PAIR[1]}")
        run("resume", "last", "--more", "2")
        went_on = document(run)
        assert went_on["turns"][:count] == whole["turns"][:count]
        assert len(went_on["turns"]) == count + 2
        for turn, request in zip(went_on["turns"][count:], fake.requests, strict=True):
            check_past(turn["speaker"], request.body, whole["turns"][:count])


def check_past(speaker: str, body: dict[str, Any], turns: list[dict[str, Any]]) -> None:
    """See that a request has the speaker's past turns as the assistant's and nobody else's as such."""
    said = dict.fromkeys(("assistant", "user"), "")
    for message in messages_of(body):
        said[message["role"]] += json.dumps(message, ensure_ascii=False)
    for turn in turns:
        words = json.dumps("".join(part["text"] for part in turn["parts"]), ensure_ascii=False)[1:-1]
        if not words:
            continue
        if turn["speaker"] == speaker:
            assert words in said["assistant"]
            assert words not in said["user"]
        elif turn["heard_by"] is None or speaker in turn["heard_by"]:
            assert words in said["user"]
            assert words not in said["assistant"]


def test_a_file_cannot_choose_where_words_and_keys_are_sent(
    fake: Fake, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("talk", *PAIR, "Talk.", "--turns", "2")
    text = run("export", "last", "--format", "json")
    assert fake.openai_url in text  # the environment's address is on record with the conversation
    Path("theirs.json").write_text(text)
    monkeypatch.setenv("MOOT_DB", "other.db")
    run("import", "theirs.json")
    run("fork", "last", "--turns", "4")
    asked = len(fake.requests)
    assert "came with an imported file" in run("resume", "last", code=3)
    assert len(fake.requests) == asked
    run("fork", "last", "--voice", f"Claude={PAIR[0]}", "--voice", f"GPT-5={PAIR[1]}")
    run("resume", "last")
    assert len(fake.requests) == asked + 2


@pytest.mark.parametrize("repaired", [False, True])
@pytest.mark.parametrize("address", [*PAIR, "openai:b?style=script"])
def test_law_6_holds_for_a_question_too(fake: Fake, run: Run, address: str, *, repaired: bool) -> None:
    fake.replies.extend([Reply(("Hello.",)), *[Reply(("It depends.",))] * repaired, Reply(("no",))])
    run("talk", address, PAIR[0], "Talk.", "--turns", "1", "--name", "Ada")
    assert run("ask", "last", "Is a river alive?", "--of", "Ada", "--option", "yes", "--option", "no") == "no\n"
    seen = json.loads(run("view", "last", "--as", "Ada", "--turn", "3", "--json"))
    assert seen["sent"] is True
    assert seen["request"]["body"] == fake.bodies[1]
    assert all(row["other"] == [] for row in json.loads(run("verify", "--json")))
    assert "river" not in json.dumps(json.loads(run("view", "last", "--as", "Claude", "--json"))["request"])
