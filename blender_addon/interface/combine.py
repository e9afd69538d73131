"""Putting the fields of selected objects together."""

import bpy

from ..jobs.combine_job import CombineJob, CombineOrder
from ..jobs.spacing import Spacing
from ..scene.field import Field
from ..scene.place import Place
from ..scene.similarity import seen_from
from ..session import current
from .job_operator import JobOperator
from .panel import SidebarPanel, split_column


def others_with_fields(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected objects with a field beside the active one, in the order of their names."""
    active = context.active_object
    chosen = [obj for obj in context.selected_objects if obj != active and obj.overfit.model]
    return sorted(chosen, key=lambda obj: obj.name)


class OVERFIT_OT_combine(JobOperator, bpy.types.Operator):
    """Mesh what the fields of the selected objects make together, where they stand. The active object comes first"""

    bl_idname = "overfit.combine"
    bl_label = "Combine"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        active = context.active_object
        if active is None or not active.overfit.model or not others_with_fields(context):
            cls.poll_message_set("Select two or more objects that were fitted, or results of fits")
            return False
        return True

    def make_job(self, context: bpy.types.Context) -> CombineJob:
        active, settings = context.active_object, context.scene.overfit
        place = Place.of(active, context.scene)
        others = [
            (Field.of(obj), seen_from(active.matrix_world, obj.matrix_world, obj.name))
            for obj in others_with_fields(context)
        ]
        # The slider is in the scene's units, models are in the object's own.
        scale = sum(map(abs, active.matrix_world.to_scale())) / 3.0
        spacing = Spacing(active.overfit.resolution)
        order = CombineOrder(settings.combine_operation, settings.combine_smooth / scale, spacing)
        return CombineJob(current().connection, place, Field.of(active), others, order)


class OVERFIT_PT_combine(SidebarPanel, bpy.types.Panel):
    """Several fields as one"""

    bl_label = "Combine"
    bl_idname = "OVERFIT_PT_combine"
    bl_parent_id = "OVERFIT_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return OVERFIT_OT_combine.poll(context)

    def draw(self, context: bpy.types.Context) -> None:
        settings, column = context.scene.overfit, split_column(self.layout)
        column.prop(settings, "combine_operation", text="Operation")
        column.prop(settings, "combine_smooth")
        count = 1 + len(others_with_fields(context))
        self.layout.operator("overfit.combine", text=f"Combine {count} Fields", icon="MOD_BOOLEAN")
