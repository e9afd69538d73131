"""Carries what the original has on its surface to a reconstruction: asks where it lies, then takes it from there."""

from collections.abc import Callable
from dataclasses import replace

from ..client.connection import Connection
from ..scene.attributes import Attributes, Carrier
from ..scene.mesh_transfer import MeshBytes, TriangleMesh, check_triangles
from .carry_layers import Landing, carry_faces, carry_layer, middles_of
from .closest import find_closest, lent_mesh


async def carry(
    connection: Connection,
    mesh: str,
    carrier: Carrier,
    surface: TriangleMesh,
    report: Callable[[float], None] = lambda _: None,
) -> Attributes:
    """The original's attributes for the points, corners and faces of `surface`; `put` gives them to its object.

    `mesh` is the original in the daemon, `meshes/{id}`. `report` is told the share that is done. Raises `Problem`.
    """
    had, count = carrier.attributes, len(carrier.triangles)
    if not had.any:
        return had
    check_triangles(surface)
    middles = await middles_of(surface)
    landing = Landing(
        middles=middles,
        by_middle=await find_closest(connection, mesh, count, middles, lambda share: report(0.6 * share)),
        by_point=await find_closest(
            connection, mesh, count, surface.positions, lambda share: report(0.6 + 0.3 * share)
        ),
    )
    return replace(
        had,
        material_indices=carry_faces(had.material_indices, carrier, landing),
        uv_maps=[await carry_layer(layer, carrier, surface, landing) for layer in had.uv_maps],
        colors=[await carry_layer(layer, carrier, surface, landing) for layer in had.colors],
        groups=[await carry_layer(layer, carrier, surface, landing) for layer in had.groups],
    )


async def carry_anew(
    connection: Connection,
    name: str,
    data: MeshBytes,
    carrier: Carrier,
    surface: TriangleMesh,
    report: Callable[[float], None] = lambda _: None,
) -> Attributes:
    """The same, where the daemon does not hold the original any more: it is sent again as `name`, for this only."""
    if not carrier.attributes.any:
        return carrier.attributes
    async with lent_mesh(connection, name, data) as mesh:
        return await carry(connection, mesh, carrier, surface, report)
