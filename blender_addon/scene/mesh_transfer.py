"""Meshes out of Blender and back, as arrays in object space."""

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ..client.problem import Problem
from ..client.time_slice import TimeSlice

CORNERS = ".corner_vert"
"""The attribute behind `loops`: a hundred times faster, as it is one block of memory."""


@dataclass
class TriangleMesh:
    """Triangles in object space."""

    positions: np.ndarray
    """`[V, 3] f32`"""
    triangles: np.ndarray
    """`[F, 3] i32`, indices into `positions`."""

    def to_bytes(self) -> "MeshBytes":
        """The daemon's RAW format: positions, then triangles, little-endian."""
        data = self.positions.astype("<f4", copy=False).tobytes() + self.triangles.astype("<u4", copy=False).tobytes()
        return MeshBytes(data, len(self.positions), len(self.triangles))


@dataclass
class Points:
    """Points of a surface in object space, without faces."""

    positions: np.ndarray
    """`[N, 3] f32`"""
    normals: np.ndarray | None
    """`[N, 3] f32`, of any length; `None` if they are not known."""

    def to_bytes(self) -> "MeshBytes":
        """The daemon's RAW format: positions, then normals if there are any, little-endian."""
        rows = [self.positions] if self.normals is None else [self.positions, self.normals]
        data = b"".join(row.astype("<f4", copy=False).tobytes() for row in rows)
        return MeshBytes(data, len(self.positions), 0, self.normals is not None)


@dataclass(frozen=True)
class MeshBytes:
    """A mesh as the daemon takes it, or points without triangles."""

    data: bytes
    vertices: int
    triangles: int
    normals: bool = False
    """Whether each point has a normal."""


def read_mesh(mesh: bpy.types.Mesh) -> TriangleMesh:
    """A Blender mesh, triangulated."""
    positions = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.attributes["position"].data.foreach_get("vector", positions.ravel())
    return TriangleMesh(positions, read_triangles(mesh))


def joined(parts: Sequence[TriangleMesh]) -> TriangleMesh:
    """Several meshes as one; nothing is welded."""
    starts = np.cumsum([0] + [len(part.positions) for part in parts[:-1]], dtype=np.int32)
    return TriangleMesh(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=True)]),
    )


def read_triangles(mesh: bpy.types.Mesh) -> np.ndarray:
    """The mesh's polygons as triangles, `[F, 3] i32`."""
    if len(mesh.loops) == 3 * len(mesh.polygons):
        triangles = np.empty((len(mesh.polygons), 3), np.int32)
        mesh.attributes[CORNERS].data.foreach_get("value", triangles.ravel())
    else:
        mesh.calc_loop_triangles()
        triangles = np.empty((len(mesh.loop_triangles), 3), np.int32)
        mesh.loop_triangles.foreach_get("vertices", triangles.ravel())
    return triangles


def without_loose_vertices(mesh: TriangleMesh) -> TriangleMesh:
    """Drops vertices that no triangle uses: they are no surface, yet they would widen the bounds."""
    used = np.zeros(len(mesh.positions), bool)
    used[mesh.triangles] = True
    if used.all():
        return mesh
    renumbered = np.cumsum(used, dtype=np.int32) - 1
    return TriangleMesh(mesh.positions[used], renumbered[mesh.triangles])


def parse_mesh(data: np.ndarray, vertices: int, faces: int) -> TriangleMesh:
    """Reads the daemon's answer, `[bytes] u8`: positions `f32 [V, 3]`, then triangles `u32 [F, 3]`.

    Raises `Problem` where the sizes do not fit.
    """
    split = vertices * 12
    if len(data) != split + faces * 12:
        raise Problem("The daemon sent a mesh that is not whole. Try again")
    positions = data[:split].view("<f4").reshape(vertices, 3)
    triangles = data[split:].view("<i4").reshape(faces, 3)
    return TriangleMesh(positions, triangles)


def build_mesh(name: str, source: TriangleMesh) -> bpy.types.Mesh:
    """A new Blender mesh with smooth normals. Raises `Problem` if the triangles are damaged."""
    check_triangles(source)
    mesh = bpy.data.meshes.new(name)
    fill_mesh(mesh, source)
    return mesh


def check_triangles(source: TriangleMesh) -> None:
    """Raises `Problem` for triangles that name vertices which do not exist: they would crash Blender."""
    if source.triangles.size and not (source.triangles.min() >= 0 and source.triangles.max() < len(source.positions)):
        raise Problem("The daemon sent a damaged mesh. Try again")


async def check_in_pieces(source: TriangleMesh, time: TimeSlice) -> None:
    """The same beside other work: a million triangles take longer than a frame on a slow machine."""
    async for piece in time.pieces(len(source.triangles)):
        check_triangles(TriangleMesh(source.positions, source.triangles[piece]))


def fill_mesh(mesh: bpy.types.Mesh, source: TriangleMesh) -> None:
    """Gives an empty Blender mesh checked triangles and smooth normals."""
    mesh.vertices.add(len(source.positions))
    mesh.attributes["position"].data.foreach_set("vector", source.positions.ravel())
    mesh.loops.add(source.triangles.size)
    mesh.attributes[CORNERS].data.foreach_set("value", source.triangles.ravel())
    mesh.polygons.add(len(source.triangles))
    mesh.polygons.foreach_set("loop_start", np.arange(0, source.triangles.size, 3, dtype=np.int32))
    mesh.shade_smooth()
    mesh.update(calc_edges=True)
