"""Captures what an object carries, its own mesh and what it instances, in the order of `read_evaluated`."""

from collections.abc import Sequence
from dataclasses import replace

import bpy
import numpy as np
from mathutils import Matrix

from .attributes import Carrier, Layer, capture_data, capture_mesh
from .instances import may_have_instances, moved, placed_geometry
from .mesh_transfer import TriangleMesh


def capture(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Carrier | None:
    """Copies what the object carries. Call it where `read_evaluated` is called; `None` if there is no surface."""
    own = capture_mesh(obj, depsgraph)
    parts = [own] if own else []
    if may_have_instances(obj):
        for instanced, matrices in placed_geometry(obj, depsgraph, capture_made):
            is_object = isinstance(instanced, bpy.types.Object)
            if part := capture_mesh(instanced, depsgraph) if is_object else instanced:
                parts += [placed(part, matrix) for matrix in matrices]
    return join(parts) if len(parts) > 1 else parts[0] if parts else None


def capture_made(instanced: bpy.types.Object) -> Carrier | None:
    """Copies what geometry carries that nodes make and instance: all but vertex groups, whose names objects have."""
    mesh = instanced.data if instanced.type == "MESH" else None
    return capture_data(mesh, list(mesh.materials)) if mesh and len(mesh.polygons) else None


def placed(carrier: Carrier, matrix: Matrix) -> Carrier:
    """The carrier under a transform; as in `moved`, a mirroring one turns the triangles round."""
    mesh = moved(TriangleMesh(carrier.positions, carrier.triangles), matrix)
    mirrors = matrix.determinant() < 0.0
    corners = carrier.corners[:, ::-1] if mirrors else carrier.corners
    # Normals go by the inverse: it need not exist for something that is squeezed flat.
    turn = np.array(matrix.to_3x3().inverted_safe())
    normals = [replace(layer, values=layer.values @ turn.astype(np.float32)) for layer in carrier.attributes.normals]
    attributes = replace(carrier.attributes, normals=normals)
    return replace(carrier, attributes=attributes, positions=mesh.positions, triangles=mesh.triangles, corners=corners)


def join(parts: Sequence[Carrier]) -> Carrier:
    """Several carriers as one. A part without a layer of some name has zeros there; slots follow each other."""
    starts = np.cumsum([(0, 0, 0)] + [sizes(part) for part in parts], axis=0, dtype=np.int32)
    points, corners, polygons = starts[:-1].T
    had = [part.attributes for part in parts]
    first = next((one for one in had if one.any), had[0])
    return Carrier(
        replace(
            first,
            materials=[material for one in had for material in one.materials],
            material_indices=join_slots(parts),
            uv_maps=join_layers(parts, "uv_maps"),
            colors=join_layers(parts, "colors"),
            groups=join_layers(parts, "groups"),
            normals=join_layers(parts, "normals"),
        ),
        positions=np.concatenate([part.positions for part in parts]),
        triangles=np.concatenate([part.triangles + start for part, start in zip(parts, points, strict=True)]),
        corners=np.concatenate([part.corners + start for part, start in zip(parts, corners, strict=True)]),
        polygons=np.concatenate([part.polygons + start for part, start in zip(parts, polygons, strict=True)]),
    )


def sizes(part: Carrier) -> tuple[int, int, int]:
    """Points, corners and polygons: every corner and polygon is in a triangle."""
    return len(part.positions), int(part.corners.max()) + 1, int(part.polygons.max()) + 1


def join_slots(parts: Sequence[Carrier]) -> np.ndarray | None:
    """The polygons' slots among the slots of all parts."""
    slots, start = [], 0
    for part in parts:
        indices, had = part.attributes.material_indices, part.attributes.materials
        own = np.zeros(sizes(part)[2], np.int32) if indices is None else indices[: sizes(part)[2]]
        slots.append(np.clip(own, 0, max(len(had) - 1, 0)) + start)
        start += len(had)
    return np.concatenate(slots).astype(np.int32) if start > 1 else None


def join_layers(parts: Sequence[Carrier], kind: str) -> list[Layer]:
    """The layers of all parts by name; the first that has a name says what it is."""
    named: dict[str, Layer] = {}
    for part in parts:
        for layer in getattr(part.attributes, kind):
            named.setdefault(layer.name, layer)
    return [
        replace(layer, values=np.concatenate([values_of(part, kind, layer) for part in parts]))
        for layer in named.values()
    ]


def values_of(part: Carrier, kind: str, like: Layer) -> np.ndarray:
    """A part's values of a layer; zeros where it has none of that kind."""
    for layer in getattr(part.attributes, kind):
        if layer.name == like.name and layer.domain == like.domain:
            return layer.values
    points, corners, _ = sizes(part)
    return np.zeros((points if like.domain == "POINT" else corners, like.values.shape[1]), np.float32)
