"""The operators that look after the daemon. None waits: what they start goes on in the session's loop."""

import bpy

from ..client.connection import fits_in_words
from ..client.connection_state import ConnectionState, Start
from ..client.daemon_process import last_lines, log_path
from ..client.problem import Problem
from ..client.program import find_program
from ..preferences import daemon_target, data_dir, preferences
from ..session import current

LOG_LINES = 20
"""Lines of the log's end that are shown."""


class OVERFIT_OT_connect(bpy.types.Operator):
    """Look for the daemon again"""

    bl_idname = "overfit.connect"
    bl_label = "Connect"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session = current()
        session.connection.close()
        session.loop.start(session.connection.try_ensure())
        return {"FINISHED"}


class LocalDaemonOperator:
    """An operator on the daemon of this computer."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if preferences().location != "LOCAL":
            cls.poll_message_set("The daemon runs on another computer: it is started and stopped there")
            return False
        return True


class OVERFIT_OT_start_daemon(LocalDaemonOperator, bpy.types.Operator):
    """Start the Overfit daemon on this computer. It ends by itself when no Blender and no fit needs it any more"""

    bl_idname = "overfit.start_daemon"
    bl_label = "Start Daemon"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session = current()
        if session.connection.state is ConnectionState.READY:
            self.report({"INFO"}, "A daemon is running already")
            return {"CANCELLED"}
        try:
            find_program(daemon_target().program)
        except Problem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        session.loop.start(session.connection.try_ensure(Start.ASKED))
        return {"FINISHED"}


class EndDaemonOperator(LocalDaemonOperator):
    """An operator that ends the daemon, and asks first where fits would pause until it is started again."""

    pause_fits: bpy.props.BoolProperty(
        name="Pause Fits",
        description="Do it also while fits run or wait in the daemon; they go on when it is started again",
        default=False,
        options={"SKIP_SAVE"},
    )
    start_again = False

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Asks if fits would pause, as far as that is known."""
        fits = current().connection.fits_there
        if fits == 0 or self.start_again:
            return self.execute(context)
        self.pause_fits = True
        words = f"{fits_in_words(fits)} in the daemon and will pause until it is started again"
        return context.window_manager.invoke_confirm(
            self, event, title=self.bl_label, message=words, confirm_text=self.bl_label, icon="WARNING"
        )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ends the daemon if no fit pauses by that, or `pause_fits` is set. The panel shows how it goes."""
        session = current()
        session.loop.start(session.connection.stop_daemon(self.pause_fits, self.start_again))
        return {"FINISHED"}


class OVERFIT_OT_stop_daemon(EndDaemonOperator, bpy.types.Operator):
    """Stop the Overfit daemon on this computer, for every Blender that uses it"""

    bl_idname = "overfit.stop_daemon"
    bl_label = "Stop Daemon"


class OVERFIT_OT_restart_daemon(EndDaemonOperator, bpy.types.Operator):
    """Stop the Overfit daemon on this computer, and start the program that the preferences name in its place"""

    bl_idname = "overfit.restart_daemon"
    bl_label = "Restart Daemon"
    start_again = True


class OVERFIT_OT_show_log(LocalDaemonOperator, bpy.types.Operator):
    """Show the end of the log of the daemon that was started from Blender, and where the log lies"""

    bl_idname = "overfit.show_log"
    bl_label = "Show Daemon Log"

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Shows it in a popup."""
        path = log_path(data_dir())
        lines = last_lines(path, LOG_LINES)
        if not lines:
            return self.execute(context)

        def draw(popup: bpy.types.UIPopupMenu, _context: bpy.types.Context) -> None:
            column = popup.layout.column(align=True)
            for line in lines:
                column.label(text=line)
            popup.layout.separator()
            popup.layout.operator("wm.path_open", text="Open the Log", icon="FILE_TEXT").filepath = str(path)

        context.window_manager.popup_menu(draw, title=str(path))
        return {"FINISHED"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Reports the log's path and last lines."""
        path = log_path(data_dir())
        lines = last_lines(path, LOG_LINES)
        if not lines:
            self.report({"ERROR"}, f"There is no log {path}: no daemon was started from Blender, or it said nothing")
            return {"CANCELLED"}
        self.report({"INFO"}, "\n".join([f"{path}:", *lines]))
        return {"FINISHED"}
