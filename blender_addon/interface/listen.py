"""ESC, while jobs run."""

import bpy

from ..escape import has_other_tool
from ..session import current, redraw_views


class OVERFIT_OT_listen(bpy.types.Operator):
    """Wait for ESC over a 3D view, which cancels what was started last: a fit, a mesh, a volume"""

    bl_idname = "overfit.listen"
    bl_label = "Listen for ESC"
    bl_options = {"INTERNAL"}

    _timer: bpy.types.Timer | None = None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self._timer = context.window_manager.event_timer_add(0.5, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        session = current()
        job = session.newest_running()
        if event.type == "ESC" and event.value == "PRESS" and job and is_meant(context, event):
            job.cancel()
            redraw_views()
            return {"RUNNING_MODAL"}  # used up
        if job is None or session.escape.is_over:
            self.cancel(context)
            return {"FINISHED", "PASS_THROUGH"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, too: another file is loaded, or the window closes."""
        context.window_manager.event_timer_remove(self._timer)
        if session := current():
            session.escape.rest()


def is_meant(context: bpy.types.Context, event: bpy.types.Event) -> bool:
    """Whether ESC was pressed over a 3D view, and neither for another tool nor to stop an animation that plays."""
    if context.screen is None or context.screen.is_animation_playing or has_other_tool(context.window):
        return False
    return any(
        area.type == "VIEW_3D"
        and area.x <= event.mouse_x < area.x + area.width
        and area.y <= event.mouse_y < area.y + area.height
        for area in context.screen.areas
    )
