"""A job in the panel: a progress bar while it runs, then how it ended and what would help."""

from collections.abc import Sequence

import bpy

from ..jobs.advice import Advice
from ..jobs.fit_job import FitJob
from ..jobs.job import Job, JobState
from .words import draw_words, short_number, short_time

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
    if isinstance(job, FitJob) and job.state is not JobState.CANCELLED:
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
    column.progress(factor=job.fraction, text=job.step + percent)
    if isinstance(job, FitJob) and job.training and job.losses:
        progress = job.progress
        pace = f"Loss {progress.loss:.2e}, {short_number(progress.samples_per_second)} samples/s"
        column.label(text=pace, translate=False)
        if progress.HasField("remaining_seconds"):
            column.label(text=f"{short_time(progress.remaining_seconds)} left", translate=False)


def draw_advice(context: bpy.types.Context, column: bpy.types.UILayout, job: FitJob, advice: Advice) -> None:
    """A warning, and the button that helps."""
    draw_words(context, column, advice.text, "ERROR")
    if advice.fix and not job.running:
        fix = column.operator("overfit.fix", text=FIXES[advice.fix].format(value=advice.value), icon="TOOL_SETTINGS")
        fix.kind, fix.value, fix.job = advice.fix, advice.value, job.id


def draw_notes(context: bpy.types.Context, column: bpy.types.UILayout, notes: Sequence[str]) -> None:
    """What the user should know about the mesh, folded: a result must not drown in it."""
    settings = context.scene.overfit
    row = column.row()
    row.alignment = "LEFT"
    icon = "DOWNARROW_HLT" if settings.show_notes else "RIGHTARROW"
    text = f"{len(notes)} notes on the mesh" if len(notes) > 1 else "A note on the mesh"
    row.prop(settings, "show_notes", text=text, icon=icon, emboss=False)
    if settings.show_notes:
        for note in notes:
            draw_words(context, column, note, "INFO")
