#!/usr/bin/env python3
"""Extracted surfaces beside the meshes that the fields were fitted to, judged by Open3D and MeshLab.

usage: extraction.py --overfit PROGRAM MESH.obj ...      needs numpy, open3d, pymeshlab

Each mesh is fitted once (`--models` keeps the models), and each of its lines is one call of `overfit mesh`: the
resolution, the mode and what follows a second colon, further options, as in
`--ask 256:sharp "256:sharp:--triangles 20000"`.

Lengths are in hundred-thousandths of the longest side, angles in degrees:
- chamfer: mean of both directed mean distances; hausdorff: the largest distance, of 500,000 samples on each surface;
- normals: mean angle between the normals of a sample and of the nearest face of the other surface, both ways;
- edges: how far points on the original's edges of more than 30 degrees are from the surface, mean and 99th percentile;
- angle: smallest angle of any triangle, and the 1st percentile; aspect: longest side by least height, over that of an
  equilateral triangle, 99th percentile and median;
- open, many: edges of one face, and of more than two; cut: faces that cut through another, counted by MeshLab.
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import open3d as o3d
import pymeshlab

SAMPLES = 500_000
CREASE = np.radians(30.0)
COLUMNS = ["faces", "chamfer", "hausdorff", "normals", "edges", "edges_99", "angle", "angle_1", "aspect_99", "aspect"]
COLUMNS += ["open", "many", "cut", "seconds", "MB"]


class Surface:
    """A mesh as the judges take it."""

    def __init__(self, positions: np.ndarray, triangles: np.ndarray):
        self.positions, self.triangles = positions, triangles
        corners = positions[triangles]
        areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        size = np.linalg.norm(areas, axis=1)
        self.areas, self.normals = size / 2, areas / np.maximum(size, 1e-300)[:, None]
        self.scene = o3d.t.geometry.RaycastingScene()
        self.scene.add_triangles(positions.astype(np.float32), triangles.astype(np.uint32))

    def samples(self, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Points spread evenly over the surface, and their faces' normals."""
        faces = random.choice(len(self.triangles), count, p=self.areas / self.areas.sum())
        u, v = np.sqrt(random.random(count)), random.random(count)
        weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
        return np.einsum("nk,nkc->nc", weights, self.positions[self.triangles[faces]]), self.normals[faces]

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances from the surface, and the normals of the nearest faces."""
        found = self.scene.compute_closest_points(points.astype(np.float32))
        faces = found["primitive_ids"].numpy()
        away = points - found["points"].numpy()
        return np.linalg.norm(away, axis=1), self.normals[faces]

    def crease_points(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Points spread evenly over the edges at which the surface turns by more than 30 degrees."""
        edges = np.sort(self.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        faces = np.repeat(np.arange(len(self.triangles)), 3)
        order = np.lexsort(edges.T)
        edges, faces = edges[order], faces[order]
        pairs = np.flatnonzero((edges[1:] == edges[:-1]).all(axis=1))
        turn = np.einsum("nc,nc->n", self.normals[faces[pairs]], self.normals[faces[pairs + 1]])
        ends = self.positions[edges[pairs[turn < np.cos(CREASE)]]]
        if not len(ends):
            return np.empty((0, 3))
        lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        chosen = random.choice(len(ends), count, p=lengths / lengths.sum())
        share = random.random((count, 1))
        return ends[chosen, 0] * (1 - share) + ends[chosen, 1] * share


def read(path: Path) -> Surface:
    """A mesh file, vertices at one place as one."""
    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.load_new_mesh(str(path))
    meshes.meshing_remove_duplicate_vertices()
    mesh = meshes.current_mesh()
    return Surface(mesh.vertex_matrix(), mesh.face_matrix())


def shape(surface: Surface) -> dict:
    """Angles and aspects of the triangles."""
    corners = surface.positions[surface.triangles]
    sides = np.sort(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2), axis=1)
    a, b, c = np.maximum(sides.T, 1e-300)
    smallest = np.degrees(np.arccos(np.clip((b * b + c * c - a * a) / (2 * b * c), -1, 1)))
    aspect = np.sqrt(3) / 2 * c * c / np.maximum(2 * surface.areas, 1e-300)
    return {
        "angle": smallest.min(),
        "angle_1": np.percentile(smallest, 1),
        "aspect_99": np.percentile(aspect, 99),
        "aspect": np.median(aspect),
    }


def topology(path: Path) -> dict:
    """What MeshLab says of the file."""
    meshes = pymeshlab.MeshSet(verbose=False)
    meshes.load_new_mesh(str(path))
    meshes.meshing_remove_duplicate_vertices()
    told = meshes.get_topological_measures()
    meshes.compute_selection_by_self_intersections_per_face()
    cut = meshes.current_mesh().selected_face_number()
    return {"open": told["boundary_edges"], "many": told["non_two_manifold_edges"], "cut": cut}


def judge(original: Surface, path: Path) -> dict:
    """All columns but those of the program."""
    random = np.random.default_rng(1)
    found = read(path)
    unit = 1e5 / np.ptp(original.positions, axis=0).max()
    ways, angles = [], []
    for one, other in ((original, found), (found, original)):
        points, normals = one.samples(SAMPLES, random)
        distances, facing = other.nearest(points)
        ways.append(distances * unit)
        angles.append(np.degrees(np.arccos(np.clip(np.einsum("nc,nc->n", normals, facing), -1, 1))).mean())
    creases = original.crease_points(SAMPLES // 5, random)
    off = found.nearest(creases)[0] * unit if len(creases) else np.array([np.nan])
    return {
        "faces": len(found.triangles),
        "chamfer": (ways[0].mean() + ways[1].mean()) / 2,
        "hausdorff": max(way.max() for way in ways),
        "normals": sum(angles) / 2,
        "edges": off.mean(),
        "edges_99": np.percentile(off, 99),
        **shape(found),
        **topology(path),
    }


def measured(command: list) -> tuple[dict, float]:
    """What the program prints last, and the most memory that it took, in MB."""
    done = subprocess.run(["/usr/bin/env", "time", "-f", "%M", *map(str, command)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1]), int(done.stderr.splitlines()[-1]) / 1000


def in_words(figure: float) -> str:
    """A column wide."""
    return f"{figure:9.3g}" if isinstance(figure, float) else f"{figure:9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meshes", nargs="+", type=Path)
    parser.add_argument("--overfit", default="overfit")
    parser.add_argument("--models", type=Path, default=Path("/tmp/overfit-models"))
    parser.add_argument("--preset", default="detail")
    parser.add_argument("--seconds", default="20")
    parser.add_argument("--ask", nargs="+", default=["256:marching-cubes", "256:sharp"])
    parser.add_argument("--keep", action="store_true", help="keep the extracted meshes beside the models")
    arguments = parser.parse_args()
    arguments.models.mkdir(parents=True, exist_ok=True)
    print(f"{'':34}", *(f"{name:>9}" for name in COLUMNS))
    for mesh in arguments.meshes:
        model = arguments.models / f"{mesh.stem}-{arguments.preset}.safetensors"
        if not model.exists():
            fit = ["fit", mesh, "-o", model, "--preset", arguments.preset, "--seconds", arguments.seconds]
            subprocess.run([arguments.overfit, *map(str, fit)], check=True)
        original = read(mesh)
        for number, ask in enumerate(arguments.ask):
            resolution, mode, *options = ask.split(":")
            out = arguments.models / f"{mesh.stem}-{number}.ply"
            command = [arguments.overfit, "mesh", model, "-o", out, "--resolution", resolution, "--json"]
            if mode != "marching-cubes":
                command += ["--mode", mode]
            said, memory = measured(command + " ".join(options).split())
            figures = judge(original, out) | {"seconds": said["seconds"], "MB": memory}
            print(f"{mesh.stem + ' ' + ask:34}", *(in_words(figures[name]) for name in COLUMNS), flush=True)
            if not arguments.keep:
                out.unlink()


if __name__ == "__main__":
    main()
