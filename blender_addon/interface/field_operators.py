"""The operators that make something of a field that is there already."""

import bpy

from ..field_settings import (
    BAND,
    EDGE,
    EDGES,
    ISO,
    MESH_RESOLUTION,
    MODE,
    NODES,
    REPLACE,
    RESOLUTION,
    SHARP,
    SPACING,
    TRIANGLES,
    VOLUME_RESOLUTION,
    VOXEL_SIZE,
)
from ..jobs.measure_job import MeasureJob
from ..jobs.spacing import Spacing
from ..jobs.surface_job import SurfaceJob, SurfaceOrder
from ..jobs.volume_job import VolumeJob, VolumeOrder
from ..scene.field import Field
from ..scene.place import Place
from ..scene.result import check_replaceable, may_replace
from ..scene.sdf_nodes import add_sdf_mesh, has_sdf_nodes
from ..scene.source import source_of
from ..session import current
from .job_operator import JobOperator

OWN = {"SKIP_SAVE"}
"""Each press takes the object's settings, not those of the press before."""


class FieldOperator(JobOperator):
    """An operator on an object that has a field."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        if obj is None or not obj.overfit.model:
            cls.poll_message_set("Select an object that was fitted, or the result of a fit")
            return False
        return True


class SpacedOperator(FieldOperator):
    """One that fills a grid. What it is not told, it takes from the object's settings."""

    KEPT: dict[str, str]
    """Its properties, and the names of the object's settings that they are taken from."""

    def fill_in(self, obj: bpy.types.Object) -> None:
        """Takes over what was not given. From then on F9 shows it, and a repetition does the same again."""
        given = self.properties.is_property_set
        # One of them alone says which is meant.
        if not given("spacing") and given("voxel_size") != given("resolution"):
            self.spacing = VOXEL_SIZE if given("voxel_size") else RESOLUTION
        for name, setting in self.KEPT.items():
            if not given(name):
                setattr(self, name, getattr(obj.overfit, setting))

    def spacing_of(self) -> Spacing:
        """The fineness that was chosen."""
        by_size = self.spacing == VOXEL_SIZE
        return Spacing(voxel_size=self.voxel_size) if by_size else Spacing(self.resolution)

    def draw_spacing(self, layout: bpy.types.UILayout) -> None:
        """Draws the fineness in the panel of F9."""
        layout.use_property_split = True
        layout.prop(self, "spacing", expand=True)
        layout.prop(self, "voxel_size" if self.spacing == VOXEL_SIZE else "resolution")


class OVERFIT_OT_extract_mesh(SpacedOperator, bpy.types.Operator):
    """Mesh the field again at another resolution, voxel size or distance from the surface, with no new fit"""

    bl_idname = "overfit.extract_mesh"
    bl_label = "Mesh"
    bl_options = {"REGISTER", "UNDO"}

    KEPT = {name: name for name in ("spacing", "resolution", "voxel_size", "edges", "triangles", "iso", "mode")}

    spacing: bpy.props.EnumProperty(**SPACING, options=OWN)
    resolution: bpy.props.IntProperty(**MESH_RESOLUTION, options=OWN)
    voxel_size: bpy.props.FloatProperty(**EDGE, options=OWN)
    edges: bpy.props.EnumProperty(**EDGES, options=OWN)
    triangles: bpy.props.IntProperty(**TRIANGLES, options=OWN)
    iso: bpy.props.FloatProperty(**ISO, options=OWN)
    mode: bpy.props.EnumProperty(**MODE, options=OWN)

    def draw(self, context: bpy.types.Context) -> None:
        self.draw_spacing(self.layout)
        self.layout.row().prop(self, "edges", expand=True)
        self.layout.prop(self, "triangles")
        self.layout.prop(self, "iso")
        row = self.layout.row()
        row.enabled = may_replace(context.active_object)
        row.prop(self, "mode")

    def make_job(self, context: bpy.types.Context) -> SurfaceJob:
        obj = context.active_object
        self.fill_in(obj)
        replace = self.mode == REPLACE and may_replace(obj)
        if replace:
            check_replaceable(obj)
        order = SurfaceOrder(self.spacing_of(), self.iso, replace, self.edges == SHARP, self.triangles)
        source = source_of(obj, context.evaluated_depsgraph_get()) if context.scene.overfit.carry_attributes else None
        return SurfaceJob(current().connection, Place.of(obj, context.scene), Field.of(obj), order, source)


class OVERFIT_OT_extract_volume(SpacedOperator, bpy.types.Operator):
    """Add the field as a Volume object: signed distances around the surface, in a .vdb file"""

    bl_idname = "overfit.extract_volume"
    bl_label = "SDF Volume"
    bl_options = {"REGISTER", "UNDO"}

    KEPT = {
        "spacing": "volume_spacing",
        "resolution": "volume_resolution",
        "voxel_size": "volume_voxel_size",
        "band": "volume_band",
        "nodes": "volume_nodes",
    }

    spacing: bpy.props.EnumProperty(**SPACING, options=OWN)
    resolution: bpy.props.IntProperty(**VOLUME_RESOLUTION, options=OWN)
    voxel_size: bpy.props.FloatProperty(**EDGE, options=OWN)
    band: bpy.props.FloatProperty(**BAND, options=OWN)
    nodes: bpy.props.BoolProperty(**NODES, options=OWN)

    def draw(self, _context: bpy.types.Context) -> None:
        self.draw_spacing(self.layout)
        self.layout.prop(self, "band")
        row = self.layout.row()
        row.enabled = has_sdf_nodes()
        row.prop(self, "nodes")

    def make_job(self, context: bpy.types.Context) -> VolumeJob:
        obj = context.active_object
        self.fill_in(obj)
        order = VolumeOrder(self.spacing_of(), self.band, self.nodes and has_sdf_nodes())
        return VolumeJob(current().connection, Place.of(obj, context.scene), Field.of(obj), order)


class OVERFIT_OT_measure(FieldOperator, bpy.types.Operator):
    """Measure the volume and the area of the field's surface"""

    bl_idname = "overfit.measure"
    bl_label = "Measure"
    bl_options = {"REGISTER", "UNDO"}

    def make_job(self, context: bpy.types.Context) -> MeasureJob:
        obj = context.active_object
        return MeasureJob(current().connection, obj, Place.of(obj, context.scene))


class OVERFIT_OT_add_sdf_nodes(bpy.types.Operator):
    """Add a mesh that goes on from this volume with SDF grid nodes: offset, fillet, smooth. Needs Blender 5.0"""

    bl_idname = "overfit.add_sdf_nodes"
    bl_label = "SDF Nodes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not has_sdf_nodes():
            cls.poll_message_set("SDF grid nodes came with Blender 5.0")
            return False
        if context.active_object is None or context.active_object.type != "VOLUME":
            cls.poll_message_set("Select an SDF volume first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        add_sdf_mesh(context.active_object, context.scene)
        return {"FINISHED"}
