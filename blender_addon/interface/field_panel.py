"""The panel of what is known of the active object's field."""

import bpy

from ..scene.field import Field
from .panel import SidebarPanel
from .words import draw_words


class OVERFIT_PT_field(SidebarPanel, bpy.types.Panel):
    """The field of the active object"""

    bl_label = "Field"
    bl_idname = "OVERFIT_PT_field"
    bl_parent_id = "OVERFIT_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.active_object is not None and context.active_object.overfit.model != ""

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, obj = self.layout, context.scene.overfit, context.active_object
        if figures := Field.of(obj).in_words():
            draw_words(context, layout.column(align=True), figures[0].upper() + figures[1:])
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.operator("overfit.extract_mesh", text=f"Mesh at {settings.resolution}", icon="MESH_DATA")
        column.separator()
        column.prop(settings, "volume_resolution")
        column.prop(settings, "volume_band")
        column.operator("overfit.extract_volume", icon="VOLUME_DATA")
