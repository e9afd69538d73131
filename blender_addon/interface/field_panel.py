"""The field of the active object: what it is like, and what can be made of it."""

import bpy

from ..field_settings import USUAL_RESOLUTION, USUAL_TRIANGLES, VOXEL_SIZE
from ..scene.result import may_replace
from ..scene.sdf_nodes import has_sdf_nodes
from ..scene.units import in_scene_units, world_area, world_volume
from .figures import FIGURES
from .panel import SidebarPanel, draw_number_or_default, split_column
from .words import draw_words, short_size


class FieldPanel(SidebarPanel):
    """One that is there while the active object has a field."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.active_object is not None and context.active_object.overfit.model != ""


class OVERFIT_PT_field(FieldPanel, bpy.types.Panel):
    """The field of the active object"""

    bl_label = "Field"
    bl_idname = "OVERFIT_PT_field"
    bl_parent_id = "OVERFIT_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        obj, column = context.active_object, self.layout.column(align=True)
        known = [figure for figure in FIGURES if getattr(obj.overfit, figure.name) >= 0.0]
        for figure in known:
            split = column.split(factor=0.45)
            name = split.row()
            name.alignment = "RIGHT"
            name.label(text=figure.label)
            # A label has no description to show under the mouse; an operator has.
            value = split.row()
            value.alignment = "LEFT"
            value.operator("overfit.copy_figure", text=figure.text(obj), emboss=False).figure = figure.name
        if not known:
            column.label(text="Its quality was not measured")


class OVERFIT_PT_field_mesh(FieldPanel, bpy.types.Panel):
    """Meshes of the field"""

    bl_label = "Mesh"
    bl_idname = "OVERFIT_PT_field_mesh"
    bl_parent_id = "OVERFIT_PT_field"

    def draw(self, context: bpy.types.Context) -> None:
        obj, column = context.active_object, split_column(self.layout)
        kept = obj.overfit
        column.row().prop(kept, "spacing", expand=True)
        if kept.spacing == VOXEL_SIZE:
            column.prop(kept, "voxel_size")
        else:
            draw_number_or_default(column, kept, "resolution", USUAL_RESOLUTION, "Automatic", "object.overfit")
        column.row().prop(kept, "edges", expand=True)
        draw_number_or_default(column, kept, "triangles", USUAL_TRIANGLES, "All", "object.overfit")
        column.prop(kept, "iso")
        if may_replace(obj):
            column.row().prop(kept, "mode", expand=True)
        self.layout.operator("overfit.extract_mesh", icon="MESH_DATA")


class OVERFIT_PT_field_volume(FieldPanel, bpy.types.Panel):
    """Volumes of the field"""

    bl_label = "Volume"
    bl_idname = "OVERFIT_PT_field_volume"
    bl_parent_id = "OVERFIT_PT_field"

    def draw(self, context: bpy.types.Context) -> None:
        obj, column = context.active_object, split_column(self.layout)
        kept = obj.overfit
        column.row().prop(kept, "volume_spacing", expand=True)
        column.prop(kept, "volume_voxel_size" if kept.volume_spacing == VOXEL_SIZE else "volume_resolution")
        column.prop(kept, "volume_band")
        row = column.row()
        row.enabled = has_sdf_nodes()
        row.prop(kept, "volume_nodes")
        self.layout.operator("overfit.extract_volume", icon="VOLUME_DATA")
        if obj.type == "VOLUME":
            self.layout.operator("overfit.add_sdf_nodes", icon="GEOMETRY_NODES")


class OVERFIT_PT_field_measure(FieldPanel, bpy.types.Panel):
    """Volume and area of the field"""

    bl_label = "Measure"
    bl_idname = "OVERFIT_PT_field_measure"
    bl_parent_id = "OVERFIT_PT_field"

    def draw(self, context: bpy.types.Context) -> None:
        obj, layout = context.active_object, self.layout
        kept = obj.overfit
        if kept.volume < 0.0:
            layout.operator("overfit.measure", icon="DRIVER_DISTANCE")
            return
        column = layout.column(align=True)
        volume, area = world_volume(obj, kept.volume), world_area(obj, kept.area)
        rows = [("Volume", in_scene_units(context.scene, volume, 3), kept.volume, kept.volume_error)]
        if area is not None:
            rows.append(("Area", in_scene_units(context.scene, area, 2), kept.area, kept.area_error))
        for name, words, value, error in rows:
            split = column.split(factor=0.3)
            row = split.row()
            row.alignment = "RIGHT"
            row.label(text=name)
            share = f"  ± {100.0 * error / value:.1g} %" if value > 0.0 else ""
            split.label(text=words + share, translate=False)
        if area is None:
            draw_words(context, column, "Area: apply the object's scale first, which is not even", "INFO")
        if kept.measured_iso != 0.0:
            column.label(text=f"At offset {kept.measured_iso:.4g}", translate=False)
        layout.operator("overfit.measure", text="Measure Again", icon="FILE_REFRESH")


class OVERFIT_PT_field_model(FieldPanel, bpy.types.Panel):
    """The field's model"""

    bl_label = "Model"
    bl_idname = "OVERFIT_PT_field_model"
    bl_parent_id = "OVERFIT_PT_field"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        kept = context.active_object.overfit
        if kept.architecture:
            draw_words(context, self.layout.column(align=True), f"Network: {kept.architecture}")
        size = f" ({short_size(kept.size_bytes)})" if kept.size_bytes else ""
        row = self.layout.row()
        if kept.embedded:
            row.label(text=f"In this file{size}", icon="FILE_BLEND")
            row.operator("overfit.unembed_model", text="", icon="X")
        else:
            row.label(text=f"In the daemon only{size}", icon="NETWORK_DRIVE")
            row.operator("overfit.embed_model", icon="FILE_BLEND")
        column = self.layout.column(align=True)
        column.operator("overfit.save_model", icon="EXPORT")
        column.operator("overfit.load_model", icon="IMPORT")
