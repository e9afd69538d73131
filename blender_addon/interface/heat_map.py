"""Showing the error of a reconstruction: operators and panel."""

import bpy

from ..field_settings import DIRECTION, ORIGINAL, RECONSTRUCTION
from ..jobs.heat_map_job import HeatMapJob
from ..scene.error_copy import is_copy, measured, withdraw
from ..scene.evaluated import read_evaluated
from ..scene.heat_map import hide, repaint, scale_of
from ..scene.original import evaluated_original, original_of
from ..scene.place import Place
from ..session import current, redraw_views
from .job_operator import JobOperator
from .panel import SidebarPanel
from .shown_colors import give_back_if_unused, shows_error

TITLES = {RECONSTRUCTION: "Distance to Original", ORIGINAL: "Distance to Reconstruction"}
"""What is shown, by direction."""


class OVERFIT_OT_show_error(JobOperator, bpy.types.Operator):
    """Measure how far the reconstruction is from its original, and show it as colours from dark (none) to bright.
    Distances go from each vertex to the closest point of the other surface. On the reconstruction, a part that it lost
    does not show; on the original it does: there they are shown on a copy, which goes when the error is hidden"""

    bl_idname = "overfit.show_error"
    bl_label = "Show Error"
    bl_options = {"REGISTER", "UNDO"}

    direction: bpy.props.EnumProperty(**DIRECTION, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = measured(context.active_object)
        if original_of(obj) is None:
            cls.poll_message_set("Select the result of a fit whose original is still there")
            return False
        if obj.mode == "EDIT":
            cls.poll_message_set("Leave edit mode first")
            return False
        return True

    def make_job(self, context: bpy.types.Context) -> HeatMapJob:
        obj = measured(context.active_object)
        with evaluated_original(obj) as (original, depsgraph):
            mesh = read_evaluated(original, depsgraph)
        return HeatMapJob(current().connection, obj, Place.of(obj, context.scene), mesh, self.direction)


class OVERFIT_OT_scale_error(bpy.types.Operator):
    """Choose the error that has the brightest colour"""

    bl_idname = "overfit.scale_error"
    bl_label = "Colour Scale"
    bl_options = {"REGISTER", "UNDO"}

    maximum: bpy.props.FloatProperty(
        name="Brightest At",
        description="The error with the brightest colour, as a percentage of the longest side. 0: so that 99 % of the "
        "points are below it",
        subtype="PERCENTAGE",
        min=0.0,
        soft_max=5.0,
        max=100.0,
        precision=3,
        step=1,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shows_error(context.active_object) and context.active_object.mode != "EDIT"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        mesh = context.active_object.data
        size = mesh.overfit_error.longest_side
        self.maximum = 100.0 * scale_of(mesh) / size if size > 0.0 else 0.0
        return context.window_manager.invoke_props_popup(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.active_object
        obj.data.overfit_error.maximum = self.maximum
        repaint(obj)
        return {"FINISHED"}


class OVERFIT_OT_hide_error(bpy.types.Operator):
    """Give the 3D views and the mesh the colours back that they had; the measured error stays as an attribute.
    A copy of the original that showed it is removed"""

    bl_idname = "overfit.hide_error"
    bl_label = "Hide Error"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shows_error(context.active_object)

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = context.active_object
        if is_copy(obj):
            withdraw(obj)
        else:
            hide(obj)
        give_back_if_unused(context.scene)
        redraw_views()
        return {"FINISHED"}


class OVERFIT_PT_error(SidebarPanel, bpy.types.Panel):
    """How far the active object is from its original"""

    bl_label = "Error"
    bl_idname = "OVERFIT_PT_error"
    bl_parent_id = "OVERFIT_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return original_of(context.active_object) is not None or shows_error(context.active_object)

    def draw(self, context: bpy.types.Context) -> None:
        layout, kept = self.layout, context.active_object.data.overfit_error
        if not kept.shown:
            column = layout.column(align=True)
            column.operator("overfit.show_error", icon="COLOR").direction = RECONSTRUCTION
            column.operator("overfit.show_error", text="Show on Original", icon="COLOR").direction = ORIGINAL
            return
        layout.label(text=TITLES[kept.direction])
        column = layout.column(align=True)
        for name, value in (("Mean", kept.mean), ("99 %", kept.percentile), ("Largest", kept.largest)):
            split = column.split(factor=0.35)
            row = split.row()
            row.alignment = "RIGHT"
            row.label(text=name)
            split.label(text=in_units(value, kept.longest_side), translate=False)
        scale = in_units(scale_of(context.active_object.data), kept.longest_side)
        layout.operator("overfit.scale_error", text=f"Scale: 0 to {scale}", icon="COLOR", translate=False)
        row = layout.row(align=True)
        row.operator("overfit.show_error", text="Measure Again", icon="FILE_REFRESH").direction = kept.direction
        row.operator("overfit.hide_error", text="Hide", icon="HIDE_ON")


def in_units(value: float, longest_side: float) -> str:
    """An error in own units, and as a percentage of the longest side."""
    return f"{value:.3g}" + (f"  ({100.0 * value / longest_side:.2g} %)" if longest_side > 0.0 else "")
