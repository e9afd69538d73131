"""Which objects have a surface to fit, and which share one."""

from collections.abc import Sequence

import bpy

SURFACE_TYPES = {"MESH", "CURVE", "SURFACE", "FONT", "META"}
"""Types that Blender can evaluate to a mesh."""

POINT_TYPES = {"POINTCLOUD"}
"""Types that are points, through which a surface can be put."""


def has_surface(obj: bpy.types.Object) -> bool:
    """Whether the object may show a surface, or points of one: its own, or that of what it instances."""
    return obj.type in SURFACE_TYPES | POINT_TYPES or (obj.type == "EMPTY" and obj.instance_type == "COLLECTION")


def is_scan(obj: bpy.types.Object) -> bool:
    """Whether the object is points without faces, as far as one can tell without evaluating it."""
    return obj.type in POINT_TYPES or (obj.type == "MESH" and not obj.data.polygons and not obj.modifiers)


def fit_sources(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The objects that Fit INR is about: the selected ones; in edit mode and the like, those in it."""
    active = context.active_object
    if active is not None and active.mode != "OBJECT":
        chosen = list(getattr(context, "objects_in_mode", None) or [active])
    else:
        chosen = list(context.selected_objects)
    # The active object first, the others by name: the same order every time.
    return sorted((obj for obj in chosen if has_surface(obj)), key=lambda obj: (obj != active, obj.name))


def shared_sources(objects: Sequence[bpy.types.Object]) -> list[list[bpy.types.Object]]:
    """The objects in groups that show one and the same mesh: such a mesh is fitted once, for all of them.

    Objects share their data; what a modifier or a shape key makes of it is each object's own.
    """
    groups: dict[object, list[bpy.types.Object]] = {}
    for obj in objects:
        own_shape = obj.data is None or obj.modifiers or obj.instance_type != "NONE"
        key = obj if own_shape or getattr(obj.data, "shape_keys", None) else obj.data
        groups.setdefault(key, []).append(obj)
    return list(groups.values())
