"""Mouse and keyboard, moved by xdotool: the events come from the X server as a hand's would.

Everything that takes time is a generator whose every `yield` is a wait in seconds, in which Blender goes on.
"""

import subprocess
import time

import bpy

SETTLE = (0.0, 0.0, 0.0)
"""Rounds of the loop after a move: Blender reads the event in one, handles it in the next, draws in a third."""
ROW = 18
"""Pixels from one look to the next: a button is 20 high."""

F9 = "75"
"""The key's code: by its name, xdotool presses another one that no keyboard has."""
RIGHT = (0.74, 0.70, 0.78, 0.82, 0.66)
"""Where small buttons at the right end of a row are, as shares of the sidebar's width."""

_known: dict[str, tuple[int, int]] = {}


def main_window() -> bpy.types.Window:
    """The window."""
    return bpy.context.window_manager.windows[0]


def view() -> tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region]:
    """The window, and the 3D view's area and its sidebar."""
    window = main_window()
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, region_of(area, "UI")


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    """An area's region of a kind."""
    return next(region for region in area.regions if region.type == kind)


def xdotool(*words: object) -> None:
    """Runs xdotool."""
    subprocess.run(["xdotool", *map(str, words)], check=True)


def move(x: int, y: int):
    """Moves the mouse to a place of the window; Blender's y grows upwards, the screen's downwards."""
    xdotool("mousemove", x, main_window().height - 1 - y)
    yield from SETTLE


def mouse() -> tuple[int, int]:
    """Where the mouse is in the window."""
    told = subprocess.run(["xdotool", "getmouselocation", "--shell"], stdout=subprocess.PIPE, text=True, check=True)
    place = dict(line.split("=") for line in told.stdout.split())
    return int(place["X"]), main_window().height - 1 - int(place["Y"])


def move_over(area_type: str):
    """Moves the mouse to the middle of an editor, which the keys are then meant for."""
    area = next(area for area in view()[0].screen.areas if area.type == area_type)
    canvas = region_of(area, "WINDOW")
    yield from move(canvas.x + canvas.width // 3, canvas.y + canvas.height // 2)


def press(*keys: str) -> float:
    """Presses keys, such as `Escape` or `ctrl+z`; returns when, by the monotonic clock."""
    pressed = time.monotonic()
    xdotool("key", "--delay", 20, *keys)
    return pressed


def command_under_mouse(region: bpy.types.Region, area: bpy.types.Area | None = None) -> str:
    """The Python command of the button under the mouse; empty if there is none that runs an operator."""
    window, view_area, _sidebar = view()
    bpy.context.window_manager.clipboard = ""
    with bpy.context.temp_override(window=window, area=area or view_area, region=region):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
    return bpy.context.window_manager.clipboard


def click(operator: str, across: tuple[float, ...] = (0.5,)):
    """Clicks the sidebar's button that runs an operator, such as `overfit.fit`; returns when, by the monotonic clock.

    `across` says where the button is looked for, as shares of the sidebar's width.
    """
    yield from find(operator, across)
    clicked = time.monotonic()
    xdotool("click", 1)
    yield from SETTLE
    return clicked


def find(operator: str, across: tuple[float, ...] = (0.5,)):
    """Moves the mouse over the sidebar's button that runs an operator; scrolls if need be. Returns its place."""
    if operator in _known:
        yield from move(*_known[operator])
        if found(operator):
            return _known[operator]
    sidebar = view()[2]
    for share in across:
        x = sidebar.x + int(sidebar.width * share)
        yield from scroll_up()
        for _page in range(2):
            for y in range(sidebar.y + sidebar.height - 10, sidebar.y + 4, -ROW):
                yield from move(x, y)
                if found(operator):
                    _known[operator] = (x, y)
                    return x, y
            yield from turn_wheel(10)
    raise AssertionError(f"the sidebar has no button for {operator}")


def found(operator: str) -> bool:
    """Whether the mouse is over the button of an operator, such as `overfit.fit` or `overfit.cancel(job=3`."""
    begin = operator if "(" in operator else f"{operator}("
    return command_under_mouse(view()[2]).startswith(f"bpy.ops.{begin}")


def scroll_up():
    """Turns the mouse wheel over the sidebar's panels until their top shows."""
    while scrolled() > 1.0:
        yield from turn_wheel(10, up=True)


def scrolled() -> float:
    """How many pixels of the panels are above the sidebar."""
    sidebar = view()[2]
    return -sidebar.view2d.region_to_view(0, sidebar.height)[1]


def turn_wheel(turns: int, up: bool = False):
    """Turns the mouse wheel over the first panel: beside panels it would be the 3D view's."""
    sidebar = view()[2]
    yield from move(sidebar.x + sidebar.width // 2, sidebar.y + sidebar.height - 20)
    xdotool("click", "--repeat", turns, "--delay", 10, "4" if up else "5")
    yield 0.3


def open_below(panel: type, operator: str):
    """Opens a closed panel by a click on its header, which is the next thing below an operator's button."""
    drawn, draw = [], panel.draw

    def seen(self, context: bpy.types.Context) -> None:
        drawn.append(context)
        draw(self, context)

    panel.draw = seen
    try:
        x, y = yield from find(operator)
        while found(operator):
            y -= 6
            yield from move(x, y)
        for below in range(y - 6, y - 80, -6):
            yield from move(x, below)
            xdotool("click", 1)
            yield from (*SETTLE, 0.2)
            if drawn:
                yield 0.3
                return
    finally:
        panel.draw = draw
    raise AssertionError(f"no click below {operator} opens the panel {panel.bl_label}")
