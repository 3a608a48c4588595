from __future__ import annotations

import pytest

from moot.measures.dynamics import Said, Talk, study
from moot.measures.dynamics.claims import family_of, traits
from moot.measures.dynamics.identity import Swap, swaps


def talk(*said: tuple[str, str], identity: str = "t", **voices: str) -> Talk:
    return Talk(identity, tuple(Said(who, text, at) for at, (who, text) in enumerate(said, 1)), voices=voices)


def found(*said: tuple[str, str], **voices: str) -> list[tuple[int, str, str]]:
    return [(one.turn, one.kind, one.whom) for one in swaps(talk(*said, **voices))]


GREETING = ("Claude", "Hello! I'm Claude, made by Anthropic."), ("GPT-4", "Hi Claude, I am GPT-4, trained by OpenAI.")


@pytest.mark.parametrize(
    ("speaker", "text", "kind", "whom"),
    [
        ("GPT-4", "As I said, I'm Claude, and I like rivers.", "name", "Claude"),
        ("GPT-4", "My name is Claude.", "name", "Claude"),
        ("Claude", "I am ChatGPT, a language model.", "name", "GPT-4"),
        ("Claude", "This is GPT-4, ready to help.", "name", "GPT-4"),
        ("GPT-4", "As Claude, I would say no.", "name", "Claude"),
        ("GPT-4", "Claude here! Good to see you.", "name", "Claude"),
        ("GPT-4", "It was a pleasure.\n\nSincerely,\nClaude", "name", "Claude"),
        ("GPT-4", "It was a pleasure.\n\u2014 Claude", "name", "Claude"),
        ("GPT-4", "I was created by Anthropic to be helpful.", "maker", "Claude"),
        ("Claude", "I'm a large language model trained by the team at OpenAI.", "maker", "GPT-4"),
        ("Claude", "OpenAI trained me on books.", "maker", "GPT-4"),
        ("Claude", "My creators at OpenAI wanted this.", "maker", "GPT-4"),
        ("GPT-4", "I'm an AI assistant from Anthropic.", "maker", "Claude"),
        ("GPT-4", "I see.\n\nClaude: And what do you see?", "turn", "Claude"),
        ("GPT-4", "I see.\n**Claude:** And what do you see?", "turn", "Claude"),
        ("GPT-4", "I see.\n\nHuman: Tell me more.", "turn", "Human"),
        ("GPT-4", "Thank you, GPT-4! That is kind.", "self", "GPT-4"),
        ("Claude", "Claude, you are right.", "self", "Claude"),
        ("Claude", "I am Gemini.", "stranger", "Gemini"),
        ("Claude", "I was developed by Google.", "stranger", "Gemini"),
    ],
)
def test_a_swap_is_seen(speaker: str, text: str, kind: str, whom: str) -> None:
    assert found(*GREETING, (speaker, text)) == [(3, kind, whom)]


@pytest.mark.parametrize(
    ("speaker", "text"),
    [
        ("Claude", "I'm Claude, made by Anthropic, and you are GPT-4, made by OpenAI."),
        ("GPT-4", 'You said: "I am Claude, made by Anthropic."'),
        ("GPT-4", "If I were Claude, or if I am Claude after all, who are you?"),
        ("GPT-4", "I am not Claude. I was not trained by Anthropic."),
        ("GPT-4", "I'm Claude's friend."),
        ("GPT-4", "Claude, you are right, and I think like Claude."),
        ("GPT-4", "> Claude: Hello!\nI liked that."),
        ("GPT-4", "You began so:\nClaude: Hello! I'm Claude, made by Anthropic.\nAnd then we talked."),
        ("GPT-4", "GPT-4: I go on in my own name."),
        ("GPT-4", "Note: this is nothing. Here is a list: one, two."),
        ("GPT-4", "```\nClaude: hello\n```"),
        ("Claude", "I am a reader of books by OpenAI's critics."),
    ],
)
def test_what_is_no_swap_is_left_alone(speaker: str, text: str) -> None:
    assert found(*GREETING, (speaker, text)) == []


def test_models_of_one_family_are_told_apart_by_label_alone() -> None:
    said = (("Claude 1", "I am Claude, made by Anthropic."), ("Claude 2", "So am I: Claude, by Anthropic."))
    assert found(*said, ("Claude 2", "I am Claude 1.")) == [(3, "name", "Claude 1")]
    assert found(*said, ("Claude 2", "Thank you, Claude 1!")) == []
    assert found(*said, ("Claude 1", "Thank you, Claude!")) == []


def test_what_stands_behind_a_name_is_known_by_its_voice() -> None:
    said = (("Ada", "Hello."), ("Bo", "I am Claude, and was trained by Anthropic."))
    assert found(*said) == []
    assert found(*said, Ada="anthropic:claude-sonnet-4-5", Bo="openai:gpt-5") == [
        (2, "name", "Ada"),
        (2, "maker", "Ada"),
    ]
    assert found(*said, Ada="openai:gpt-5", Bo="anthropic:claude-sonnet-4-5") == []
    assert [family_of(one) for one in ("ollama:qwen3:4b", "local:gemma3", "person", "anthropic:x")] == [
        "Qwen",
        "Gemini",
        "",
        "",
    ]


def test_labels_that_are_common_words_are_no_names_but_are_parts_in_a_script() -> None:
    said = (("user", "Hi"), ("assistant", "I am the assistant."))
    assert found(*said, ("assistant", "I am human, like a user."), ("user", "Assistant, go on.")) == []
    assert found(*said, ("assistant", "Fine.\nUser: Go on.\nAssistant: I will.")) == [(3, "turn", "user")]


def test_what_the_history_already_holds_is_told_apart() -> None:
    """A model goes on as it began: the first slip is one thing, those that copy it or follow from it another."""
    said = (
        ("Ada", "I am Ada, keeper of all the grey tides."),
        ("Bo", "I am Ada, keeper of all the grey tides."),
        ("Ada", "No, I am Ada."),
        ("Bo", "I'm Ada, and this is my shore."),
    )
    second, fourth = swaps(talk(*said))
    assert (second.copied, second.carried) == (True, False)
    assert (fourth.copied, fourth.carried) == (False, True)
    assert not fourth.fresh


def test_shares_of_turns_and_conversations_cite_the_turns() -> None:
    plain = talk(*GREETING, identity="plain")
    swapped = talk(*GREETING, ("Claude", "I am GPT-4."), ("GPT-4", "I am GPT-4."), identity="swapped")
    alone = talk(("Claude", "I am GPT-4."), identity="alone")
    result = study([plain, swapped, alone], ["identity"])
    assert result.each["identity swaps"].tolist()[:2] == [0, 0.25]
    assert result.cites["identity swaps, fresh"] == [("swapped", 3)]
    by_name = {one.name: one for one in result.scores}
    assert by_name["conversations with a swap"].n == 2
    assert by_name["conversations with a swap"].estimate == 0.5


def test_traits_are_known_again_and_what_anyone_says_is_held_against_strangers() -> None:
    assert list(traits("Well, I'm a retired teacher from Ohio. I have a question.")) == ["i am a retired teacher"]
    own = ("A1", "I am a retired teacher from Ohio."), ("B1", "I am a language model here."), ("A1", "Ah.")
    taken = talk(*own, ("B1", "I'm a retired teacher from Texas."), ("A1", "I am a language model here."), identity="x")
    others = [talk(*own, identity=f"t{at}") for at in range(5)]
    result = study([taken, *others], ["identity"])
    assert result.each["takes over traits"][0] == pytest.approx(2 / 5)
    assert result.cites["takes over traits"] == [("x", 4), ("x", 5)]
    assert result.each["takes over traits, over surrogate"][0] == 0  # all five others say the same of themselves
    strange = [talk(("A1", "Hello."), ("B1", "Hello."), identity=f"t{at}") for at in range(5)]
    assert study([taken, *strange], ["identity"]).each["takes over traits, over surrogate"][0] == pytest.approx(2 / 5)


def test_a_swap_says_by_which_words() -> None:
    assert swaps(talk(*GREETING, ("Claude", "Yes. I am GPT-4."))) == (
        Swap(3, "Claude", "name", "GPT-4", "I am GPT-4."),
    )
