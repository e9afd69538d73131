"""The line in Blender's status bar while fits run."""

import bpy

from ..session import current
from .words import iface, short_time


def draw_status(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    """Adds the newest fit to the status bar: what it does, how far it is, and how to stop it."""
    session = current()
    fits = session.fits() if session else []
    if not fits:
        return
    job = fits[-1]
    words = f"{job.title}: {iface(job.step)}"
    if job.fraction > 0.0:
        words += f" {100.0 * job.fraction:.0f} %"
    if job.training and job.progress.HasField("remaining_seconds"):
        words += ", " + iface("{time} left", time=short_time(job.progress.remaining_seconds))
    if len(fits) > 1:
        words += "  " + iface("(and {count} more)", count=len(fits) - 1)
    row = header.layout.row(align=True)
    row.label(text=words, icon="MESH_ICOSPHERE", translate=False)
    row.label(text="Cancel", icon="EVENT_ESC")
