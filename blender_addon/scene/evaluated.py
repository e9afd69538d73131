"""An object's surface as it is shown: modifiers applied, instances included, in object space."""

import bpy
import numpy as np

from ..client.problem import Problem
from .instances import may_have_instances, read_instances
from .mesh_transfer import TriangleMesh, joined, read_mesh, without_loose_vertices


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


def read_own(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> TriangleMesh | None:
    """The object's own mesh; `None` if it has none or one without faces."""
    if obj.type == "EMPTY":
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
