#!/usr/bin/env python3
"""Rays against a fitted model beside Open3D's against the mesh: hits that agree, errors of depth, rays a second.

usage: rays.py --overfit PROGRAM --model MODEL --mesh MESH      needs numpy, open3d

Primary rays of pictures from six sides, and rays between points about the shape. Rounds of both programs alternate; the
ratio is the median over the rounds. Ours is asked through `overfit raycast`, which tells the seconds that casting took,
without reading and writing.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np


def primary_rays(low: np.ndarray, high: np.ndarray, pixels: int, away: float) -> np.ndarray:
    """Of square pictures that show a box from six corners: float32 [6 pixels², 6]."""
    centre, radius = (low + high) / 2, np.linalg.norm(high - low) / 2
    at = (np.arange(pixels) + 0.5) / pixels * 2 - 1
    x, y = np.meshgrid(at, -at)
    found = []
    for azimuth, elevation in [(30, 20), (100, 10), (170, -25), (220, 45), (290, 0), (350, 75)]:
        a, e = np.radians([azimuth, elevation])
        back = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        right = np.array([np.cos(a), 0, -np.sin(a)])
        up = np.cross(back, right)
        spread = np.tan(np.arcsin(1 / away))
        way = spread * (x[..., None] * right + y[..., None] * up) - back
        origin = np.broadcast_to(centre + away * radius * back, way.shape)
        found.append(np.concatenate([origin, way], axis=-1).reshape(-1, 6))
    return np.concatenate(found).astype("<f4")


def random_rays(low: np.ndarray, high: np.ndarray, count: int) -> np.ndarray:
    """From places about a box to others, also within the shape: float32 [count, 6]."""
    random = np.random.default_rng(7)
    size = high - low
    origin, target = (low - 0.1 * size + 1.2 * size * random.random((count, 3)) for _ in range(2))
    return np.concatenate([origin, target - origin], axis=1).astype("<f4")


class Peer:
    """Open3D's scene of the mesh."""

    def __init__(self, mesh: Path, threads: int):
        import open3d

        self.open3d, self.threads = open3d, threads
        read = open3d.io.read_triangle_mesh(str(mesh))
        self.vertices = np.asarray(read.vertices, np.float32)
        self.scene = open3d.t.geometry.RaycastingScene(nthreads=threads)
        self.scene.add_triangles(self.vertices, np.asarray(read.triangles, np.uint32))

    def cast(self, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Distances and normals of first hits, and the seconds of the call."""
        unit = rays.copy()
        unit[:, 3:] /= np.linalg.norm(unit[:, 3:], axis=1, keepdims=True)
        tensor = self.open3d.core.Tensor.from_numpy(unit)
        started = time.perf_counter()
        found = self.scene.cast_rays(tensor, nthreads=self.threads)
        seconds = time.perf_counter() - started
        return found["t_hit"].numpy(), found["primitive_normals"].numpy(), seconds


def ours(program: Path, model: Path, rays: np.ndarray, threads: int, folder: Path) -> tuple[np.ndarray, dict]:
    """The rows of `overfit raycast`, and its report."""
    np.save(folder / "rays.npy", rays)
    command = [program, "raycast", model, "--rays", folder / "rays.npy", "-o", folder / "hits.npy", "--json"]
    done = subprocess.run([*command, "--threads", str(threads)], check=True, stdout=subprocess.PIPE, text=True)
    return np.load(folder / "hits.npy"), json.loads(done.stdout.splitlines()[-1])


def compare(name: str, rays: np.ndarray, peer: Peer, arguments: argparse.Namespace, folder: Path) -> None:
    """Prints what one kind of rays comes to."""
    ratios, rates = [], []
    for _ in range(arguments.rounds):
        expected, normals, seconds = peer.cast(rays)
        rows, report = ours(arguments.overfit, arguments.model, rays, arguments.threads, folder)
        rates.append((report["rays_per_second"], len(rays) / seconds))
        ratios.append(report["rays_per_second"] * seconds / len(rays))
    side = (peer.vertices.max(0) - peer.vertices.min(0)).max()
    both = np.isfinite(rows[:, 0]) & np.isfinite(expected)
    # A hit agrees if both have none, or theirs lies within a hundredth of the longest side of ours.
    off = np.abs(rows[both, 0] - expected[both]) / side
    agree = (~np.isfinite(rows[:, 0]) & ~np.isfinite(expected)).sum() + (off < 0.01).sum()
    missed, extra = (np.isfinite(expected) & ~both).mean(), (np.isfinite(rows[:, 0]) & ~both).mean()
    cosine = np.abs((rows[both, 4:7] * normals[both]).sum(1))[off < 0.01]
    # Along the normal: at grazing rays a depth is off by more than the surface is.
    way = rays[both, 3:] / np.linalg.norm(rays[both, 3:], axis=1, keepdims=True)
    across = off * np.abs((way * normals[both]).sum(1))
    print(f"{name}: {len(rays)} rays, {both.mean():.1%} hit")
    print(f"  first hits that agree      {agree / len(rays):.3%} (ours alone {extra:.3%}, theirs alone {missed:.3%})")
    near = off < 0.01
    middle, most = np.quantile(off, [0.5, 0.99])
    print(f"  depth, in longest sides    {off[near].mean():.2e} off in the mean, median {middle:.2e}, 99th {most:.2e}")
    print(f"  across the surface         {across[near].mean():.2e}")
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    print(f"  normals                    {angle.mean():.2f} degrees off in the mean, median {np.median(angle):.2f}")
    print(f"  evaluations a ray          {report['evaluations_per_ray']:.2f}")
    mine, theirs = (median(rate) / 1e6 for rate in zip(*rates, strict=True))
    between = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"  ours {mine:.3f} M rays/s, Open3D {theirs:.3f} M rays/s: ratio {median(ratios):.3f} ({between})")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--overfit", type=Path, required=True, help="our program")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, required=True, help="what the model was fitted to")
    parser.add_argument("--threads", type=int, default=2, help="for both programs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pixels", type=int, default=512, help="a side of each of six pictures")
    arguments = parser.parse_args()
    peer = Peer(arguments.mesh, arguments.threads)
    low, high = peer.vertices.min(0), peer.vertices.max(0)
    with tempfile.TemporaryDirectory() as folder:
        compare("primary rays", primary_rays(low, high, arguments.pixels, 4.0), peer, arguments, Path(folder))
        compare("rays about the shape", random_rays(low, high, 6 * arguments.pixels**2), peer, arguments, Path(folder))


if __name__ == "__main__":
    main()
