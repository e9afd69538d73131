"""What the extension draws into the 3D views and the status bar, from `register` to `unregister`."""

import bpy

from . import legend, overlay, status_bar
from .preview_drawing import PreviewDrawer


class Drawing:
    """The handlers that Blender calls at each redraw."""

    def __init__(self) -> None:
        self.previews = PreviewDrawer()
        self._handlers: list[object] = []
        bpy.types.STATUSBAR_HT_header.append(status_bar.draw_status)
        # In background mode there is nothing to draw on.
        if not bpy.app.background:
            add = bpy.types.SpaceView3D.draw_handler_add
            self._handlers.append(add(self.previews.draw, (), "WINDOW", "POST_VIEW"))
            self._handlers.append(add(overlay.draw_overlay, (), "WINDOW", "POST_PIXEL"))
            self._handlers.append(add(legend.draw_legend, (), "WINDOW", "POST_PIXEL"))

    def close(self) -> None:
        """Ends drawing."""
        bpy.types.STATUSBAR_HT_header.remove(status_bar.draw_status)
        for handler in self._handlers:
            bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")


# Where `register` leaves it for `unregister`.
_drawing: Drawing | None = None


def start_drawing() -> None:
    """Begins to draw."""
    global _drawing
    _drawing = Drawing()


def drawing() -> Drawing:
    """What draws; there is one while the extension is on."""
    return _drawing


def stop_drawing() -> None:
    """Ends it."""
    global _drawing
    _drawing.close()
    _drawing = None
