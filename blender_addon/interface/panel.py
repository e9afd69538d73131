"""The sidebar tab."""

from collections.abc import Sequence

import bpy

from ..client.connection import ConnectionState
from ..jobs.fit_job import FitJob
from ..jobs.job import Job, JobState
from ..session import current
from .fit_operators import OVERFIT_OT_fit
from .words import draw_words, short_number, short_time, sidebar_width, sparkline

CONNECTION_ICONS = {
    ConnectionState.IDLE: "UNLINKED",
    ConnectionState.CONNECTING: "SORTTIME",
    ConnectionState.READY: "LINKED",
    ConnectionState.FAILED: "ERROR",
}
JOB_ICONS = {JobState.DONE: "CHECKMARK", JobState.FAILED: "ERROR", JobState.CANCELLED: "X"}
USUAL_PRESETS = ("draft", "standard", "detail", "smooth")
SPARK_PIXELS = 11.5
"""Width of a spark in the interface's font at scale 1."""


class OVERFIT_PT_main(bpy.types.Panel):
    """Fits, and what runs"""

    bl_label = "Overfit"
    bl_idname = "OVERFIT_PT_main"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Overfit"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.overfit
        draw_connection(context, layout)

        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        row = column.row()
        row.use_property_split = False
        split = row.split(factor=0.4)
        name = split.row()
        name.alignment = "RIGHT"
        name.label(text="Preset")
        split.menu("OVERFIT_MT_preset", text=preset_label(settings.preset))
        row = column.row(heading="Time", align=True)
        row.prop(settings, "use_seconds", text="")
        value = row.row(align=True)
        value.active = settings.use_seconds
        value.prop(settings, "seconds", text="")
        column.prop(settings, "resolution")
        column.prop(settings, "hide_original")

        button = layout.column()
        button.scale_y = 1.6
        button.operator("overfit.fit", icon="MESH_ICOSPHERE")
        if not OVERFIT_OT_fit.poll(context):
            layout.label(text="Select a mesh object to fit", icon="INFO")
        for job in reversed(current().jobs):
            draw_job(context, layout.box().column(align=True), job)


class OVERFIT_MT_preset(bpy.types.Menu):
    """How to fit: network, sampling and time"""

    bl_label = "Preset"
    bl_idname = "OVERFIT_MT_preset"

    def draw(self, _context: bpy.types.Context) -> None:
        for name, words in [("", "the daemon's choice"), *offered_presets()]:
            text = preset_label(name) + (f": {words}" if words else "")
            choice = self.layout.operator("wm.context_set_string", text=text)
            choice.data_path, choice.value = "scene.overfit.preset", name


def offered_presets() -> list[tuple[str, str]]:
    """The daemon's presets with a line on each; before it has answered, the usual ones."""
    server = current().connection.server
    if server is None:
        return [(name, "") for name in USUAL_PRESETS]
    return [(preset.name, f"{preset.description} ({short_time(preset.seconds)})") for preset in server.presets]


def preset_label(name: str) -> str:
    """A preset's name as the panel shows it."""
    return name.capitalize() or "Default"


def draw_connection(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """The state of the connection, with what can be done about it."""
    connection = current().connection
    box = layout.box()
    row = box.row()
    words = row.column(align=True)
    draw_words(context, words, connection.message, CONNECTION_ICONS[connection.state], margin=70)
    row.operator("overfit.connect", text="", icon="FILE_REFRESH", emboss=False)
    if connection.state is ConnectionState.FAILED and not current().daemon.alive:
        box.operator("overfit.start_daemon", icon="PLAY")


def draw_job(context: bpy.types.Context, column: bpy.types.UILayout, job: Job) -> None:
    """A job: a progress bar while it runs, then how it ended."""
    if not job.running:
        words = job.message if job.state is JobState.DONE else f"{job.title}: {job.message}"
        draw_words(context, column, words, JOB_ICONS[job.state])
    else:
        row = column.row()
        row.label(text=job.title, icon="MESH_DATA")
        row.operator("overfit.cancel", icon="CANCEL").job = job.id
        percent = f" {100.0 * job.fraction:.0f} %" if job.fraction > 0.0 else "…"
        column.progress(factor=job.fraction, text=job.step + percent)
        if isinstance(job, FitJob) and job.progress and job.losses:
            draw_training(context, column, job)
    if job.notes and job.state is not JobState.CANCELLED:
        draw_notes(context, column, job.notes)


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


def draw_training(context: bpy.types.Context, column: bpy.types.UILayout, job: FitJob) -> None:
    """Loss, pace and time left."""
    progress = job.progress
    column.label(text=sparkline(job.losses, int((sidebar_width(context) - 60) / SPARK_PIXELS)))
    column.label(text=f"Loss {progress.loss:.2e}")
    pace = f"{short_number(progress.samples_per_second)} samples/s"
    left = f", {short_time(progress.remaining_seconds)} left" if progress.HasField("remaining_seconds") else ""
    column.label(text=pace + left)
