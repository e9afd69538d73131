"""ESC while jobs run: one operator a window waits for it, and all make way together now and then."""

import time

import bpy

OWN = "OVERFIT_OT_"
LISTEN_SECONDS = 20.0
"""Blender saves nothing by itself while an operator stays in any window: so these make way for a moment, again and
again."""
REST_SECONDS = 0.5


class EscapeWatch:
    """In which windows ESC is listened for, and until when."""

    def __init__(self) -> None:
        self._until = self._again_at = 0.0

    @property
    def is_over(self) -> bool:
        """Whether those who listen have to make way."""
        return time.monotonic() > self._until

    def listen(self) -> None:
        """Lets ESC cancel jobs in every window that shows a 3D view. Call it again while jobs run."""
        if bpy.app.background:
            return
        windows = bpy.context.window_manager.windows
        if any(is_listening(window) for window in windows):
            if self.is_over:
                return  # the others are about to make way, too
        elif time.monotonic() < self._again_at:
            return
        else:
            self._until = time.monotonic() + LISTEN_SECONDS
        for window in windows:
            area = next((area for area in window.screen.areas if area.type == "VIEW_3D"), None)
            # What begins later gets the keys first, and a tool's ESC is its own.
            if area is not None and not is_listening(window) and not has_other_tool(window):
                with bpy.context.temp_override(window=window, area=area):
                    bpy.ops.overfit.listen("INVOKE_DEFAULT")

    def rest(self) -> None:
        """One that listened has ended."""
        self._again_at = time.monotonic() + REST_SECONDS


def is_listening(window: bpy.types.Window) -> bool:
    """Whether the window has an operator that waits for ESC."""
    return any(tool.bl_idname == OWN + "listen" for tool in window.modal_operators)


def has_other_tool(window: bpy.types.Window) -> bool:
    """Whether an interactive tool that is not the extension's runs in the window."""
    return any(not tool.bl_idname.startswith(OWN) for tool in window.modal_operators)
