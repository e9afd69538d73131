"""The operators that make something of a field that is there already."""

import bpy

from ..jobs.surface_job import SurfaceJob
from ..jobs.volume_job import VolumeJob
from ..scene.field import Field
from ..scene.place import Place
from ..session import current
from .job_operator import JobOperator


class FieldOperator(JobOperator):
    """An operator on an object that has a field."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        if obj is None or not obj.overfit.model:
            cls.poll_message_set("Select an object that was fitted, or the result of a fit")
            return False
        return True


class OVERFIT_OT_extract_mesh(FieldOperator, bpy.types.Operator):
    """Mesh the field again at the chosen resolution, without a new fit"""

    bl_idname = "overfit.extract_mesh"
    bl_label = "Mesh"
    bl_options = {"REGISTER", "UNDO"}

    def make_job(self, context: bpy.types.Context) -> SurfaceJob:
        obj, settings = context.active_object, context.scene.overfit
        return SurfaceJob(current().connection, Place.of(obj, context.scene), Field.of(obj), settings.resolution)


class OVERFIT_OT_extract_volume(FieldOperator, bpy.types.Operator):
    """Add the field as a Volume object: signed distances around the surface, in a .vdb file"""

    bl_idname = "overfit.extract_volume"
    bl_label = "SDF Volume"
    bl_options = {"REGISTER", "UNDO"}

    def make_job(self, context: bpy.types.Context) -> VolumeJob:
        obj, settings = context.active_object, context.scene.overfit
        return VolumeJob(
            current().connection,
            Place.of(obj, context.scene),
            Field.of(obj),
            settings.volume_resolution,
            settings.volume_band,
        )
