"""What lives while the extension is on: the loop, the connection, the jobs, and the timer that drives them."""

import time
from collections.abc import Sequence

import bpy

from .client.connection import Connection
from .client.connection_state import ConnectionState
from .client.daemon_process import DaemonProcess
from .client.event_loop import SteppedLoop
from .escape import EscapeWatch
from .extension import extension_version
from .jobs.fit_job import FitJob
from .jobs.fit_list import FitList
from .jobs.job import Job, JobState
from .preferences import daemon_target

BUDGET_SECONDS = 0.004
"""What a tick may take of the main thread: a frame at 60 Hz has 16 ms."""
PATIENCE_SECONDS = 60.0
"""So long a script that waits for a job also waits for a daemon that went away."""
ENDED_KEPT = 3
"""So many jobs stay in the panel after they have ended."""
REDRAWS = 5
"""Redraws after a change: Blender moves the panels below one that has grown a bit with each, else stops half way."""
VIEW_REDRAWS = 3.0
"""Redraws of the 3D views a second while fits run, for the cards in their corner; a new preview is shown at once."""
TOOLS = ("TRANSFORM_OT_", "MESH_OT_", "SCULPT_OT_", "PAINT_OT_", "CURVE_OT_")
"""Interactive tools in whose middle no result is put into the scene: it would fall into their undo step."""


class Session:
    """The extension at work. There is one, from `register` to `unregister`."""

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.daemon = DaemonProcess()
        self.connection = Connection(self.loop, daemon_target, extension_version(), self.daemon)
        self.jobs: list[Job] = []
        """Running jobs and the latest that ended, oldest first."""
        self.longest_transfer = 0.0
        """The longest time that building a result held the main thread, in seconds."""
        self.fit_list = FitList(self.connection, lambda: {job.fit_name for job in self.fits()})
        self.escape = EscapeWatch()
        self.loop.start(self.connection.keep_watch(busy=lambda: any(job.running for job in self.jobs)))
        self.loop.start(self.fit_list.keep_up())

    def fits(self) -> list[FitJob]:
        """The fits that run, the oldest first."""
        return [job for job in self.jobs if isinstance(job, FitJob) and job.running]

    def newest_running(self) -> Job | None:
        """What was started last and has not ended: ESC cancels it."""
        return next((job for job in reversed(self.jobs) if job.running), None)

    def fits_done(self) -> list[FitJob]:
        """The fits on the list that have succeeded, the oldest first."""
        return [job for job in self.jobs if isinstance(job, FitJob) and job.state is JobState.DONE]

    def fit_of(self, obj: bpy.types.Object) -> FitJob | None:
        """The fit of an object that runs."""
        return next((job for job in self.fits() if job.belongs_to(obj.session_uid)), None)

    def add(self, job: Job) -> None:
        """Starts a job."""
        ended = [known for known in self.jobs if not known.running]
        for known in ended[: -ENDED_KEPT + 1]:
            self.jobs.remove(known)
        self.jobs.append(job)
        job.start()

    def pump(self, budget: float) -> float:
        """Gives the loop about `budget` seconds, and builds the results that have come in.

        Returns the seconds until it should be called again.
        """
        more = self.loop.run_for(budget)
        for job in self.jobs:
            if job.state is JobState.ARRIVED and not job.placed_by_operator and not tool_is_running():
                self.finish(job)
                if job.undo_name:
                    bpy.ops.ed.undo_push(message=job.undo_name)
        if more:
            return 0.0
        waiting = self.connection.state is ConnectionState.CONNECTING or any(job.running for job in self.jobs)
        return 0.02 if waiting else 0.25

    def finish(self, job: Job) -> None:
        """Builds the result of a job that has arrived."""
        started = time.perf_counter()
        job.finish()
        self.longest_transfer = max(self.longest_transfer, time.perf_counter() - started)

    def wait(self, jobs: Sequence[Job]) -> None:
        """Does what is due until the jobs have ended. Holds the main thread: for scripts, and for background mode."""
        for job in jobs:
            job.patience = PATIENCE_SECONDS
        while any(job.running for job in jobs):
            if self.pump(BUDGET_SECONDS) > 0.0:
                time.sleep(0.001)
            for job in jobs:
                if job.state is JobState.ARRIVED:
                    self.finish(job)

    def let_go(self) -> None:
        """Ends all jobs here; fits go on in the daemon, which keeps their models."""
        for job in self.jobs:
            job.let_go()
        self.jobs.clear()
        self.fit_list.left = []

    def close(self) -> None:
        """Ends everything that was started, but the daemon, which is shared and ends by itself when nobody needs it."""
        self.let_go()
        # Tasks first: what a task is told by a closed connection would come before its cancel.
        self.loop.end_tasks()
        self.connection.close()
        self.loop.close()


# Blender calls operators, panels, timers and handlers with nothing of ours: this is where they find it.
_session: Session | None = None


def current() -> Session:
    """The session; there is one while the extension is on."""
    return _session


def pump(budget: float = BUDGET_SECONDS) -> bool:
    """Does what is due, within about `budget` seconds; returns whether a job is still running.

    A timer calls it in a window. In background mode Blender runs no timers: there, call it again and again.
    """
    current().pump(budget)
    return any(job.running for job in current().jobs)


def open_session() -> None:
    """Starts the session and its timer."""
    global _session
    _session = Session()
    bpy.app.handlers.load_post.append(_on_file_loaded)
    # In background mode no timer ever fires, and one that is left at exit crashes Blender 4.2.
    if not bpy.app.background:
        bpy.app.timers.register(_tick, first_interval=0.1, persistent=True)


def close_session() -> None:
    """Ends the session, and with it all tasks, the timer and the connection."""
    global _session
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    # When Blender ends, it takes the handlers away before it switches extensions off.
    if _on_file_loaded in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_on_file_loaded)
    _session.close()
    _session = None


def tool_is_running() -> bool:
    """Whether the user is in the middle of an interactive tool, such as a grab."""
    windows = bpy.context.window_manager.windows
    return any(tool.bl_idname.startswith(TOOLS) for window in windows for tool in window.modal_operators)


@bpy.app.handlers.persistent
def _on_file_loaded(_path: str) -> None:
    current().let_go()  # the objects they were for are gone


_shown = _drawn = None
_redraws = 0


def _tick() -> float:
    global _shown, _drawn, _redraws
    session = current()
    interval = session.pump(BUDGET_SECONDS)
    if session.newest_running():
        session.escape.listen()
    fits = session.fits()
    # A redraw of a 3D view draws the whole scene: not for every message of a fit.
    drawing = [(job.id, preview_step(job), int(VIEW_REDRAWS * time.monotonic())) for job in fits]
    if drawing != _drawn:
        _drawn = drawing
        redraw("WINDOW")
    # The interface shows whole percents: redraw when what it shows changes.
    jobs = ((job.step, round(job.fraction, 2), job.state) for job in session.jobs)
    showing = [session.connection.message, session.connection.fits_there, session.fit_list.left, *jobs]
    if showing != _shown:
        _shown, _redraws = showing, REDRAWS
    if _redraws > 0:
        _redraws -= 1
        redraw("UI")
        return min(interval, 0.1)
    return interval


def preview_step(job: FitJob) -> int:
    """Which state of training a fit's preview shows; 0 if it has none."""
    return job.preview.step if job.preview else 0


def redraw_views() -> None:
    """Asks for a redraw of all that the extension shows."""
    redraw("UI")
    redraw("WINDOW")


def redraw(kind: str) -> None:
    """Asks for a redraw of the 3D views' regions of a kind; with the sidebars, of status bar and preferences, too."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == kind:
                        region.tag_redraw()
            elif area.type == "PREFERENCES" and kind == "UI":
                area.tag_redraw()
        if kind == "UI" and not tool_is_running():
            # The status bar is in no list of areas. This redraws it; a tool that runs has a text of its own in it.
            window.workspace.status_text_set(None)
