"""The operators. Each is thin: it checks what it is given and hands over to a job."""

from pathlib import Path

import bpy

from .connection import ConnectionState
from .daemon_file import read_daemon_file
from .daemon_process import find_program
from .fit_job import FitJob, FitOrder
from .job import Job, JobState
from .mesh_transfer import read_evaluated
from .place import Place, scale_note
from .preferences import data_dir, preferences
from .problem import Problem
from .session import current, redraw_sidebars
from .surface import Field, SurfaceJob
from .volume import VolumeJob


class JobOperator:
    """An operator that starts a job and, in a window, stays until it ends, so that ESC can cancel it."""

    _job: Job | None = None
    _timer: bpy.types.Timer | None = None

    def make_job(self, context: bpy.types.Context) -> Job:
        """The job to start; raises `Problem`."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Starts the job and returns; the job goes on, and the panel shows it."""
        return {"FINISHED"} if self._start(context) else {"CANCELLED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Starts the job and waits for its end beside everything else that the user does."""
        if not self._start(context):
            return {"CANCELLED"}
        if bpy.app.background or context.window is None:
            return {"FINISHED"}
        self._timer = context.window_manager.event_timer_add(0.1, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self._job.running:
            if event.type != "ESC" or event.value != "PRESS":
                return {"PASS_THROUGH"}
            self._job.cancel()
            redraw_sidebars()
        self._remove_timer(context)
        if self._job.state is JobState.DONE:
            self.report({"INFO"}, self._job.message)
            return {"FINISHED", "PASS_THROUGH"}
        failed = self._job.state is JobState.FAILED
        self.report({"ERROR" if failed else "INFO"}, f"{self._job.title}: {self._job.message}")
        # An ESC that cancelled the job is used up; any other event is not ours.
        return {"CANCELLED"} if event.type == "ESC" else {"CANCELLED", "PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: another file is loaded, or the window closes."""
        self._remove_timer(context)

    def _start(self, context: bpy.types.Context) -> bool:
        try:
            if current().connection.state is not ConnectionState.READY:
                read_daemon_file(data_dir())  # the commonest failure, said at once
            self._job = self.make_job(context)
        except Problem as problem:
            self.report({"ERROR"}, str(problem))
            return False
        for note in self._job.notes:
            self.report({"WARNING"}, note)
        current().add(self._job)
        redraw_sidebars()
        return True

    def _remove_timer(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None


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
    bl_options = {"REGISTER"}

    def make_job(self, context: bpy.types.Context) -> SurfaceJob:
        obj, settings = context.active_object, context.scene.overfit
        return SurfaceJob(current().connection, Place.of(obj, context.scene), Field.of(obj), settings.resolution)


class OVERFIT_OT_extract_volume(FieldOperator, bpy.types.Operator):
    """Add the field as a Volume object: signed distances around the surface, in a .vdb file"""

    bl_idname = "overfit.extract_volume"
    bl_label = "SDF Volume"
    bl_options = {"REGISTER"}

    def make_job(self, context: bpy.types.Context) -> VolumeJob:
        obj, settings = context.active_object, context.scene.overfit
        return VolumeJob(
            current().connection,
            Place.of(obj, context.scene),
            Field.of(obj),
            settings.volume_resolution,
            settings.volume_band,
        )


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


class OVERFIT_OT_connect(bpy.types.Operator):
    """Look for the daemon again"""

    bl_idname = "overfit.connect"
    bl_label = "Connect"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session = current()
        session.connection.close()
        session.loop.start(session.connection.try_ensure())
        return {"FINISHED"}


class OVERFIT_OT_start_daemon(bpy.types.Operator):
    """Start the Overfit daemon on this computer. It ends with Blender"""

    bl_idname = "overfit.start_daemon"
    bl_label = "Start Daemon"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session = current()
        if session.connection.state is ConnectionState.READY:
            self.report({"INFO"}, "A daemon is running already")
            return {"CANCELLED"}
        try:
            program = find_program(bpy.path.abspath(preferences().program))
        except Problem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        log = Path(bpy.utils.extension_path_user(__package__, create=True), "daemon.log")

        async def start_and_connect() -> None:
            try:
                await session.daemon.start(program, data_dir(), log)
                await session.connection.ensure()
            except Problem as problem:
                session.connection.fail(str(problem))

        session.loop.start(start_and_connect())
        return {"FINISHED"}
