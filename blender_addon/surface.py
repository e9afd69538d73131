"""A field's surface: from the daemon to a mesh object."""

from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from .api.query_pb2 import ExtractMeshHeader, ExtractMeshRequest, GridSettings
from .connection import Connection
from .download import receive
from .job import Job
from .mesh_transfer import TriangleMesh, build_mesh, parse_mesh
from .place import Place
from .problem import Problem


@dataclass
class Field:
    """A finished model and what is known of it."""

    model: str
    """`models/{id}`"""
    near_mae: float
    """Mean error near the surface, relative to the longest side; negative if it was not measured."""
    iou: float
    """Intersection over union of the insides, 0 to 1; negative if it was not measured."""

    @classmethod
    def of(cls, obj: bpy.types.Object) -> "Field":
        """The field that the object remembers; its model is empty if there is none."""
        kept = obj.overfit
        return cls(kept.model, kept.near_mae, kept.iou)

    def remember_on(self, obj: bpy.types.Object) -> None:
        """Lets the object remember the field, so that more can be made of it later."""
        obj.overfit.model, obj.overfit.near_mae, obj.overfit.iou = self.model, self.near_mae, self.iou

    def in_words(self) -> str:
        """The figures, for people."""
        parts = []
        if self.near_mae >= 0.0:
            parts.append(f"error {100.0 * self.near_mae:.2g} % of the size")
        if self.iou >= 0.0:
            parts.append(f"overlap (IoU) {100.0 * self.iou:.4g} %")
        return ", ".join(parts)


async def fetch_surface(
    connection: Connection, model: str, resolution: int, report: Callable[[float], None]
) -> TriangleMesh:
    """The surface of a model with so many cells along the longest side. Raises `Problem`."""
    data, sizes, filled = np.empty(0, np.uint8), (0, 0), 0

    def begin(header: ExtractMeshHeader) -> Callable[[bytes], None]:
        nonlocal data, sizes
        sizes = header.vertex_count, header.triangle_count
        data = np.empty(12 * sum(sizes), np.uint8)
        return take

    def take(chunk: bytes) -> None:
        nonlocal filled
        if filled + len(chunk) > len(data):
            raise Problem("The daemon sent more than it said. Try again")
        data[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
        filled += len(chunk)
        report(filled / len(data))

    request = ExtractMeshRequest(model=model, grid=GridSettings(resolution=resolution))
    await receive(connection, connection.queries.ExtractMesh, request, begin)
    if sizes[1] == 0:
        raise Problem("The fitted field has no surface. Fit again with more time")
    return parse_mesh(data[:filled], *sizes)


def add_surface(place: Place, field: Field, surface: TriangleMesh, hide_original: bool) -> bpy.types.Object:
    """A new object with the surface, where the original stands, as one undo step."""
    result = bpy.data.objects.new(f"{place.name} INR", build_mesh(f"{place.name} INR", surface))
    field.remember_on(result)
    if original := place.find_object():
        field.remember_on(original)
    place.put(result, hide_original)
    bpy.ops.ed.undo_push(message="Fit INR")
    return result


class SurfaceJob(Job):
    """Meshes a field again, at another resolution."""

    def __init__(self, connection: Connection, place: Place, field: Field, resolution: int) -> None:
        super().__init__(f"Mesh of {place.name}", connection)
        self._place, self._field, self._resolution = place, field, resolution
        self._surface: TriangleMesh | None = None

    async def work(self) -> None:
        await self.connection.ensure()
        self.step = "Meshing"
        self._surface = await fetch_surface(self.connection, self._field.model, self._resolution, self._report)

    def place(self) -> None:
        result = add_surface(self._place, self._field, self._surface, hide_original=False)
        self._surface = None
        self.result_name = result.name
        self.message = f"'{result.name}': {len(result.data.polygons):,} triangles"

    def _report(self, fraction: float) -> None:
        self.fraction = fraction
