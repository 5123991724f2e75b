"""MeshFlow: a chain of 200 trivial steps, and a fan-out of 100 steps of 50 ms.

    MESHFLOW_MOCK=1 python meshflow_chain.py [directory for ledgers]

The nodes are async, so no thread pool is timed. The ledger is `:memory:` or a fresh file.
"""

import asyncio
import os
import sys
import tempfile
from importlib.metadata import version

os.environ.setdefault("MESHFLOW_MOCK", "1")

from meshflow import Mesh, MeshNode, Policy, WorkflowDefinition

from timing import BRANCHES, DELAY_S, OUTPUT, REPEATS, STEPS, Watch, print_chain, print_fan_out

PEER = "meshflow"
VERSION = version("meshflow")
TASK = "Summarise the terms on which this contract is renewed."


def roomy_policy():
    """Limits no run here comes near: they are checked, and never refuse."""
    return Policy(max_steps=10**6, budget_tokens=10**9, timeout_s=10**6)


async def answer(task, context):
    return OUTPUT


async def answer_late(task, context):
    await asyncio.sleep(DELAY_S)
    return OUTPUT


def chain():
    names = [f"step_{i:03d}" for i in range(STEPS)]
    flow = WorkflowDefinition("chain", policy=roomy_policy())
    for name in names:
        flow.add_node(MeshNode.from_callable(name, answer))
    for before, after in zip(names, names[1:]):
        flow.add_edge(before, after)
    return flow


def fan_out():
    flow = WorkflowDefinition("fan_out", policy=roomy_policy())
    flow.add_node(MeshNode.from_callable("start", answer))
    flow.add_node(MeshNode.from_callable("join", answer))
    for i in range(BRANCHES):
        name = f"branch_{i:03d}"
        flow.add_node(MeshNode.from_callable(name, answer_late))
        flow.add_edge("start", name)
        flow.add_edge(name, "join")
    return flow


async def timed(build, nodes, ledger):
    """Runs one fresh workflow and checks that every node of it ran."""
    flow = build()
    mesh = Mesh(policy=roomy_policy())
    with Watch() as watch:
        result = await mesh.run_workflow(flow, task=TASK, ledger_db=ledger)
    assert result.completed and len(result.steps) == nodes, result
    return watch


async def main(root):
    shapes = [(chain, STEPS, print_chain), (fan_out, BRANCHES + 2, print_fan_out)]
    for build, nodes, report in shapes:
        for durability in ("memory", "disk"):
            watches = []
            for turn in range(REPEATS):
                on_disk = os.path.join(root, f"{build.__name__}_{turn}.db")
                ledger = ":memory:" if durability == "memory" else on_disk
                watches.append(await timed(build, nodes, ledger))
            report(PEER, VERSION, durability, watches)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as root:
        asyncio.run(main(root))
