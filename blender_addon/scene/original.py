"""The original of a reconstruction, wherever it is by now."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ..client.problem import Problem
from .fit_source import has_surface


def original_of(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The object that this one was reconstructed from; `None` if it is unknown or gone."""
    original = obj.overfit.original if obj is not None and obj.type == "MESH" else None
    return original if original is not None and original != obj and has_surface(original) else None


@contextmanager
def evaluated_original(obj: bpy.types.Object) -> Iterator[tuple[bpy.types.Object, bpy.types.Depsgraph]]:
    """The original with a dependency graph that evaluates it. Raises `Problem`.

    Blender evaluates what is shown. An original that is hidden, or in no scene any more, is evaluated as a copy of it
    in a scene of its own.
    """
    original = original_of(obj)
    if original is None:
        raise Problem(f"The original of '{obj.name}' is gone, so there is nothing to compare it with")
    bpy.ops.ed.flush_edits()
    context = bpy.context
    context.view_layer.update()
    if original.name in context.view_layer.objects and original.visible_get():
        yield original, context.evaluated_depsgraph_get()
        return
    copy, scene = original.copy(), bpy.data.scenes.new("Overfit")
    try:
        copy.hide_viewport = False
        scene.collection.objects.link(copy)
        scene.view_layers[0].update()
        yield copy, scene.view_layers[0].depsgraph
    finally:
        bpy.data.scenes.remove(scene)
        bpy.data.objects.remove(copy)
