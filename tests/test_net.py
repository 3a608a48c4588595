"""The prefix net itself: it passes what grows at the end and catches what moved."""

from __future__ import annotations

from typing import Any

import pytest

from fakes import Request
from fakes.net import moved

HEARD = {"role": "user", "content": "Hello."}
SAID = {"role": "assistant", "content": "Good day."}
NEXT = {"role": "user", "content": "And you?"}
THOUGHT = {"type": "reasoning", "encrypted_content": "sealed"}


def asked(*said: dict[str, Any], name: str = "messages") -> Request:
    return Request("/v1/x", {}, {"model": "m", name: list(said)}, 1)


def test_growth_retries_and_forks_pass() -> None:
    whole = [asked(HEARD), asked(HEARD), asked(HEARD, SAID, NEXT), asked(HEARD, SAID, NEXT, SAID, HEARD)]
    assert moved([*whole, asked(HEARD, SAID, HEARD)]) == []
    assert moved([asked(HEARD, name="input"), asked(HEARD, THOUGHT, SAID, NEXT, name="input")]) == []


@pytest.mark.parametrize("name", ["messages", "input"])
def test_a_word_changed_dropped_or_put_in_is_caught(name: str) -> None:
    dated = HEARD | {"content": "Hello. It is Monday."}
    first = asked(HEARD, name=name)
    for later in (asked(dated, SAID, NEXT, name=name), asked(NEXT, HEARD, SAID, NEXT, name=name)):
        assert len(moved([first, later])) == 1
    second = asked(HEARD, SAID, NEXT, name=name)
    assert len(moved([first, second, asked(HEARD, NEXT, SAID, HEARD, name=name)])) == 1


def test_a_prompt_that_begins_otherwise_is_caught_and_cache_marks_are_not() -> None:
    prompts = [Request("/v1/completions", {}, {"model": "m", "prompt": text}, 1) for text in ("A: x", "B: x y")]
    assert len(moved(prompts)) == 1
    marked = HEARD | {"cache_control": {"type": "ephemeral"}}
    assert moved([asked(marked), asked(HEARD, SAID, marked)]) == []
