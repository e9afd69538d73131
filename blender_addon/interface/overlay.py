"""Cards in the corner of the 3D views: one for each running fit, with its progress and the course of its loss."""

import math
from collections.abc import Sequence

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..jobs.fit_job import FitJob
from ..session import current
from .words import iface, short_number, short_time

WIDTH, HEIGHT, GAP, MARGIN = 264.0, 74.0, 8.0, 16.0
"""In pixels at interface scale 1."""
MOST = 4
"""So many cards are shown; the panel has all."""
BACKGROUND = (0.09, 0.09, 0.10, 0.78)
TEXT, FAINT = (0.92, 0.92, 0.92, 1.0), (0.62, 0.64, 0.66, 1.0)
LINE, TRACK = (0.30, 0.80, 0.82, 1.0), (1.0, 1.0, 1.0, 0.12)


def draw_overlay() -> None:
    """Draws the cards, from the bottom up. Called by Blender at each redraw of a 3D view."""
    session, context = current(), bpy.context
    fits = session.fits() if session else []
    if not fits or not context.space_data.overlay.show_overlays:
        return
    scale = context.preferences.system.ui_scale
    left, bottom = free_corner(context)
    for number, job in enumerate(reversed(fits[-MOST:])):
        draw_card(job, left + MARGIN * scale, bottom + MARGIN * scale + number * (HEIGHT + GAP) * scale, scale)
    gpu.state.blend_set("NONE")


def free_corner(context: bpy.types.Context) -> tuple[float, float]:
    """The lower left corner of the view that the toolbar and Adjust Last Operation leave free."""
    left = bottom = 0.0
    for region in context.area.regions:
        beside = region.type == "TOOLS" and region.alignment == "LEFT" and region.width > 1
        left = max(left, region.x + region.width - context.region.x) if beside else left
        shelf = region.type.startswith("ASSET_SHELF") and region.alignment == "BOTTOM"
        below = (shelf or region.type == "HUD") and region.height > 1
        bottom = max(bottom, region.y + region.height - context.region.y) if below else bottom
    return left, bottom


def draw_card(job: FitJob, x: float, y: float, scale: float) -> None:
    """One fit: name and time left, the loss, and a bar."""
    width, height, pad = WIDTH * scale, HEIGHT * scale, 8.0 * scale
    draw_box(x, y, width, height, BACKGROUND)
    top = y + height - pad - 9.0 * scale
    draw_text(job.title, x + pad, top, 12.0 * scale, TEXT, width * 0.62)
    draw_text(state_in_words(job), x + pad, top - 16.0 * scale, 10.5 * scale, FAINT, width - 2 * pad)
    if job.training and job.progress.HasField("remaining_seconds"):
        words = iface("{time} left", time=short_time(job.progress.remaining_seconds))
        draw_text(words, x + width - pad, top, 11.0 * scale, TEXT, width * 0.36, right=True)
    chart = (x + pad, y + pad + 6.0 * scale, width - 2 * pad, height - 2 * pad - 36.0 * scale)
    draw_line(sparkline(job.losses, int(chart[2] / (2.0 * scale))), *chart)
    draw_box(x, y, width, 3.0 * scale, TRACK)
    draw_box(x, y, width * job.fraction, 3.0 * scale, LINE)


def state_in_words(job: FitJob) -> str:
    """The second line of a card."""
    words = iface(job.step) + (f" {100.0 * job.fraction:.0f} %" if job.fraction > 0.0 else "")
    if job.training and job.losses:
        pace = short_number(job.progress.samples_per_second)
        words += iface(", loss {loss:.1e}, {pace}/s", loss=job.losses[-1], pace=pace)
    return words


def sparkline(values: Sequence[float], columns: int) -> list[tuple[float, float]]:
    """The values' course as points in the unit square; logarithmic, as losses fall by orders of magnitude."""
    logs = [math.log10(value) for value in values if value > 0.0 and math.isfinite(value)]
    count = max(0, min(columns, len(logs)))
    shares = [logs[i * len(logs) // count : (i + 1) * len(logs) // count] for i in range(count)]
    means = [sum(share) / len(share) for share in shares]
    low, high = min(means, default=0.0), max(means, default=0.0)
    height = max(high - low, 1e-6)
    return [(i / max(count - 1, 1), (mean - low) / height) for i, mean in enumerate(means)]


def draw_line(points: Sequence[tuple[float, float]], x: float, y: float, width: float, height: float) -> None:
    """A line through points of the unit square, in a box of the view."""
    if len(points) < 2:
        return
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    placed = [(x + u * width, y + v * height, 0.0) for u, v in points]
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", 1.5 * bpy.context.preferences.system.ui_scale)
    shader.uniform_float("color", LINE)
    batch_for_shader(shader, "LINE_STRIP", {"pos": placed}).draw(shader)


def draw_box(x: float, y: float, width: float, height: float, colour: tuple[float, float, float, float]) -> None:
    """A filled rectangle."""
    gpu.state.blend_set("ALPHA")  # text and lines leave another one behind
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    shader.uniform_float("color", colour)
    batch_for_shader(shader, "TRIS", {"pos": corners}, indices=[(0, 1, 2), (0, 2, 3)]).draw(shader)


def draw_text(
    text: str, x: float, y: float, size: float, colour: tuple[float, float, float, float], room: float, right=False
) -> None:
    """A line of text that ends where its room does."""
    font = 0
    blf.size(font, size)
    while len(text) > 1 and blf.dimensions(font, text)[0] > room:
        text = text[:-2] + "…"
    blf.position(font, x - blf.dimensions(font, text)[0] if right else x, y, 0.0)
    blf.color(font, *colour)
    blf.draw(font, text)
