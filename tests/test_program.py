"""moot in a program: the examples of the page that shows it, and each method as its docstring has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import moot
from moot.formats import read
from moot.store import NotFound
from moot.transcript import Invalid

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parent.parent / "docs" / "python.md"


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "lines.txt").write_text("".join(f"Line {number}.\n" for number in range(1, 9)))
    return f"script:{tmp_path}/lines.txt"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "rivers.db"


def test_the_pages_examples_run_as_they_stand(tmp_path: Path, script: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    program = "\n".join(blocks)
    # The names that embedded models go by stay; their words are a script's, so that this takes no minute.
    for voice in ("local:smollm2", "local:gemma3"):
        program = program.replace(f'"{voice}"', f'"{script}"')
    program = program.replace("turns=4)", 'turns=4, names=["SmolLM2", "Gemma 3"])', 1)
    file = tmp_path / "example.py"
    file.write_text(program, "utf-8")
    ran = subprocess.run([sys.executable, str(file)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert ran.stdout.startswith("chair Is a river alive?\nSmolLM2 Line 1.\nGemma 3 Line 1.\n")


async def test_a_talk_is_begun_carried_read_and_written(place: Path, script: str) -> None:
    async with moot.House(place) as house:
        talk = await house.begin(script, script, topic="Rivers?", turns=4, names=["Ada", "Bo"], title="Rivers")
        spoken = [event.number async for event in house.convene(talk, more=2) if isinstance(event, moot.Spoken)]
        transcript = await house.carry(talk)
        assert [turn.text for turn in transcript.turns] == ["Rivers?", "Line 1.", "Line 1.", "Line 2.", "Line 2."]
        assert len(spoken) == 3  # the chair's cue is a turn too
        assert (await house.read(talk[:6])).digest == moot.digest(transcript)
        assert [one.id for one in await house.list()] == [talk]
        assert read((await house.write(talk, "json")).encode())[0].transcript == transcript
        assert (await house.write("last")).startswith("# Rivers")
    async with moot.House(place) as again:
        assert (await again.read()).transcript == transcript
    with pytest.raises(Invalid, match="the record is not open"):
        await house.read()


async def test_a_fork_has_other_voices_and_length_and_leaves_its_source(
    place: Path, script: str, tmp_path: Path
) -> None:
    (tmp_path / "other.txt").write_text("Else.\n")
    async with moot.House(place) as house:
        talk = await house.begin(script, script, turns=4, names=["Ada", "Bo"])
        before = await house.carry(talk)
        other = {"Bo": f"script:{tmp_path}/other.txt"}
        fork = await house.fork(talk, at=1, voices=other, arguments={"turns": 2}, seed=5, title="Other")
        after = await house.carry(fork)
        assert [turn.text for turn in after.turns] == ["Line 1.", "Else."]
        assert (after.heading.title, after.heading.seed) == ("Other", 5)
        assert (await house.read(talk)).transcript == before
        whole = await house.fork(talk)
        assert (await house.read(whole)).transcript.turns == before.turns


async def test_a_persons_words_are_put_on_record(place: Path, script: str) -> None:
    async with moot.House(place) as house:
        talk = await house.begin("person:web", script, turns=2, names=["You", "Bo"])
        [event] = [one async for one in house.convene(talk) if isinstance(one, moot.Pause)]
        assert "You" in event.reason
        assert await house.say(talk, "You", "Hello.") == 1
        assert await house.say(talk, "chair", "Be kind.", to=["Bo"]) == 2
        transcript = await house.carry(talk)
        assert [turn.speaker for turn in transcript.turns] == ["You", "chair", "Bo"]
        with pytest.raises(Invalid):
            await house.say(talk, "Zed", "Hi.")
        with pytest.raises(NotFound):
            await house.carry("nothing")


async def test_a_form_is_checked_before_anything_is_recorded(place: Path, script: str) -> None:
    async with moot.House(place) as house:
        people = await house.cast(script, script)
        with pytest.raises(Invalid):
            await house.start(moot.Heading(people, form="debate"))
        assert await house.list() == []


async def test_measures_are_told_of_what_is_on_record(place: Path, script: str) -> None:
    async with moot.House(place) as house:
        talk = await house.begin(script, script, turns=4, names=["Ada", "Bo"])
        await house.carry(talk)
        told = await house.measure(talk, only=["basics"])
        assert [(one.name, one.n) for one in told.together] == []


def test_the_package_names_what_it_has() -> None:
    for name in moot.__all__:
        assert getattr(moot, name)
    with pytest.raises(AttributeError, match="moot has no 'Manager'"):
        moot.Manager  # noqa: B018 - that is the claim
    code = "import json, sys, moot; print(json.dumps([one for one in sys.modules if one.startswith('moot')]))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == ["moot"]
