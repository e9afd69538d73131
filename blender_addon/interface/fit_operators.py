"""The operators that start, end and pick up fits."""

import bpy

from ..client.problem import Problem
from ..jobs.advice import Advice
from ..jobs.fit_job import FitJob
from ..jobs.fit_order import FitOrder
from ..jobs.job import Job
from ..scene.fit_source import fit_sources, shared_sources
from ..scene.place import Place, has_uneven_scale, scale_note
from ..scene.source import read_source, source_of
from ..scene.waiting import fits_of, waiting_objects
from ..session import current, redraw_views
from .job_operator import JobOperator

UNEVEN = (Advice("The scale differs from axis to axis: distances are stretched", "APPLY_SCALE"),)


class FitOperator(JobOperator):
    """An operator whose jobs are fits."""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Starts the fits and returns: they take long, and Blender does not save by itself while an operator stays."""
        outcome = self.execute(context)
        if "FINISHED" in outcome and not self.wait:
            current().escape.listen()
        return outcome

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.start(context, placed_by_operator=False):
            return {"CANCELLED"}
        if self.wait:
            current().wait(self._jobs)
            return self.tell_end()
        return {"FINISHED"}


class OVERFIT_OT_fit(FitOperator, bpy.types.Operator):
    """Fit a neural distance field to every selected object, and add the surface it has learned in the same place"""

    bl_idname = "overfit.fit"
    bl_label = "Fit INR"
    bl_options = {"REGISTER"}

    preset: bpy.props.StringProperty(
        name="Preset", description="Overrides the scene's preset", options={"SKIP_SAVE", "HIDDEN"}
    )
    seconds: bpy.props.FloatProperty(
        name="Seconds",
        description="Overrides the scene's limit: train for this long",
        min=0.0,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    steps: bpy.props.IntProperty(
        name="Steps",
        description="Overrides the scene's limit: train so many steps",
        min=0,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    resolution: bpy.props.IntProperty(
        name="Resolution",
        description="Overrides the scene's resolution of the mesh that comes back",
        min=0,
        max=4096,
        options={"SKIP_SAVE", "HIDDEN"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not fit_sources(context):
            cls.poll_message_set("Select a mesh object first")
            return False
        return True

    def make_jobs(self, context: bpy.types.Context) -> list[Job]:
        session = current()
        sources = fit_sources(context)
        for obj in sources:
            if session.fit_of(obj) is not None:
                raise Problem(f"'{obj.name}' is being fitted already. Cancel that fit first")
        # What edit mode, sculpt mode and the like have not written to the mesh yet.
        bpy.ops.ed.flush_edits()
        context.view_layer.update()
        depsgraph = context.evaluated_depsgraph_get()
        order = self._order(context)
        jobs = []
        for sharing in shared_sources(sources):
            source = read_source(sharing[0], depsgraph, context.scene.overfit.carry_attributes)
            places = [Place.of(obj, context.scene) for obj in sharing]
            notes = tuple(note for obj in sharing if (note := scale_note(obj)))
            advice = UNEVEN if any(has_uneven_scale(obj) for obj in sharing) else ()
            jobs.append(FitJob(session.connection, places, order, source, notes=notes, advice=advice))
        # An earlier fit of the same objects, of before a restart, would only keep the new one waiting.
        for fit in fits_of(sources):
            session.fit_list.cancel(fit)
        return jobs

    def _order(self, context: bpy.types.Context) -> FitOrder:
        return FitOrder.of(
            context.scene.overfit,
            preset=self.preset,
            seconds=self.seconds,
            steps=self.steps,
            resolution=self.resolution,
        )


class OVERFIT_OT_pick_up(FitOperator, bpy.types.Operator):
    """Follow a fit that runs or has ended in the daemon, and take its result over into this file"""

    bl_idname = "overfit.pick_up"
    bl_label = "Pick Up"
    bl_options = {"REGISTER"}

    fit: bpy.props.StringProperty(name="Fit", description="The fit's name in the daemon", options={"SKIP_SAVE"})

    def make_job(self, context: bpy.types.Context) -> FitJob:
        session = current()
        if any(job.fit_name == self.fit for job in session.fits()):
            raise Problem("This fit is shown already")
        waiting = [obj for obj, fit in waiting_objects() if fit == self.fit]
        places = [Place.of(obj, context.scene) for obj in waiting]
        if not places:
            name = session.fit_list.display_name(self.fit) or "Fit"
            places = [Place.nowhere(name, context.scene)]
        carries = waiting and context.scene.overfit.carry_attributes
        source = source_of(waiting[0], context.evaluated_depsgraph_get()) if carries else None
        return FitJob(session.connection, places, FitOrder.of(context.scene.overfit), source, self.fit)


class OVERFIT_OT_cancel_fit(bpy.types.Operator):
    """Stop this fit in the daemon, whoever asked for it; a finished one is taken off the list"""

    bl_idname = "overfit.cancel_fit"
    bl_label = "Cancel Fit in the Daemon"

    fit: bpy.props.StringProperty(name="Fit", description="The fit's name in the daemon", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        current().fit_list.cancel(self.fit)
        return {"FINISHED"}


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
        redraw_views()
        return {"FINISHED"}


class OVERFIT_OT_finish_now(bpy.types.Operator):
    """End training now and keep what has been learned so far"""

    bl_idname = "overfit.finish_now"
    bl_label = "Finish Now"

    job: bpy.props.IntProperty(
        name="Job", description="The number of the job; 0 for all", default=0, options={"HIDDEN", "SKIP_SAVE"}
    )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        for job in current().jobs:
            if isinstance(job, FitJob) and job.training and self.job in (0, job.id):
                job.finish_now()
        return {"FINISHED"}


class OVERFIT_OT_clear_ended(bpy.types.Operator):
    """Take what has ended off the list; objects stay"""

    bl_idname = "overfit.clear_ended"
    bl_label = "Clear List"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session = current()
        session.jobs[:] = [job for job in session.jobs if job.running]
        redraw_views()
        return {"FINISHED"}
