"""A field's surface as a mesh object."""

import bpy

from .attributes import Attributes, put
from .field import Field
from .mesh_transfer import TriangleMesh, build_mesh
from .place import Place


def add_surface(
    places: list[Place], field: Field, surface: TriangleMesh, attributes: Attributes | None, hide_original: bool
) -> list[bpy.types.Object]:
    """New objects with the surface, where the originals stand. They share one mesh. Raises `Problem`."""
    mesh = build_mesh(f"{places[0].name} INR", surface)
    results = []
    for place in places:
        result = bpy.data.objects.new(f"{place.name} INR", mesh)
        if attributes and not results:
            put(result, attributes)
        field.remember_on(result)
        result.overfit.is_result = True
        original = place.find_object()
        place.forget_fit()
        if original:
            field.remember_on(original)
            result.overfit.original = original
        place.put(result, hide_original)
        results.append(result)
    return results
