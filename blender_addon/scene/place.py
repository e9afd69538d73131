"""Where an object stands, and putting results in the same place."""

from dataclasses import dataclass

import bpy
from mathutils import Matrix

from .waiting import is_deleted, stop_waiting, wait_for, waiting_objects


@dataclass
class Place:
    """An object's place, remembered without pointers: Blender may free or move what they point to at any time."""

    name: str
    matrix: Matrix
    """Object space to world, when it was last seen."""
    object_uid: int
    scene_uid: int

    @classmethod
    def of(cls, obj: bpy.types.Object, scene: bpy.types.Scene) -> "Place":
        """The object's place now."""
        return cls(obj.name, obj.matrix_world.copy(), obj.session_uid, scene.session_uid)

    @classmethod
    def nowhere(cls, name: str, scene: bpy.types.Scene) -> "Place":
        """The world's origin, for a result whose original is not in this file."""
        return cls(name, Matrix.Identity(4), 0, scene.session_uid)

    def find_object(self) -> bpy.types.Object | None:
        """The object, whatever it is called by now; `None` if it is gone."""
        for obj, _fit in waiting_objects():
            if obj.session_uid == self.object_uid:
                return obj  # found at once, while its fit runs
        found = bpy.data.objects.get(self.name)
        if found is None or found.session_uid != self.object_uid:  # rarely: this is long in a file with many objects
            found = next((obj for obj in bpy.data.objects if obj.session_uid == self.object_uid), None)
        return found if found is None or not is_deleted(found) else None

    def find_scene(self) -> bpy.types.Scene:
        """The object's scene, or the current one if that is gone."""
        return find_scene(self.scene_uid)

    def remember_fit(self, name: str) -> None:
        """Lets the object wait for a fit in the daemon, to pick it up after a restart; the name may come later."""
        if obj := self.find_object():
            wait_for(obj, name, self.find_scene())

    def forget_fit(self) -> None:
        """The object waits no more."""
        stop_waiting(self.object_uid)

    def put(self, result: bpy.types.Object, hide_original: bool = False) -> None:
        """Links a new object beside the original, with the same transform.

        It takes the original's place in the selection, too. Whoever has selected something else meanwhile, or works in
        another mode than object mode, keeps the selection as it is.
        """
        scene, original = self.find_scene(), self.find_object()
        collections = [c for c in original.users_collection if in_scene(c, scene)] if original else []
        (collections[0] if collections else scene.collection).objects.link(result)
        if original and original.parent:
            copy_parent(original, result)
        result.matrix_world = original.matrix_world if original else self.matrix
        if original and not original.constraints:
            # A matrix taken apart is rounded; and a matrix that flattens cannot be taken apart.
            copy_transform(original, result)

        view_layer = shown_view_layer(scene)
        view_layer.update()
        active = view_layer.objects.active
        if (active and active.mode != "OBJECT") or result.name not in view_layer.objects:
            return
        if original is None or original.name not in view_layer.objects:
            return
        if original.select_get(view_layer=view_layer):
            original.select_set(False, view_layer=view_layer)
            result.select_set(True, view_layer=view_layer)
        if active == original:
            view_layer.objects.active = result
        if hide_original:
            original.hide_set(True, view_layer=view_layer)


def find_scene(uid: int) -> bpy.types.Scene:
    """The scene with this session uid, or the current one if that is gone."""
    return next((scene for scene in bpy.data.scenes if scene.session_uid == uid), bpy.context.scene)


TRANSFORM = (
    "rotation_mode",
    "location",
    "rotation_euler",
    "rotation_quaternion",
    "rotation_axis_angle",
    "scale",
    "delta_location",
    "delta_rotation_euler",
    "delta_rotation_quaternion",
    "delta_scale",
)


def copy_transform(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """Gives the target the source's own transform, without parent and constraints."""
    for channel in TRANSFORM:
        setattr(target, channel, getattr(source, channel))


def copy_parent(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """Lets the target follow the source's parent in the same way."""
    target.parent = source.parent
    # A parent that also deforms has done so already: what was fitted is the deformed mesh.
    target.parent_type = "OBJECT" if source.parent_type in ("ARMATURE", "LATTICE") else source.parent_type
    target.parent_bone = source.parent_bone
    target.parent_vertices = source.parent_vertices
    target.matrix_parent_inverse = source.matrix_parent_inverse


def in_scene(collection: bpy.types.Collection, scene: bpy.types.Scene) -> bool:
    """Whether the collection is part of the scene."""
    return collection == scene.collection or collection in scene.collection.children_recursive


def shown_view_layer(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """The view layer in which a window shows the scene, else its first."""
    windows = bpy.context.window_manager.windows
    return next((w.view_layer for w in windows if w.scene == scene), scene.view_layers[0])


def has_uneven_scale(obj: bpy.types.Object) -> bool:
    """Whether the object's own scale differs from axis to axis, so that applying it would help."""
    lengths = [abs(length) for length in obj.scale]
    return max(lengths) - min(lengths) > 1e-3 * max(lengths)


def apply_scale(obj: bpy.types.Object) -> None:
    """Moves the object's scale into its mesh, which it then has for itself; the object looks as before."""
    if obj.data.users > 1:
        obj.data = obj.data.copy()
    scale = Matrix.Diagonal((*obj.scale, 1.0))
    obj.data.transform(scale, shape_keys=True)
    if scale.determinant() < 0.0:
        obj.data.flip_normals()
    obj.scale = (1.0, 1.0, 1.0)


def scale_note(obj: bpy.types.Object) -> str:
    """What the user should know about the object's scale; empty if nothing.

    The mesh is fitted in object space, and a distance there times the scale is a distance in the world. That holds
    if the scale is the same along every axis.
    """
    axes = obj.matrix_world.to_3x3()
    lengths = [axes.col[i].length for i in range(3)]
    largest = max(lengths)
    if largest == 0.0 or min(lengths) < 1e-6 * largest:
        return f"'{obj.name}' is scaled to nothing along an axis. Its mesh is fitted as it is before the scale"
    sheared = any(abs(axes.col[i].dot(axes.col[j])) > 1e-3 * largest * largest for i, j in ((0, 1), (0, 2), (1, 2)))
    if sheared or largest - min(lengths) > 1e-3 * largest:
        how = "sheared by its parent" if sheared else "scaled by " + " by ".join(f"{length:.3g}" for length in lengths)
        return (
            f"'{obj.name}' is {how}: distances are measured before that, so in the world they are stretched. "
            "For true distances apply the scale first (Ctrl A)"
        )
    if axes.determinant() < 0.0:
        return f"'{obj.name}' has a negative scale (it is mirrored); the results get the same"
    return ""
