"""Curvature of a field's surface as colours on the mesh that was made of it."""

import bpy
import numpy as np

from .heat_map import hide as hide_error
from .heat_map import linear, stored

MEAN, GAUSSIAN = "MEAN", "GAUSSIAN"
QUANTITIES = {MEAN: "mean-curvature", GAUSSIAN: "gaussian-curvature"}
"""What the daemon calls them."""
ATTRIBUTES = {MEAN: "overfit_mean_curvature", GAUSSIAN: "overfit_gaussian_curvature"}
"""The attributes with each point's curvature, in own units, for geometry nodes and materials."""
COLORS = "Curvature"
"""The colour attribute that shows one of them."""
COOLWARM = ("3b4cc0", "6282ea", "8db0fe", "b8d0f9", "dddddd", "f5c4ad", "f49a7b", "de604d", "b40426")
"""Moreland's diverging map ("Diverging color maps for scientific visualization", 2009) in even steps, as sRGB."""
PERCENTILE = 95.0
"""So many of the points have a colour of their own: at edges curvature has no end."""


def stops() -> np.ndarray:
    """The map's colours as sRGB, `[9, 3] f64`."""
    return np.array([[int(color[i : i + 2], 16) for i in (0, 2, 4)] for color in COOLWARM]) / 255.0


def colors_of(curvatures: np.ndarray, limit: float) -> np.ndarray:
    """Linear colours with alpha, `[N, 4] f32`, for curvatures `[N]`: grey at 0, strongest at ± `limit` and beyond."""
    shares = np.clip(curvatures / limit, -1.0, 1.0) if limit > 0.0 else np.zeros(len(curvatures))
    table, places = linear(stops()), np.linspace(-1.0, 1.0, len(COOLWARM))
    colors = np.ones((len(curvatures), 4), np.float32)
    for channel in range(3):
        colors[:, channel] = np.interp(shares, places, table[:, channel])
    return colors


def show(obj: bpy.types.Object, curvatures: np.ndarray, kind: str, smoothing: float) -> None:
    """Stores curvatures `[V] f32` on the object's mesh and shows them as its active colour.

    Where there is none, as at a point whose gradient is 0, it is taken for 0.
    """
    mesh = obj.data
    if mesh.overfit_error.shown:
        hide_error(obj)
    kept = mesh.overfit_curvature
    curvatures = np.nan_to_num(curvatures, nan=0.0)
    kept.kind, kept.smoothing = kind, smoothing
    kept.limit = float(np.percentile(np.abs(curvatures), PERCENTILE))
    if not kept.shown:
        kept.color_before = mesh.attributes.active_color_name or ""
    kept.shown = True
    stored(mesh.attributes, ATTRIBUTES[kind], "FLOAT").data.foreach_set("value", curvatures)
    colors = stored(mesh.color_attributes, COLORS, "FLOAT_COLOR")
    colors.data.foreach_set("color", colors_of(curvatures, kept.limit).ravel())
    mesh.update()
    mesh.attributes.active_color_name = COLORS


def hide(obj: bpy.types.Object) -> None:
    """Makes the colour active that was so before. The attributes stay: materials and nodes may use them."""
    mesh = obj.data
    kept = mesh.overfit_curvature
    kept.shown = False
    if kept.color_before in mesh.color_attributes:
        mesh.attributes.active_color_name = kept.color_before


def shows_curvature(obj: bpy.types.Object | None) -> bool:
    """Whether the object shows its curvature."""
    return obj is not None and obj.type == "MESH" and obj.data.overfit_curvature.shown
