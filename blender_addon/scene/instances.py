"""What an object shows beside its own mesh: instances, made by nodes, by its collection or on its faces."""

import bpy
import numpy as np
from mathutils import Matrix

from .fit_source import SURFACE_TYPES
from .mesh_transfer import TriangleMesh, joined, read_mesh


def may_have_instances(obj: bpy.types.Object) -> bool:
    """Whether it is worth looking: that walks over all instances of the scene."""
    return obj.instance_type != "NONE" or any(modifier.type == "NODES" for modifier in obj.modifiers)


def read_instances(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> TriangleMesh | None:
    """The meshes of all instances that the object makes, in its own space, as one mesh; `None` if there are none."""
    to_object = obj.matrix_world.inverted_safe()
    # By address of the data: nodes instance geometry that belongs to no object. It lives as long as the iterator.
    read: dict[int, TriangleMesh | None] = {}
    parts = []
    for instance in depsgraph.object_instances:
        if not (instance.is_instance and instance.parent and instance.parent.original == obj):
            continue
        instanced = instance.object
        if instanced.type not in SURFACE_TYPES:
            continue
        key = instanced.data.as_pointer()
        if key not in read:
            read[key] = read_instanced(instanced)
        if read[key] is not None:
            parts.append(moved(read[key], to_object @ instance.matrix_world))
    return joined(parts) if parts else None


def read_instanced(instanced: bpy.types.Object) -> TriangleMesh | None:
    """What is instanced, in its own space; `None` if it has no faces."""
    if instanced.type == "MESH":
        return read_mesh(instanced.data) if len(instanced.data.polygons) else None
    mesh = instanced.to_mesh()
    try:
        return read_mesh(mesh) if mesh is not None and len(mesh.polygons) else None
    finally:
        instanced.to_mesh_clear()


def moved(mesh: TriangleMesh, matrix: Matrix) -> TriangleMesh:
    """The mesh under a transform; a mirroring one keeps the outside outside."""
    rows = np.array(matrix, np.float64)
    positions = (mesh.positions @ rows[:3, :3].T + rows[:3, 3]).astype(np.float32)
    triangles = mesh.triangles[:, ::-1] if matrix.determinant() < 0.0 else mesh.triangles
    return TriangleMesh(positions, np.ascontiguousarray(triangles))
