"""The daemon dies in the middle of a fit."""

import os
import signal
import time
from collections.abc import Iterator

import bpy
from hand import RIGHT, click
from stage import LONG, PACKAGE, Stage, daemon_pid, objects, until


def daemon_killed(stage: Stage) -> Iterator[float]:
    """The fit waits, Start Daemon brings the daemon back, and the fit goes on to its result."""
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    preferences.start_when_needed = False
    try:
        job = yield from killed(stage)
        yield 0.5
        stage.picture("1-waiting")
        yield from stage.panel("daemon-lost")
        pressed = yield from click("overfit.start_daemon")
        yield from until(lambda: stage.addon.connection.state.name == "READY", "a daemon after Start Daemon")
        stage.figures["Start Daemon to connected"] = f"{time.monotonic() - pressed:.2f} s"
        yield from stage.training(job)
        stage.figures["Start Daemon to training"] = f"{time.monotonic() - pressed:.2f} s"
    finally:
        preferences.start_when_needed = True

    stage.picture("2-goes-on")
    yield from click("overfit.finish_now", across=RIGHT)
    yield from stage.ended(job)
    yield from stage.settled()
    stage.picture("3-fitted")
    assert objects() == {"Suzanne", "Suzanne INR"}, f"the objects are {objects()}"


def killed(stage: Stage) -> Iterator[float]:
    """Starts a fit and kills the daemon during it; returns the job, which waits."""
    stage.add_suzanne()
    bpy.context.scene.overfit.seconds = LONG
    number = stage.last_number()
    yield from click("overfit.fit")
    job = yield from stage.job_after(number)
    yield from stage.training(job)
    os.kill(daemon_pid(), signal.SIGKILL)
    killed_at = time.monotonic()
    yield from until(lambda: job.step == "Waiting for the daemon", "the word that the daemon is gone")
    stage.figures["kill to words"] = f"{time.monotonic() - killed_at:.2f} s"
    assert job.running, f"the fit ended {job.state.name}: {job.message}"
    bpy.context.scene.overfit.seconds = 4.0
    return job
