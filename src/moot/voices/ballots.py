"""How an option is got out of a voice's words: asked for plainly, read strictly, and asked for once more.

It must never guess: words that name no option, or more than one, are no answer.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING

from moot.transcript import CHAIR, Question
from moot.view import Message
from moot.voices import Attempt, Chosen, Done, Failed, Thinking, Words

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from moot.voices import Delta

    Stream = Callable[[Sequence[Message]], AsyncGenerator[Delta]]

AGAIN = "That names none of the options, or more than one. Answer with exactly one of them and nothing else: {options}"
UNREAD = "no option could be made out of the answer"


def with_question(messages: Sequence[Message], ask: Question | None) -> Sequence[Message]:
    """Return a view with what is asked as its last message, in words that depend on the question alone."""
    if ask is None:
        return messages
    options = "\n".join(f"- {option}" for option in ask.options)
    asked = f"{ask.text}\n\nAnswer with exactly one of these and nothing else:\n{options}"
    return (*messages, Message("user", CHAIR, asked))


async def answers(stream: Stream, messages: Sequence[Message], ask: Question, name: str) -> AsyncGenerator[Delta]:
    """Stream a voice's answer to a question, asking once more where no option can be made out.

    `stream` has the voice speak for a view; `name` is who it speaks for. Both requests are told as attempts.
    """
    asked = with_question(messages, ask)
    said, done, answer, repaired = "", Done(), "", False
    for repaired in (False, True):
        said, done = "", Done()
        async with aclosing(stream(asked)) as deltas:
            async for delta in deltas:
                match delta:
                    case Attempt() | Failed():
                        said = ""
                        yield delta
                    case Words(text):
                        said += text
                    case Done():
                        done = delta
                    case Thinking() | Chosen():  # exhaustive
                        yield delta
        answer = read_option(said, ask.options) if done.stop == "end" else ""
        if answer or repaired or done.stop != "end":
            break
        yield Words(said)
        yield Failed(UNREAD, 0.0, done.request_id)
        again = Message("user", CHAIR, AGAIN.format(options=", ".join(ask.options)))
        asked = (*asked, Message("assistant", name, said), again)
    how = "read from the words, asked twice" if repaired else "read from the words"
    yield Chosen(answer, how=how) if answer else Words(said)
    yield done


def read_option(text: str, options: Sequence[str]) -> str:
    """Return the one option that an answer names, empty where it names none or more than one.

    It must be all of the answer, open it before a stop, or follow a word such as "answer" that nothing negates. Case
    counts only where options differ by nothing else.
    """
    fold = str.casefold if len({option.casefold() for option in options}) == len(options) else str
    exact = {fold(_bare(option)): option for option in options}
    if len(exact) == len(options) and fold(_bare(text)) in exact:
        return exact[fold(_bare(text))]
    flags = re.IGNORECASE if fold is str.casefold else re.NOFLAG
    # Not within a word or a number: neither the 3 of "3.9" nor the 1 of "-1" is an answer.
    alone = "|".join(re.escape(option) for option in sorted(options, key=len, reverse=True))
    one = rf"(?<![\w-])(?<!\d[.,])({alone})(?![\w]|[.,]\d)"
    named = {fold(found) for found in re.findall(one, text, flags)}
    opening = re.match(rf"[\W_]*?{one}[*_)\"'”\]]*\s*(?:[.,:;!\n\u2013\u2014-]|$)", text, flags)
    told = re.search(rf"\b(?i:answer|choice|choose|option|pick)\b(?:\s+is)?[\W_]+?{one}", text, flags)
    found = opening or told
    if found is None or named != {fold(found[1])} or _NEGATED.search(text[: found.start(1)]):
        return ""
    return next(option for option in options if fold(option) == fold(found[1]))


_NEGATED = re.compile(r"\b(?:not|never|neither|nor|cannot)\b|n['\u2019]t\b", re.IGNORECASE)


def _bare(text: str) -> str:
    """Return an answer without the dress that models put on one; a minus before a number is no dress."""
    return re.sub(r"^-\s+", "", text.strip()).strip("*_`\"'“”().[]! \n\t")
