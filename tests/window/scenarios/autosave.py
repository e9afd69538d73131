"""Blender saves by itself, also while a fit runs."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
from hand import click, move_over, press
from stage import LONG, Stage, until

MINUTES = 1
"""The least that the preferences take."""


def autosave(stage: Stage) -> Iterator[float]:
    """The file comes, with what was changed during the fit; ESC still cancels after it.

    Blender puts its saving off while an operator stays, and ours that waits for ESC stays for 20 s at most.
    """
    files = bpy.context.preferences.filepaths
    bpy.ops.wm.save_as_mainfile(filepath="/mnt/autosaved.blend")
    known = autosaved()
    stage.add_suzanne()
    bpy.context.scene.overfit.seconds = LONG
    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from stage.training(job)
    minutes, files.use_auto_save_temporary_files = files.auto_save_time, True
    try:
        files.auto_save_time = MINUTES  # and the minute begins
        started = time.monotonic()
        yield from move_over("VIEW_3D")
        press("g", "x", "2", "Return")
        yield from until(lambda: autosaved() - known, "a file that Blender saved by itself", every=0.2)
        seconds = time.monotonic() - started
    finally:
        files.auto_save_time = minutes
    assert job.running, f"the fit ended: {job.message}"
    (path,) = autosaved() - known
    with bpy.data.libraries.load(str(path)) as (saved, _taken):
        assert "Suzanne" in saved.objects, f"{path} has the objects {list(saved.objects)}"
    stage.picture("saved")
    yield from stage.listening()
    press("Escape")
    yield from until(lambda: not job.running, "the end of the fit after ESC")
    assert job.state.name == "CANCELLED", f"the fit ended {job.state.name}"
    stage.figures["a file was saved after"] = f"{seconds:.0f} s"


def autosaved() -> set[Path]:
    """The files that Blender has saved by itself and finished."""
    return set(Path(tempfile.gettempdir()).glob("autosaved*_autosave.blend"))
