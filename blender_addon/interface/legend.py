"""The scale of the error's colours, in the 3D views, while the active object shows its error."""

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..scene.heat_map import scale_of, stops
from .heat_map import TITLES, in_units, shows_error
from .overlay import BACKGROUND, FAINT, MARGIN, TEXT, draw_box, draw_text
from .words import iface

WIDTH, HEIGHT, BAR = 250.0, 54.0, 12.0
"""In pixels at interface scale 1."""


def draw_legend() -> None:
    """Called by Blender at each redraw of a 3D view."""
    context = bpy.context
    obj = context.active_object
    if not shows_error(obj) or not context.space_data.overlay.show_overlays:
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
    kept = obj.data.overfit_error
    draw_text(f"{obj.name}: {iface(TITLES[kept.direction])}", x + pad, top, 11.0 * scale, TEXT, width - 2 * pad)
    draw_bar(x + pad, y + pad + 13.0 * scale, width - 2 * pad, BAR * scale)
    words = in_units(scale_of(obj.data), kept.longest_side) + " of the size" * (kept.longest_side > 0.0)
    draw_text("0", x + pad, y + pad, 10.0 * scale, FAINT, width * 0.2)
    draw_text(words, x + width - pad, y + pad, 10.0 * scale, FAINT, width * 0.8, right=True)
    gpu.state.blend_set("NONE")


def draw_bar(x: float, y: float, width: float, height: float) -> None:
    """The colours from left to right."""
    table = stops()
    points, colors = [], []
    for number, color in enumerate(table):
        along = x + width * number / (len(table) - 1)
        points += [(along, y, 0.0), (along, y + height, 0.0)]
        colors += [(*color, 1.0)] * 2
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    batch_for_shader(shader, "TRI_STRIP", {"pos": points, "color": colors}).draw(shader)
