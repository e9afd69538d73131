"""What lives while the extension is on: the loop, the connection, the jobs, and the timer that drives them."""

import time

import bpy

from .client.connection import Connection, ConnectionState
from .client.daemon_process import DaemonProcess
from .client.event_loop import SteppedLoop
from .extension import extension_version
from .jobs.job import Job, JobState
from .preferences import data_dir

BUDGET_SECONDS = 0.004
"""What a tick may take of the main thread: a frame at 60 Hz has 16 ms."""
ENDED_KEPT = 3
"""So many jobs stay in the panel after they have ended."""
REDRAWS = 5
"""Redraws after a change: Blender moves the panels below one that has grown a bit with each, else stops half way."""
TOOLS = ("TRANSFORM_OT_", "MESH_OT_", "SCULPT_OT_", "PAINT_OT_", "CURVE_OT_")
"""Interactive tools in whose middle no result is put into the scene: it would fall into their undo step."""


class Session:
    """The extension at work. There is one, from `register` to `unregister`."""

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.connection = Connection(self.loop, data_dir, extension_version())
        self.daemon = DaemonProcess()
        self.jobs: list[Job] = []
        """Running jobs and the latest that ended, oldest first."""
        self.longest_transfer = 0.0
        """The longest time that building a result held the main thread, in seconds."""
        self.loop.start(self.connection.keep_watch(busy=lambda: any(job.running for job in self.jobs)))

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
            if job.state is JobState.ARRIVED and not tool_is_running():
                started = time.perf_counter()
                job.finish()
                self.longest_transfer = max(self.longest_transfer, time.perf_counter() - started)
                if job.undo_name:
                    bpy.ops.ed.undo_push(message=job.undo_name)
        if more:
            return 0.0
        waiting = self.connection.state is ConnectionState.CONNECTING or any(job.running for job in self.jobs)
        return 0.02 if waiting else 0.25

    def let_go(self) -> None:
        """Ends all jobs here; fits go on in the daemon, which keeps their models."""
        for job in self.jobs:
            job.let_go()
        self.jobs.clear()

    def close(self) -> None:
        """Ends everything that was started."""
        self.let_go()
        # Tasks first: what a task is told by a closed connection would come before its cancel.
        self.loop.end_tasks()
        self.connection.close()
        self.loop.close()
        self.daemon.stop()


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


_shown = None
_redraws = 0


def _tick() -> float:
    global _shown, _redraws
    session = current()
    interval = session.pump(BUDGET_SECONDS)
    # The panel draws text with one decimal at most: redraw when what it shows changes.
    showing = [session.connection.message, *((job.step, round(job.fraction, 3), job.state) for job in session.jobs)]
    if showing != _shown:
        _shown, _redraws = showing, REDRAWS
    if _redraws > 0:
        _redraws -= 1
        redraw_sidebars()
        return min(interval, 0.1)
    return interval


def redraw_sidebars() -> None:
    """Asks for a redraw of the sidebars that may show the panel."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
