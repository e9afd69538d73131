"""The line in Blender's status bar while jobs run."""

import bpy

from ..jobs.fit_job import FitJob
from ..session import current
from .words import iface, short_time


def draw_status(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    """Adds what was started last to the status bar: what it does, how far it is, and how to stop it."""
    session = current()
    job = session.newest_running() if session else None
    if job is None:
        return
    words = f"{job.title}: {iface(job.step)}"
    if job.fraction > 0.0:
        words += f" {100.0 * job.fraction:.0f} %"
    if isinstance(job, FitJob) and job.training and job.progress.HasField("remaining_seconds"):
        words += ", " + iface("{time} left", time=short_time(job.progress.remaining_seconds))
    more = sum(other.running for other in session.jobs) - 1
    if more:
        words += "  " + iface("(and {count} more)", count=more)
    row = header.layout.row(align=True)
    row.label(text=words, icon="MESH_ICOSPHERE", translate=False)
    row.label(text="Cancel", icon="EVENT_ESC")
