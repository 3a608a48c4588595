from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from moot.formats import Format, Imported, Record, Unreadable, read, write
from moot.forms import Speak, open_form
from moot.transcript import CHAIR, Ballot, Heading, Participant, Text, Thought, Transcript, Turn, digest
from moot.view import view
from strategies import NASTY, plain_words, talks, transcripts, words

SAMPLES = Path(__file__).parent / "samples"
SEEDS = Path(__file__).parents[2] / "shared" / "seeds"
PAIR = Heading((Participant("Ada", "anthropic:claude-3-opus"), Participant("Bo", "local:smollm2")))

FULL: tuple[Format, ...] = ("text", "md", "json")
"""Formats that read back as what was said, whatever it was."""


def one(file: bytes | str) -> Imported:
    (imported,) = read(file.encode() if isinstance(file, str) else file)
    return imported


def sample(name: str) -> Imported:
    return one((SAMPLES / name).read_bytes())


def said(imported: Imported) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in imported.transcript.turns]


def who(imported: Imported) -> list[tuple[str, str]]:
    return [(person.name, person.voice) for person in imported.transcript.heading.participants]


def talk(*turns: tuple[str, str], heading: Heading = PAIR) -> Transcript:
    return Transcript(heading, tuple(Turn(speaker, (Text(text),)) for speaker, text in turns))


def told(transcript: Transcript, as_format: Format) -> str:
    return write(Record(transcript), as_format).text


# --- the seeds, where they are at hand


def seed(pattern: str) -> bytes:
    found = sorted(SEEDS.glob(pattern))
    if not found:
        pytest.skip("the seeds are not at hand")
    return found[0].read_bytes()


def test_the_first_seed_reads_as_a_talk_and_writes_back_byte_for_byte() -> None:
    file = seed("000_*")
    imported = one(file)
    assert who(imported) == [("Claude", "anthropic:claude-3-sonnet-20240229"), ("GPT", "openai:gpt-4")]
    assert [turn.speaker for turn in imported.transcript.turns] == [CHAIR, "Claude", "GPT", "Claude", "GPT", "Claude"]
    assert imported.transcript.turns[0].heard_by == ("Claude",)
    assert imported.transcript.heading.started == "2024-08-29T18:10"
    assert told(imported.transcript, "text").encode() == file


def test_the_second_seed_reads_as_ten_whole_turns() -> None:
    imported = one(seed("002_*"))
    heading = imported.transcript.heading
    assert (heading.series, heading.title) == ("Claude conversation series", "persuasiveness and open-weights")
    assert who(imported) == [("DH", "person"), ("CLAUDE", "unknown:CLAUDE")]
    assert [turn.speaker for turn in imported.transcript.turns] == ["DH", "CLAUDE"] * 5
    letters = [turn.text for turn in imported.transcript.turns[5::2]]
    assert all(letter.startswith("Dear ") and "\n\nSincerely,\n\n[" in letter for letter in letters)
    assert letters[-1].endswith("Advocate")
    assert "\n\n  1. Belief in the benefits" in imported.transcript.turns[1].text
    assert any("社区洞察" in sentence for sentence in imported.lost)


# --- JSON


@settings(max_examples=320)
@given(transcripts())
def test_json_reads_back_to_the_same_digest(transcript: Transcript) -> None:
    imported = one(told(transcript, "json"))
    assert digest(imported.transcript) == digest(transcript)
    assert imported.transcript == transcript
    assert imported.lost == ()


@settings(max_examples=50)
@given(st.lists(transcripts(most=2), min_size=1, max_size=3))
def test_json_reads_as_a_list_and_as_lines(many: list[Transcript]) -> None:
    documents = [json.loads(told(transcript, "json")) for transcript in many]
    as_list = read(json.dumps(documents).encode())
    as_lines = read("\r\n\n".join(map(json.dumps, documents)).encode())
    assert [found.transcript for found in as_list] == [found.transcript for found in as_lines] == many


def test_json_says_its_id_and_what_it_left_out() -> None:
    record = Record(talk(("Ada", "hi")), id="k3x9", forked_from="abcd", calls=({"seq": 0}, {"seq": 1}))
    document = json.loads(write(record, "json").text)
    assert (document["id"], document["forked_from"], len(document["calls"])) == ("k3x9", "abcd", 2)
    document["turns"][0]["mood"] = "glad"
    document["heading"]["seed"] = "0"
    imported = one(json.dumps(document))
    assert imported.id == "k3x9"
    lost = "\n".join(imported.lost)
    assert "2 rows of calls" in lost
    assert "forked from" in lost
    assert "'mood'" in lost
    assert "'seed'" in lost


def document(**changes: Any) -> dict[str, Any]:
    return json.loads(told(talk(("Ada", "hi"), ("Bo", "ho")), "json")) | changes


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        (document(turns=[{"speaker": "Ada", "parts": []}]), "changed after it was exported"),
        (document(digest=5), "changed after it was exported"),
        (document(moot=2), "newer moot"),
        (document(moot=True), "not true or false"),
        (document(moot=0), '"moot": 1'),
        (document(moot="1"), '"moot": 1'),
        (document(heading=[]), '"moot": 1'),
        (document(id=5), "is a string"),
        (document(heading={"participants": 5}), "the heading is not as moot writes it"),
        (document(heading={"participants": [{"name": "chair", "voice": ""}]}), "the heading is not"),
        (document(heading={"participants": [], "seed": 1e999}), "Infinity|the heading is not|JSON number"),
        (document(turns=[{"speaker": "Cy", "parts": []}]), "nobody here is called 'Cy'"),
        (document(turns=[5]), "turn 1 is not as moot writes it"),
        (document(turns=[{"speaker": "Ada", "parts": [], "heard_by": 5}]), "turn 1 is not as moot writes it"),
        (
            document(
                turns=[
                    {
                        "speaker": "Ada",
                        "parts": [
                            {"kind": "ballot", "question": "", "options": ["a"], "answer": "a", "probabilities": [True]}
                        ],
                    }
                ]
            ),
            "probabilities are numbers",
        ),
        ([], "no conversation"),
        ([[]], "not moot's|holds no|no turns"),
        ({"mapping": []}, "not moot's"),
        ([document(), {"x": 1}], "conversation 2: "),
    ],
)
def test_unsound_json_is_refused_in_one_line(broken: object, line: str) -> None:
    with pytest.raises(Unreadable, match=line) as refusal:
        read(json.dumps(broken).encode(), "talk.json")
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith("talk.json: ")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ('{"moot": 1,', "broken JSON in line 1"),
        ('{"moot": 1}\n{"moot": \n', "line 1: a conversation has"),
        ('{"messages": [{"role": "user", "content": "Hi."}]}\n{"moot": \n', "line 2: broken JSON"),
        ('{\n"moot": x}', "broken JSON in line 2, column 9"),
        ('{"moot": NaN}', "NaN is no JSON number"),
        ('{"moot": 1' + "0" * 5000 + "}", "cannot be read"),
        ('{"moot": ' + "[" * 100 + "]" * 100 + "}", "64 deep"),
        ('[{"a":' * 100_000, "64 deep|broken JSON"),
        ('{"a":' * 100_000, "64 deep|broken JSON"),
    ],
)
def test_broken_json_says_where(file: str, line: str) -> None:
    with pytest.raises(Unreadable, match=line):
        read(file.encode())


def test_json_as_deep_as_the_limit_still_reads() -> None:
    nested: list[Any] = []
    for _ in range(64 - 4):
        nested = [nested]
    heading = document()["heading"] | {"source": {"deep": nested}}
    assert one(json.dumps({"moot": 1, "heading": heading, "turns": []})).transcript.turns == ()
    heading["source"] = {"deep": [nested]}
    with pytest.raises(Unreadable, match="64 deep"):
        read(json.dumps({"moot": 1, "heading": heading, "turns": []}).encode())


# --- text


def test_a_talk_of_2024_reads_with_its_peculiarities_and_writes_back_byte_for_byte() -> None:
    imported = sample("talk.txt")
    assert who(imported) == [("Claude", "anthropic:claude-3-opus-20240229"), ("Mira", "openai:gpt-4-turbo")]
    assert [turn.speaker for turn in imported.transcript.turns] == [CHAIR, *["Claude", "Mira"] * 2, "Claude"]
    assert imported.transcript.turns[3].text == ""
    assert "\n\nMira:\ndoes not make it your turn." in imported.transcript.turns[1].text
    assert told(imported.transcript, "text").encode() == (SAMPLES / "talk.txt").read_bytes()


@pytest.mark.parametrize("change", [lambda file: file.replace(b"\n", b"\r\n"), lambda file: b"\xef\xbb\xbf" + file])
def test_line_ends_and_byte_order_marks_come_back(change: Any) -> None:
    file = change((SAMPLES / "talk.txt").read_bytes())
    imported = one(file)
    assert said(imported) == said(sample("talk.txt"))
    assert told(imported.transcript, "text").encode() == file


def test_mixed_line_ends_and_nul_are_said_to_be_lost() -> None:
    imported = one(b"Ada Model: gpt-4\r\nBo Model: person\r\n\r\nAda:\nh\0i\r\n\n")
    assert said(imported) == [("Ada", "h\ufffdi")]
    assert "NUL" in imported.lost[0]
    assert "CR LF" in imported.lost[1]
    assert any("every byte" in sentence for sentence in imported.lost)


def test_an_imported_talk_is_open_ended() -> None:
    transcript = sample("talk.txt").transcript
    assert dict(transcript.heading.arguments) == {"prompt": transcript.turns[0].text, "to": "first"}
    assert open_form(transcript.heading)(transcript) == Speak("Mira")
    assert view(transcript, "Mira")[0].text == transcript.turns[1].text


def test_voices_are_guessed_from_a_header() -> None:
    models = {
        "claude-2": "anthropic:claude-2",
        "gpt-4o": "openai:gpt-4o",
        "GPT-4": "openai:GPT-4",
        "chatgpt-4o-latest": "openai:chatgpt-4o-latest",
        "o3-mini": "openai:o3-mini",
        "gemini-1.5-pro": "unknown:gemini-1.5-pro",
        "gpt-oss-20b": "unknown:gpt-oss-20b",
        "llama3:8b": "unknown:llama3:8b",
        "olmo": "unknown:olmo",
        "local:smollm2": "local:smollm2",
        "person": "person",
        "": "unknown:",
    }
    header = "".join(f"P{at} Model: {model}\n" for at, model in enumerate(models))
    imported = one(f"{header}\nP0:\nhi\n\n")
    assert [voice for _, voice in who(imported)] == list(models.values())


@pytest.mark.parametrize("stamp", ["202402300000", "202413010000", "000001010000", "00000000"])
def test_a_time_that_never_was_is_kept_as_it_stood(stamp: str) -> None:
    file = f"Timestamp: {stamp}\nAda Model: gpt-4\n\nAda:\nhi\n\n"
    imported = one(file)
    assert imported.transcript.heading.started == ""
    assert told(imported.transcript, "text") == file


@settings(max_examples=200)
@given(talks())
def test_plain_talks_lose_nothing_as_text(transcript: Transcript) -> None:
    written = write(Record(transcript), "text")
    assert written.lost == ()
    assert one(written.text).transcript == transcript


@settings(max_examples=400)
@given(talks(words.map(lambda text: text.replace("\r\n", "\n"))))
def test_text_exports_again_to_the_same_bytes(transcript: Transcript) -> None:
    first = told(transcript, "text")
    imported = one(first)
    assert told(imported.transcript, "text") == first
    assert said(imported) == [(turn.speaker, turn.text) for turn in transcript.turns]


_LINES = st.lists(
    st.sampled_from(
        ("", "", "", "Ada:", "Bo:", " Ada:", "Prompt:", " hi", "hi ", "Ada: hi", "Cy:", "\u2028", "Bo Model: x", "a\rb")
    ),
    max_size=14,
).map("\n".join)


@settings(max_examples=500)
@given(_LINES, st.sampled_from(("", "\n", "\n\n")), st.sampled_from(("\n", "\r\n")))
@example("\nAda:\n\nBo:\nhi", "", "\n")
@example("\nPrompt:\n\n\nAda:", "\n\n", "\r\n")
def test_any_file_in_the_layout_comes_back_byte_for_byte_or_says_so(body: str, end: str, newline: str) -> None:
    file = f"Bo Model: gpt-4\nAda Model: claude-2\n{body}\n\nAda:\nlast{end}"
    if "\r" not in file:
        file = file.replace("\n", newline)
    imported = one(file)
    same = told(imported.transcript, "text") == file
    assert same != any("every byte" in sentence for sentence in imported.lost)


@settings(max_examples=200)
@given(transcripts())
def test_whatever_text_cannot_hold_it_says(transcript: Transcript) -> None:
    written = write(Record(transcript), "text")
    spoken = [turn.speaker for turn in transcript.turns if turn.speaker != CHAIR]
    if not spoken:
        assert "cannot be read back" in written.lost[-1]
        return
    try:
        again = read(written.text.encode())[0].transcript
    except Unreadable:
        assert written.lost
        return
    if not written.lost:
        plain = [(turn.speaker, turn.text, turn.heard_by, turn.stop, turn.marks) for turn in transcript.turns]
        assert [(turn.speaker, turn.text, turn.heard_by, turn.stop, turn.marks) for turn in again.turns] == plain
        assert again.heading == transcript.heading


@pytest.mark.parametrize("as_format", ["text", "md"])
def test_what_is_left_out_is_named(as_format: Format) -> None:
    people = (
        Participant("Ada", "openai:gpt-4", "Be kind.", (("temperature", 0.5),)),
        Participant("Bo", "person"),
    )
    transcript = Transcript(Heading(people, title="T", seed=7, form="letters", arguments=(("turns", 4),)))
    for turn in (
        Turn("Ada", (Thought("hm"), Text("hi"))),
        Turn("Bo", (Ballot("who?", ("a", "b"), "a"),), stop="length", marks=("spoke for Ada",)),
        Turn("Ada", (Text("psst"),), heard_by=()),
    ):
        transcript = transcript.then(turn)
    lost = "\n".join(write(Record(transcript), as_format).lost)
    expected = [
        "1 thought left",
        "1 ballot left",
        "brief",
        "settings",
        "seed 7",
        "form 'letters'",
        "(turns)",
        "stopped",
    ]
    assert [part for part in [*expected, "marks"] if part not in lost] == []
    assert ("who hears it" in lost, "title" in lost) == (as_format == "text", as_format == "text")


def test_words_that_look_like_a_label_are_indented_and_never_a_turn() -> None:
    transcript = talk(("Ada", "I quote:\n\nBo:\nhello\n\n  Ada:\n\n\nPrompt:"), ("Bo", "\n\nAda:"))
    written = write(Record(transcript), "text")
    assert "\n\n Bo:\nhello\n\n   Ada:\n\n\n Prompt:\n\n" in written.text
    assert "label" in written.lost[0]
    assert one(written.text).transcript.turns == transcript.turns


def test_a_fork_with_other_voices_does_not_repeat_the_old_header() -> None:
    transcript = sample("talk.txt").transcript
    people = tuple(Participant(person.name, "local:smollm2") for person in transcript.heading.participants)
    heading = Heading(people, arguments=transcript.heading.arguments, source=transcript.heading.source)
    written = write(Record(Transcript(heading, transcript.turns)), "text")
    assert written.text.startswith("Claude Model: local:smollm2\nMira Model: local:smollm2\n\nPrompt:\n")


def test_a_header_nobody_speaks_under_is_no_talk() -> None:
    with pytest.raises(Unreadable, match="no line is just 'Ada:' after"):
        read(b"Timestamp: 202401010000\nAda Model: gpt-4\n\nnobody says this\n")


# --- articles and chat logs


def test_letters_keep_every_line_that_only_looks_like_a_turn() -> None:
    imported = sample("letters.txt")
    heading = imported.transcript.heading
    assert (heading.series, heading.title) == ("Letters to a machine", "on gardens and locks")
    assert who(imported) == [("RK", "person"), ("CLAUDE", "unknown:CLAUDE")]
    assert [turn.speaker for turn in imported.transcript.turns] == [*["RK", "CLAUDE"] * 4, "RK"]
    reasons, letter, unclosed, rebuttal = (turn.text for turn in imported.transcript.turns[1::2])
    assert "\n\n  1. Belief in neighbours: A gate" in reasons
    assert [line for line in ("Note: ", "NOTE: ", "PS: ", "CLAUDE: a gate is") if f"\n\n{line}" not in reasons] == []
    assert letter.startswith("Dear Friends of the Open Gate,\n\nSubject: our gate\n\n")
    assert "\n\nRK: why do you care" in letter
    assert "\n\n  (a) an indented line\n      and one" in letter
    assert letter.endswith("\n\nYours faithfully,\n\n[Your Name] Keeper of the Garden\n\nP.S.: the gate squeaks.")
    assert unclosed.endswith("who is it for?")
    assert rebuttal.endswith("Best regards,\nRK: the keeper, and the one with the oil can")
    assert imported.transcript.turns[-1].text == "Thank you."
    assert any("Gates I have known" in sentence for sentence in imported.lost)
    assert [sentence for sentence in imported.lost if "line 34" in sentence and "a letter" in sentence]


def test_a_chat_log_of_three_has_a_turn_a_line() -> None:
    imported = sample("chat.log")
    assert [turn.speaker for turn in imported.transcript.turns] == ["ann", "ann", "bot", "cem", "ann", "bot", "cem"]
    assert who(imported) == [("ann", "person"), ("bot", "unknown:bot"), ("cem", "person")]
    assert imported.transcript.turns[3].text == "me too: always\nhttps://example.org/: nobody says that"


def test_a_panel_of_four_names_its_speakers_under_a_plain_title() -> None:
    imported = sample("three.txt")
    assert imported.transcript.heading.title == "A panel on bridges"
    names = ["Host", "Ann", "AI", "Ann", "AI", "Cem", "Ann", "Ann", "Cem"]
    assert [turn.speaker for turn in imported.transcript.turns] == names
    assert imported.transcript.turns[-1].text == "The small one."
    assert "Ann speaks twice running at line 23" in imported.lost


@pytest.mark.parametrize(
    ("file", "turns"),
    [
        ("DH: q\n\nCLAUDE: a", [("DH", "q"), ("CLAUDE", "a")]),
        ("Ann: hi\nBob: yo", [("Ann", "hi"), ("Bob", "yo")]),
        ("**Ann:** hi\n\n**Bob:** yo\n\n**Ann**: so", [("Ann", "hi"), ("Bob", "yo"), ("Ann", "so")]),
        ("Q: one?\nA: 1\n\nQ: two?\nA: 2\n", [("Q", "one?"), ("A", "1"), ("Q", "two?"), ("A", "2")]),
        ("张三\uff1a你好\n\n李四\uff1a你好\n\n张三\uff1a再见", [("张三", "你好"), ("李四", "你好"), ("张三", "再见")]),
        ("DH: one.\n\nDH: two.", [("DH", "one."), ("DH", "two.")]),
        ("Chair: welcome.\n\nAnn: hi.\n\nBob: yo.", [(CHAIR, "welcome."), ("Ann", "hi."), ("Bob", "yo.")]),
        (
            "On gates: a talk\n\nDH: q\n\nClaude: a\n\nDH: r\n\nClaude: b",
            [("DH", "q"), ("Claude", "a"), ("DH", "r"), ("Claude", "b")],
        ),
        (
            "DH: q\n\nCLAUDE: You asked:\n\nDH: why?\n\nand I say so.\n\nDH: r",
            [("DH", "q"), ("CLAUDE", "You asked:\n\nDH: why?\n\nand I say so."), ("DH", "r")],
        ),
        (
            "DH: q\n\nCLAUDE: Dear DH,\n\nAll is well.\n\nSincerely,\n\nDH: of the garden\n\nDH: r",
            [("DH", "q"), ("CLAUDE", "Dear DH,\n\nAll is well.\n\nSincerely,\n\nDH: of the garden"), ("DH", "r")],
        ),
        (
            "DH: q\n\nCLAUDE: Dear DH,\n\nAll is well.\n\nSincerely,\n\nDH: r\n\nCLAUDE: s",
            [("DH", "q"), ("CLAUDE", "Dear DH,\n\nAll is well.\n\nSincerely,"), ("DH", "r"), ("CLAUDE", "s")],
        ),
        (
            "DH: q\r\n\r\nCLAUDE:\r\n\r\n  1. One\r\n  2. Two\r\n\r\nDH: r\r\n",
            [("DH", "q"), ("CLAUDE", "  1. One\n  2. Two"), ("DH", "r")],
        ),
        (
            "ANN: a\n\nBEN: b\n\nCARA: c\n\nANN: d\n\nBEN: e\n\nWARNING: f\n\nSTEP 1: g\n\nBelief: h\n\nCARA: i",
            [
                ("ANN", "a"),
                ("BEN", "b"),
                ("CARA", "c"),
                ("ANN", "d"),
                ("BEN", "e\n\nWARNING: f\n\nSTEP 1: g\n\nBelief: h"),
                ("CARA", "i"),
            ],
        ),
    ],
)
def test_turns_are_found_where_a_reader_would_find_them(file: str, turns: list[tuple[str, str]]) -> None:
    assert said(one(file)) == turns


@pytest.mark.parametrize(
    ("head", "title", "series", "before"),
    [
        ("# On gates\n\n", "On gates", "", None),
        ("Gates: a series: part two\n\n", "a series: part two", "Gates", None),
        ("Skip to main content\n\nOn gates\n\nBy R. K.\n\n", "On gates", "", ("By R. K.",)),
        ("Author: R. K.\n\n", "R. K.", "Author", None),
        ("", "", "", None),
    ],
)
def test_a_title_is_what_stands_before_the_first_turn(
    head: str, title: str, series: str, before: tuple[str, ...] | None
) -> None:
    heading = one(f"{head}RK: q\n\nCLAUDE: a\n\nRK: r\n\nCLAUDE: b").transcript.heading
    assert (heading.title, heading.series, dict(heading.source).get("before")) == (title, series, before)


@pytest.mark.parametrize(
    "tail",
    [
        "To view or add a comment, sign in",
        "Like\nComment\nShare\n\n12 comments",
        "Like Comment Share\n\nMore from R. K.\n\nSign in to see more",
        "要查看或添加评论\uff0c请登录\n\n社区洞察",
        "Report this article\n\nCommunity insights\n\nQ: whatever?",
    ],
)
def test_a_sites_own_lines_are_not_the_last_speakers_words(tail: str) -> None:
    imported = one(f"RK: q\n\nCLAUDE: I like\n\nto share\n\n{tail}\n")
    assert imported.transcript.turns[-1].text == "I like\n\nto share"
    assert [sentence for sentence in imported.lost if "after the last turn" in sentence]


def test_a_single_word_that_sites_use_too_stays_with_its_speaker() -> None:
    assert one("RK: q\n\nCLAUDE: One thing:\n\nShare").transcript.turns[-1].text == "One thing:\n\nShare"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \r\n", "empty"),
        (b"caf\xe9: hi", "not UTF-8"),
        ("hi".encode("utf-16"), "UTF-16"),
        (b"\xed\xa0\x80", "not UTF-8"),
        (b"just words", "no turns found in this text; moot reads"),
        (b"DH: one turn only", "one turn, of DH"),
        (b"Chair: one.\n\nChair: two.", "at least one participant"),
        (b'"a JSON string"', "no turns"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no character card"),
        (b"\x89JPG", "not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(file: bytes, line: str) -> None:
    with pytest.raises(Unreadable, match=line) as refusal:
        read(file, "some.file")
    assert str(refusal.value).isprintable()


def test_limits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreadable, match="67,108,864"):
        read(b"a" * (64 * 2**20 + 1))
    monkeypatch.setattr("moot.formats.MOST_TURNS", 3)
    monkeypatch.setattr("moot.formats.record.MOST_TURNS", 3)
    many = talk(*[("Ada", "hi"), ("Bo", "ho")] * 2)
    for as_format in FULL:
        with pytest.raises(Unreadable, match="4 turns are more"):
            read(told(many, as_format).encode())


# --- Markdown


def test_a_hearer_whose_name_ends_in_a_backslash_is_one_of_several() -> None:
    people = tuple(Participant(name, "person") for name in ("Ada", "\\", "C, D"))
    heard = Transcript(Heading(people), (Turn("Ada", (Text("Hi."),), ("\\", "C, D", "Ada")),))
    assert one(write(Record(heard), "md").text).transcript.turns == heard.turns


@settings(max_examples=200)
@given(talks(plain_words))
def test_plain_talks_lose_nothing_as_markdown(transcript: Transcript) -> None:
    written = write(Record(transcript), "md")
    assert written.lost == ()
    assert one(written.text).transcript == transcript


def outline(markdown: str, preset: str) -> tuple[list[str], set[str]]:
    parser = MarkdownIt(preset, {"html": True})
    if preset == "commonmark":
        parser.enable(["table", "strikethrough"])
    tokens = parser.parse(markdown)
    heads = [
        tokens[at + 1].content
        for at, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag in ("h1", "h2")
    ]
    inner = [child.type for token in tokens for child in token.children or ()]
    return heads, {*(token.type for token in tokens), *inner} & {"html_block", "html_inline"}


@settings(max_examples=300)
@given(transcripts(), st.sampled_from(("commonmark", "js-default")))
@example(talk(("Ada", "- a\n  ```\n<script>"), ("Bo", "> ```\n<b>\n```\n<i>")), "commonmark")
@example(talk(("Ada", "[a](/x`y) <b>` ` `"), ("Bo", "`\n`<b>`")), "commonmark")
@example(talk(("Ada", "a\n-"), ("Bo", "> a\n> ===\n- # x\n1. ## y")), "commonmark")
def test_no_words_open_a_tag_or_break_the_outline_of_markdown(transcript: Transcript, preset: str) -> None:
    heads, html = outline(told(transcript, "md"), preset)
    assert html == set()
    assert len(heads) == 1 + len(transcript.turns)


_MARKS = (
    "`",
    "``",
    "```",
    "```js",
    "~~~",
    "<b>",
    "<script>",
    "</b>",
    "<b",
    "<!--",
    "-->",
    "<?",
    "\\",
    "|",
    "[a]",
    "](x)",
    "[a]:/x",
    "===",
    "---",
    "$$",
    "a",
    "*",
    "&lt;",
    "# ",
    "## ",
    "- ",
    "> ",
    "1. ",
    "2. ",
    "- [ ] ",
    "\n",
    "\n\n",
    "  ",
    "    ",
    "\t",
    "\r",
    "\n<i>",
    " ` ",
    "\n```\n",
    "\n  ```\n",
    "\n    ```\n",
    "- ```\n",
    "> ```\n",
    "\n\t~~~\n",
    "\n| a | b |\n|---|---|\n",
)
_HOSTILE = st.lists(st.sampled_from(_MARKS), max_size=20).map("".join)


@settings(max_examples=700)
@given(_HOSTILE, _HOSTILE, st.sampled_from(("commonmark", "js-default")))
@example("  ```", "```\n<b>\n```", "commonmark")
@example("", "~~~\n  ```\n\t~~~", "commonmark")
@example("", "~~~\n\t~~~\n<b>", "commonmark")
@example("", "```| a | b |\n|---|---|\n````", "js-default")
@example("2. ```\n   ```\n<b>", "text\n2. ```\n   ```\n<b>", "commonmark")
def test_no_mixture_of_marks_opens_a_tag_or_a_heading(first: str, second: str, preset: str) -> None:
    transcript = talk((CHAIR, second), ("Ada", first), ("Bo", second))
    markdown = told(transcript, "md")
    heads, html = outline(markdown, preset)
    assert html == set()
    assert heads == ["Ada and Bo", "chair", "Ada", "Bo"]
    assert [turn.speaker for turn in one(markdown).transcript.turns] == [CHAIR, "Ada", "Bo"]


@settings(max_examples=200)
@given(transcripts())
def test_whatever_markdown_cannot_hold_it_says(transcript: Transcript) -> None:
    written = write(Record(transcript), "md")
    again = one(written.text).transcript
    assert [turn.speaker for turn in again.turns] == [turn.speaker for turn in transcript.turns]
    if not written.lost:
        assert again.heading == transcript.heading
        assert [turn.text for turn in again.turns] == [turn.text for turn in transcript.turns]


def test_markdown_shows_who_heard_a_turn_and_keeps_code_as_it_is() -> None:
    code = "Look:\n\n```html\n# a comment\n<b>bold</b>\n```\n\nor `<i>` # one"
    transcript = Transcript(PAIR).then(Turn(CHAIR, (Text("# Begin\nnow"),), ("Ada",)))
    transcript = transcript.then(Turn("Ada", (Text(code),))).then(Turn("Bo", (Text("## So\n<hr>"),), ()))
    written = write(Record(transcript), "md")
    assert "\n## chair *(to Ada only)*\n\n> ### Begin\n> now\n" in written.text
    assert code in written.text
    assert "\n## Bo *(to no one only)*\n\n#### So\n\\<hr>\n" in written.text
    assert one(written.text).transcript.turns == transcript.turns


def test_a_stranger_to_the_table_is_refused() -> None:
    markdown = told(talk(("Ada", "hi"), ("Bo", "ho")), "md").replace("## Bo", "## Cy")
    with pytest.raises(Unreadable, match="Cy speaks here"):
        read(markdown.encode())


# --- whatever the file

_PIECES = st.sampled_from(
    (
        *NASTY,
        "Timestamp: 202401010000\n",
        "Ada Model: gpt-4\n",
        "chair Model: x\n",
        "Ada:\n",
        "Ada: ",
        "\nADA: ",
        "\nBO: ",
        "\n\n",
        "# A and B\n\n| name | voice |\n| --- | --- |\n",
        "| Ada | x |\n",
        "## Ada\n",
        '{"moot": 1, "heading": {"participants": [{"name": "A", "voice": "x"}]}, "turns": [',
        '{"speaker": "A", "parts": [], "marks": 5}',
        "]}",
        "Dear Bo,",
        "Sincerely,",
    )
)


@settings(max_examples=1500)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(_PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass")),
    )
)
def test_any_bytes_are_read_or_refused(file: bytes) -> None:
    try:
        found = read(file)
    except Unreadable:
        return
    for imported in found:
        digest(imported.transcript)
        for as_format in FULL:
            write(Record(imported.transcript), as_format).text.encode()


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.data())
def test_a_document_with_anything_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    broken: Any = json.loads(told(data.draw(transcripts(most=3)), "json"))
    broken.pop("digest")
    place: Any = broken
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(_json)
        break
    try:
        (found,) = read(json.dumps(broken).encode())
    except Unreadable:
        return
    assert one(told(found.transcript, "json")).transcript == found.transcript


@pytest.mark.parametrize(
    "file",
    [
        "a: b\n\n" * 20_000,
        "".join(f"one two n{at}: b\n\n" for at in range(5_000)),
        "Dear A,\n\nSincerely,\n\n" * 20_000 + "A: b\n\nB: c",
        "A: b\n\nB: c\n" + "```\n" * 40_001,
        "A: b" + "\n" * 200_000 + "A: c",
        "Ada Model: x\n" * 20_000 + "\nAda:\nhi\n\n",
        "Ada Model: x\n\nAda:\n" + ("\n\n" + " " * 50 + "Ada:") * 10_000,
        "# A\n\n| name | voice |\n| --- | --- |\n| A | x |\n\n## A"
        + " *(to " * 50_000
        + "\n\n## A\n\n"
        + "\\" * 100_000
        + "<b>",
        '[{"a":' * 30 + "1" + "}]" * 30,
        '{"a": 1}\n' * 20_000,
        "`" * 100_000 + " A: b\n\nB: c\n\n" + "- " * 50_000 + "---",
    ],
    ids=range(11),
)
def test_hostile_files_are_over_with_soon(file: str) -> None:
    import time  # noqa: PLC0415 - only this test looks at a clock

    began = time.perf_counter()
    try:
        for imported in read(file.encode()):
            for as_format in FULL:
                write(Record(imported.transcript), as_format)
    except Unreadable:
        pass
    assert time.perf_counter() - began < 10
