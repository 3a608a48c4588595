"""Conversations written for other programs: what they do not hold is said, and what they do reads back."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.commands import Answer, commands
from moot.formats import FORMATS, DataSet, Format, Packed, Record, Unreadable, Way, Written, read, write, write_all
from moot.formats.dataset import card, croissant
from moot.formats.inspect_write import archive
from moot.formats.lost import missing
from moot.formats.tables import COLUMNS, FORMULA
from moot.transcript import CHAIR, Ballot, Heading, Invalid, Participant, Text, Thought, Transcript, Turn
from moot.view import view
from strategies import transcripts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEOPLE = (Participant("Ada", "openai:gpt-5", "Be kind."), Participant("Bo", "person"))
BALLOT = Ballot("Is it?", ("yes", "no"), "yes", (0.75, 0.25), "asked")
TALK = Transcript(
    Heading(PEOPLE, title="Rivers", topic="rivers", seed=3),
    (
        Turn(CHAIR, (Text("Talk."),), heard_by=("Ada",)),
        Turn("Ada", (Thought("Hm."), Text("=1+1"))),
        Turn("Bo", (Text("No."),)),
        Turn("Bo", (Text("Really."),), stop="length"),
        Turn("Ada", (BALLOT,), heard_by=()),
    ),
)
RECORD = Record(TALK, "3f2a")


def lines(written: Written | Packed | DataSet) -> list[dict[str, object]]:
    assert isinstance(written, Written)
    return [json.loads(line) for line in written.text.splitlines()]


@settings(max_examples=500)
@given(st.lists(transcripts(), min_size=1, max_size=2))
def test_json_lines_lose_nothing(many: list[Transcript]) -> None:
    written = write_all([Record(one) for one in many], "jsonl")
    assert written.lost == ()
    assert isinstance(written, Written)
    assert [one.transcript for one in read(written.text.encode())] == many


@settings(max_examples=200)
@given(transcripts(), st.sampled_from(("openai", "sharegpt", "trace", "convokit", "inspect")))
def test_what_a_format_does_not_hold_is_said(transcript: Transcript, layout: Format) -> None:
    written = write_all([Record(transcript, "ab12")], layout)
    assert written.lost
    match written:
        case Written(text):
            back = read(text.encode()) if view(transcript, transcript.heading.names[-1]) else ()
        case Packed(files):
            spoken = any(turn.text or turn.heard_by != () for turn in transcript.turns)
            back = read(archive(Packed((*files, ("more", b""))))) if spoken and transcript.turns else ()
        case DataSet():
            raise AssertionError
    if back:
        assert set(missing(transcript, back[0].transcript)) <= set(written.lost)


def test_a_chat_log_is_what_its_listener_heard() -> None:
    [ada] = lines(write(RECORD, "openai", Way("Ada")))
    assert ada["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "name": "chair", "content": "Talk."},
        {"role": "assistant", "name": "Ada", "content": "=1+1", "reasoning_content": "Hm."},
        {"role": "user", "name": "Bo", "content": "No."},
        {"role": "user", "name": "Bo", "content": "Really."},
    ]
    bo = write(RECORD, "openai", Way("Bo"))
    assert "Talk." not in bo.text
    assert "Hm." not in bo.text
    assert "1 turn that Bo did not hear left out" in bo.lost
    assert "1 ballot left out: nobody hears them" in bo.lost
    with pytest.raises(Unreadable, match="nobody here is called 'Cy'"):
        write(RECORD, "sharegpt", Way("Cy"))


def test_neighbours_of_one_role_are_joined_on_demand() -> None:
    [told] = lines(write(RECORD, "sharegpt", Way("Ada", merge=True)))
    assert told["conversations"] == [
        {"from": "system", "value": "Be kind."},
        {"from": "human", "value": "Talk."},
        {"from": "gpt", "value": "=1+1"},
        {"from": "human", "value": "No.\n\nReally."},
    ]
    assert any("would read back as 3" in line for line in write(RECORD, "sharegpt", Way("Ada", merge=True)).lost)


def test_a_session_trace_names_models_and_keeps_thoughts() -> None:
    told = lines(write(RECORD, "trace", Way("Ada")))
    assert told[0] == {"type": "session", "harness": "moot", "id": "3f2a", "name": "Rivers"}
    assert told[3]["message"] == {
        "role": "assistant",
        "content": "=1+1",
        "reasoningContent": "Hm.",
        "model": "openai:gpt-5",
    }


def test_tables_have_every_turn_and_every_ballot() -> None:
    turns = write_all([RECORD, Record(TALK, "4")], "csv")
    assert isinstance(turns, Written)
    rows = list(csv.DictReader(io.StringIO(turns.text)))
    assert [row["turn"] for row in rows] == [*"12345"] * 2
    assert rows[1]["text"] == "'=1+1"
    assert any("apostrophe" in line for line in turns.lost)
    ballots = write_all([RECORD], "ballots")
    assert isinstance(ballots, Written)
    [row] = csv.DictReader(io.StringIO(ballots.text))
    assert (row["turn"], row["answer"], row["probabilities"]) == ("5", "yes", "[0.75, 0.25]")


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_no_cell_of_a_table_is_a_formula(texts: list[str]) -> None:
    said = tuple(Turn("Bo", (Text(text),)) for text in texts)
    written = write_all([Record(replace(TALK, turns=said), "=id")], "csv")
    assert isinstance(written, Written)
    for row in csv.reader(io.StringIO(written.text, newline="")):
        assert not any(cell.startswith(FORMULA) for cell in row)


def test_a_data_set_tells_what_it_holds() -> None:
    found = write_all([RECORD], "hf")
    assert isinstance(found, DataSet)
    for kind, rows in found.tables.items():
        extra = {"perspective", "messages"} if kind == "conversations" else set[str]()
        assert all(set(row) == {*COLUMNS[kind], *extra} for row in rows)
    told = card("rivers", found, "moot")
    assert "1 conversations, 5 turns, 1 ballots" in told
    about = json.loads(croissant("rivers", found, {found.path("turns"): b"x"}))
    assert [one["@id"] for one in about["distribution"]] == ["turns"]
    assert about["recordSet"][0]["field"][1]["dataType"] == "sc:Integer"


def test_an_inspect_log_shows_what_each_speaker_saw() -> None:
    packed = write_all([RECORD], "inspect")
    assert isinstance(packed, Packed)
    files = dict(packed.files)
    sample = json.loads(files["samples/3f2a_epoch_1.json"])
    [event] = sample["events"]
    assert (event["role"], event["input"]) == (
        "Ada",
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Talk."}],
    )
    assert sample["scores"]["ballot 1"]["value"] == "yes"
    assert archive(packed) == archive(packed)


def test_a_format_of_one_conversation_takes_no_more() -> None:
    for layout in ("text", "md", "json"):
        with pytest.raises(Invalid, match="holds one conversation"):
            write_all([RECORD, RECORD], layout)
    with pytest.raises(Invalid, match="many conversations at once"):
        write(RECORD, "hf")
    assert get_args(Format) == FORMATS


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    return commands(capfd)


def test_every_format_is_written_and_read_by_the_command(moot_: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hi.\nHo.\n")
    script = f"script:{tmp_path}/a.txt"
    assert moot_("talk", script, script, "Is it?", "--turns", "3").code == 0
    assert moot_("talk", script, script, "And now?", "--turns", "2").code == 0
    both = [one["id"] for one in moot_("list", "--json").json]
    for layout in FORMATS:
        out = tmp_path / f"out-{layout}"
        chosen = both[:1] if layout in ("text", "md", "json") else both
        told = moot_("export", *chosen, "--format", layout, "-o", str(out))
        assert told.code == 0, told.err
        if layout not in ("csv", "ballots"):
            found = moot_("import", str(out), "--json")
            assert found.code == 0, found.err
            assert len(found.json) == len(chosen)
    assert moot_("export", "--all", "--format", "hf", "-o", str(tmp_path / "out-hf")).code == 2
    assert moot_("export", "--all", "--format", "inspect").code == 2
    assert moot_("export", "--series", "none").code == 2
    assert moot_("export", "last", "--format", "openai", "--perspective", "Zed").code == 2
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".out")] == []
