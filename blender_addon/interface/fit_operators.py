"""The operators that start and stop fits."""

import bpy

from ..client.problem import Problem
from ..jobs.fit_job import FitJob, FitOrder
from ..scene.mesh_transfer import read_evaluated
from ..scene.place import Place, scale_note
from ..session import current, redraw_sidebars
from .job_operator import JobOperator


class OVERFIT_OT_fit(JobOperator, bpy.types.Operator):
    """Fit a neural distance field to the active mesh, and add the surface it has learned in the same place"""

    bl_idname = "overfit.fit"
    bl_label = "Fit INR"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        if obj is None or obj.type != "MESH" or (obj.mode == "OBJECT" and not obj.select_get()):
            cls.poll_message_set("Select a mesh object first")
            return False
        return True

    def make_job(self, context: bpy.types.Context) -> FitJob:
        obj, settings = context.active_object, context.scene.overfit
        if any(isinstance(job, FitJob) and job.running and job.object_uid == obj.session_uid for job in current().jobs):
            raise Problem(f"'{obj.name}' is being fitted already. Cancel that fit first")
        if obj.mode != "OBJECT":
            obj.update_from_editmode()
        context.view_layer.update()
        mesh = read_evaluated(obj, context.evaluated_depsgraph_get())
        order = FitOrder(
            preset=settings.preset,
            seconds=settings.seconds if settings.use_seconds else None,
            resolution=settings.resolution,
            hide_original=settings.hide_original,
        )
        return FitJob(current().connection, Place.of(obj, context.scene), mesh, order, scale_note(obj))


class OVERFIT_OT_cancel(bpy.types.Operator):
    """Stop what is running; nothing of it is kept"""

    bl_idname = "overfit.cancel"
    bl_label = "Cancel"

    job: bpy.props.IntProperty(
        name="Job", description="The number of the job; 0 for all", default=0, options={"HIDDEN", "SKIP_SAVE"}
    )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        for job in current().jobs:
            if self.job in (0, job.id):
                job.cancel()
        redraw_sidebars()
        return {"FINISHED"}
