"""A field's surface on objects that are results already, or that have no original."""

import bpy

from ..client.problem import Problem
from .attributes import Attributes, put
from .field import Field
from .mesh_transfer import TriangleMesh, build_mesh, check_triangles, fill_mesh
from .place import Place, shown_view_layer


def may_replace(obj: bpy.types.Object) -> bool:
    """Whether the object's mesh came out of a field, and not out of somebody's hands."""
    return obj.type == "MESH" and obj.overfit.is_result


def check_replaceable(obj: bpy.types.Object) -> None:
    """Raises `Problem` while the mesh cannot be replaced."""
    if obj.mode != "OBJECT":
        raise Problem(f"'{obj.name}' is being edited, and its mesh cannot be replaced. Leave that mode first")
    if not obj.data.is_editable:
        raise Problem(f"The mesh of '{obj.name}' belongs to another file. Make it local, or choose New Object")


def replace_surface(obj: bpy.types.Object, surface: TriangleMesh, attributes: Attributes | None) -> None:
    """Gives the object's mesh, in place, another surface; materials, modifiers and names stay. Raises `Problem`."""
    check_replaceable(obj)
    check_triangles(surface)
    obj.shape_key_clear()  # keys of vertices that go
    obj.data.clear_geometry()
    fill_mesh(obj.data, surface)
    if attributes:
        materials = list(obj.data.materials)
        obj.data.materials.clear()
        obj.vertex_groups.clear()
        put(obj, attributes)
        # Whoever has given the result materials of its own keeps them, slot by slot.
        for slot, material in enumerate(materials):
            if material and slot < len(obj.data.materials):
                obj.data.materials[slot] = material
            elif material:
                obj.data.materials.append(material)


def add_result_beside(
    place: Place, field: Field, surface: TriangleMesh, attributes: Attributes | None
) -> bpy.types.Object:
    """A new object with the surface, where the other one stands. Raises `Problem`."""
    source = place.find_object()
    is_original = source is None or not source.overfit.is_result
    name = f"{place.name} INR" if is_original else place.name
    result = new_result(name, field, surface)
    if attributes:
        put(result, attributes)
    if source:
        result.overfit.original = source if is_original else source.overfit.original
        for slot in source.material_slots if attributes is None else ():
            result.data.materials.append(slot.material)
    place.put(result)
    return result


def add_combination(place: Place, name: str, surface: TriangleMesh) -> bpy.types.Object:
    """A new object with the surface of several fields, where the one of `place` stands. Raises `Problem`."""
    result = bpy.data.objects.new(name, build_mesh(name, surface))
    place.put(result)
    return result


def add_result_alone(name: str, scene: bpy.types.Scene, field: Field, surface: TriangleMesh) -> bpy.types.Object:
    """A new object with the surface at the world's origin, selected. Raises `Problem`."""
    result = new_result(name, field, surface)
    view_layer = shown_view_layer(scene)
    view_layer.active_layer_collection.collection.objects.link(result)
    view_layer.update()
    active = view_layer.objects.active
    if (active is None or active.mode == "OBJECT") and result.name in view_layer.objects:
        for selected in list(view_layer.objects.selected):
            selected.select_set(False, view_layer=view_layer)
        result.select_set(True, view_layer=view_layer)
        view_layer.objects.active = result
    return result


def new_result(name: str, field: Field, surface: TriangleMesh) -> bpy.types.Object:
    """An object with the surface that remembers the field, in no collection yet. Raises `Problem`."""
    result = bpy.data.objects.new(name, build_mesh(name, surface))
    field.remember_on(result)
    result.overfit.is_result = True
    return result
