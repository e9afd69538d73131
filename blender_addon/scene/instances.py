"""What an object shows beside its own mesh: instances, made by nodes, by its collection or on its faces."""

from collections.abc import Callable
from typing import TypeVar

import bpy
import numpy as np
from mathutils import Matrix

from .fit_source import SURFACE_TYPES
from .mesh_transfer import TriangleMesh, joined, read_mesh

T = TypeVar("T")


def may_have_instances(obj: bpy.types.Object) -> bool:
    """Whether it is worth looking: that walks over all instances of the scene."""
    return obj.instance_type != "NONE" or any(modifier.type == "NODES" for modifier in obj.modifiers)


def read_instances(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> TriangleMesh | None:
    """The meshes of all instances that the object makes, in its own space, as one mesh; `None` if there are none."""
    to_object = obj.matrix_world.inverted_safe()
    # Nodes also instance geometry that belongs to no object: then it is the object's own, and the data tells it apart.
    # The data's address is good for as long as the iterator lives.
    read: dict[tuple[int, int], TriangleMesh | None] = {}
    parts: dict[tuple[int, int], list[TriangleMesh]] = {}
    for instance in depsgraph.object_instances:
        instanced = instance.object
        if not is_made_by(obj, instance) or instanced.type not in SURFACE_TYPES:
            continue
        key = (instanced.original.as_pointer(), instanced.data.as_pointer())
        if key not in read:
            read[key] = read_instanced(instanced)
        if read[key] is not None:
            parts.setdefault(key, []).append(moved(read[key], to_object @ instance.matrix_world))
    every = [part for same in parts.values() for part in same]
    return joined(every) if every else None


def read_instanced(instanced: bpy.types.Object) -> TriangleMesh | None:
    """What is instanced, in its own space; `None` if it has no faces."""
    if instanced.type == "MESH":
        return read_mesh(instanced.data) if len(instanced.data.polygons) else None
    mesh = instanced.to_mesh()
    try:
        return read_mesh(mesh) if mesh is not None and len(mesh.polygons) else None
    finally:
        instanced.to_mesh_clear()


def placed_geometry(
    obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, capture: Callable[[bpy.types.Object], T]
) -> list[tuple[bpy.types.Object | T, list[Matrix]]]:
    """What is instanced, and where in the object's own space, in the order in which `read_instances` reads it.

    What belongs to an object is given as that. What nodes have made is there only while the iterator lives: of that,
    what `capture` makes of it is given.
    """
    to_object = obj.matrix_world.inverted_safe()
    placed: dict[tuple[int, int], tuple[bpy.types.Object | T, list[Matrix]]] = {}
    for instance in depsgraph.object_instances:
        instanced = instance.object
        if not is_made_by(obj, instance) or instanced.type not in SURFACE_TYPES:
            continue
        key = (instanced.original.as_pointer(), instanced.data.as_pointer())
        if key not in placed:
            placed[key] = (capture(instanced) if instanced.original == obj else instanced.original, [])
        # Copied: what the iterator gives is overwritten at its next step.
        placed[key][1].append(to_object @ instance.matrix_world)
    return list(placed.values())


def is_made_by(obj: bpy.types.Object, instance: bpy.types.DepsgraphObjectInstance) -> bool:
    """Whether it is the object that makes this instance."""
    return instance.is_instance and instance.parent is not None and instance.parent.original == obj


def moved(mesh: TriangleMesh, matrix: Matrix) -> TriangleMesh:
    """The mesh under a transform; a mirroring one keeps the outside outside."""
    rows = np.array(matrix, np.float64)
    positions = (mesh.positions @ rows[:3, :3].T + rows[:3, 3]).astype(np.float32)
    triangles = mesh.triangles[:, ::-1] if matrix.determinant() < 0.0 else mesh.triangles
    return TriangleMesh(positions, np.ascontiguousarray(triangles))
