"""A field's surface as a mesh object."""

import bpy

from .field import Field
from .mesh_transfer import TriangleMesh, build_mesh
from .place import Place


def add_surface(place: Place, field: Field, surface: TriangleMesh, hide_original: bool) -> bpy.types.Object:
    """A new object with the surface, where the original stands."""
    result = bpy.data.objects.new(f"{place.name} INR", build_mesh(f"{place.name} INR", surface))
    field.remember_on(result)
    result.overfit.is_result = True
    if original := place.find_object():
        field.remember_on(original)
        result.overfit.original = original
    place.put(result, hide_original)
    return result
