"""The clock both peers are measured with, and the line each measurement is printed as."""

import json
import time

STEPS = 200
BRANCHES = 100
DELAY_S = 0.05
REPEATS = 5

# What each step hands on. A one-word output would flatter whoever stores outputs.
OUTPUT = "The quick brown fox jumps over the lazy dog. " * 5
assert len(OUTPUT) >= 200


class Watch:
    """CPU time of this process (all threads) and wall time, in microseconds."""

    def __enter__(self):
        self._cpu = time.process_time()
        self._wall = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.wall_us = (time.perf_counter() - self._wall) * 1e6
        self.cpu_us = (time.process_time() - self._cpu) * 1e6


def print_chain(peer, version, durability, watches):
    """One JSON line for a chain: the least CPU and the least wall time seen, per step."""
    _print(
        peer=peer,
        version=version,
        durability=durability,
        steps=STEPS,
        cpu_us_per_step=round(min(w.cpu_us for w in watches) / STEPS, 1),
        wall_us_per_step=round(min(w.wall_us for w in watches) / STEPS, 1),
    )


def print_fan_out(peer, version, durability, watches):
    """One JSON line for a fan-out: the whole run. The delay alone is the floor of its wall time."""
    _print(
        peer=peer,
        version=version,
        durability=durability,
        branches=BRANCHES,
        delay_ms=round(DELAY_S * 1e3),
        cpu_ms=round(min(w.cpu_us for w in watches) / 1e3, 1),
        wall_ms=round(min(w.wall_us for w in watches) / 1e3, 1),
    )


def print_ledger(peer, version, act, rows, watch):
    """One JSON line for so many rows written or verified one after another."""
    _print(
        peer=peer,
        version=version,
        act=act,
        rows=rows,
        cpu_us_per_row=round(watch.cpu_us / rows, 2),
        wall_us_per_row=round(watch.wall_us / rows, 2),
    )


def _print(**fields):
    print(json.dumps(fields), flush=True)
