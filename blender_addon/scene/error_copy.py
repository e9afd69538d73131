"""A copy of an original that shows its error, in the place of the reconstruction, until the error is hidden.

The original itself stays as it is: its modifiers may make other points than its mesh has, it may be a curve, and what
is written to it would be fitted and carried along next time.
"""

import bpy

from ..field_settings import ORIGINAL
from .mesh_transfer import TriangleMesh, build_mesh
from .place import Place


def is_copy(obj: bpy.types.Object | None) -> bool:
    """Whether the object is a copy that was made to show an error."""
    return obj is not None and obj.type == "MESH" and obj.data.overfit_error.direction == ORIGINAL


def measured(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The reconstruction that is meant: of a copy the one that it stands for, else the object itself."""
    return obj.overfit.error_of if is_copy(obj) else obj


def add_copy(place: Place, rebuilt: bpy.types.Object, original: TriangleMesh) -> bpy.types.Object:
    """Puts a copy of the original, in the space of its reconstruction, where that is shown, and hides that."""
    named = rebuilt.overfit.original
    name = f"{named.name if named else rebuilt.name} Error"
    copy = bpy.data.objects.new(name, build_mesh(name, original))
    copy.data.overfit_error.direction = ORIGINAL
    copy.overfit.error_of, rebuilt.overfit.error_copy = rebuilt, copy
    place.put(copy, hide_original=True)
    return copy


def withdraw_copy_of(rebuilt: bpy.types.Object) -> None:
    """Removes the copy that stands for a reconstruction, if there is one."""
    copy = rebuilt.overfit.error_copy
    if is_copy(copy) and copy.overfit.error_of == rebuilt:  # not one that a duplicate was taken from
        withdraw(copy)


def withdraw(copy: bpy.types.Object) -> None:
    """Removes a copy, and shows and selects the reconstruction in its place, as far as it is still there."""
    rebuilt, mesh = copy.overfit.error_of, copy.data
    shown = bpy.context.view_layer.objects
    if rebuilt is not None and rebuilt.name in shown and copy.name in shown:
        rebuilt.hide_set(False)
        rebuilt.select_set(copy.select_get())
        if shown.active == copy:
            shown.active = rebuilt
    bpy.data.objects.remove(copy)
    if mesh.users == 0:
        bpy.data.meshes.remove(mesh)
