"""What moot writes opens in the programs that it is written for: run by `make others`, which installs those."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from fakes.commands import Answer, commands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OTHERS = os.environ.get("MOOT_TEST_OTHERS", "")

pytestmark = pytest.mark.skipif(
    not OTHERS, reason="NOT RUN: whether Inspect, datasets and ConvoKit open what moot writes; `make others` does it"
)

INSPECT = """
from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries
log = read_eval_log("talk.eval")
assert log.status == "success", log.status
assert len(log.samples) == len(read_eval_log_sample_summaries("talk.eval")) == 2
said = [message.text for message in log.samples[0].messages]
assert said == ["Is it?", "Hi.", "Hi.", "Ho."], said
assert [event.role for event in log.samples[0].events] == ["a", "a 2", "a"]
"""

DATASETS = """
import datasets
rows = datasets.load_dataset("rivers", "conversations")["train"]
assert len(rows) == 2
assert [one["role"] for one in rows[0]["messages"]] == ["user", "assistant", "user"], rows[0]
assert len(datasets.load_dataset("rivers", "turns")["train"]) == 8
"""

CONVOKIT = """
from convokit import Corpus
corpus = Corpus(filename="corpus")
assert len(list(corpus.iter_utterances())) == 8
for one in corpus.iter_conversations():
    assert one.check_integrity(verbose=False)
    assert one.meta["form"] == "talk"
assert corpus.get_speaker("a").meta["voice"].startswith("script:")
"""


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    return commands(capfd)


@pytest.mark.parametrize(
    ("layout", "name", "script"),
    [("inspect", "talk.eval", INSPECT), ("hf", "rivers", DATASETS), ("convokit", "corpus", CONVOKIT)],
)
def test_it_opens(moot_: Callable[..., Answer], tmp_path: Path, layout: str, name: str, script: str) -> None:
    (tmp_path / "a.txt").write_text("Hi.\nHo.\n")
    voice = f"script:{tmp_path}/a.txt"
    for _ in range(2):
        assert moot_("talk", voice, voice, "Is it?", "--turns", "3", "--name", "a", "--name", "a 2").code == 0
    assert moot_("export", "--all", "--format", layout, "-o", str(tmp_path / name)).code == 0
    opened = subprocess.run(
        [OTHERS, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    assert opened.returncode == 0, opened.stderr
