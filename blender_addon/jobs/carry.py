"""Carries what the original has on its surface to a reconstruction: asks where it lies, then takes it from there."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ..client.connection import Connection
from ..client.problem import NotFound, Problem
from ..scene.attributes import Attributes, Carrier
from ..scene.mesh_transfer import TriangleMesh, check_in_pieces
from ..scene.source import Source
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
    had, count, time = carrier.attributes, len(carrier.triangles), connection.loop.slice
    if not had.any:
        return had
    await check_in_pieces(surface, time)
    middles = await middles_of(surface, time)
    landing = Landing(
        middles=middles,
        by_middle=await find_closest(connection, mesh, count, middles, lambda share: report(0.6 * share)),
        by_point=await find_closest(
            connection, mesh, count, surface.positions, lambda share: report(0.6 + 0.3 * share)
        ),
    )
    return replace(
        had,
        material_indices=await carry_faces(had.material_indices, carrier, landing, time),
        uv_maps=[await carry_layer(layer, carrier, surface, landing, time) for layer in had.uv_maps],
        colors=[await carry_layer(layer, carrier, surface, landing, time) for layer in had.colors],
        groups=[await carry_layer(layer, carrier, surface, landing, time) for layer in had.groups],
        normals=[await carry_layer(layer, carrier, surface, landing, time) for layer in had.normals],
    )


async def carry_if_possible(
    connection: Connection,
    source: Source | None,
    surface: TriangleMesh,
    mesh: str,
    report: Callable[[float], None],
    notes: list[str],
) -> Attributes | None:
    """The source's attributes for `surface`; `None` if there are none, or, with a note on why, if that fails.

    `mesh` is the source in the daemon; empty if it must be sent for this. A surface that is there already must not be
    lost for its materials.
    """
    if source is None or source.carrier is None or not source.carrier.attributes.any:
        return None
    carrier = source.carrier
    try:
        with suppress(NotFound):  # the daemon keeps meshes in memory, and not for ever
            if mesh:
                return await carry(connection, mesh, carrier, surface, report)
        async with lent_mesh(connection, source.name, source.surface) as lent:
            return await carry(connection, lent, carrier, surface, report)
    except Problem as problem:
        notes.append(f"Materials, UV maps, colours, vertex groups and shading are not carried over: {problem}")
        return None
