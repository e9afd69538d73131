#!/usr/bin/env python3
"""One peer at one kind of work, in a process of its own that is asked again and again.

Started by run.py. It prepares, answers with one line of JSON, then measures once for each line that it reads, which
holds the seconds: so that rounds of several programs interleave, and nobody's preparation counts.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Prepared:
    """A peer that is ready."""

    note: str
    """How it does the work, for the table's readers."""
    measure: Callable[[float], float]
    """Works for so many seconds and gives the figure."""


def rate(work: Callable[[], int], seconds: float, warm_up: bool = True) -> float:
    """Repeats `work`, which tells how much it did, after one round that does not count: as `overfit bench` does it."""
    if warm_up:
        work()
    started, done = time.perf_counter(), 0
    while True:
        done += work()
        elapsed = time.perf_counter() - started
        if elapsed >= seconds:
            return done / elapsed


def prepare(program: str, work: str, shape_file: Path, threads: int) -> Prepared:
    """Loads the program and gets it ready."""
    # Imported here: a program that is not installed is no hindrance to the others.
    from shape import Shape

    shape = Shape.load(shape_file)
    if program.startswith("torch"):
        import torch_peers

        return torch_peers.prepare(program, work, shape, threads)
    import distance_peers

    return distance_peers.prepare(program, work, shape, threads)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("work")
    parser.add_argument("--shape", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    # Answers go where standard output was; what libraries print joins standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**content: str | float) -> None:
        print(json.dumps(content), file=answers, flush=True)

    try:
        prepared = prepare(arguments.program, arguments.work, arguments.shape, arguments.threads)
        answer(note=prepared.note)
        for line in sys.stdin:
            answer(value=prepared.measure(float(line)))
    except Exception as error:
        # Whatever a program fails with belongs into the table.
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        answer(error=f"{type(error).__name__}: {reason}")
        raise


if __name__ == "__main__":
    main()
