#!/usr/bin/env python3
"""How true fields are beyond the cube that they were trained in: `benches/outside.py MESH.obj ...`

Each mesh is fitted by a fixed number of steps, and the field compared with exact distances at 1.5, 3 and 10 of its
sizes (longest side) from its centre, and close to the cube. Gradients are compared with differences of exact distances,
except where these are shorter than 0.9999: there two parts of the shape are about as near. Offset surfaces by half a
size and a whole one are measured at their vertices. With `--before` an older program answers from the same network.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

POINTS = 20_000
SIZES = [1.5, 3, 10]
CUBE = 1 / 0.9
"""The cube's side in sizes."""


class Program:
    """Ours, in a folder for what it reads and writes."""

    def __init__(self, binary: Path, folder: Path):
        self.binary, self.folder = binary.resolve(), folder

    def run(self, *arguments: object) -> dict:
        """What it prints last."""
        command = [self.binary, *map(str, arguments), "--json"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def at(self, verb: str, what: Path, points: np.ndarray, *options: str) -> np.ndarray:
        """Exact distances (`distance`) or a model's values (`eval`)."""
        asked, answered = self.folder / "asked.npy", self.folder / "answered.npy"
        np.save(asked, points)
        self.run(verb, what, "--points", asked, "-o", answered, *options)
        return np.load(answered).astype(np.float64)


def exact(program: Program, mesh: Path, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances and their differences."""
    distances = program.at("distance", mesh, points)
    step = 0.005 * distances[:, None]
    gradients = np.empty_like(points)
    for axis in range(3):
        way = np.eye(3)[axis] * step
        ends = (program.at("distance", mesh, points + sign * way) for sign in (1, -1))
        gradients[:, axis] = np.subtract(*ends) / (2 * step[:, 0])
    return distances, gradients


def places(size: float) -> dict[str, np.ndarray]:
    """Points about the origin."""
    random = np.random.default_rng(3)
    ways = random.normal(size=(POINTS, 3))
    onto_cube = ways / np.abs(ways).max(1, keepdims=True) * CUBE / 2
    near = onto_cube * random.uniform(1, 1.4, (POINTS, 1))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return {"near": size * near} | {f"{k}": size * k * ways for k in SIZES}


def errors(values: np.ndarray, truth: tuple[np.ndarray, np.ndarray]) -> str:
    """A row's figures."""
    distances, gradients = truth
    relative = values[:, 0] / distances - 1
    lengths = np.linalg.norm(gradients, axis=1)
    clear = lengths > 0.9999
    ours = values[clear, 1:] / np.linalg.norm(values[clear, 1:], axis=1, keepdims=True)
    cosine = (ours * gradients[clear]).sum(1) / lengths[clear]
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    percent = 100 * np.array([np.abs(relative).mean(), relative.min(), relative.max()])
    return (
        f"{percent[0]:.3f} | {percent[1]:+.2f} | {percent[2]:+.2f} | {np.quantile(angle, 0.99):.2f} | "
        f"{angle.max():.2f} | {100 * (angle > 2).mean():.2f} | {100 * (1 - clear.mean()):.1f}"
    )


def vertices(path: Path) -> np.ndarray:
    """Of an OBJ file."""
    with path.open() as file:
        return np.array([line.split()[1:4] for line in file if line.startswith("v ")], float)


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meshes", nargs="+", type=Path)
    parser.add_argument("--overfit", type=Path, default=Path("target/release/overfit"))
    parser.add_argument("--before", type=Path, help="an older program, to compare with")
    parser.add_argument("--steps", default=2000)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--models", type=Path, help="where fitted models are kept and found again")
    arguments = parser.parse_args()
    surfaces = []
    print("| mesh | sizes | program | mean % | least % | most % | gradient 99 % | most | over 2° % | ties % |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        program = Program(arguments.overfit, folder)
        programs = {"this": program}
        if arguments.before:
            programs = {"before": Program(arguments.before, folder)} | programs
        for mesh in arguments.meshes:
            model = (arguments.models or folder) / f"{mesh.stem}.safetensors"
            if not model.exists():
                program.run("fit", mesh, "-o", model, "--steps", arguments.steps, "--preset", arguments.preset)
            box = vertices(mesh)
            low, high = box.min(0), box.max(0)
            centre, size = (low + high) / 2, (high - low).max()
            for name, points in places(size).items():
                truth = exact(program, mesh, points + centre)
                for label, other in programs.items():
                    values = other.at("eval", model, points + centre, "--quantity", "value,gradient")
                    print(f"| {mesh.stem} | {name} | {label} | {errors(values, truth)} |", flush=True)
            for share in (0.5, 1):
                for label, other in programs.items():
                    offset = folder / "offset.obj"
                    start = time.perf_counter()
                    other.run("mesh", model, "-o", offset, "--iso", share * size, "--resolution", 64)
                    seconds = time.perf_counter() - start
                    error = 100 * (program.at("distance", mesh, vertices(offset)) / (share * size) - 1)
                    row = f"{np.abs(error).mean():.3f} | {error.min():+.2f} | {error.max():+.2f} | {seconds:.2f}"
                    surfaces.append(f"| {mesh.stem} | {share} | {label} | {row} |")
    print("\n| mesh | offset by | program | mean % | least % | most % | seconds |\n|---|---|---|---|---|---|---|")
    print(*surfaces, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
