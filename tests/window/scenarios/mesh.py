"""A mesh at another resolution, Adjust Last Operation, and undo."""

from collections.abc import Iterator

import bpy
from hand import F9, SETTLE, click, mouse, move, move_over, press, xdotool
from stage import Stage, objects, until

from .fit import fitted

FIELDS = 200
"""Pixels from the left edge of the popup to its fields."""


def mesh_again(stage: Stage) -> Iterator[float]:
    """Mesh replaces the result's mesh; F9 repeats it with another resolution; each is one undo step."""
    _monkey, result = yield from fitted(stage)
    names, name, first = objects(), result.name, len(result.data.polygons)
    kept = result.overfit
    kept.spacing, kept.resolution, kept.mode = "RESOLUTION", 48, "REPLACE"
    bpy.ops.ed.undo_push(message="Settings")
    number = stage.last_number()
    yield from click("overfit.extract_mesh")
    job = yield from stage.job_after(number)
    yield from stage.ended(job)
    second = faces(name)
    assert objects() == names, f"Replace added or removed objects: {objects()}"
    assert second < first, f"{first} faces at 96, {second} at 48"

    yield from move_over("VIEW_3D")
    press(F9)
    yield 0.5
    stage.picture("1-F9")
    yield from set_in_popup("resolution", "72")
    yield from until(lambda: faces(name) not in (first, second), "a mesh at the resolution that was typed")
    third = faces(name)
    yield from stage.settled()
    stage.picture("2-adjusted")
    press("Escape")  # closes the popup
    yield 0.3
    assert objects() == names, f"the repetition added or removed objects: {objects()}"
    assert second < third == faces(name) < first, f"faces at 48, 72 and 96: {second}, {third}, {first}"

    yield from move_over("VIEW_3D")
    press("ctrl+z")
    yield from until(lambda: faces(name) == first, "the mesh before Mesh, after one undo")
    assert objects() == names
    press("ctrl+z", "ctrl+z")  # the settings, then the fit
    yield from until(lambda: objects() == {"Suzanne"}, "no result after undoing the fit")
    assert bpy.data.objects["Suzanne"].visible_get(), "the original stays hidden when the fit is undone"
    stage.picture("3-undone")
    press("ctrl+shift+z")
    yield from until(lambda: name in objects() and faces(name) == first, "the result after redo")
    stage.figures |= {"faces at 96, 48, 72": f"{first:,}, {second:,}, {third:,}"}


def faces(name: str) -> int:
    """The faces of an object; 0 if it is gone."""
    return len(bpy.data.objects[name].data.polygons) if name in bpy.data.objects else 0


def set_in_popup(name: str, value: str) -> Iterator[float]:
    """Types a value into the popup of F9, whose corner is under the mouse: looks for the field of a property."""
    x, y = mouse()
    for below in range(y - 20, y - 220, -8):
        yield from move(x + FIELDS, below)
        xdotool("key", "ctrl+c")  # copies the value under the mouse
        yield from SETTLE
        asked = bpy.context.window_manager.operators[-1].properties
        if bpy.context.window_manager.clipboard == str(getattr(asked, name)):
            xdotool("click", "--repeat", 2, "--delay", 60, 1)
            yield 0.3
            xdotool("key", "ctrl+a")
            xdotool("type", value)
            xdotool("key", "Return")
            yield 0.3
            return
    raise AssertionError(f"the popup of F9 has no field for {name}")
