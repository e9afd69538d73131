"""Which objects show colours of ours, and the 3D views' own shading when none does any more."""

import bpy

from ..scene.curvature import shows_curvature
from ..scene.shading import give_back


def shows_error(obj: bpy.types.Object | None) -> bool:
    """Whether the object shows its error."""
    return obj is not None and obj.type == "MESH" and obj.data.overfit_error.shown


def give_back_if_unused(scene: bpy.types.Scene) -> None:
    """Gives the views the shading back that they had."""
    if not any(shows_error(obj) or shows_curvature(obj) for obj in scene.objects):
        give_back(bpy.data.screens)
