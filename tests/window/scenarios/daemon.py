"""The daemon dies in the middle of a fit."""

import os
import signal
import time
from collections.abc import Iterator

import bpy
from hand import click
from stage import PACKAGE, Stage, daemon_pid, until

from .fit import fitted


def daemon_killed(stage: Stage) -> Iterator[float]:
    """The fit fails in words, Start Daemon brings the daemon back, and fits work again."""
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    preferences.start_when_needed = False
    try:
        job = yield from killed(stage)
        assert "lost" in job.message, f"the words are: {job.message}"
        yield 0.5
        stage.picture("1-failed")
        yield from stage.panel("daemon-lost")
        pressed = yield from click("overfit.start_daemon")
        yield from until(lambda: stage.addon.connection.state.name == "READY", "a daemon after Start Daemon")
        stage.figures["Start Daemon to connected"] = f"{time.monotonic() - pressed:.2f} s"
        stage.figures["words"] = job.message
    finally:
        preferences.start_when_needed = True

    bpy.data.objects.remove(bpy.data.objects["Suzanne"])
    yield from fitted(stage)
    stage.picture("2-fitted-again")


def killed(stage: Stage) -> Iterator[float]:
    """Starts a fit and kills the daemon during it; returns the job, ended."""
    stage.add_suzanne()
    bpy.context.scene.overfit.seconds = 60.0
    number = stage.last_number()
    yield from click("overfit.fit")
    job = yield from stage.job_after(number)
    yield from stage.training(job)
    os.kill(daemon_pid(), signal.SIGKILL)
    killed_at = time.monotonic()
    yield from until(lambda: not job.running, "the end of the fit whose daemon was killed")
    stage.figures["kill to words"] = f"{time.monotonic() - killed_at:.2f} s"
    assert job.state.name == "FAILED", f"the fit ended {job.state.name}: {job.message}"
    bpy.context.scene.overfit.seconds = 4.0
    return job
