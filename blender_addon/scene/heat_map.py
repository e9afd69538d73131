"""An error as colours on the mesh from whose points it was measured."""

import bpy
import numpy as np

ERROR = "overfit_error"
"""The attribute with each point's distance to the other surface, in own units."""
COLORS = "Error"
"""The colour attribute that shows it."""
VIRIDIS = ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")
"""Matplotlib's map from dark to bright, in even steps, as sRGB: equal steps of error look equally large."""


def stops() -> np.ndarray:
    """The map's colours as sRGB, `[9, 3] f64`."""
    return np.array([[int(color[i : i + 2], 16) for i in (0, 2, 4)] for color in VIRIDIS]) / 255.0


def linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB colours as linear ones."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def colors_of(errors: np.ndarray, maximum: float) -> np.ndarray:
    """Linear colours with alpha, `[N, 4] f32`, for errors `[N]`: the brightest at `maximum` and above."""
    shares = np.clip(errors / maximum, 0.0, 1.0) if maximum > 0.0 else np.zeros(len(errors))
    table, places = linear(stops()), np.linspace(0.0, 1.0, len(VIRIDIS))
    colors = np.ones((len(errors), 4), np.float32)
    for channel in range(3):
        colors[:, channel] = np.interp(shares, places, table[:, channel])
    return colors


def show(obj: bpy.types.Object, errors: np.ndarray, longest_side: float, direction: str) -> None:
    """Stores the errors `[V] f32` on the object's mesh and shows them as its active colour."""
    mesh = obj.data
    kept = mesh.overfit_error
    kept.direction = direction
    kept.mean, kept.largest = float(errors.mean()), float(errors.max())
    kept.percentile, kept.longest_side = float(np.percentile(errors, 99.0)), longest_side
    if not kept.shown:
        kept.color_before = mesh.attributes.active_color_name or ""
    kept.shown = True
    stored(mesh.attributes, ERROR, "FLOAT").data.foreach_set("value", errors)
    stored(mesh.color_attributes, COLORS, "FLOAT_COLOR")
    repaint(obj)
    mesh.attributes.active_color_name = COLORS


def hide(obj: bpy.types.Object) -> None:
    """Makes the colour active that was so before. The attributes stay: materials and nodes may use them."""
    mesh = obj.data
    kept = mesh.overfit_error
    kept.shown = False
    if kept.color_before in mesh.color_attributes:
        mesh.attributes.active_color_name = kept.color_before


def repaint(obj: bpy.types.Object | None) -> None:
    """Colours the stored errors by the scale that is set."""
    mesh = obj.data if obj and obj.type == "MESH" else None
    errors, colors = (mesh.attributes.get(name) if mesh else None for name in (ERROR, COLORS))
    if not is_stored(mesh, errors, "FLOAT") or not is_stored(mesh, colors, "FLOAT_COLOR"):
        return
    distances = np.empty(len(errors.data), np.float32)
    errors.data.foreach_get("value", distances)
    colors.data.foreach_set("color", colors_of(distances, scale_of(mesh)).ravel())
    mesh.update()


def scale_of(mesh: bpy.types.Mesh) -> float:
    """The error that has the brightest colour, in own units."""
    kept = mesh.overfit_error
    return kept.maximum / 100.0 * kept.longest_side if kept.maximum > 0.0 else kept.percentile


def is_stored(mesh: bpy.types.Mesh | None, attribute: bpy.types.Attribute | None, data_type: str) -> bool:
    """Whether the attribute has one value of the type for each point: none has in edit mode."""
    if mesh is None or attribute is None:
        return False
    return (
        attribute.data_type == data_type and attribute.domain == "POINT" and len(attribute.data) == len(mesh.vertices)
    )


def stored(attributes: bpy.types.bpy_prop_collection, name: str, data_type: str) -> bpy.types.Attribute:
    """The attribute of points, new unless it is there; one of another kind gives way."""
    known = attributes.get(name)
    if known is not None and (known.data_type != data_type or known.domain != "POINT"):
        attributes.remove(known)
        known = None
    return known or attributes.new(name, data_type, "POINT")
