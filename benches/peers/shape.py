"""The mesh that everything is measured on, and the points of each kind of work: the same for every program."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

POINTS = 1 << 18
"""Points that a case works on at a time."""
NEAR_SIGMA = 0.0056
"""Points near the surface are moved by this standard deviation per axis; longest side 1."""
UNIT_LONGEST_SIDE = 1.8
"""The longest side of the mesh in the unit frame, where every program works."""


@dataclass
class Shape:
    """A mesh in the unit frame, with points and the exact distances of those to train on."""

    vertices: np.ndarray
    faces: np.ndarray
    uniform: np.ndarray
    near: np.ndarray
    training_points: np.ndarray
    training_distances: np.ndarray

    def save(self, path: Path) -> None:
        """For `load` in the process of a peer."""
        np.savez(path, **vars(self))

    @staticmethod
    def load(path: Path) -> "Shape":
        """What `save` wrote."""
        with np.load(path) as arrays:
            return Shape(**arrays)


def prepare(mesh: Path, overfit: Path, folder: Path) -> Shape:
    """Reads a mesh file and draws the points, as `overfit bench` does it. `folder` takes files on the way."""
    # Imported here: peers load what this function made, and need no reader.
    import trimesh

    loaded = trimesh.load(mesh, force="mesh", process=False)
    vertices, faces = np.asarray(loaded.vertices, np.float64), np.asarray(loaded.faces, np.int64)
    low, high = vertices.min(0), vertices.max(0)
    center, scale = (low + high) / 2, UNIT_LONGEST_SIDE / (high - low).max()
    vertices = (vertices - center) * scale
    rng = np.random.default_rng(11)
    uniform = ((rng.random((POINTS, 3)) - 0.5) * 1.05 * (high - low) * scale).astype(np.float32)
    near = on_surface(vertices, faces, POINTS, rng) + rng.normal(0, NEAR_SIGMA * UNIT_LONGEST_SIDE, (POINTS, 3))
    near = near.astype(np.float32)
    # As a fit does it: four near the surface for each one anywhere.
    training = near.copy()
    training[::5] = uniform[: len(training[::5])]
    np.save(folder / "points.npy", training / scale + center)
    command = [overfit, "distance", mesh, "--points", folder / "points.npy", "-o", folder / "distances.npy", "--json"]
    json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    distances = (np.load(folder / "distances.npy") * scale).astype(np.float32)
    return Shape(vertices, faces, uniform, near, training, distances)


def on_surface(vertices: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points on a mesh, uniform by area."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    chosen = corners[rng.choice(len(faces), count, p=areas / areas.sum())]
    # The root makes the triangle uniform, which two plain random numbers would not.
    root, along = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    return (1 - root) * chosen[:, 0] + root * (1 - along) * chosen[:, 1] + root * along * chosen[:, 2]


def write_rippled_sphere(path: Path, cells: int) -> int:
    """Writes a sphere with waves on it, made of 12 cells² triangles, as binary PLY. Gives their number.

    It is a cube, each side cut into cells² squares, blown up to the unit sphere: closed, with any number of
    triangles. The waves, those of `overfit bench`, keep its distances from being those of a sphere.
    """
    step = np.arange(cells + 1)
    corners, faces = [], []
    for axis in range(3):
        for side in (0, cells):
            u, v = (grid.ravel() for grid in np.meshgrid(step, step, indexing="ij"))
            corner = np.empty((len(u), 3), np.int64)
            corner[:, axis], corner[:, (axis + 1) % 3], corner[:, (axis + 2) % 3] = side, u, v
            first = (step[:-1, None] * (cells + 1) + step[None, :-1]).ravel() + len(u) * len(corners)
            quad = np.stack([first, first + cells + 1, first + cells + 2, first + 1], 1)
            quad = quad if side else quad[:, ::-1]
            faces += [quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]]
            corners.append(corner)
    # Sides share the vertices of their edges: the surface is closed.
    keys = np.concatenate(corners) @ np.array([1, cells + 1, (cells + 1) ** 2])
    keys, places = np.unique(keys, return_inverse=True)
    lattice = np.stack([keys % (cells + 1), keys // (cells + 1) % (cells + 1), keys // (cells + 1) ** 2], 1)
    # Equal angles rather than equal lengths: triangles of nearly one size.
    cube = np.tan((lattice / cells - 0.5) * (np.pi / 2))
    sphere = cube / np.linalg.norm(cube, axis=1, keepdims=True)
    vertices = sphere * (1 + 0.15 * np.sin(9 * sphere).prod(1, keepdims=True))
    triangles = places.ravel()[np.concatenate(faces)]
    rows = np.empty(len(triangles), [("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, triangles
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    path.write_bytes(header.encode() + vertices.astype("<f4").tobytes() + rows.tobytes())
    return len(triangles)
