"""What an object shows beside its own mesh: instances, made by nodes, by its collection or on its faces."""

import bpy
import numpy as np
from mathutils import Matrix

from .mesh_transfer import TriangleMesh, joined, read_mesh


def may_have_instances(obj: bpy.types.Object) -> bool:
    """Whether it is worth looking: that walks over all instances of the scene."""
    return obj.instance_type != "NONE" or any(modifier.type == "NODES" for modifier in obj.modifiers)


def read_instances(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> TriangleMesh | None:
    """The meshes of all instances that the object makes, in its own space, as one mesh; `None` if there are none."""
    parts = []
    for instanced, matrices in placed_instances(obj, depsgraph):
        evaluated = instanced.evaluated_get(depsgraph)
        mesh = evaluated.to_mesh()
        try:
            read = read_mesh(mesh) if mesh is not None and len(mesh.polygons) else None
        finally:
            evaluated.to_mesh_clear()
        if read is not None:
            parts += [moved(read, matrix) for matrix in matrices]
    return joined(parts) if parts else None


def placed_instances(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> list[tuple[bpy.types.Object, list[Matrix]]]:
    """What the object instances, and where in its own space, in the order in which they are read."""
    to_object = obj.matrix_world.inverted_safe()
    placed: dict[bpy.types.Object, list[Matrix]] = {}
    for instance in depsgraph.object_instances:
        if instance.is_instance and instance.parent and instance.parent.original == obj:
            # Copied: what the iterator gives is overwritten at its next step.
            placed.setdefault(instance.instance_object.original, []).append(to_object @ instance.matrix_world)
    return list(placed.items())


def moved(mesh: TriangleMesh, matrix: Matrix) -> TriangleMesh:
    """The mesh under a transform; a mirroring one keeps the outside outside."""
    rows = np.array(matrix, np.float64)
    positions = (mesh.positions @ rows[:3, :3].T + rows[:3, 3]).astype(np.float32)
    triangles = mesh.triangles[:, ::-1] if matrix.determinant() < 0.0 else mesh.triangles
    return TriangleMesh(positions, np.ascontiguousarray(triangles))
