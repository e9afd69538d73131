"""How a mesh is shaded: the normals of its corners.

Smooth and flat faces, sharp edges and custom normals are one thing in them.
"""

import bpy
import numpy as np

NAME = "custom_normal"
"""The attribute that Blender takes as normals, from 4.5 on as plain vectors."""
NOTABLE = np.cos(np.radians(4.0))
"""Normals that are nearer than this to those of the shape need not be carried."""
SHARP = np.radians(30.0)
"""Edges of a reconstruction that turn by more are sharp."""


def read_normals(mesh: bpy.types.Mesh) -> np.ndarray | None:
    """The normals of an evaluated mesh's corners, `[corners, 3] f32`; `None` if its shape tells them."""
    corners = vectors(mesh.corner_normals)
    if mesh.has_custom_normals:
        return corners
    points = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", points)
    counts = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_total", counts)
    smooth = vectors(mesh.vertex_normals)[points]
    flat = np.repeat(vectors(mesh.polygon_normals), counts, axis=0)
    told = [np.einsum("nc,nc->n", corners, other) > NOTABLE for other in (smooth, flat)]
    return None if all(np.mean(alike) > 0.95 for alike in told) else corners


def vectors(data: bpy.types.bpy_prop_collection) -> np.ndarray:
    """`[N, 3] f32`"""
    values = np.empty((len(data), 3), np.float32)
    data.foreach_get("vector", values.ravel())
    return values


def put_normals(mesh: bpy.types.Mesh, normals: np.ndarray) -> None:
    """Gives corners their normals, `[corners, 3]` of any length; where one is zero, the mesh's own."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-6, normals / np.maximum(length, 1e-6), 0.0).astype(np.float32)
    if bpy.app.version >= (4, 5) and (length > 1e-6).all():
        mesh.attributes.new(NAME, "FLOAT_VECTOR", "CORNER").data.foreach_set("vector", normals.ravel())
    else:
        mesh.normals_split_custom_set(normals)
    mesh.update()


def mark_sharp_edges(mesh: bpy.types.Mesh) -> None:
    """Marks edges that turn by a lot, so that they look like edges though the faces are smooth."""
    mesh.set_sharp_from_angle(angle=SHARP)
