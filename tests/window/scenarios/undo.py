"""Undo while a fit runs."""

from collections.abc import Iterator

import bpy
from hand import click, move_over, press
from stage import LONG, Stage, same_place, until


def undo_during_fit(stage: Stage) -> Iterator[float]:
    """A move made during the fit and undone again: nothing breaks, and the result lands where the object is."""
    monkey = stage.add_suzanne()
    before = tuple(monkey.location)
    bpy.context.scene.overfit.seconds = LONG
    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from stage.training(job)
    yield from move_over("VIEW_3D")
    press("g", "x", "2", "Return")
    yield from until(lambda: abs(location("Suzanne")[0] - before[0] - 2.0) < 1e-4, "Suzanne moved by 2")
    stage.picture("1-moved")
    press("ctrl+z")
    yield from until(lambda: abs(location("Suzanne")[0] - before[0]) < 1e-4, "the move undone")
    assert job.running, f"the fit ended: {job.message}"
    press("g", "y", "1", "Return")
    yield from until(lambda: abs(location("Suzanne")[1] - before[1] - 1.0) < 1e-4, "Suzanne moved by 1")
    bpy.ops.overfit.finish_now()
    yield from stage.ended(job)
    yield 0.3
    stage.picture("2-result")
    result, original = bpy.data.objects[job.result_name], bpy.data.objects["Suzanne"]
    assert same_place(result, original), "the result does not stand where the object is by now"
    press("ctrl+z")
    yield from until(lambda: job.result_name not in bpy.data.objects, "no result after one undo")
    assert abs(location("Suzanne")[1] - before[1] - 1.0) < 1e-4, "undoing the fit undid the move, too"


def location(name: str) -> tuple[float, float, float]:
    """Where an object is. By name, as undo may make it anew."""
    return tuple(bpy.data.objects[name].location)
