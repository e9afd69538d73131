#!/usr/bin/env python3
"""`make bench-scaling`: how our speed changes with threads, table size, triangles and resolution.

Each axis is written to its own file as soon as it is measured, and the figure is drawn from all files there are, so
that an axis can be measured again alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
from shape import write_rippled_sphere

TABLES = range(10, 21)
"""Base-2 logarithms of the hash grid's entries a level."""
CELLS = [9, 29, 91, 289, 913]
"""Of a cube's edge: 12 cells² triangles, about 10³, 10⁴, 10⁵, 10⁶ and 10⁷."""
RESOLUTIONS = [64, 128, 256, 512, 1024]
FIT_SECONDS = 10
"""Training of the field whose surface is extracted."""

Series = dict[str, list[tuple[float, float]]]
"""By what was measured: pairs of place on the axis and figure."""


class Program:
    """Ours, on a mesh, for so many seconds a measurement."""

    def __init__(self, overfit: Path, folder: Path, seconds: float):
        self.overfit, self.folder, self.seconds = overfit, folder, seconds

    def run(self, *arguments: str | Path | float) -> dict:
        """The last line of its output."""
        command = [self.overfit, *map(str, arguments), "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def bench(self, cases: list[str], *arguments: str | Path | float) -> dict[str, float]:
        """Figures of `overfit bench`."""
        named = [argument for case in cases for argument in ("--case", case)]
        report = self.run("bench", *arguments, "--seconds", self.seconds, *named)
        return {case["name"]: case["value"] for case in report["cases"]}


def over_threads(program: Program) -> Series:
    """1, 2, 4, … and all."""
    most = len(os.sched_getaffinity(0))
    counts = sorted({1 << power for power in range(most.bit_length())} | {most})
    cases = ["train/hash-grid", "train/siren", "evaluate/hash-grid", "evaluate/siren", "distance/near"]
    return series((count, program.bench(cases, "--threads", count)) for count in counts)


def over_tables(program: Program) -> Series:
    """The abscissa is the number of entries a level."""
    cases = ["train/hash-grid", "evaluate/hash-grid"]
    return series((1 << table, program.bench(cases, "--log2-entries", table)) for table in TABLES)


def over_triangles(program: Program) -> Series:
    """Queries, and a fit that needs them."""

    def measure(cells: int) -> tuple[float, dict[str, float]]:
        mesh = program.folder / "sphere.ply"
        triangles = write_rippled_sphere(mesh, cells)
        values = program.bench(["distance/uniform", "distance/near"], mesh)
        model = program.folder / "model.safetensors"
        fit = program.run("fit", mesh, "-o", model, "--seconds", max(3.0, program.seconds))
        return triangles, values | {"fit": fit["samples_per_second"]}

    return series(measure(cells) for cells in CELLS)


def over_resolutions(program: Program) -> Series:
    """Seconds of an extraction; the best of three, since each is short."""
    mesh, model = program.folder / "sphere.ply", program.folder / "model.safetensors"
    write_rippled_sphere(mesh, 83)
    program.run("fit", mesh, "-o", model, "--seconds", FIT_SECONDS)

    def measure(resolution: int) -> tuple[float, dict[str, float]]:
        arguments = ["mesh", model, "-o", program.folder / "out.ply", "--resolution", resolution]
        return resolution, {"extract": min(program.run(*arguments)["seconds"] for _ in range(3))}

    return series(measure(resolution) for resolution in RESOLUTIONS)


AXES = {
    "threads": ("threads", "a second", over_threads),
    "table": ("hash-grid entries a level", "a second", over_tables),
    "triangles": ("triangles", "a second", over_triangles),
    "resolution": ("cells along the longest side", "seconds", over_resolutions),
}
"""By name: what the axes say, and the measurement."""
WORDS = {
    "train/hash-grid": "training, hash grid: samples",
    "train/siren": "training, SIREN: samples",
    "evaluate/hash-grid": "evaluation, hash grid: points",
    "evaluate/siren": "evaluation, SIREN: points",
    "distance/uniform": "distance, anywhere: queries",
    "distance/near": "distance, near: queries",
    "fit": "fit, ground truth included: samples",
    "extract": "mesh from a hash grid",
}
COLORS = {work: f"C{index}" for index, work in enumerate(WORDS)}
"""One colour for one kind of work, in all panels."""


def series(rows) -> Series:
    """Turns figures by place into places by figure, and tells each as it comes."""
    found: Series = {}
    for place, values in rows:
        print(f"  {place:,}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items()), file=sys.stderr)
        for name, value in values.items():
            found.setdefault(name, []).append((place, value))
    return found


def draw(folder: Path) -> Path:
    """The figure of all axes that were measured."""
    figure, panels = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained")
    for panel, (axis, (label, unit, _)) in zip(panels.flat, AXES.items(), strict=True):
        path = folder / f"scaling-{axis}.json"
        measured = json.loads(path.read_text()) if path.exists() else {}
        places: set[float] = set()
        for name, points in measured.items():
            xs, ys = zip(*points, strict=True)
            places |= set(xs)
            panel.plot(xs, ys, "o-", color=COLORS[name], label=WORDS[name])
        panel.set(xscale="log", yscale="log", xlabel=label, ylabel=unit)
        if axis != "triangles":
            panel.set_xticks(sorted(places), [tick(place) for place in sorted(places)])
            panel.minorticks_off()
        panel.grid(alpha=0.3)
        if measured:
            panel.legend(fontsize=8)
    path = folder / "scaling.png"
    figure.savefig(path, dpi=110)
    return path


def tick(place: float) -> str:
    """A number, large ones in powers of two."""
    return f"{place:g}" if place < 2000 else f"$2^{{{int(place).bit_length() - 1}}}$"


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overfit", type=Path, required=True, help="our program")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the figure and its numbers")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--axis", action="append", choices=AXES, help="only this; repeatable")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        program = Program(arguments.overfit.resolve(), Path(folder), arguments.seconds)
        for axis, (_, _, measure) in AXES.items():
            if arguments.axis is None or axis in arguments.axis:
                print(f"speed over {axis}", file=sys.stderr)
                path = arguments.out / f"scaling-{axis}.json"
                path.write_text(json.dumps(measure(program), indent=1) + "\n")
    print(draw(arguments.out))


if __name__ == "__main__":
    main()
