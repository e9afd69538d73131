"""Exact distances by Open3D (Embree) and by libigl (its own tree, signs by fast winding number)."""

from collections.abc import Callable

import numpy as np
from peer import Prepared, rate
from shape import Shape


def prepare(program: str, work: str, shape: Shape, threads: int) -> Prepared:
    """`program` is open3d-unsigned, open3d-signed or libigl; `work` is distance/uniform or distance/near."""
    points = {"distance/uniform": shape.uniform, "distance/near": shape.near}[work]
    note, queries = {"open3d-unsigned": open3d_unsigned, "open3d-signed": open3d_signed, "libigl": libigl}[program](
        shape, points, threads
    )
    distances = queries()
    closest = np.abs(distances).min()
    if not (np.isfinite(distances).all() and closest < 1e-3):
        raise RuntimeError(f"{program} gives no distances: the least is {closest}")

    def work_once() -> int:
        queries()
        return len(points)

    return Prepared(note, lambda seconds: rate(work_once, seconds))


def open3d_unsigned(shape: Shape, points: np.ndarray, threads: int) -> tuple[str, Callable[[], np.ndarray]]:
    """All points in one call, in the 32 bits that Embree works with, from an array that is not copied."""
    scene, queries = open3d_scene(shape, points)
    return "one call", lambda: scene.compute_distance(queries, nthreads=threads).numpy()


def open3d_signed(shape: Shape, points: np.ndarray, threads: int) -> tuple[str, Callable[[], np.ndarray]]:
    """The sign by one ray a point, the least that Open3D offers: right on closed meshes only."""
    scene, queries = open3d_scene(shape, points)
    return "one call, one ray", lambda: scene.compute_signed_distance(queries, nthreads=threads, nsamples=1).numpy()


def open3d_scene(shape: Shape, points: np.ndarray):
    """The mesh, its tree built, and the points as Open3D takes them."""
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(shape.vertices.astype(np.float32), shape.faces.astype(np.uint32))
    return scene, open3d.core.Tensor.from_numpy(np.ascontiguousarray(points))


def libigl(shape: Shape, points: np.ndarray, _threads: int) -> tuple[str, Callable[[], np.ndarray]]:
    """Both trees built before: `igl.signed_distance` would build them again in each call.

    libigl takes 64-bit floats only, converted beforehand. Its threads are set by run.py in IGL_NUM_THREADS.
    """
    import igl

    vertices, faces, queries = shape.vertices, shape.faces, points.astype(np.float64)
    tree, winding = igl.AABB(), igl.FastWindingNumberBVH()
    tree.init(vertices, faces)
    winding.init(vertices, faces)

    def query() -> np.ndarray:
        distances = np.sqrt(tree.squared_distance(vertices, faces, queries)[0])
        distances[winding.winding_number(queries) > 0.5] *= -1
        return distances

    return "trees built before", query
