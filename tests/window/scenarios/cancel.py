"""ESC cancels a fit if the mouse is over a 3D view, and nowhere else."""

import time
from collections.abc import Iterator

import bpy
from hand import click, move_over, press
from stage import LONG, Stage, objects, until


def cancel(stage: Stage) -> Iterator[float]:
    """Over another editor nothing happens; over the 3D view the fit ends, here and in the daemon."""
    stage.add_suzanne()
    bpy.context.scene.overfit.seconds = LONG
    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from stage.training(job)
    yield from move_over("PROPERTIES")
    press("Escape")
    # What must not happen needs some time in which it could have.
    yield 1.0
    assert job.running, "ESC over the properties cancelled the fit"

    yield from move_over("VIEW_3D")
    pressed = press("Escape")
    yield from until(lambda: not job.running, "the end of the fit", every=0.01)
    seconds = time.monotonic() - pressed
    assert job.state.name == "CANCELLED", f"the fit ended {job.state.name}"
    yield 0.3
    stage.picture("cancelled")
    # There it would go on for hours.
    while (yield from stage.fit_state(job.fit_name)) != "FIT_STATE_CANCELLED":
        yield 0.1
    assert objects() == {"Suzanne"}, f"something was added: {objects()}"
    stage.figures["ESC to cancelled"] = f"{1000 * seconds:.0f} ms"
