"""The 3D views' shading, changed for a while and given back."""

from collections.abc import Iterable

import bpy

KEPT = "overfit_shading"
"""Where a screen keeps the shading that its views had: it is in no undo step, and is saved with the file."""
SHOWN = ("SOLID", "VERTEX")


def show_colors(screens: Iterable[bpy.types.Screen]) -> None:
    """Lets the 3D views show colour attributes."""
    for screen in screens:
        before = screen.get(KEPT, "").split()
        kept = []
        for number, view in enumerate(shadings(screen)):
            # What shows colours already does so since the last time, and what it had then is what it gets back.
            since = (view.type, view.color_type) == SHOWN and number < len(before)
            kept.append(before[number] if since else f"{view.type},{view.color_type}")
            view.type, view.color_type = SHOWN
        screen[KEPT] = " ".join(kept)


def give_back(screens: Iterable[bpy.types.Screen]) -> None:
    """Gives the views the shading back that they had, but for those that the user has changed since."""
    for screen in screens:
        if KEPT not in screen:
            continue
        kept = screen[KEPT].split()
        del screen[KEPT]
        for view, was in zip(shadings(screen), kept, strict=False):
            if (view.type, view.color_type) == SHOWN:
                view.color_type, view.type = reversed(was.split(","))


def shown_screens() -> list[bpy.types.Screen]:
    """The screens in the windows."""
    return [window.screen for window in bpy.context.window_manager.windows]


def shadings(screen: bpy.types.Screen) -> list[bpy.types.View3DShading]:
    """The shading of each 3D view of the screen."""
    return [area.spaces.active.shading for area in screen.areas if area.type == "VIEW_3D"]
