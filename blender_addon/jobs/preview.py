"""The surface of a fit that still trains, for the viewport."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from mathutils import Vector

from ..api.fit_pb2 import PreviewFitRequest
from ..client.connection import Connection
from ..client.download import receive_array
from ..client.problem import Problem
from ..scene.mesh_transfer import TriangleMesh, check_in_pieces, parse_mesh

PAUSE_SECONDS = 0.4
"""At least so long between two previews."""
SHARE = 0.1
"""At most this share of the time goes into previews: the rest is the training's and the viewport's."""


@dataclass(frozen=True, eq=False)
class PreviewSurface:
    """A surface to draw, in object space."""

    mesh: TriangleMesh
    normals: np.ndarray
    """`[V, 3] f32`"""
    step: int
    """The training step that it shows."""
    seconds: float = 0.0
    """What making it took the daemon."""

    @cached_property
    def size(self) -> float:
        """The longest side of its box."""
        return float(np.ptp(self.mesh.positions, axis=0).max())

    @cached_property
    def middle(self) -> Vector:
        """The middle of its box."""
        return Vector((self.mesh.positions.min(axis=0) + self.mesh.positions.max(axis=0)) / 2.0)


async def fetch_preview(connection: Connection, fit: str, resolution: int, after_step: int) -> PreviewSurface:
    """The surface as training has it after a step, once there is one. Raises `Problem`, also when the fit ends."""
    request = PreviewFitRequest(name=fit, resolution=resolution, after_step=after_step)
    header, data = await receive_array(
        connection,
        connection.fits.PreviewFit,
        request,
        lambda header: 24 * header.vertex_count + 12 * header.triangle_count,
    )
    split = len(data) - 12 * header.vertex_count
    mesh = parse_mesh(data[: max(split, 0)], header.vertex_count, header.triangle_count)
    await check_in_pieces(mesh, connection.loop.slice)
    return PreviewSurface(mesh, data[split:].view("<f4").reshape(-1, 3), header.step, header.seconds)


async def follow_preview(
    connection: Connection, fit: str, resolution: int, show: Callable[[PreviewSurface], None]
) -> None:
    """Shows preview after preview until the fit ends, or none can be had."""
    step = 0
    while True:
        try:
            preview = await fetch_preview(connection, fit, resolution, step)
        except Problem:
            return  # whoever watches the fit hears why
        step = preview.step
        show(preview)
        # Not the time since the request: the daemon also waits for the training to begin. The first surface comes soon.
        made = preview.seconds if preview.mesh.triangles.size else 0.0
        await asyncio.sleep(max(PAUSE_SECONDS, made / SHARE))
