"""The line in Blender's status bar while fits run."""

import bpy

from ..session import current
from .words import short_time


def draw_status(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    """Adds the newest fit to the status bar: what it does, how far it is, and how to stop it."""
    session = current()
    fits = session.fits() if session else []
    if not fits:
        return
    job = fits[-1]
    words = f"{job.title}: {job.step}"
    if job.fraction > 0.0:
        words += f" {100.0 * job.fraction:.0f} %"
    if job.training and job.progress.HasField("remaining_seconds"):
        words += f", {short_time(job.progress.remaining_seconds)} left"
    if len(fits) > 1:
        words += f"  (and {len(fits) - 1} more)"
    row = header.layout.row(align=True)
    row.label(text=words, icon="MESH_ICOSPHERE")
    row.label(text="Cancel", icon="EVENT_ESC", translate=True)
