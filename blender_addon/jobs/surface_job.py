"""A field's surface: from the daemon to a mesh object."""

from collections.abc import Callable

import numpy as np

from ..api.query_pb2 import ExtractMeshHeader, ExtractMeshRequest, GridSettings
from ..client.connection import Connection
from ..client.download import receive
from ..client.problem import Problem
from ..scene.field import Field
from ..scene.mesh_transfer import TriangleMesh, parse_mesh
from ..scene.place import Place
from ..scene.surface import add_surface
from .job import Job


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


class SurfaceJob(Job):
    """Meshes a field again, at another resolution."""

    undo_name = "Mesh"

    def __init__(self, connection: Connection, place: Place, field: Field, resolution: int) -> None:
        super().__init__(f"Mesh of {place.name}", connection)
        self._place, self._field, self._resolution = place, field, resolution
        self._surface: TriangleMesh | None = None

    async def work(self) -> None:
        await self.connection.ensure()
        self.step = "Meshing"
        self._surface = await fetch_surface(self.connection, self._field.model, self._resolution, self._report)

    def place(self) -> None:
        (result,) = add_surface([self._place], self._field, self._surface, hide_original=False)
        self._surface = None
        self.result_name = result.name
        self.message = f"'{result.name}': {len(result.data.polygons):,} triangles"

    def _report(self, fraction: float) -> None:
        self.fraction = fraction
