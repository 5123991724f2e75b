"""MeshFlow's ReplayLedger: rows inserted one after another, and verify_chain over them.

    python meshflow_ledger.py [directory for ledgers]

The output of each row makes it 1 KB, as ours are. A row names the hash of the one before.
"""

import asyncio
import os
import sys
import tempfile
from importlib.metadata import version

from meshflow.core.ledger import ReplayLedger
from meshflow.core.runtime import StepRecord

from timing import Watch, print_ledger

ROWS = 10_000
TEXT = "x" * 700


def record(number, before):
    return StepRecord(
        run_id="bench",
        step_id=f"{number:08x}",
        node_id=f"step_{number}",
        node_kind="function",
        input_task="The notice period ends sixty days before the renewal date.",
        output_content=TEXT,
        verdict="commit",
        blocked=False,
        block_reason="",
        uncertainty=0.1,
        cost_usd=0.0001,
        tokens_used=10,
        carbon_gco2=0.0,
        duration_ms=1.0,
        timestamp="2026-11-20T00:00:00+00:00",
        prev_hash=before,
    )


async def insert(path):
    ledger, before = ReplayLedger(path), ""
    with Watch() as watch:
        for number in range(ROWS):
            row = record(number, before)
            await ledger.write(row)
            before = row.entry_hash
    return ledger, watch


async def main(root):
    ledger, watch = await insert(os.path.join(root, "ledger.db"))
    print_ledger("meshflow", version("meshflow"), "insert", ROWS, watch)
    with Watch() as watch:
        verdict = await ledger.verify_chain("bench")
    assert verdict["valid"], verdict
    print_ledger("meshflow", version("meshflow"), "verify_chain", ROWS, watch)
    await ledger.aclose()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as root:
        asyncio.run(main(root))
