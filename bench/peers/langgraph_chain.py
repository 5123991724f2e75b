"""LangGraph: a chain of 200 trivial steps, and a fan-out of 100 steps of 50 ms.

    python langgraph_chain.py [directory for checkpoints]

Durability `none` has no checkpointer. `sqlite` is SqliteSaver as it comes, which writes a
checkpoint while the next step runs; `sqlite-sync` waits for each write before going on.
"""

import asyncio
import operator
import os
import sqlite3
import sys
import tempfile
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from timing import BRANCHES, DELAY_S, OUTPUT, REPEATS, STEPS, Watch, print_chain, print_fan_out

PEER = "langgraph"
VERSION = version("langgraph")
DURABILITIES = {"none": {}, "sqlite": {}, "sqlite-sync": {"durability": "sync"}}
CONFIG = {"recursion_limit": STEPS + 10, "configurable": {"thread_id": "bench"}}


class Last(TypedDict):
    output: str
    ran: Annotated[int, operator.add]


class All(TypedDict):
    outputs: Annotated[list, operator.add]


def chain():
    names = [f"step_{i:03d}" for i in range(STEPS)]
    graph = StateGraph(Last)
    for name in names:
        graph.add_node(name, lambda state: {"output": OUTPUT, "ran": 1})
    for before, after in zip([START, *names], [*names, END]):
        graph.add_edge(before, after)
    return graph


def fan_out():
    async def answer(state):
        return {"outputs": [OUTPUT]}

    async def answer_late(state):
        await asyncio.sleep(DELAY_S)
        return {"outputs": [OUTPUT]}

    branches = [f"branch_{i:03d}" for i in range(BRANCHES)]
    graph = StateGraph(All)
    graph.add_node("start", answer)
    graph.add_node("join", answer)
    graph.add_edge(START, "start")
    for name in branches:
        graph.add_node(name, answer_late)
        graph.add_edge("start", name)
    graph.add_edge(branches, "join")
    graph.add_edge("join", END)
    return graph


def timed_chain(durability, path):
    file = None if durability == "none" else sqlite3.connect(path, check_same_thread=False)
    saver = None if file is None else SqliteSaver(file)
    if saver is not None:
        saver.setup()
    runnable = chain().compile(checkpointer=saver)
    with Watch() as watch:
        state = runnable.invoke({"output": "", "ran": 0}, CONFIG, **DURABILITIES[durability])
    if file is not None:
        file.close()
    assert state["ran"] == STEPS, state
    return watch


@asynccontextmanager
async def async_saver(durability, path):
    if durability == "none":
        yield None
        return
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        await saver.setup()
        yield saver


async def timed_fan_out(durability, path):
    async with async_saver(durability, path) as saver:
        runnable = fan_out().compile(checkpointer=saver)
        with Watch() as watch:
            state = await runnable.ainvoke({"outputs": []}, CONFIG, **DURABILITIES[durability])
    assert len(state["outputs"]) == BRANCHES + 2, state
    return watch


def main(root):
    for durability in DURABILITIES:
        paths = [os.path.join(root, f"chain_{durability}_{i}.db") for i in range(REPEATS)]
        print_chain(PEER, VERSION, durability, [timed_chain(durability, p) for p in paths])
    for durability in DURABILITIES:
        paths = [os.path.join(root, f"fan_{durability}_{i}.db") for i in range(REPEATS)]
        watches = [asyncio.run(timed_fan_out(durability, p)) for p in paths]
        print_fan_out(PEER, VERSION, durability, watches)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as root:
        main(root)
