"""An original's values on a reconstruction of it, given the closest points.

A point takes what the original has at the closest point. Corners need more care: where a UV map is cut, the corners of
one new triangle may lie on either side of the cut, and half a texture would be squeezed into it. So a corner takes its
own value only if the way there from the middle of its face explains it; else the middle's triangle is continued.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..client.time_slice import TimeSlice
from ..scene.attributes import Carrier, Layer
from ..scene.mesh_transfer import TriangleMesh
from .closest import Closest

REACH = 1.5
"""A corner's value may be this much further from the middle's than the slope at either explains."""
SAMPLES = 1 << 14
"""Faces that tell what slope is usual, spread over all: sorted in one go."""
STEEPEST = 8.0
"""So many times the usual slope is that of a sliver, which says nothing about its surroundings."""


@dataclass
class Landing:
    """Where a reconstruction lies on its original."""

    middles: np.ndarray
    """`[F, 3] f32`: the middles of the reconstruction's faces."""
    by_middle: Closest
    """The original's points closest to those."""
    by_point: Closest
    """The original's points closest to the reconstruction's points."""


async def middles_of(surface: TriangleMesh, time: TimeSlice) -> np.ndarray:
    """The middles of the faces, `[F, 3] f32`."""
    middles = np.empty((len(surface.triangles), 3), np.float32)
    async for part in time.pieces(len(middles)):
        middles[part] = surface.positions[surface.triangles[part]].mean(axis=1)
    return middles


async def carry_faces(
    values: np.ndarray | None, carrier: Carrier, landing: Landing, time: TimeSlice
) -> np.ndarray | None:
    """Values of the original's polygons, for the reconstruction's faces."""
    if values is None:
        return None
    found = np.empty(len(landing.by_middle.triangles), values.dtype)
    async for part in time.pieces(len(found)):
        found[part] = values[carrier.polygons[landing.by_middle.triangles[part]]]
    return found


async def carry_layer(
    layer: Layer, carrier: Carrier, surface: TriangleMesh, landing: Landing, time: TimeSlice
) -> Layer:
    """The layer for the reconstruction's points or corners."""
    if layer.domain == "POINT":
        return replace(layer, values=await values_at(landing.by_point, layer.values, carrier.triangles, time))
    return replace(layer, values=await corner_values(layer.values, carrier, surface, landing, time))


async def values_at(closest: Closest, values: np.ndarray, triangles: np.ndarray, time: TimeSlice) -> np.ndarray:
    """What the original has at the closest points, `[N, C] f32`; `triangles` are indices into `values`."""
    found = np.empty((len(closest.triangles), values.shape[1]), np.float32)
    async for part in time.pieces(len(found)):
        corners = values[triangles[closest.triangles[part]]]
        found[part] = np.einsum("nk,nkc->nc", closest.weights[part], corners)
    return found


async def corner_values(
    values: np.ndarray, carrier: Carrier, surface: TriangleMesh, landing: Landing, time: TimeSlice
) -> np.ndarray:
    """What the original has at its corners, `values [corners, C]`, for the reconstruction's corners, `[3 F, C] f32`."""
    own = await values_at(landing.by_point, values, carrier.corners, time)
    middle = await values_at(landing.by_middle, values, carrier.corners, time)
    point_slopes = await slopes_at(landing.by_point, values, carrier, time)
    middle_slopes = await slopes_at(landing.by_middle, values, carrier, time)
    some = middle_slopes[:: 1 + len(middle_slopes) // SAMPLES]
    sloping = some[some > 0.0]
    steepest = STEEPEST * float(np.median(sloping)) if len(sloping) else 0.0
    await time.pause()
    found = np.empty((len(surface.triangles), 3, values.shape[1]), np.float32)
    async for part in time.pieces(len(found)):
        points = surface.triangles[part]
        ways = surface.positions[points] - landing.middles[part, None]
        slopes = np.minimum(np.maximum(middle_slopes[part, None], point_slopes[points]), steepest)
        explained = slopes * length(ways)
        steps = own[points] - middle[part, None]
        onwards = gradients(values, carrier, landing.by_middle.triangles[part]).follow(ways)
        onwards *= np.minimum(1.0, steepest * length(ways) / np.maximum(length(onwards), 1e-30))[..., None]
        smooth = length(steps) <= REACH * explained + 1e-6
        found[part] = middle[part, None] + np.where(smooth[..., None], steps, onwards)
    return found.reshape(-1, values.shape[1])


async def slopes_at(closest: Closest, values: np.ndarray, carrier: Carrier, time: TimeSlice) -> np.ndarray:
    """How fast the values change around the closest points, per unit of length: `[N] f32`."""
    slopes = np.empty(len(closest.triangles), np.float32)
    async for part in time.pieces(len(slopes)):
        slopes[part] = gradients(values, carrier, closest.triangles[part]).norm()
    return slopes


@dataclass
class Gradients:
    """How corner values change within triangles."""

    edges: np.ndarray
    """`[N, 2, 3] f64`: from the first corner to the others."""
    steps: np.ndarray
    """`[N, 2, C] f64`: by how much the values change along those."""
    inverse: np.ndarray
    """`[N, 2, 2] f64`: of the edges' products with each other; 0 for triangles without an area."""

    def follow(self, ways: np.ndarray) -> np.ndarray:
        """By how much the values change along ways in space: `[N, K, 3]` → `[N, K, C]`."""
        return ways @ self.edges.transpose(0, 2, 1) @ self.inverse @ self.steps

    def norm(self) -> np.ndarray:
        """The change per unit of length, at least that along the steepest way: `[N]`."""
        return np.sqrt(np.maximum(np.einsum("nic,nij,njc->n", self.steps, self.inverse, self.steps), 0.0))


def gradients(values: np.ndarray, carrier: Carrier, triangles: np.ndarray) -> Gradients:
    """The gradients within the original's triangles, `triangles [N]`."""
    places = carrier.positions[carrier.triangles[triangles]].astype(np.float64)
    corners = values[carrier.corners[triangles]].astype(np.float64)
    edges, steps = places[:, 1:] - places[:, :1], corners[:, 1:] - corners[:, :1]
    aa, ab, bb = (np.einsum("nc,nc->n", edges[:, i], edges[:, j]) for i, j in ((0, 0), (0, 1), (1, 1)))
    determinant = aa * bb - ab * ab
    flat = determinant <= 1e-12 * aa * bb
    scale = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, determinant))
    inverse = np.stack([bb, -ab, -ab, aa], axis=-1).reshape(-1, 2, 2) * scale[:, None, None]
    return Gradients(edges, steps, inverse)


def length(vectors: np.ndarray) -> np.ndarray:
    """`[..., C]` → `[...]`"""
    return np.sqrt(np.einsum("...c,...c->...", vectors, vectors))
