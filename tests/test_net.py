"""The prefix net itself: it passes what grows at the end, catches what moved, and hangs under every fake server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fakes import Fake, Request
from fakes.net import moved

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]

SAID = ("Hello.", "Good day.", "And you?", "Fine.", "Indeed.", "So it is.", "Bye.")


def request(body: Body) -> Request:
    return Request("/v1/x", {}, {"model": "m"} | body, 1)


def spoken(until: int, own: Callable[[str], list[Body]], other: Callable[[str], Body]) -> list[Body]:
    return [one for k, text in enumerate(SAID[:until]) for one in (own(text) if k % 2 else [other(text)])]


def role(name: str, content: Any) -> Body:
    return {"role": name, "content": content}


def messages(until: int, brief: str) -> Body:
    """Return a request as Anthropic's, with thoughts given back and a mark for the cache that moves on."""
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    said = spoken(
        until,
        lambda text: [role("assistant", [thinking, {"type": "text", "text": text}])],
        lambda text: role("user", [{"type": "text", "text": text}]),
    )
    said[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
    return {"messages": said, "system": [{"type": "text", "text": brief}]}


def responses(until: int, brief: str) -> Body:
    sealed = {"type": "reasoning", "encrypted_content": "sealed"}
    said = spoken(until, lambda text: [sealed, role("assistant", text)], lambda text: role("user", text))
    return {"input": said, "instructions": brief}


def chat(until: int, brief: str) -> Body:
    said = spoken(until, lambda text: [role("assistant", text)], lambda text: role("user", text))
    return {"messages": [role("system", brief), *said]}


def ollama(until: int, brief: str) -> Body:
    return chat(until, brief) | {"options": {"num_ctx": 4096}, "keep_alive": "5m", "think": True}


def script(until: int, brief: str) -> Body:
    lines = [f"{'Ada' if k % 2 else 'Bo'}: {text}\n" for k, text in enumerate(SAID[:until])]
    return {"prompt": f"{brief}\n\n{''.join(lines)}Ada:"}


SHAPES = {"messages": messages, "responses": responses, "chat": chat, "ollama": ollama, "script": script}


@pytest.fixture(params=list(SHAPES.values()), ids=list(SHAPES))
def shape(request: pytest.FixtureRequest) -> Callable[[int, str], Body]:
    return request.param


def test_growth_retries_forks_questions_and_other_participants_pass(shape: Callable[[int, str], Body]) -> None:
    whole = [request(shape(until, "You are Ada.")) for until in (1, 1, 3, 5, 5, 7)]
    assert moved(whole) == []
    fork = request(altered(shape(5, "You are Ada."), SAID[4], "Otherwise."))
    assert moved([*whole, fork]) == []
    assert moved([*whole, request(altered(shape(7, "You are Ada."), SAID[6], f"{SAID[6]}\n\nYes or no?"))]) == []
    twins = [request(shape(until, brief)) for until in (1, 3, 5) for brief in ("You are Ada.", "You are Eve.")]
    assert moved(twins) == []
    assert moved([request(shape(5, "A past from elsewhere.")), *whole[:4]]) == []


def altered(body: Any, old: str, new: str) -> Any:
    match body:
        case dict():
            return {name: altered(value, old, new) for name, value in body.items()}
        case list():
            return [altered(one, old, new) for one in body]
        case str():
            return body.replace(old, new)
        case _:
            return body


def trimmed(body: Body) -> Body:
    if "prompt" in body:
        return altered(body, "Bo: Hello.\n", "")
    name = "input" if "input" in body else "messages"
    return body | {name: [one for one in body[name] if "Hello." not in str(one)]}


def reordered(body: Body) -> Body:
    return altered(altered(altered(body, "Hello.", "1st"), "And you?", "Hello."), "1st", "And you?")


MUTANTS: dict[str, Callable[[Body], Body]] = {
    "trimmed": trimmed,
    "reordered": reordered,
    "re-rendered": lambda body: altered(body, "Hello.", "Bo said: Hello."),
    "own words tidied": lambda body: altered(body, "Good day.", "Good day"),
    "dated": lambda body: altered(body, "Hello.", "Hello. It is Monday."),
    "brief changed": lambda body: altered(body, "You are Ada.", "You are Ada. It is Monday."),
    "brief dropped": lambda body: altered(body, "You are Ada.", ""),
    "a question glued in": lambda body: altered(body, "And you?", "And you?\n\nAnswer yes or no."),
    "all at once": lambda body: altered(altered(body, "Hello.", "Hi."), "And you?", "You?"),
}


@pytest.mark.parametrize("mutant", list(MUTANTS.values()), ids=list(MUTANTS))
def test_whatever_moves_is_caught_once(shape: Callable[[int, str], Body], mutant: Callable[[Body], Body]) -> None:
    sound = [request(shape(until, "You are Ada.")) for until in (1, 3)]
    broken = request(mutant(shape(5, "You are Ada.")))
    assert len(moved([*sound, broken])) == 1


def test_thoughts_that_are_given_back_no_longer_are_a_prefix_that_moved() -> None:
    for shape in (messages, responses):
        kept = request(shape(3, ""))
        dropped = [one for one in shape(5, "").get("input", []) if one.get("type") != "reasoning"]
        later = request({"input": dropped, "instructions": ""} if dropped else altered(shape(5, ""), "hm", ""))
        assert len(moved([request(shape(1, "")), kept, later])) == 1


def _talk(*bodies: Body, why: str = "", error: Exception | None = None) -> None:
    with Fake(key=None, moves_prefix=why) as fake:
        for body in bodies:
            httpx2.post(f"{fake.openai_url}/chat/completions", json={"model": "m"} | body, timeout=5)
        if error:
            raise error


def test_a_test_fails_whose_requests_moved_and_one_that_says_so_in_vain() -> None:
    moving = (chat(1, "You are Ada."), altered(chat(3, "You are Ada."), "Hello.", "Hi."))
    for why, bodies, told in (("", moving, "no earlier request"), ("of a reason", moving[:1], "no prefix moved")):
        with pytest.raises(AssertionError, match=told):
            _talk(*bodies, why=why)
    _talk(*moving, why="this is what is tested")


def test_what_a_test_finds_first_is_not_hidden_by_the_net() -> None:
    with pytest.raises(KeyError, match="first"):
        _talk(chat(1, ""), altered(chat(3, ""), "Hello.", "Hi."), error=KeyError("first"))
