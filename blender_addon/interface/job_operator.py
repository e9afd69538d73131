"""What all operators share that start a job."""

import bpy

from ..client.problem import Problem
from ..jobs.job import Job, JobState
from ..session import current, redraw_sidebars


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
            current().connection.check_at_once()
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
