"""A field's surface: from the daemon to a mesh object."""

from collections.abc import Callable
from dataclasses import dataclass

import bpy

from ..api.query_pb2 import ExtractMeshHeader, ExtractMeshRequest, MeshMode
from ..client.connection import Connection
from ..client.download import receive_array
from ..client.problem import Problem
from ..field_settings import CUBES, RESOLUTION, SHARP, USUAL_RESOLUTION, VOXEL_SIZE
from ..scene.attributes import Attributes
from ..scene.field import Field, longest_side
from ..scene.mesh_transfer import TriangleMesh, check_in_pieces, parse_mesh
from ..scene.normals import mark_sharp_edges
from ..scene.place import Place
from ..scene.result import add_result_beside, may_replace, replace_surface
from ..scene.source import Source
from .carry import carry_if_possible
from .job import Job
from .model_transfer import ensure_model
from .spacing import Spacing


async def fetch_surface(
    connection: Connection,
    model: str,
    spacing: Spacing,
    report: Callable[[float], None],
    iso: float = 0.0,
    sharp: bool = False,
    triangles: int = 0,
) -> tuple[TriangleMesh, ExtractMeshHeader]:
    """The surface of a model, or the level at distance `iso` from it, in own units, and what the daemon says of it.

    `triangles` are enough if it is not 0. Raises `Problem`.
    """
    mode = MeshMode.MESH_MODE_SHARP if sharp else MeshMode.MESH_MODE_MARCHING_CUBES
    request = ExtractMeshRequest(model=model, grid=spacing.to_grid(), iso=iso, mode=mode, triangles=triangles)
    header, data = await receive_array(
        connection,
        connection.queries.ExtractMesh,
        request,
        lambda header: 12 * (header.vertex_count + header.triangle_count),
        report,
    )
    if header.triangle_count == 0:
        raise Problem("The fitted field has no surface. Fit again with more time")
    surface = parse_mesh(data, header.vertex_count, header.triangle_count)
    await check_in_pieces(surface, connection.loop.slice)
    return surface, header


@dataclass(frozen=True)
class SurfaceOrder:
    """What the user asked for."""

    spacing: Spacing
    iso: float = 0.0
    """Distance from the surface at which the mesh is cut, in own units; positive is outside."""
    replace: bool = False
    """Whether the object itself gets the mesh, if it came out of a field."""
    sharp: bool = False
    """Whether vertices lie on edges and corners, and edges are marked sharp."""
    triangles: int = 0
    """So many are enough; 0 takes what the cells give."""


class SurfaceJob(Job):
    """Meshes a field again, with no new fit."""

    undo_name = "Mesh"

    def __init__(
        self, connection: Connection, place: Place, field: Field, order: SurfaceOrder, source: Source | None
    ) -> None:
        """`source` is what materials and the like are carried from, if they are wanted."""
        super().__init__(f"Mesh of {place.name}", connection)
        self._place, self._field, self._order, self._source = place, field, order, source
        self._attributes: Attributes | None = None
        self._surface: TriangleMesh | None = None
        self._cells = 0.0
        """Along the longest side, as the daemon took them."""

    async def work(self) -> None:
        model = await ensure_model(self.connection, self._field)
        self.step = "Meshing"
        self._surface, made = await fetch_surface(
            self.connection,
            model,
            self._order.spacing,
            self.show_fraction,
            self._order.iso,
            self._order.sharp,
            self._order.triangles,
        )
        self._cells = made.resolution
        self.notes += made.warnings
        self._attributes = await carry_if_possible(
            self.connection, self._source, self._surface, "", self._report_carrying, self.notes
        )
        self._source = None

    def place(self) -> None:
        target = self._place.find_object()
        if self._order.replace and target and may_replace(target):
            replace_surface(target, self._surface, self._attributes)
            result = target
        else:
            result = add_result_beside(self._place, self._field, self._surface, self._attributes)
        if self._order.sharp:
            mark_sharp_edges(result.data)
        self._surface = self._attributes = None
        self._field.settle()
        self._remember_order(result)
        self.result_name = result.name
        self.message = f"'{result.name}': {len(result.data.polygons):,} triangles"

    def _remember_order(self, result: bpy.types.Object) -> None:
        """So that the panel says how the mesh was made."""
        kept, spacing = result.overfit, self._order.spacing
        kept.iso = self._order.iso
        kept.edges = SHARP if self._order.sharp else CUBES
        kept.triangles = self._order.triangles
        if spacing.voxel_size is not None:
            kept.spacing, kept.voxel_size = VOXEL_SIZE, spacing.voxel_size
        else:
            kept.spacing, kept.resolution = RESOLUTION, spacing.resolution or 0
            kept.voxel_size = longest_side(result) / (self._cells or spacing.resolution or USUAL_RESOLUTION)

    def _report_carrying(self, fraction: float) -> None:
        self.step, self.fraction = "Carrying materials and UVs over", fraction
