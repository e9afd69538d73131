"""Pictures of the screen, and what can be read from their pixels.

Blender's own screenshot is black without a graphics card, so the X server's window is taken.
"""

import subprocess
from pathlib import Path

import bpy
import numpy as np
from hand import region_of, view

FOLDER = Path("/mnt/pictures")
SMALL = ("-colors", "64", "-depth", "8", "-strip", "-define", "png:compression-level=9")
"""So that a picture of a panel has some kilobytes."""
EDGE = 3
"""Pixels from a sidebar's edge: there only the panels' ground is drawn, no text and no button."""


def picture(name: str) -> str:
    """Takes a picture of the whole screen; returns its file's name."""
    subprocess.run(["import", "-window", "root", "-depth", "8", FOLDER / f"{name}.png"], check=True)
    return f"{name}.png"


def pixels() -> np.ndarray:
    """The whole screen, `[height, width, 3] i32`, from the top down."""
    window = view()[0]
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
    """The share of the 3D view's middle that has a strong colour, as a heat map has and a grey mesh has not."""
    shown = pixels()[middle_of_view()]
    return float((shown.max(axis=-1) - shown.min(axis=-1) > 60).mean())


def crop(name: str, left: int, top: int, width: int, height: int) -> str:
    """Takes a picture of a part of the screen, in few colours; returns its file's name."""
    (FOLDER / "panels").mkdir(exist_ok=True)
    path = FOLDER / "panels" / f"{name}.png"
    part = ["-crop", f"{width}x{height}+{left}+{top}", "+repage"]
    subprocess.run(["import", "-window", "root", *part, *SMALL, path], check=True)
    return f"panels/{name}.png"


def panel_picture(name: str) -> str:
    """Takes a picture of the sidebar, as far down as it has panels; returns its file's name."""
    window, _area, sidebar = view()
    top = window.height - sidebar.y - sidebar.height
    column = pixels()[top : window.height - sidebar.y, sidebar.x + EDGE]
    # The ground of the panels is even; the view behind them has another colour.
    ground = np.abs(column - column[20]).max(axis=-1) < 8
    last = int(np.flatnonzero(ground)[-1])
    return crop(name, sidebar.x, top, sidebar.width, min(last + 6, sidebar.height))
