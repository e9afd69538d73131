"""Pictures of the screen, and what can be read from their pixels.

Blender's own screenshot is black without a graphics card, so the X server's window is taken.
"""

import subprocess
from pathlib import Path

import bpy
import numpy as np
from hand import region_of, view

FOLDER = Path("/mnt/pictures")
SMALL = ("+dither", "-colors", "64", "-depth", "8", "-strip", "-define", "png:compression-level=9")
"""So that a picture of a panel has some kilobytes."""
SHADED = ("-resize", "560x", "+dither", "-colors", "160", "-depth", "8", "-strip", "-define", "png:compression-level=9")
"""The same for pictures of the 3D view, with shades."""
GROUND = 12
"""Pixels from a sidebar's edge: there only the panels' ground is drawn, no text and no button."""
SCROLLBAR = 20
"""Pixels at a page's edge that are none of it."""
UNDER_TITLE = 26
"""Pixels from the top of a sidebar: a row of the panels' ground."""


def picture(name: str) -> str:
    """Takes a picture of the whole screen; returns its file's name."""
    subprocess.run(["import", "-window", "root", "-depth", "8", FOLDER / f"{name}.png"], check=True)
    return f"{name}.png"


def pixels() -> np.ndarray:
    """The whole screen, `[height, width, 3] i32`, from the top down."""
    window = bpy.context.window_manager.windows[0]
    raw = subprocess.run(
        ["import", "-window", "root", "-depth", "8", "rgb:-"], stdout=subprocess.PIPE, check=True
    ).stdout
    image = np.frombuffer(raw, np.uint8).reshape(-1, window.width, 3)
    return image.astype(np.int32)


def middle_of_view() -> tuple[slice, slice]:
    """Rows and columns of the 3D view that nothing of the interface lies over: no toolbar, card, gizmo or sidebar."""
    window, area, sidebar = view()
    canvas = region_of(area, "WINDOW")
    top = window.height - canvas.y - canvas.height
    right = sidebar.x - 90 if sidebar.width > 1 else canvas.x + canvas.width - 90
    return slice(top + 130, window.height - canvas.y - 120), slice(canvas.x + 90, right)


def share_of_preview() -> float:
    """The share of the 3D view's middle that has the live preview's colour: bluish green, lit."""
    red, green, blue = np.moveaxis(pixels()[middle_of_view()], -1, 0)
    return float(((blue - red > 35) & (green - red > 25) & (green > 70)).mean())


def share_of_viridis() -> float:
    """The share of the 3D view's middle that is coloured, as a heat map is and a grey mesh is not."""
    shown = pixels()[middle_of_view()]
    brightest, darkest = shown.max(axis=-1), shown.min(axis=-1)
    return float(((brightest > 25) & (brightest - darkest > 0.4 * brightest)).mean())


def crop(name: str, left: int, top: int, width: int, height: int, changes: tuple[str, ...] = SMALL) -> str:
    """Takes a picture of a part of the screen; returns its file's name. `changes` are more of ImageMagick's options."""
    (FOLDER / "panels").mkdir(exist_ok=True)
    path = FOLDER / "panels" / f"{name}.png"
    part = ["-crop", f"{width}x{height}+{left}+{top}", "+repage"]
    subprocess.run(["import", "-window", "root", *part, *changes, path], check=True)
    return f"panels/{name}.png"


def view_picture(name: str) -> str:
    """Takes a small picture of the 3D view, with all that lies over it; returns its file's name."""
    window, area, _sidebar = view()
    return crop(name, area.x, window.height - area.y - area.height, area.width, area.height, SHADED)


def page_picture(name: str, area: bpy.types.Area) -> str:
    """Takes a picture of an editor's page, as far down as there is something on it; returns its file's name."""
    window, page = bpy.context.window_manager.windows[0], region_of(area, "WINDOW")
    top = window.height - page.y - page.height
    shown = pixels()[top : top + page.height, page.x + SCROLLBAR : page.x + page.width - SCROLLBAR]
    drawn = np.flatnonzero(np.ptp(shown.sum(axis=-1), axis=1) > 12)
    return crop(name, page.x, top, page.width, min(int(drawn[-1]) + 24, page.height))


def panel_picture(name: str) -> str:
    """Takes a picture of the sidebar's panels, without the view around them; returns its file's name."""
    window, _area, sidebar = view()
    top = window.height - sidebar.y - sidebar.height
    shown = pixels()[top : window.height - sidebar.y, sidebar.x : sidebar.x + sidebar.width].mean(axis=-1)
    ground = shown[UNDER_TITLE, GROUND]
    # The ground has a border in another colour.
    edges = np.flatnonzero(np.abs(shown[UNDER_TITLE] - ground) > 1.5)
    left, right = int(max(edges[edges < GROUND], default=-1)) + 1, int(min(edges[edges > GROUND]))
    # Panels in panels are a little darker; the view behind them is brighter.
    down = (shown[:, GROUND] < ground + 5) & (shown[:, GROUND] > ground - 16)
    gaps = np.flatnonzero(~down[UNDER_TITLE:])
    height = UNDER_TITLE + int(gaps[0]) if len(gaps) else sidebar.height
    return crop(name, sidebar.x + left, top, right - left, height)
