"""People in a conversation: away and waited for, stepping in, asked, editing; and two commands as they use them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakes.commands import commands
from moot.cli.letters import at_length
from moot.store import open_store
from moot.transcript import Heading, Participant, Transcript, freeze
from moot.voices.spec import parse, settle
from test_person import CTRL_D, MOOT, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moot.transcript import Value

SAMPLES = Path(__file__).parent / "samples"
SEEDS = Path(__file__).parents[2] / "shared" / "seeds"
LETTERS = ("letters", "--claim", "Rivers are alive", "--critic", "script:critic.txt")


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command in this process, in a folder with a critic's letter and two questions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    Path("critic.txt").write_text("Dear Author, they are not. Critic\n")
    Path("answers.txt").write_text("I am Bo.\nHere.\n")
    Path("questions.txt").write_text("Who are you?\n\n\nAnd where?\n  Say it\nplainly.\n   \n")
    return commands(capfd)


@pytest.fixture
def at_terminal(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give this process a terminal to type at."""
    del moot_  # whose standard input this takes the place of
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield
    os.close(ours)


def editor(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the user's editor be a program that does this with `path`, the file that it opens."""
    Path("editor.py").write_text(f"import pathlib, subprocess, sys\npath = pathlib.Path(sys.argv[1])\n{code}\n")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {Path('editor.py').resolve()}")


def drafts() -> list[Path]:
    return sorted(Path(os.environ["MOOT_HOME"]).glob("moot.db-drafts/*/*"))


def said(moot_: Any, identity: str = "last") -> list[tuple[str, str]]:
    turns = moot_("show", identity, "--json").json["turns"]
    return [(turn["speaker"], turn["parts"][0].get("text", "")) for turn in turns if turn["speaker"] != "chair"]


def recorded(form: str, arguments: dict[str, Value], *voices: str) -> str:
    """Put a conversation on record that nobody has carried on yet, and return its id."""
    people = tuple(Participant(name, voice) for name, voice in zip(("Ada", "Bo"), voices, strict=False))

    async def start() -> str:
        async with open_store(Path(os.environ["MOOT_HOME"]) / "moot.db") as store:
            await store.start("abcd1234", Transcript(Heading(people, form=form, arguments=freeze(arguments))))
        return "abcd1234"

    return asyncio.run(start())


def test_who_is_away_is_waited_for_and_their_letter_carries_it_on_days_later(moot_: Any) -> None:
    waits = moot_(*LETTERS, "--author", "person:web")
    assert waits.code == 0
    assert "[waiting for Author]" in waits.err
    identity = moot_("list", "--json").json[0]["id"]
    assert f'say {identity[:8]} "WORDS" --as Author --go' in waits.out
    assert "[waiting for Author]" in moot_("resume", identity).err
    Path("letter.txt").write_text("Dear all,\n\nthey are.\n\nAuthor\n")
    again = moot_("say", identity, "--as", "Author", "--file", "letter.txt", "--go")
    assert "Dear Author, they are not. Critic" in again.out
    assert "[waiting for Author]" in again.err
    assert moot_("say", identity, "Dear Critic, they are. Author", "--as", "Author").code == 0
    assert moot_("resume", identity, "--json").json["why"] == "all 3 letters are written"
    assert said(moot_) == [
        ("Author", "Dear all,\n\nthey are.\n\nAuthor"),
        ("Critic", "Dear Author, they are not. Critic"),
        ("Author", "Dear Critic, they are. Author"),
    ]


def test_a_draft_that_is_asked_for_is_heard_by_its_writer_alone(moot_: Any) -> None:
    moot_(*LETTERS, "--author", "person:web", "--drafts", "1", "--to", "the council")
    moot_("say", "last", "Poor.", "--as", "Author", "--go")
    moot_("say", "last", "Good.", "--as", "Author")
    turns = moot_("show", "last", "--json").json["turns"]
    assert [(turn["speaker"], turn["heard_by"]) for turn in turns] == [
        ("chair", ["Author"]),
        ("Author", ["Author"]),
        ("chair", ["Author"]),
        ("Author", None),
    ]
    assert "marks" not in turns[1]
    assert "an open letter to the council" in turns[0]["parts"][0]["text"]


def test_words_lent_to_a_voice_are_marked_and_go_on_where_its_own_would(moot_: Any) -> None:
    identity = recorded("interview", {"asker": "Ada", "answerer": "Bo", "questions": 1}, "script:a", "script:b")
    moot_("say", identity, "Who are you?", "--as", "Ada")
    moot_("say", identity, "I am Bo.", "--as", "Bo")
    turns = moot_("show", identity, "--json").json["turns"]
    assert [turn["marks"] for turn in turns] == [["said by a person"]] * 2
    assert "(said by a person)" in moot_("show", identity).out
    assert "[closed: the question is answered]" in moot_("show", identity).out


ASK: dict[str, Value] = {"of": "Ada", "question": "Is a river alive?", "options": ("yes", "no"), "after": 0}


@pytest.mark.parametrize(("typed", "answer"), [("no", "no"), ("1", "yes")])
@pytest.mark.parametrize("voice", ["person:web", "local:smollm2"])
def test_who_is_asked_answers_with_an_option_or_its_number(moot_: Any, typed: str, answer: str, voice: str) -> None:
    identity = recorded("ask", ASK, voice)
    assert moot_("say", identity, typed, "--as", "Ada").code == 0
    [turn] = moot_("show", identity, "--json").json["turns"]
    assert turn["heard_by"] == []
    [ballot] = turn["parts"]
    assert (ballot["question"], ballot["answer"], ballot["how"]) == (ASK["question"], answer, "chosen by a person")


def test_who_is_asked_is_told_what_and_other_words_are_no_answer(moot_: Any) -> None:
    identity = recorded("ask", ASK, "person:web")
    waits = moot_("resume", identity)
    assert "Is a river alive?\n  1  yes\n  2  no\n" in waits.out
    assert "NUMBER --as Ada" in waits.out
    wrong = moot_("say", identity, "perhaps", "--as", "Ada")
    assert wrong.code == 2
    assert "Ada is asked: Is a river alive? 1 yes 2 no" in wrong.err
    assert moot_("say", identity, "perhaps").code == 0  # the chair may say anything
    assert moot_("show", identity, "--json").json["turns"][0]["speaker"] == "chair"


def test_who_is_asked_at_a_terminal_is_prompted(moot_: Any) -> None:
    identity = recorded("ask", ASK, "person:web")
    terminal = Terminal("say", identity, "--as", "Ada")
    terminal.wait_for("Your answer: ")
    terminal.type("2\n")
    assert terminal.end() == 0
    assert "1  yes" in terminal.shown
    assert moot_("show", identity, "--json").json["turns"][0]["parts"][0]["answer"] == "no"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "say what?"),
        (("",), "no words"),
        (("-",), "no words"),
        (("x", "--file", "critic.txt"), "not both"),
        (("--file", "bytes.txt"), "cannot be read"),
        (("x", "--as", "Cy"), "nobody here is called 'Cy'"),
        (("x", "--to", "Cy"), "nobody here is called 'Cy'"),
    ],
)
def test_what_cannot_be_said_gets_a_clear_line(moot_: Any, words: tuple[str, ...], says: str) -> None:
    identity = recorded("talk", {}, "script:a", "script:b")
    Path("bytes.txt").write_bytes(b"\xff\xfe\xff")
    answer = moot_("say", identity, *words)
    assert answer.code == 2
    assert says in answer.err
    assert moot_("show", identity, "--json").json["turns"] == []


@pytest.mark.usefixtures("at_terminal")
def test_without_words_an_editor_opens_and_what_is_saved_is_said(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = recorded("talk", {}, "person:web", "script:b")
    editor(monkeypatch, "path.write_text('Dear Bo,\\n\\nhello.\\n')")
    assert moot_("say", identity, "--as", "Ada").code == 0
    assert said(moot_) == [("Ada", "Dear Bo,\n\nhello.")]
    assert drafts() == []


@pytest.mark.usefixtures("at_terminal")
def test_an_editor_left_without_saving_says_nothing_and_keeps_a_draft(
    moot_: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = recorded("talk", {}, "person:web", "script:b")
    editor(monkeypatch, "")
    assert "nothing was saved" in moot_("say", identity, "--as", "Ada").err
    assert drafts() == []
    editor(monkeypatch, "path.write_text('Half.'); sys.exit(1)")
    assert moot_("say", identity, "--as", "Ada").code != 0
    assert [path.read_text() for path in drafts()] == ["Half."]
    editor(monkeypatch, "")
    assert "your draft is kept" in moot_("say", identity, "--as", "Ada").err
    assert said(moot_) == []
    editor(monkeypatch, "path.write_text(path.read_text() + ' Whole.')")
    assert moot_("say", identity, "--as", "Ada").code == 0
    assert said(moot_) == [("Ada", "Half. Whole.")]
    assert drafts() == []


@pytest.mark.usefixtures("at_terminal")
def test_where_somebody_else_speaks_meanwhile_the_words_are_kept(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = recorded("talk", {}, "person:web", "script:b")
    meanwhile = [*MOOT, "say", identity, "Me first."]
    editor(monkeypatch, f"path.write_text('Mine.'); subprocess.run({meanwhile!r}, check=True)")
    answer = moot_("say", identity, "--as", "Ada")
    assert answer.code == 5
    assert "somebody else has spoken as turn 1 meanwhile" in answer.err
    assert [path.read_text() for path in drafts()] == ["Mine."]
    editor(monkeypatch, "path.touch()")
    assert moot_("say", identity, "--as", "Ada").code == 0
    assert said(moot_) == [("Ada", "Mine.")]


def test_an_edited_letter_goes_on_in_a_fork_and_the_original_stays(moot_: Any) -> None:
    Path("author.txt").write_text("Dear all, they are. Author\nDear Critic, they are. Author\n")
    moot_(*LETTERS, "--author", "script:author.txt")
    identity = moot_("list", "--json").json[0]["id"]
    before = moot_("show", identity, "--json").json
    Path("better.txt").write_text("Dear Author,\n\nthey are water.\n\nCritic\n\n")
    answer = moot_("edit", identity, "--turn", "4", "--file", "better.txt", "--title", "Better", "--go")
    assert answer.code == 0
    assert "all 3 letters are written" in answer.err
    fork = moot_("show", "last", "--json").json
    assert fork["turns"][:3] == before["turns"][:3]
    assert fork["turns"][3] == before["turns"][3] | {
        "parts": [{"kind": "text", "text": "Dear Author,\n\nthey are water.\n\nCritic"}],
        "marks": ["edited"],
    }
    assert len(fork["turns"]) == 6
    assert fork["heading"]["title"] == "Better"
    assert moot_("show", identity, "--json").json == before
    assert moot_("verify").code == 0


def test_an_edited_order_is_the_order(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("author.txt").write_text("Dear all, they are. Author\nDear Critic, they are. Author\n")
    moot_(*LETTERS, "--author", "script:author.txt")
    monkeypatch.setattr(sys, "stdin", io.StringIO("Write it as a fairy tale.\n"))
    assert moot_("edit", "last", "--turn", "1", "--file", "-", "--json").json["turn"] == 1
    moot_("resume", "last")
    turns = moot_("show", "last", "--json").json["turns"]
    assert [turn["speaker"] for turn in turns] == ["chair", "Author", "chair", "Critic", "chair", "Author"]
    assert turns[0]["parts"][0]["text"] == "Write it as a fairy tale."
    assert turns[0]["heard_by"] == ["Author"]


@pytest.mark.usefixtures("at_terminal")
def test_a_turn_is_edited_in_an_editor_that_opens_with_its_words(moot_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = recorded("talk", {}, "person:web", "script:b")
    moot_("say", identity, "I like rain.", "--as", "Ada")
    editor(monkeypatch, "path.write_text(path.read_text().replace('rain', 'snow'))")
    answer = moot_("edit", identity, "--turn", "1")
    assert f"a fork of {identity}" in answer.out
    assert (said(moot_), said(moot_, identity)) == ([("Ada", "I like snow.")], [("Ada", "I like rain.")])
    editor(monkeypatch, "path.touch()")
    assert "has these words already" in moot_("edit", identity, "--turn", "1").err
    assert drafts() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--turn", "1"), "no terminal for an editor"),
        (("--turn", "1", "--file", "-"), "no words"),
        (("--turn", "1", "--file", "nowhere.txt"), "cannot be read"),
        (("--turn", "2", "--file", "critic.txt"), "is not edited"),
        (("--turn", "3", "--file", "critic.txt"), "turns 0 to 2"),
    ],
)
def test_what_cannot_be_edited_gets_a_clear_line(moot_: Any, words: tuple[str, ...], says: str) -> None:
    identity = recorded("ask", ASK | {"after": 1}, "person:web")
    moot_("say", identity, "Well.")
    moot_("say", identity, "yes", "--as", "Ada")
    answer = moot_("edit", identity, *words)
    assert answer.code == 2
    assert says in answer.err
    assert len(moot_("list", "--json").json) == 1


def test_nobody_is_waited_for_where_a_form_is_unknown(moot_: Any) -> None:
    identity = recorded("no-such-form", {}, "person:web")
    assert moot_("say", identity, "Hello.", "--as", "Ada").code == 0
    assert said(moot_) == [("Ada", "Hello.")]


# --- the commands of both forms


def test_one_voice_plays_author_and_critic_under_two_briefs_that_are_on_record(moot_: Any) -> None:
    Path("both.txt").write_text("Dear all. Ada\nDear Bo. Ada\n")
    names = ("--author-name", "Ada", "--critic-name", "Bo", "--critic-brief", "Be fair.", "--series", "Letters")
    moot_("letters", "--claim", "Rivers are alive.", "--author", "script:both.txt", *names, "--words", "50")
    heading = moot_("show", "last", "--json").json["heading"]
    ada, bo = heading["participants"]
    assert (ada["voice"], bo["voice"]) == ("script:both.txt", "script:both.txt")
    assert ada["brief"].startswith("You are Ada")
    assert "Rivers are alive." in ada["brief"]
    assert bo["brief"] == "Be fair."
    assert (heading["topic"], heading["series"], heading["arguments"]["words"]) == ("Rivers are alive.", "Letters", 50)
    assert said(moot_) == [("Ada", "Dear all. Ada"), ("Bo", "Dear all. Ada"), ("Ada", "Dear Bo. Ada")]
    assert moot_("letters", "--claim", "x", "--author", "person", "--author-name", "Critic").code == 2
    assert moot_("letters", "--claim", " ", "--author", "script:both.txt").code == 2


def test_an_embedded_model_may_write_a_document_unless_its_address_says_otherwise() -> None:
    spec = parse("local:smollm2")
    usual = Participant("Ada", spec.voice, "", freeze(settle(spec).settings))
    longer = dict(at_length(usual, (), 300).settings)
    assert (longer["sentences"], longer["max_tokens"]) == (0, 900)
    assert longer["stop"] == ("<|im_end|>", "<|im_start|>")
    assert at_length(usual, ("sentences", "stop", "max_tokens"), 300) == usual
    hosted = Participant("Ada", "openai:gpt-5", "", freeze({"effort": "low"}))
    assert at_length(hosted, (), 300) == hosted


def test_a_file_of_questions_is_asked_one_by_one_and_each_as_it_was_written(moot_: Any) -> None:
    answer = moot_("interview", "script:answers.txt", "--questions", "questions.txt", "--asker", "DH", "--name", "Bo")
    assert "all 2 questions are answered" in answer.err
    assert said(moot_) == [
        ("DH", "Who are you?"),
        ("Bo", "I am Bo."),
        ("DH", "And where?\n  Say it\nplainly."),
        ("Bo", "Here."),
    ]
    view = moot_("view", "last", "--as", "Bo", "--turn", "4")
    assert view.code == 0
    moot_(
        "interview",
        "script:answers.txt",
        "--questions",
        "questions.txt",
        "--count",
        "1",
        "--name",
        "Bo",
        "--words",
        "9",
    )
    assert said(moot_) == [("Interviewer", "Who are you?"), ("Bo", "I am Bo.")]


@pytest.mark.parametrize(
    "source", [SAMPLES / "letters.txt", SEEDS / "002_e62f82c8d3dc021c.txt"], ids=["ours", "seed 2"]
)
def test_the_course_of_a_series_of_letters_comes_again_from_its_questions(moot_: Any, source: Path) -> None:
    if not source.exists():
        pytest.skip("the seeds are not at hand")
    [imported] = moot_("import", str(source), "--json").json
    was = moot_("show", imported["id"], "--json").json
    asker, answerer = (one["name"] for one in was["heading"]["participants"])
    course = said(moot_, imported["id"])
    course = course[: len(course) // 2 * 2]  # a last word that nobody answered was no question
    asked = [words for speaker, words in course if speaker == asker]
    Path("asked.txt").write_text("\n---\n".join(asked))
    voice = f"replay:{imported['id']}/{answerer}"
    again = moot_("interview", voice, "--questions", "asked.txt", "--asker", asker)
    assert again.code == 0
    assert said(moot_) == course
    assert [speaker for speaker, _ in course] == [asker, answerer] * len(asked)


def test_a_voice_interviews_another_about_a_topic(moot_: Any) -> None:
    Path("asks.txt").write_text("Who?\nWhere?\n")
    words = ("interview", "script:answers.txt", "--interviewer", "script:asks.txt", "--topic", "rivers")
    assert "all 2 questions are answered" in moot_(*words, "--count", "2", "--name", "Bo").err
    assert [speaker for speaker, _ in said(moot_)] == ["asks", "Bo", "asks", "Bo"]
    assert "asks has no more questions" in moot_(*words).err
    assert "about this: rivers" in moot_("show", "last").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--questions", "questions.txt", "--interviewer", "person"), "give --questions or --interviewer"),
        (("--questions", "empty.txt"), "no questions in empty.txt"),
        (("--questions", "bytes.txt"), "cannot be read"),
        (("--interviewer", "local:gemma3"), "--topic"),
        (("--questions", "questions.txt", "--asker", "answers", "--name", "answers"), "cannot both be called"),
    ],
)
def test_an_interview_that_makes_no_sense_gets_a_clear_line(moot_: Any, words: tuple[str, ...], says: str) -> None:
    Path("empty.txt").write_text(" \n\n")
    Path("bytes.txt").write_bytes(b"\xff\xfe\xff")
    answer = moot_("interview", "script:answers.txt", *words)
    assert answer.code == 2
    assert says in answer.err


def test_a_person_asks_today_and_another_day(moot_: Any) -> None:
    today = Terminal("interview", "script:answers.txt", "--name", "Bo")
    today.wait_for("You, it is your turn")
    today.type("Who are you?\n" + CTRL_D)
    today.wait_for("I am Bo.")
    today.type(CTRL_D)
    assert today.end() == 0
    assert "You has left for now" in today.shown
    another = Terminal("resume", "last")
    another.wait_for("You, it is your turn")
    another.type("And where?\n" + CTRL_D)
    another.wait_for("Here.")
    another.type(CTRL_D)
    assert another.end() == 0
    assert said(moot_) == [("You", "Who are you?"), ("Bo", "I am Bo."), ("You", "And where?"), ("Bo", "Here.")]


# --- end to end with embedded models, killed midway

LETTER = (
    *("letters", "--claim", "Rivers are alive.", "--author", "local:smollm2?max_tokens=16"),
    *("--seed", "5"),
)
TALK = (
    *("interview", "local:smollm2?max_tokens=16", "--interviewer", "local:gemma3?max_tokens=16", "--topic", "rivers"),
    *("--count", "2", "--seed", "5"),
)


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize(
    ("words", "first", "ending", "turns"),
    [
        (LETTER, r"chair \(to Critic only\):", "all 3 letters are written", 6),
        (TALK, r"SmolLM2:", "all 2 questions are answered", 5),
    ],
    ids=["letters", "interview"],
)
def test_killed_midway_it_resumes_to_its_end(
    moot_: Any, words: tuple[str, ...], first: str, ending: str, turns: int
) -> None:
    process = subprocess.Popen(
        [*MOOT, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    for line in process.stdout:
        if re.match(first, line):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = moot_("show", "last", "--json").json["turns"]
    assert 2 <= len(before) < turns
    after = moot_("resume", "last", "--json")
    assert json.loads(after.out)["why"] == ending
    whole = moot_("show", "last", "--json").json["turns"]
    assert whole[: len(before)] == before
    assert len(whole) == turns
