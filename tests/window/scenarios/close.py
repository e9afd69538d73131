"""Blender is closed in the middle of a fit, and opened again with its file: two acts, as Blender ends between them."""

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
from hand import RIGHT, click, move_over, press
from stage import LONG, PACKAGE, Stage, addon_module, daemon_pid, objects, until

FILE = "/mnt/closed.blend"
KEPT, STATUS, LOG = Path("/mnt/closed.json"), Path("/mnt/closed-with"), Path("/mnt/blender.log")
"""What the second act must know of the first; how Blender ended, by inside.sh; what all Blenders said."""
IDLE_SECONDS = 5
SHORT_IDLE = Path("/mnt/short-idle")
"""A program that is the daemon, but does not stay for two minutes without anybody: inside.sh waits for its end."""
BAD_WORDS = ("Traceback", "Exception", "Segmentation", "crash", "freed memory", "EXCEPTION_ACCESS", "SIGABRT")
"""What Blender and Python say when something went wrong at the end."""


def closed(stage: Stage) -> Iterator[float]:
    """Ctrl Q ends Blender at once: the file is saved, and the fit goes on in the daemon."""
    yield from start_impatient_daemon(stage)
    stage.add_suzanne()
    bpy.context.scene.overfit.seconds = LONG
    bpy.ops.wm.save_as_mainfile(filepath=FILE)
    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from stage.training(job)
    yield from move_over("VIEW_3D")
    yield from stage.listening()  # an operator in whose middle Blender ends
    press("ctrl+s")
    yield from until(lambda: not bpy.data.is_dirty, "a saved file")
    bpy.context.preferences.view.use_save_prompt = True
    KEPT.write_text(json.dumps({"file": FILE, "fit": job.fit_name, "step": job.progress.step, "daemon": daemon_pid()}))
    try:
        press("ctrl+q")
        yield from until(lambda: False, "the end of Blender after Ctrl Q")
    except AssertionError:  # not `finally`: that is run by Blender's end, too
        KEPT.unlink()
        raise


def opened_again(stage: Stage) -> Iterator[float]:
    """The fit is still there: the panel lists it, Pick Up follows it, and the result arrives on the object."""
    kept = json.loads(KEPT.read_text())
    assert STATUS.read_text().strip() == "0", f"Blender ended with status {STATUS.read_text().strip()}"
    said = LOG.read_text(errors="replace").partition("──── closed\n")[2].partition("──── closed")[0]
    assert "Blender quit" in said, "Blender's log does not tell of its end"
    wrong = [line for line in said.splitlines() if any(word in line for word in BAD_WORDS)]
    assert not wrong, f"Blender said when it ended: {wrong}"
    assert bpy.data.filepath == kept["file"]

    yield from stage.open_sidebar()
    yield from until(lambda: stage.addon.connection.state.name == "READY", "a connection")
    assert daemon_pid() == kept["daemon"], "the daemon is another one"
    yield from until(lambda: any(fit.here for fit in stage.addon.fit_list.left), "the fit in the list")
    (left,) = stage.addon.fit_list.left
    assert (left.name, left.state) == (kept["fit"], "runs"), f"the list has {left}"
    yield 0.5
    stage.picture("1-in-the-daemon")
    yield from click("overfit.pick_up", across=RIGHT)
    job = yield from stage.job_after(0)
    yield from stage.training(job)
    stage.figures["training step at the end of Blender, and picked up"] = f"{kept['step']:,}, {job.progress.step:,}"
    assert job.fit_name == kept["fit"] and job.progress.step > kept["step"], "training did not go on meanwhile"
    yield from click("overfit.finish_now", across=RIGHT)
    yield from stage.ended(job)
    yield from stage.settled()
    stage.picture("2-picked-up")
    assert objects() == {"Suzanne", "Suzanne INR"}, f"the objects are {objects()}"
    assert not list(addon_module("scene.waiting").waiting_objects()), "the object still waits for the fit"


def start_impatient_daemon(stage: Stage) -> Iterator[float]:
    """Restarts the daemon as one that ends after some seconds without anybody."""
    SHORT_IDLE.write_text(f'#!/bin/sh\nexec /mnt/overfit "$1" "$2" "$3" --exit-when-idle {IDLE_SECONDS}\n')
    SHORT_IDLE.chmod(0o755)
    bpy.context.preferences.addons[PACKAGE].preferences.program = str(SHORT_IDLE)
    before = daemon_pid()
    bpy.ops.overfit.restart_daemon()
    connection = stage.addon.connection
    yield from until(lambda: connection.state.name == "READY" and daemon_pid() != before, "another daemon")
    asked = Path(f"/proc/{daemon_pid()}/cmdline").read_text().split("\0")
    assert asked[-3:-1] == ["--exit-when-idle", str(IDLE_SECONDS)], f"the daemon is {asked}"
