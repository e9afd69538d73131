"""What is known of an object when it is fitted: its surface and what lies on it. It may change or go afterwards."""

from dataclasses import dataclass

import bpy

from .attributes import Carrier, capture
from .evaluated import read_evaluated
from .fit_source import SURFACE_TYPES
from .mesh_transfer import MeshBytes


@dataclass(frozen=True)
class Source:
    """An object as it was."""

    name: str
    surface: MeshBytes
    carrier: Carrier | None
    """Its materials, UV maps, colours and vertex groups; `None` if they are not wanted or cannot be had."""


def read_source(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph, with_attributes: bool) -> Source:
    """Reads an object's evaluated surface. Raises `Problem` if it has none."""
    surface = read_evaluated(obj, depsgraph)
    carrier = capture(obj, depsgraph) if with_attributes and obj.type in SURFACE_TYPES else None
    # What the object instances is part of its surface, but not of its mesh.
    if carrier is not None and len(carrier.triangles) != len(surface.triangles):
        carrier = None
    # Copied to bytes here, where reading the mesh holds the main thread anyway, and not in a slice.
    return Source(obj.name, surface.to_bytes(), carrier)
