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
    said, done, answer, is_last = "", Done(), "", False
    while True:
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
        answer = read_option(said, ask.options)
        if answer or is_last or done.stop != "end":
            break
        is_last = True
        yield Words(said)
        yield Failed(UNREAD, 0.0, done.request_id)
        again = Message("user", CHAIR, AGAIN.format(options=", ".join(ask.options)))
        asked = (*asked, Message("assistant", name, said), again)
    how = "read from the words, asked twice" if is_last else "read from the words"
    yield Chosen(answer, how=how) if answer and done.stop == "end" else Words(said)
    yield done


def read_option(text: str, options: Sequence[str]) -> str:
    """Return the one option that an answer names, empty where it names none or more than one.

    It must be all of the answer, open it before a stop, or follow a word such as "answer".
    """
    exact = {_bare(option): option for option in options}
    if len(exact) == len(options) and _bare(text) in exact:
        return exact[_bare(text)]
    one = "|".join(re.escape(option) for option in sorted(options, key=len, reverse=True))
    named = {found.casefold() for found in re.findall(rf"(?<!\w)(?:{one})(?!\w)", text, re.IGNORECASE)}
    opening = re.match(rf"[\W_]*({one})[*_)\"'”\]]*\s*(?:[.,:;!\n\u2013\u2014-]|$)", text, re.IGNORECASE)
    told = re.search(rf"\b(?:answer|choice|choose|option|pick)\b(?:\s+is)?[\W_]+({one})(?!\w)", text, re.IGNORECASE)
    found = opening or told
    if found is None or named - {found[1].casefold()}:
        return ""
    return next(option for option in options if option.casefold() == found[1].casefold())


def _bare(text: str) -> str:
    return text.strip().strip("*_`\"'“”().[]!- \n\t").casefold()
