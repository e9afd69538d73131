"""The scale of colours, in the 3D views, while the active object shows its error or its curvature."""

from dataclasses import dataclass

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..scene import curvature as curvature_colors
from ..scene import heat_map as error_colors
from ..scene.curvature import GAUSSIAN, shows_curvature
from .curvature import TITLES as CURVATURE_TITLES
from .heat_map import TITLES, in_units
from .overlay import BACKGROUND, FAINT, MARGIN, TEXT, draw_box, draw_text
from .shown_colors import shows_error
from .words import iface

WIDTH, HEIGHT, BAR = 250.0, 54.0, 12.0
"""In pixels at interface scale 1."""


@dataclass(frozen=True)
class Legend:
    """What a scale says."""

    title: str
    stops: np.ndarray
    """The colours from left to right, as sRGB, `[N, 3]`."""
    left: str
    middle: str
    right: str


def legend_of(obj: bpy.types.Object | None) -> Legend | None:
    """The scale of what the object shows; `None` if it shows nothing of ours."""
    if shows_curvature(obj):
        kept = obj.data.overfit_curvature
        unit = "/ unit²" if kept.kind == GAUSSIAN else "/ unit"
        ends = (f"-{kept.limit:.3g}", "0", f"{kept.limit:.3g} {unit}")
        return Legend(iface(CURVATURE_TITLES[kept.kind]), curvature_colors.stops(), *ends)
    if shows_error(obj):
        kept = obj.data.overfit_error
        words = in_units(error_colors.scale_of(obj.data), kept.longest_side)
        words += " of the size" if kept.longest_side > 0.0 else ""
        return Legend(iface(TITLES[kept.direction]), error_colors.stops(), "0", "", words)
    return None


def draw_legend() -> None:
    """Called by Blender at each redraw of a 3D view."""
    context = bpy.context
    obj = context.active_object
    legend = legend_of(obj) if context.space_data.overlay.show_overlays else None
    if legend is None:
        return
    scale = context.preferences.system.ui_scale
    sidebar = next((region.width for region in context.area.regions if region.type == "UI"), 0)
    overlap = sidebar if context.preferences.system.use_region_overlap and sidebar > 1 else 0
    right = context.region.width - overlap - MARGIN * scale
    x, y = right - WIDTH * scale, MARGIN * scale
    width, pad = WIDTH * scale, 8.0 * scale
    gpu.state.blend_set("ALPHA")
    draw_box(x, y, width, HEIGHT * scale, BACKGROUND)
    top = y + HEIGHT * scale - pad - 9.0 * scale
    draw_text(f"{obj.name}: {legend.title}", x + pad, top, 11.0 * scale, TEXT, width - 2 * pad)
    draw_bar(legend.stops, x + pad, y + pad + 13.0 * scale, width - 2 * pad, BAR * scale)
    draw_text(legend.left, x + pad, y + pad, 10.0 * scale, FAINT, width * 0.25)
    draw_text(legend.middle, x + 0.5 * width - 3.0 * scale, y + pad, 10.0 * scale, FAINT, width * 0.1)
    draw_text(legend.right, x + width - pad, y + pad, 10.0 * scale, FAINT, width * 0.8, right=True)
    gpu.state.blend_set("NONE")


def draw_bar(table: np.ndarray, x: float, y: float, width: float, height: float) -> None:
    """The colours from left to right."""
    points, colors = [], []
    for number, color in enumerate(table):
        along = x + width * number / (len(table) - 1)
        points += [(along, y, 0.0), (along, y + height, 0.0)]
        colors += [(*color, 1.0)] * 2
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    batch_for_shader(shader, "TRI_STRIP", {"pos": points, "color": colors}).draw(shader)
