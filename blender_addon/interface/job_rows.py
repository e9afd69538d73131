"""A job in the panel: a progress bar while it runs, then how it ended and what would help."""

from collections.abc import Sequence

import bpy

from ..jobs.advice import Advice
from ..jobs.fit_job import FitJob
from ..jobs.job import Job, JobState
from .words import draw_words, iface, short_number, short_time

ICONS = {JobState.DONE: "CHECKMARK", JobState.FAILED: "ERROR", JobState.CANCELLED: "X"}
FIXES = {
    "FILL_HOLES": "Fill Holes",
    "RECALCULATE_NORMALS": "Fix Normals",
    "SIGN_WINDING": "Use Winding Number",
    "RESOLUTION": "Use Resolution {value:.0f}",
    "TIME": "Train {value:.0f} s",
    "APPLY_SCALE": "Apply Scale",
}


def draw_job(context: bpy.types.Context, column: bpy.types.UILayout, job: Job) -> None:
    """One job."""
    if job.running:
        draw_running(column, job)
    else:
        words = job.message if job.state is JobState.DONE else f"{job.title}: {job.message}"
        draw_words(context, column, words, ICONS[job.state])
    if isinstance(job, FitJob) and (job.running or job.state is JobState.DONE):
        for advice in job.advice:
            draw_advice(context, column, job, advice)
    if job.notes and job.state is not JobState.CANCELLED:
        draw_notes(context, column, job.notes)


def draw_running(column: bpy.types.UILayout, job: Job) -> None:
    """What a job does, with the buttons that end it."""
    row = column.row(align=True)
    row.label(text=job.title, icon="MESH_DATA", translate=False)
    if isinstance(job, FitJob) and job.training:
        row.operator("overfit.finish_now", text="", icon="CHECKMARK").job = job.id
    row.operator("overfit.cancel", text="", icon="CANCEL").job = job.id
    percent = f" {100.0 * job.fraction:.0f} %" if job.fraction > 0.0 else "…"
    column.progress(factor=job.fraction, text=iface(job.step) + percent, translate=False)
    if isinstance(job, FitJob) and job.training and job.losses:
        progress = job.progress
        pace = short_number(progress.samples_per_second)
        column.label(text=iface("Loss {loss:.2e}, {pace} samples/s", loss=progress.loss, pace=pace), translate=False)
        if progress.HasField("remaining_seconds"):
            left = short_time(progress.remaining_seconds)
            column.label(text=iface("{time} left", time=left), translate=False)


def draw_advice(context: bpy.types.Context, column: bpy.types.UILayout, job: FitJob, advice: Advice) -> None:
    """A warning, and the button that helps."""
    draw_words(context, column, iface(advice.text, **advice.values), "ERROR")
    if advice.fix and not job.running:
        text = iface(FIXES[advice.fix], value=advice.value)
        fix = column.operator("overfit.fix", text=text, icon="TOOL_SETTINGS", translate=False)
        fix.kind, fix.value, fix.job = advice.fix, advice.value, job.id


def draw_notes(context: bpy.types.Context, column: bpy.types.UILayout, notes: Sequence[str]) -> None:
    """What the user should know about the mesh, folded: a result must not drown in it."""
    settings = context.scene.overfit
    row = column.row()
    row.alignment = "LEFT"
    icon = "DOWNARROW_HLT" if settings.show_notes else "RIGHTARROW"
    text = iface("{count} notes on the mesh", count=len(notes)) if len(notes) > 1 else iface("A note on the mesh")
    row.prop(settings, "show_notes", text=text, icon=icon, emboss=False, translate=False)
    if settings.show_notes:
        for note in notes:
            draw_words(context, column, note, "INFO")
