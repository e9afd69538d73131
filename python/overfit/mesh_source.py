"""What can be fitted, as what is sent: files, arrays, and the meshes of other libraries, none of which is imported
here.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from overfit.arrays import Numbers, rows
from overfit.ply import ply
from overfit.v1 import mesh_pb2

MeshLike: TypeAlias = Any
"""A path; vertices `[V, 3]`, alone or with faces `[F, 3]`; a mesh, cloud or scene of trimesh, Open3D, meshio or
PyVista; a `Mesh`.
"""

CHUNK_BYTES = 1 << 20

_FORMATS = {
    ".obj": mesh_pb2.MESH_FORMAT_OBJ,
    ".ply": mesh_pb2.MESH_FORMAT_PLY,
    ".stl": mesh_pb2.MESH_FORMAT_STL,
    ".off": mesh_pb2.MESH_FORMAT_OFF,
    ".glb": mesh_pb2.MESH_FORMAT_GLTF,
    ".gltf": mesh_pb2.MESH_FORMAT_GLTF,
    **dict.fromkeys((".xyz", ".pts", ".xyzn", ".xyzrgb", ".asc", ".txt"), mesh_pb2.MESH_FORMAT_XYZ),
}


@dataclass(frozen=True)
class MeshSource:
    """A mesh on its way to the daemon."""

    name: str
    format: mesh_pb2.MeshFormat
    parts: Sequence[bytes | memoryview] | Path

    def chunks(self) -> Iterator[bytes]:
        """The data, in messages' sizes."""
        if isinstance(self.parts, Path):
            with self.parts.open("rb") as file:
                while data := file.read(CHUNK_BYTES):
                    yield data
            return
        for part in self.parts:
            for start in range(0, len(part), CHUNK_BYTES):
                yield bytes(part[start : start + CHUNK_BYTES])


def mesh_source(mesh: MeshLike, faces: ArrayLike | None = None, normals: ArrayLike | None = None) -> MeshSource:
    """Recognises what is given. Raises `TypeError` or `ValueError`, with what was wrong with which argument."""
    if faces is not None:
        return _of_arrays("mesh", mesh, faces, normals)
    if isinstance(mesh, (str, os.PathLike)):
        _no_normals(normals, "a file")
        return _of_file(Path(os.fspath(mesh)))
    if isinstance(mesh, (tuple, list)) and len(mesh) == 2 and np.ndim(mesh[0]) == 2:
        return _of_arrays("mesh", mesh[0], mesh[1], normals)
    for read in (_of_scene, _of_trimesh, _of_open3d_tensors, _of_open3d, _of_meshio, _of_pyvista):
        found = read(mesh)
        if found is not None:
            _no_normals(normals, type(mesh).__name__)
            return found
    try:
        array = np.asarray(mesh)
    except (ValueError, TypeError):
        array = np.empty((), object)
    if array.dtype == object or array.ndim == 0:
        raise TypeError(
            f"mesh is a {type(mesh).__module__}.{type(mesh).__name__}; "
            "give a path, arrays, or a mesh of trimesh, Open3D, meshio or PyVista"
        )
    return _of_arrays("mesh", array, None, normals)


def _no_normals(normals: ArrayLike | None, what: str) -> None:
    if normals is not None:
        raise ValueError(f"normals go with points that are given as an array, not with {what}")


def _of_file(path: Path) -> MeshSource:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a mesh file")
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}")
    if path.suffix.lower() == ".safetensors":
        raise ValueError(
            f"{path} is a model, not a mesh: overfit.load reads it, and the field that it gives can be fitted"
        )
    form = _FORMATS.get(path.suffix.lower())
    if form is None:
        raise ValueError(f"{path} is of no known format: use one of {', '.join(_FORMATS)}")
    return MeshSource(path.stem, form, path)


def _of_arrays(name: str, vertices: Any, faces: Any, normals: Any) -> MeshSource:
    corners = rows(vertices, "vertices" if faces is not None else "points")
    if corners.dtype.itemsize < 4 or corners.dtype.kind != "f":
        corners = corners.astype(np.float64)
    if faces is None:
        ways = None if normals is None else rows(normals, "normals")
        if ways is not None and len(ways) != len(corners):
            raise ValueError(f"normals has {len(ways)} rows, and points has {len(corners)}")
        return MeshSource(name, mesh_pb2.MESH_FORMAT_PLY, ply(corners, None, ways))
    if normals is not None:
        raise ValueError("normals are for points without faces: a mesh's faces tell where it looks")
    return MeshSource(name, mesh_pb2.MESH_FORMAT_PLY, ply(corners, _checked(faces, len(corners)), None))


def _checked(given: Any, vertices: int) -> Numbers:
    """Faces `[F, 3 or 4]`. Raises `TypeError` or `ValueError`; what is out of range would not fit into a file."""
    array = np.asarray(given)
    if array.dtype.kind not in "iu":
        raise TypeError(f"faces must be an array of whole numbers, not of {array.dtype}")
    if array.ndim != 2 or array.shape[1] not in (3, 4):
        raise ValueError(f"faces must have the shape [F, 3], or [F, 4] for quads, not {list(array.shape)}")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= vertices):
        wrong = int(np.flatnonzero(((array < 0) | (array >= vertices)).any(axis=1))[0])
        raise ValueError(f"faces[{wrong}] is {array[wrong].tolist()}, and vertices has {vertices} rows")
    return array


def _of_scene(mesh: Any) -> MeshSource | None:
    """A trimesh scene: its meshes in their places, as one. Bodies that overlap are one in a fit."""
    if not (isinstance(getattr(mesh, "geometry", None), Mapping) and hasattr(mesh, "graph")):
        return None
    if not mesh.geometry:
        raise ValueError("The scene holds no mesh")
    placed = mesh.dump()
    meshes = [part for part in placed if len(getattr(part, "faces", ()))]
    if not meshes and len(placed) == 1:
        return _of_trimesh(placed[0])
    if not meshes:
        kinds = ", ".join(sorted({type(part).__name__ for part in placed}))
        raise ValueError(f"The scene holds no mesh, only {kinds}: give one of its geometries")
    vertices, faces, count = [], [], 0
    for part in meshes:
        vertices.append(np.asarray(part.vertices))
        faces.append(np.asarray(part.faces) + count)
        count += len(part.vertices)
    return _of_arrays("scene", np.concatenate(vertices), np.concatenate(faces), None)


def _of_open3d_tensors(mesh: Any) -> MeshSource | None:
    """`open3d.t.geometry`: named tensors, on any device."""
    if hasattr(mesh, "vertex") and hasattr(mesh, "triangle"):
        return _of_arrays("mesh", mesh.vertex.positions.cpu().numpy(), mesh.triangle.indices.cpu().numpy(), None)
    if hasattr(mesh, "point") and hasattr(getattr(mesh, "point", None), "positions"):
        normals = mesh.point.normals.cpu().numpy() if "normals" in mesh.point else None
        return _of_arrays("points", mesh.point.positions.cpu().numpy(), None, normals)
    return None


def _of_open3d(mesh: Any) -> MeshSource | None:
    if hasattr(mesh, "vertices") and hasattr(mesh, "triangles"):
        if not len(mesh.triangles):
            raise ValueError("The mesh has no triangles")
        return _of_arrays("mesh", np.asarray(mesh.vertices), np.asarray(mesh.triangles), None)
    if hasattr(mesh, "points") and hasattr(mesh, "normals") and hasattr(mesh, "has_normals"):
        return _of_arrays(
            "points", np.asarray(mesh.points), None, np.asarray(mesh.normals) if mesh.has_normals() else None
        )
    return None


def _of_meshio(mesh: Any) -> MeshSource | None:
    """Triangles and quads, of which the corners alone count; volume cells have no surface of their own."""
    if not (hasattr(mesh, "points") and isinstance(getattr(mesh, "cells", None), list)):
        return None
    corners = {"triangle": 3, "triangle6": 3, "triangle7": 3, "quad": 4, "quad8": 4, "quad9": 4}
    blocks = [np.asarray(block.data)[:, : corners[block.type]] for block in mesh.cells if block.type in corners]
    kinds = sorted({block.type for block in mesh.cells} - {"vertex", "line"})
    points = np.asarray(mesh.points)
    if points.ndim == 2 and points.shape[1] == 2:
        raise ValueError("The mesh is flat: its points have two coordinates")
    if not blocks:
        if kinds:
            raise ValueError(f"The mesh has cells of {', '.join(kinds)}, and no triangles or quads: give its surface")
        return _of_arrays("points", points, None, None)
    return _of_arrays("mesh", points, _triangles(blocks), None)


def _triangles(blocks: Iterable[Numbers]) -> Numbers:
    """Quads cut in two."""
    halves = [[block] if block.shape[1] == 3 else [block[:, [0, 1, 2]], block[:, [0, 2, 3]]] for block in blocks]
    return np.concatenate([half for pair in halves for half in pair])


def _of_pyvista(mesh: Any) -> MeshSource | None:
    if not (hasattr(mesh, "points") and hasattr(mesh, "extract_surface") and hasattr(mesh, "n_points")):
        return None
    surface = mesh if hasattr(mesh, "regular_faces") else mesh.extract_surface()
    if not surface.n_points or not getattr(surface, "n_faces_strict", surface.n_cells):
        return _of_arrays("points", np.asarray(mesh.points), None, None)
    return _of_arrays("mesh", np.asarray(surface.points), np.asarray(surface.triangulate().regular_faces), None)


def _of_trimesh(mesh: Any) -> MeshSource | None:
    """Whatever has vertices, and faces if it is no cloud: trimesh, igl-like pairs, a `Mesh` of ours."""
    if not hasattr(mesh, "vertices") or (hasattr(mesh, "triangles") and not hasattr(mesh, "faces")):
        return None
    faces = getattr(mesh, "faces", None)
    if faces is not None and not len(faces):
        raise ValueError("The mesh has no faces")
    if faces is None:
        return _of_arrays("points", np.asarray(mesh.vertices), None, None)
    return _of_arrays("mesh", np.asarray(mesh.vertices), np.asarray(faces), None)
