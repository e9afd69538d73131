"""Showing the curvature of a result: operators and panel."""

import bpy

from ..jobs.curvature_job import CurvatureJob
from ..scene.curvature import GAUSSIAN, MEAN, hide, shows_curvature
from ..scene.place import Place
from ..session import current, redraw_views
from .job_operator import JobOperator
from .panel import SidebarPanel
from .shown_colors import give_back_if_unused
from .words import draw_words

TITLES = {MEAN: "Mean Curvature", GAUSSIAN: "Gaussian Curvature"}
"""What is shown, by kind."""


class OVERFIT_OT_show_curvature(JobOperator, bpy.types.Operator):
    """Show the curvature of the field's surface as colours: grey where it is flat, red where it bulges, blue where it
    is hollow; of Gaussian curvature blue are saddles. Each point's value is an attribute, for nodes and materials"""

    bl_idname = "overfit.show_curvature"
    bl_label = "Show Curvature"
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(
        name="Curvature",
        description="Which curvature of the level set through each point",
        items=(
            (MEAN, "Mean", "The mean of the largest and the smallest curvature: 1/r for a sphere of radius r"),
            (GAUSSIAN, "Gaussian", "Their product: 0 for what can be unrolled, below 0 for saddles"),
        ),
        default=MEAN,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        if not is_result_of_field(obj):
            cls.poll_message_set("Select the result of a fit")
            return False
        if obj.mode == "EDIT":
            cls.poll_message_set("Leave edit mode first")
            return False
        return True

    def make_job(self, context: bpy.types.Context) -> CurvatureJob:
        obj = context.active_object
        return CurvatureJob(current().connection, obj, Place.of(obj, context.scene), self.kind)


class OVERFIT_OT_hide_curvature(bpy.types.Operator):
    """Give the 3D views and the mesh the colours back that they had; the curvature stays as an attribute"""

    bl_idname = "overfit.hide_curvature"
    bl_label = "Hide Curvature"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shows_curvature(context.active_object)

    def execute(self, context: bpy.types.Context) -> set[str]:
        hide(context.active_object)
        give_back_if_unused(context.scene)
        redraw_views()
        return {"FINISHED"}


class OVERFIT_PT_curvature(SidebarPanel, bpy.types.Panel):
    """The curvature of the active object's field"""

    bl_label = "Curvature"
    bl_idname = "OVERFIT_PT_curvature"
    bl_parent_id = "OVERFIT_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return is_result_of_field(context.active_object) or shows_curvature(context.active_object)

    def draw(self, context: bpy.types.Context) -> None:
        layout, kept = self.layout, context.active_object.data.overfit_curvature
        row = layout.row(align=True)
        for kind, name in ((MEAN, "Mean"), (GAUSSIAN, "Gaussian")):
            shown = kept.shown and kept.kind == kind
            row.operator("overfit.show_curvature", text=name, icon="COLOR", depress=shown).kind = kind
        if not kept.shown:
            return
        words = f"Colours to ± {kept.limit:.3g} per {'square unit' if kept.kind == GAUSSIAN else 'unit'} of length"
        if kept.smoothing > 0.0:
            words += f", smoothed over a radius of {kept.smoothing:.2g}: this field is smooth only piece by piece"
        draw_words(context, layout.column(align=True), words)
        layout.operator("overfit.hide_curvature", text="Hide", icon="HIDE_ON")


def is_result_of_field(obj: bpy.types.Object | None) -> bool:
    """Whether the object's mesh came out of a field that it still knows."""
    return obj is not None and obj.type == "MESH" and obj.overfit.is_result and obj.overfit.model != ""
