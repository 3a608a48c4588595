"""LangGraph's two nodes in turn over ChatOpenAI, the state kept by its own SQLite saver, as its documentation shows.

It must never run in moot's environment: its own is made by run.py, which also names the server.
"""
# pyright: basic, reportMissingImports=false, reportArgumentType=false
# The two lines above: what is imported here lives in the peer's own environment, where no type is checked.

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from work import BRIEF, NAMES, PROMPT

from measured import measure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STREAMED = "streamed" in sys.argv[1]


class State(TypedDict):
    """All that was said, and how often."""

    said: Annotated[list[BaseMessage], add_messages]


def seen_by(name: str, said: list[BaseMessage]) -> list[BaseMessage]:
    """Return what was said as this one sees it: own words as the model's, others' as the user's."""
    return [AIMessage(one.content) if one.name == name else HumanMessage(one.content) for one in said]


def speaker(model: ChatOpenAI, name: str, other: str) -> Callable[[State], Awaitable[dict[str, Any]]]:
    """Return the node of one party."""
    brief = SystemMessage(BRIEF.format(name=name, other=other))

    async def speak(state: State) -> dict[str, Any]:
        answer = await model.ainvoke([brief, *seen_by(name, state["said"])])
        return {"said": [AIMessage(answer.content, name=name)]}

    return speak


async def work(conversations: int, turns: int) -> int:
    """Run so many threads of one graph at once."""
    model = ChatOpenAI(
        model="gpt-4o", base_url=os.environ["OPENAI_BASE_URL"], api_key="none", max_retries=0, streaming=STREAMED
    )
    graph = StateGraph(State)
    for at, name in enumerate(NAMES):
        other = NAMES[1 - at]
        graph.add_node(name, speaker(model, name, other))
        graph.add_conditional_edges(
            name, lambda state, other=other: END if len(state["said"]) > turns else other, [END, other]
        )
    graph.add_edge(START, NAMES[0])
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncSqliteSaver.from_conn_string(str(Path(folder) / "graph.db")) as saver:
            compiled = graph.compile(checkpointer=saver)

            async def one(number: int) -> int:
                settings = {"configurable": {"thread_id": str(number)}, "recursion_limit": turns + 10}
                state = await compiled.ainvoke({"said": [HumanMessage(PROMPT)]}, settings)
                return len(state["said"]) - 1

            return sum(await asyncio.gather(*(one(number) for number in range(conversations))))


if __name__ == "__main__":
    measure(work, int(sys.argv[2]), int(sys.argv[3]))
