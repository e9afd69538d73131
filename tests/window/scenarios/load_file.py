"""Another file is loaded while a fit runs."""

from collections.abc import Iterator

import bpy
from hand import RIGHT, click
from stage import Stage, addon_module, objects, until

FILE, OTHER = "/mnt/suzanne.blend", "/mnt/other.blend"


def file_loaded(stage: Stage) -> Iterator[float]:
    """The fit goes on in the daemon; back in its file, the panel offers it, and Pick Up brings the result."""
    bpy.ops.wm.save_as_mainfile(filepath=OTHER, copy=True)
    stage.add_suzanne()
    bpy.context.scene.overfit.seconds = 20.0
    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from stage.training(job)
    bpy.ops.wm.save_as_mainfile(filepath=FILE)
    bpy.ops.wm.open_mainfile(filepath=OTHER)
    yield 1.0
    assert not stage.addon.jobs, "jobs of the other file are still shown"
    assert not objects(), "the other file is not empty"
    bpy.ops.wm.open_mainfile(filepath=FILE)
    yield from stage.open_sidebar()
    yield from until(lambda: any(fit.here for fit in stage.addon.fit_list.left), "the fit in the list")
    yield 0.5
    stage.picture("1-in-the-daemon")
    yield from stage.panel("in-the-daemon")
    yield from click("overfit.pick_up", across=RIGHT)
    job = yield from stage.job_after(0)
    yield from stage.ended(job)
    yield from stage.settled()
    stage.picture("2-picked-up")
    assert objects() == {"Suzanne", "Suzanne INR"}, f"the objects are {objects()}"
    assert not list(addon_module("scene.waiting").waiting_objects()), "the object still waits for the fit"
