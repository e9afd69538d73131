"""What is known of an object when it is fitted: its surface and what lies on it. It may change or go afterwards."""

from dataclasses import dataclass

import bpy

from ..client.problem import Problem
from .attributes import Carrier
from .capture import capture
from .evaluated import read_evaluated, read_points
from .fit_source import has_surface
from .mesh_transfer import MeshBytes
from .original import evaluated_original


@dataclass(frozen=True)
class Source:
    """An object as it was."""

    name: str
    surface: MeshBytes
    """Points, where there are no faces."""
    carrier: Carrier | None
    """Its materials, UV maps, colours and vertex groups; `None` if they are not wanted or cannot be had."""


def read_source(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, with_attributes: bool) -> Source:
    """Reads an object's evaluated surface, or the points of one. Raises `Problem` if it has neither."""
    points = read_points(obj, depsgraph)
    if points is not None:
        return Source(obj.name, points.to_bytes(), None)
    surface = read_evaluated(obj, depsgraph)
    carrier = capture(obj, depsgraph) if with_attributes else None
    # Curves that nodes make and instance are part of the surface, but nothing is known of what they carry.
    if carrier is not None and len(carrier.triangles) != len(surface.triangles):
        carrier = None
    # Copied to bytes here, where reading the mesh holds the main thread anyway, and not in a slice.
    return Source(obj.name, surface.to_bytes(), carrier)


def source_of(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Source | None:
    """What the object was reconstructed from, or itself if it is no result; `None` if that has no surface any more."""
    try:
        if obj.overfit.is_result:
            with evaluated_original(obj) as (original, its_depsgraph):
                return read_source(original, its_depsgraph, with_attributes=True)
        return read_source(obj, depsgraph, with_attributes=True) if has_surface(obj) else None
    except Problem:
        return None
