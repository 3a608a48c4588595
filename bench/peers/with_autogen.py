"""AutoGen's round-robin chat of two assistants, over the OpenAI client that it brings.

It must never run in moot's environment: its own is made by run.py, which also names the server.
"""
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
# The two lines above: what is imported here lives in the peer's own environment, where no type is checked.

from __future__ import annotations

import asyncio
import logging
import os
import sys

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient
from work import BRIEF, NAMES, PROMPT

from measured import measure

STREAMED = "streamed" in sys.argv[1]


async def work(conversations: int, turns: int) -> int:
    """Let so many teams talk at once, over one client."""
    client = OpenAIChatCompletionClient(model="gpt-4o", base_url=os.environ["OPENAI_BASE_URL"], api_key="none")

    async def one() -> int:
        people = [
            AssistantAgent(
                name,
                model_client=client,
                system_message=BRIEF.format(name=name, other=other),
                model_client_stream=STREAMED,
            )
            for name, other in (NAMES, NAMES[::-1])
        ]
        said = await RoundRobinGroupChat(people, max_turns=turns).run(task=PROMPT)
        return sum(
            getattr(message, "type", "") == "TextMessage" and message.source in NAMES for message in said.messages
        )

    calls = await asyncio.gather(*(one() for _ in range(conversations)))
    await client.close()
    return sum(calls)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    measure(work, int(sys.argv[2]), int(sys.argv[3]))
