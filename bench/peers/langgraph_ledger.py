"""LangGraph's SqliteSaver: checkpoints put one after another, each with a state of 1 KB.

    python langgraph_ledger.py [directory for checkpoints]
"""

import os
import sqlite3
import sys
import tempfile
from importlib.metadata import version

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver

from timing import Watch, print_ledger

ROWS = 5_000
TEXT = "x" * 700


def main(root):
    file = sqlite3.connect(os.path.join(root, "saver.db"), check_same_thread=False)
    saver = SqliteSaver(file)
    saver.setup()
    config = {"configurable": {"thread_id": "bench", "checkpoint_ns": ""}}
    with Watch() as watch:
        for number in range(ROWS):
            checkpoint = empty_checkpoint() | {"channel_values": {"output": TEXT}}
            config = saver.put(config, checkpoint, {"source": "loop", "step": number}, {})
    print_ledger("langgraph", version("langgraph"), "put", ROWS, watch)
    file.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as root:
        main(root)
