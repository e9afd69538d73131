"""What all operators share that start jobs."""

from collections.abc import Sequence

import bpy

from ..client.problem import Problem
from ..jobs.job import Job, JobState
from ..session import current, redraw_views, tool_is_running


class JobOperator:
    """An operator that starts jobs.

    From Python it returns at once, unless it is told to `wait`. Pressed in a window it stays until the result is
    there, beside everything else that the user does, and places the result itself: so both are one undo step, which
    Adjust Last Operation (F9) can take back and repeat. A repetition waits for its result, as any operator does.
    """

    wait: bpy.props.BoolProperty(
        name="Wait",
        description="Return only when the result is there: for scripts and background mode",
        default=False,
        options={"HIDDEN", "SKIP_SAVE"},
    )

    _jobs: Sequence[Job] = ()
    _timer: bpy.types.Timer | None = None

    def make_jobs(self, context: bpy.types.Context) -> list[Job]:
        """The jobs to start; raises `Problem`."""
        return [self.make_job(context)]

    def make_job(self, context: bpy.types.Context) -> Job:
        """The job to start, where there is one; raises `Problem`."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Starts the jobs; the panel shows how they go on."""
        waits = self.wait or self.options.is_repeat
        if not self.start(context, placed_by_operator=waits):
            return {"CANCELLED"}
        if waits:
            current().wait(self._jobs)
            return self.tell_end()
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Starts the jobs and stays for their results."""
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if not self.start(context, placed_by_operator=True):
            return {"CANCELLED"}
        self._timer = context.window_manager.event_timer_add(0.05, window=context.window)
        context.window_manager.modal_handler_add(self)
        current().escape.listen()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        # ESC is not looked for here: the operator that waits for it cancels the job.
        if not tool_is_running():
            for job in self._jobs:
                if job.state is JobState.ARRIVED:
                    current().finish(job)
        if any(job.running for job in self._jobs):
            return {"PASS_THROUGH"}
        self._remove_timer(context)
        redraw_views()
        return self.tell_end() | {"PASS_THROUGH"}  # the event is not ours

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: another file is loaded, or the window closes."""
        self._remove_timer(context)
        for job in self._jobs:
            job.placed_by_operator = False

    def start(self, context: bpy.types.Context, placed_by_operator: bool) -> bool:
        """Starts the jobs; reports why not."""
        try:
            current().connection.check_at_once()
            self._jobs = self.make_jobs(context)
        except Problem as problem:
            self.report({"ERROR"}, str(problem))
            return False
        for job in self._jobs:
            job.placed_by_operator = placed_by_operator
            for note in job.notes:
                self.report({"WARNING"}, note)
            current().add(job)
        redraw_views()
        return True

    def tell_end(self) -> set[str]:
        """Reports how the jobs ended."""
        failed = [job for job in self._jobs if job.state is JobState.FAILED]
        if failed:
            self.report({"ERROR"}, "\n".join(f"{job.title}: {job.message}" for job in failed))
        elif done := [job.message for job in self._jobs if job.state is JobState.DONE]:
            self.report({"INFO"}, "; ".join(done))
        return {"FINISHED"} if any(job.state is JobState.DONE for job in self._jobs) else {"CANCELLED"}

    def _remove_timer(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
