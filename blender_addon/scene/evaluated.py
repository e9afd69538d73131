"""An object's surface as it is shown: modifiers applied, instances included, in object space."""

import bpy
import numpy as np

from ..client.problem import Problem
from .fit_source import POINT_TYPES
from .instances import may_have_instances, read_instances
from .mesh_transfer import Points, TriangleMesh, joined, read_mesh, without_loose_vertices


def read_evaluated(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> TriangleMesh:
    """The object's surface: its own mesh first, then what it instances.

    Raises `Problem` if it has no faces or a coordinate that is not a number. Flush the edits of edit mode and the like
    before.
    """
    parts = [part for part in (read_own(obj, depsgraph), read_all_instances(obj, depsgraph)) if part is not None]
    if not parts:
        hint = " after its modifiers" if obj.modifiers else ""
        raise Problem(f"'{obj.name}' has no faces{hint}, so it has no surface to fit")
    mesh = joined(parts) if len(parts) > 1 else parts[0]
    finite = np.isfinite(mesh.positions).all(axis=1)
    if not finite.all():
        raise Problem(f"Vertex {int(np.argmin(finite))} of '{obj.name}' is at a place that is not a number")
    return without_loose_vertices(mesh)


def read_points(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Points | None:
    """The points of an object without faces, a scan; `None` if it has faces or nothing at all.

    Their normals are the attribute `normal`, if there is one. Raises `Problem` for a wireframe, whose vertices are no
    points of a surface.
    """
    evaluated = obj.evaluated_get(depsgraph)
    if obj.type in POINT_TYPES:
        return points_of(evaluated.data)
    # Most have faces: those are not copied only to be told so.
    if obj.type != "MESH" or len(evaluated.data.polygons) or read_all_instances(obj, depsgraph) is not None:
        return None
    mesh = evaluated.to_mesh()
    try:
        if mesh is None or len(mesh.vertices) == 0 or len(mesh.polygons):
            return None
        if len(mesh.edges):
            raise Problem(
                f"'{obj.name}' has edges and no faces, so it has no surface to fit. If its vertices are points of a "
                "scan, delete the edges (Delete, Only Edges & Faces)"
            )
        return points_of(mesh)
    finally:
        evaluated.to_mesh_clear()


def points_of(data: bpy.types.Mesh | bpy.types.PointCloud) -> Points | None:
    """Positions and normals of what has no faces."""
    positions = read_vectors(data, "position")
    if positions is None or not len(positions):
        return None
    return Points(positions, read_vectors(data, "normal"))


def read_vectors(data: bpy.types.Mesh | bpy.types.PointCloud, name: str) -> np.ndarray | None:
    """An attribute of the points, `[N, 3] f32`; `None` if there is none of that name and kind."""
    attribute = data.attributes.get(name)
    if attribute is None or attribute.data_type != "FLOAT_VECTOR" or attribute.domain != "POINT":
        return None
    values = np.empty((len(attribute.data), 3), np.float32)
    attribute.data.foreach_get("vector", values.ravel())
    return values


def read_own(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> TriangleMesh | None:
    """The object's own mesh; `None` if it has none or one without faces."""
    if obj.type == "EMPTY" or obj.type in POINT_TYPES:
        return None
    evaluated = obj.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        return read_mesh(mesh) if mesh is not None and len(mesh.polygons) else None
    finally:
        evaluated.to_mesh_clear()


def read_all_instances(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> TriangleMesh | None:
    """What the object instances; `None` if nothing with a surface."""
    return read_instances(obj, depsgraph) if may_have_instances(obj) else None
