"""The sidebar tab: what to fit and how, and what runs."""

import bpy

from ..field_settings import USUAL_RESOLUTION
from ..scene.fit_source import fit_sources, is_scan
from ..session import current
from .daemon_panel import draw_connection
from .job_rows import draw_job
from .setting_rows import draw_settings
from .words import draw_words, iface, short_size, short_time

USUAL_PRESETS = ("auto", "draft", "standard", "detail", "smooth", "compact", "points")


class SidebarPanel:
    """Where all panels of the extension are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Overfit"


class OVERFIT_PT_main(SidebarPanel, bpy.types.Panel):
    """Fits, and what runs"""

    bl_label = "Overfit"
    bl_idname = "OVERFIT_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.overfit
        draw_connection(context, layout)

        column = split_column(layout)
        draw_menu(column, "Preset").menu("OVERFIT_MT_preset", text=preset_label(settings.preset))
        column.prop(settings, "limit")
        if settings.limit == "QUALITY":
            column.prop(settings, "target_error")
        if settings.limit in ("TIME", "QUALITY"):
            column.prop(settings, "seconds", text="Time" if settings.limit == "TIME" else "At Most")
        if settings.limit == "STEPS":
            column.prop(settings, "steps")
        draw_number_or_default(column, settings, "resolution", USUAL_RESOLUTION, "Automatic")
        sources = fit_sources(context)
        if any(is_scan(obj) for obj in sources):
            column.prop(settings, "smoothing")
        column.prop(settings, "hide_original")
        column.prop(settings, "carry_attributes")
        column.prop(settings, "show_preview")

        if sources and (words := estimate(settings)):
            draw_words(context, layout.column(align=True), words, "TIME")
        button = layout.column()
        button.scale_y = 1.6
        text = iface("Fit {count} Objects", count=len(sources)) if len(sources) > 1 else iface("Fit INR")
        button.operator("overfit.fit", text=text, icon="MESH_ICOSPHERE", translate=False)
        if not sources:
            layout.label(text="Select a mesh object to fit", icon="INFO")
        draw_jobs(context, layout)


class OVERFIT_MT_preset(bpy.types.Menu):
    """How to fit: network, sampling and time"""

    bl_label = "Preset"
    bl_idname = "OVERFIT_MT_preset"

    def draw(self, _context: bpy.types.Context) -> None:
        for name, words in [("", iface("the daemon's choice")), *offered_presets()]:
            text = preset_label(name) + (f": {words}" if words else "")
            choice = self.layout.operator("wm.context_set_string", text=text, translate=False)
            choice.data_path, choice.value = "scene.overfit.preset", name


class OVERFIT_MT_device(bpy.types.Menu):
    """Where the daemon trains"""

    bl_label = "Device"
    bl_idname = "OVERFIT_MT_device"

    def draw(self, _context: bpy.types.Context) -> None:
        server = current().connection.server
        devices = [(device.id, device.description) for device in server.devices] if server else []
        for name, words in [("", "Automatic"), *devices]:
            choice = self.layout.operator("wm.context_set_string", text=words, translate=not name)
            choice.data_path, choice.value = "scene.overfit.device", name


class OVERFIT_PT_advanced(SidebarPanel, bpy.types.Panel):
    """Settings that the preset chooses well for most meshes"""

    bl_label = "Advanced"
    bl_idname = "OVERFIT_PT_advanced"
    bl_parent_id = "OVERFIT_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, column = context.scene.overfit, split_column(self.layout)
        device = settings.device
        draw_menu(column, "Device").menu("OVERFIT_MT_device", text=device or "Automatic", translate=not device)
        column.prop(settings, "sign")
        column.prop(settings, "loss")
        draw_number_or_default(column, settings, "learning_rate", 0.005, "Preset's")
        draw_number_or_default(column, settings, "batch_size", 8192, "Preset's")
        column.prop(settings, "seed")
        column.prop(settings, "preview_resolution", text="Preview")
        column.prop(settings, "keep_fields")
        draw_settings(context, column)


class OVERFIT_PT_daemon_fits(SidebarPanel, bpy.types.Panel):
    """Fits in the daemon that this file may take over"""

    bl_label = "In the Daemon"
    bl_idname = "OVERFIT_PT_daemon_fits"
    bl_parent_id = "OVERFIT_PT_main"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(current().fit_list.left)

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for fit in current().fit_list.left:
            row = column.row(align=True)
            percent = f" {100.0 * fit.fraction:.0f} %" if fit.state == "runs" else ""
            icon = "OBJECT_DATA" if fit.here else "WORLD"
            row.label(text=f"{fit.display_name}: {iface(fit.state)}{percent}", icon=icon, translate=False)
            row.operator("overfit.pick_up", text="", icon="IMPORT").fit = fit.name
            row.operator("overfit.cancel_fit", text="", icon="X").fit = fit.name


def draw_jobs(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What runs and what has ended, the newest first."""
    jobs = current().jobs
    for job in reversed(jobs):
        draw_job(context, layout.box().column(align=True), job)
    if any(job.running for job in jobs[1:]) and len(current().fits()) > 1:
        layout.operator("overfit.cancel", text="Cancel All", icon="CANCEL").job = 0
    elif jobs and not any(job.running for job in jobs):
        layout.operator("overfit.clear_ended", icon="TRASH")


def split_column(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """A column in which the names of properties stand to the left of their values."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def draw_menu(column: bpy.types.UILayout, label: str) -> bpy.types.UILayout:
    """A row of the column with a label where names of properties stand; gives where the menu goes."""
    row = column.row()
    row.use_property_split = False
    split = row.split(factor=0.4)
    name = split.row()
    name.alignment = "RIGHT"
    name.label(text=label)
    return split


def draw_number_or_default(
    column: bpy.types.UILayout,
    settings: bpy.types.PropertyGroup,
    name: str,
    start: float | int,
    default: str,
    path: str = "scene.overfit",
) -> None:
    """A number whose 0 means what the button `default` says; pressed, it makes way for the number, from `start`.

    `path` leads from the context to `settings`.
    """
    field = draw_menu(column, settings.bl_rna.properties[name].name).row(align=True)
    own = getattr(settings, name) > 0
    if own:
        field.prop(settings, name, text="")
    operator = f"wm.context_set_{'float' if isinstance(start, float) else 'int'}"
    change = field.operator(operator, text="" if own else default, icon="X" if own else "NONE")
    change.data_path, change.value = f"{path}.{name}", type(start)(0) if own else start


def estimate(settings: bpy.types.PropertyGroup) -> str:
    """How long the next fit takes and how large its field is; empty before a daemon has told."""
    server = current().connection.server
    presets = list(server.presets) if server else []
    preset = next((p for p in presets if (p.name == settings.preset if settings.preset else p.default)), None)
    if preset is None:
        return ""
    size = f", {short_size(preset.size_bytes)}" if preset.size_bytes else ""
    if settings.limit == "STEPS":
        return iface("{steps:,} steps", steps=settings.steps) + size
    if settings.limit == "PRESET" and not preset.seconds:
        # The choice is made when the daemon sees the mesh.
        return ""
    seconds = short_time(preset.seconds if settings.limit == "PRESET" else settings.seconds)
    if settings.limit == "QUALITY":
        return iface("At most {time}", time=seconds) + size
    return iface("About {time}", time=seconds) + size


def offered_presets() -> list[tuple[str, str]]:
    """The daemon's presets with a line on each; before it has answered, the usual ones."""
    server = current().connection.server
    if server is None:
        return [(name, "") for name in USUAL_PRESETS]
    times = [f" ({short_time(preset.seconds)})" if preset.seconds else "" for preset in server.presets]
    return [(preset.name, preset.description + time) for preset, time in zip(server.presets, times, strict=True)]


def preset_label(name: str) -> str:
    """A preset's name as the panel shows it."""
    return name.capitalize() or "Default"
