#!/usr/bin/env python3
"""`make bench`: the work of `overfit bench` beside the programs that one would pick instead, in one run.

Rounds interleave: ours, peer, peer, ours, ... so that all see the same machine. A ratio is taken in each round, and the
median of the ratios is reported with its range. Each case is written to its own file as soon as it is measured; the
table is made of all files there are, so that a case can be measured again alone.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

from shape import prepare, write_rippled_sphere
from table import write_table

HERE = Path(__file__).resolve().parent
SPHERE_CELLS = 83
"""Of the mesh that is measured with unless another is given: 82,668 triangles."""


@dataclass(frozen=True)
class Case:
    """One kind of work and who does it."""

    work: str
    peers: list[str]
    ours: list[str]
    """Cases of `overfit bench`."""
    peaks: list[str] = field(default_factory=list)
    """Cases of `overfit bench` that bound it."""


TORCH = ["torch", "torch-compiled"]
DISTANCES = ["open3d-unsigned", "open3d-signed", "libigl"]
FMA, BANDWIDTH = "peak/fma", "peak/bandwidth"
CASES = [
    Case("train/hash-grid", TORCH, ["fit/hash-grid", "train/hash-grid"], [FMA, BANDWIDTH]),
    Case("train/siren", TORCH, ["train/siren"], [FMA]),
    Case("evaluate/hash-grid", TORCH, ["evaluate/hash-grid"], [FMA, BANDWIDTH]),
    Case("evaluate/siren", TORCH, ["evaluate/siren"], [FMA]),
    Case("evaluate/spline", [], ["evaluate/spline"]),
    Case("make/spline", [], ["make/spline"]),
    Case("distance/uniform", DISTANCES, ["distance/uniform"]),
    Case("distance/near", DISTANCES, ["distance/near"]),
    Case("extract/256", TORCH, ["extract/256"]),
    Case("extract/512", [], ["extract/512"]),
]


class Peer:
    """A peer's process: see peer.py."""

    def __init__(self, program: str, work: str, shape: Path, threads: int, stack: ExitStack):
        self.program, self.work = program, work
        self.log = shape.with_name(f"{program}.log")
        # Each library's own way to be told its threads.
        variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "IGL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(variables, str(threads))
        command = [sys.executable, HERE / "peer.py", program, work, "--shape", shape, "--threads", str(threads)]
        pipe = subprocess.PIPE
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=log, text=True)
        stack.callback(self.stop)
        self.values: list[float | None] = []
        answer = self.read()
        self.note = answer.get("note", "")
        self.error = answer.get("error")

    def read(self) -> dict:
        """The next answer; where there is none, the reason."""
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        last = (self.log.read_text().strip().splitlines() or ["without a word"])[-1]
        return {"error": f"ended with code {self.process.wait()}: {last}"}

    def measure(self, seconds: float) -> None:
        """One round."""
        if self.error:
            return
        # `read` tells why.
        with suppress(BrokenPipeError):
            print(seconds, file=self.process.stdin, flush=True)
        answer = self.read()
        self.error = answer.get("error")
        self.values.append(answer.get("value"))

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()


class Ours:
    """Our program."""

    def __init__(self, overfit: Path, mesh: Path, threads: int, folder: Path):
        self.overfit, self.mesh, self.threads, self.folder = overfit, mesh, threads, folder

    def run(self, *arguments: str | Path) -> dict:
        """The last line of its output."""
        command = [self.overfit, *arguments, "--threads", str(self.threads), "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def measure(self, cases: list[str], seconds: float) -> dict[str, float]:
        """The figure of each case."""
        named = [argument for case in cases for argument in ("--case", case)]
        bench = self.run("bench", self.mesh, "--seconds", str(seconds), *named)
        return {case["name"]: case["value"] for case in bench["cases"]}


def measure(case: Case, ours: Ours, shape: Path, seconds: float, rounds: int) -> dict:
    """All rounds of a case."""
    with ExitStack() as stack:
        say(f"{case.work}: preparing {', '.join(case.peers) or 'nothing'}")
        peers = [Peer(program, case.work, shape, ours.threads, stack) for program in case.peers]
        values: dict[str, list[float]] = {}
        for turn in range(rounds):
            for name, value in ours.measure(case.ours + case.peaks, seconds).items():
                values.setdefault(name, []).append(value)
            for peer in peers:
                peer.measure(seconds)
            latest = {name: series[-1] for name, series in values.items()}
            latest |= {peer.program: peer.values[-1] for peer in peers if peer.values}
            say(f"  round {turn + 1}: " + ", ".join(f"{name} {value or 0:.4g}" for name, value in latest.items()))
        for peer in peers:
            if peer.error:
                say(f"  {peer.program}: {peer.error}")
        return {
            "work": case.work,
            "ours": {name: values[name] for name in case.ours},
            "peaks": {name: median(values[name]) for name in case.peaks},
            "peers": {peer.program: {"values": peer.values, "note": peer.note, "error": peer.error} for peer in peers},
            "seconds": seconds,
        }


def machine(ours: Ours, faces: int) -> dict:
    """Where and with what it was measured."""
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    versions = {}
    for package in ("torch", "open3d", "libigl", "scikit-image", "numpy"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": (names or [platform.processor()])[0],
        "threads": ours.threads,
        "mesh": ours.mesh.stem,
        "faces": faces,
        "versions": versions,
    }


def say(text: str) -> None:
    """Tells how far it is."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overfit", type=Path, required=True, help="our program")
    parser.add_argument("--mesh", type=Path, help="a mesh file; a rippled sphere unless given")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the table and the figures")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="for every program")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", action="append", choices=[case.work for case in CASES], help="only this; repeatable")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    mesh = arguments.mesh
    if mesh is None:
        mesh = arguments.out / "rippled-sphere.ply"
        write_rippled_sphere(mesh, SPHERE_CELLS)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        ours = Ours(arguments.overfit.resolve(), mesh, arguments.threads, folder)
        shape = prepare(mesh, ours.overfit, folder)
        shape.save(folder / "shape.npz")
        found = machine(ours, len(shape.faces))
        for case in CASES:
            if arguments.case is None or case.work in arguments.case:
                result = measure(case, ours, folder / "shape.npz", arguments.seconds, arguments.rounds)
                result["machine"] = found
                path = arguments.out / f"{case.work.replace('/', '-')}.json"
                path.write_text(json.dumps(result, indent=1) + "\n")
    results = [arguments.out / f"{case.work.replace('/', '-')}.json" for case in CASES]
    table = write_table([json.loads(path.read_text()) for path in results if path.exists()], arguments.out)
    print(table)


if __name__ == "__main__":
    main()
