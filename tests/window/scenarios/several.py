"""Several objects at once."""

from collections.abc import Iterator

import bpy
from hand import click, move_over
from stage import Stage, objects, same_place, until


def two_objects(stage: Stage) -> Iterator[float]:
    """Two selected objects make two fits, each with a row of its own, and two results."""
    monkey = stage.add_suzanne()
    bpy.ops.mesh.primitive_torus_add(location=(3.0, 1.0, 0.0))
    torus = bpy.context.object
    monkey.select_set(True)
    stage.look_at_selected()
    bpy.context.scene.overfit.seconds = 6.0
    yield 0.5
    yield from click("overfit.fit")
    yield from until(lambda: len(stage.addon.fits()) == 2, "two fits")
    jobs = list(stage.addon.fits())
    yield from move_over("VIEW_3D")
    yield from until(lambda: any(job.training and job.fraction > 0.2 for job in jobs), "training")
    yield from stage.panel("two-objects")
    stage.picture("1-during")
    for job in jobs:
        yield from stage.ended(job)
        assert job.progress is not None, f"'{job.title}' had no progress"
    for original in (monkey, torus):
        assert same_place(bpy.data.objects[f"{original.name} INR"], original), f"{original.name} INR is elsewhere"
    assert len(objects()) == 4, f"the objects are {objects()}"
    stage.picture("2-results")
