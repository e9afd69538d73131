"""ESC, while fits run."""

import time

import bpy

from ..session import current, redraw_views

LISTEN_SECONDS = 20.0
"""Blender saves nothing by itself while an operator stays: so this one makes way for a moment, again and again."""
REST_SECONDS = 0.5


class OVERFIT_OT_listen(bpy.types.Operator):
    """Wait for ESC over a 3D view, which cancels the newest fit"""

    bl_idname = "overfit.listen"
    bl_label = "Listen for ESC"
    bl_options = {"INTERNAL"}

    _timer: bpy.types.Timer | None = None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self._timer = context.window_manager.event_timer_add(1.0, window=context.window)
        context.window_manager.modal_handler_add(self)
        current().listening_until = time.monotonic() + LISTEN_SECONDS
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        session = current()
        fits = session.fits()
        if event.type == "ESC" and event.value == "PRESS" and fits and is_meant(context, event):
            fits[-1].cancel()
            redraw_views()
            return {"RUNNING_MODAL"}  # used up
        if not fits or time.monotonic() > session.listening_until:
            self.cancel(context)
            return {"FINISHED", "PASS_THROUGH"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, too: another file is loaded, or the window closes."""
        context.window_manager.event_timer_remove(self._timer)
        if session := current():
            session.rest_from_listening(REST_SECONDS)


def is_meant(context: bpy.types.Context, event: bpy.types.Event) -> bool:
    """Whether ESC was pressed over a 3D view, and neither for another tool nor to stop an animation that plays."""
    if context.screen is None or context.screen.is_animation_playing or len(context.window.modal_operators) > 1:
        return False
    return any(
        area.type == "VIEW_3D"
        and area.x <= event.mouse_x < area.x + area.width
        and area.y <= event.mouse_y < area.y + area.height
        for area in context.screen.areas
    )
