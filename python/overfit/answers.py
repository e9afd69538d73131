"""What a field and a fit answer: plain data, with arrays of NumPy. Everything is in the mesh's own units."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from overfit.arrays import Doubles, Floats, Places
from overfit.v1 import query_pb2, types_pb2


@dataclass(frozen=True)
class Metrics:
    """How good a field is, on points that training never saw. Lengths are divided by the longest side of the mesh's
    bounding box.
    """

    near_mae: float
    """Mean |error| of 100,000 points near the surface."""
    sign_agreement: float
    """Share of those points whose sign is right."""
    uniform_mae: float
    """Mean |error| of 200,000 points in the bounding box with its edges 5% longer."""
    iou: float | None
    """Intersection over union of the insides on those points; `None` for a field without sign."""
    gradient_degrees: float | None
    """Angle between the gradient and the exact one, the median near the surface."""

    @staticmethod
    def of(message: types_pb2.Metrics) -> "Metrics":
        """From the API's message."""
        return Metrics(
            message.near_mae,
            message.sign_agreement,
            message.uniform_mae,
            message.iou if message.HasField("iou") else None,
            message.gradient_degrees if message.HasField("gradient_degrees") else None,
        )


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface. `vertices, faces = mesh` takes it apart, and it can be fitted as it is."""

    vertices: Places
    """`[V, 3]` f32; f64 where that is too coarse so far from the origin."""
    faces: NDArray[np.uint32]
    """`[F, 3]` u32, counter-clockwise from outside."""
    normals: Floats | None = None
    """`[V, 3]` f32, of unit length, if they were asked for."""
    watertight: bool = False
    """Every edge has two faces."""
    bodies: int = 0
    """Connected parts of the surface."""
    resolution: float = 0.0
    """Cells along the longest side of the bounding box that it was made on."""
    warnings: tuple[str, ...] = ()
    """What it has lost or may have lost, in sentences."""

    def __iter__(self) -> Iterator[Places | NDArray[np.uint32]]:
        yield self.vertices
        yield self.faces


@dataclass(frozen=True, eq=False)
class Volume:
    """Signed distances on a grid."""

    values: Floats
    """`[X, Y, Z]` f32: positive outside."""
    origin: Doubles
    """`[3]` f64: where the sample `[0, 0, 0]` lies."""
    voxel_size: float
    """From one sample to the next, along each axis."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Measurement:
    """Integrals of the solid, of density 1, and of its surface; beside each an estimate of its absolute error against
    the field's surface.
    """

    volume: float
    volume_error: float
    area: float
    area_error: float
    centroid: Doubles | None
    """`[3]` f64; `None` without volume."""
    centroid_error: float
    inertia: Doubles
    """`[3, 3]` f64: the inertia tensor about the centroid, by the axes in which the mesh is given."""
    inertia_error: float
    mean_curvature_integral: float
    """Over the surface: 4π r for a sphere of radius r."""
    mean_curvature_integral_error: float
    bounds: Doubles | None
    """`[2, 3]` f64: the box around the surface; `None` without one."""
    warnings: tuple[str, ...] = ()

    @staticmethod
    def of(message: query_pb2.Measurement) -> "Measurement":
        """From the API's message."""
        xx, xy, xz, yy, yz, zz = message.inertia or [0.0] * 6
        return Measurement(
            message.volume,
            message.volume_error,
            message.area,
            message.area_error,
            np.array(message.centroid) if message.centroid else None,
            message.centroid_error,
            np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]),
            message.inertia_error,
            message.mean_curvature_integral,
            message.mean_curvature_integral_error,
            box(message.bounds) if message.HasField("bounds") else None,
            tuple(message.warnings),
        )


@dataclass(frozen=True, eq=False)
class RayHits:
    """Where each ray meets the surface first."""

    distances: Floats
    """`[...]` f32: from the origin, whatever the length of the direction; infinite for a ray that hits nothing."""
    points: Places
    """`[..., 3]` f32, far from the origin f64: where that is; NaN for a ray that hits nothing."""
    normals: Floats
    """`[..., 3]` f32: of unit length, out of the shape; 0 for a ray that hits nothing."""
    starts_inside: NDArray[np.bool_]
    """`[...]`: whether the ray begins within the shape."""
    warnings: tuple[str, ...] = ()

    @property
    def hit(self) -> NDArray[np.bool_]:
        """`[...]`: whether there is a hit."""
        return np.isfinite(self.distances)


@dataclass(frozen=True, eq=False)
class AllHits:
    """Where rays meet the surface, every time: `H` hits of all rays, ray by ray and along each."""

    rays: NDArray[np.int64]
    """`[H]`: the row of the ray."""
    distances: Floats
    """`[H]` f32: from the ray's origin."""
    normals: Floats
    """`[H, 3]` f32: of unit length, out of the shape."""
    enters: NDArray[np.bool_]
    """`[H]`: whether the ray goes from outside to inside."""
    counts: NDArray[np.uint32]
    """`[N]`: hits of each ray."""
    starts_inside: NDArray[np.bool_]
    """`[N]`: whether the ray begins within the shape."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Projection:
    """The nearest points of the surface."""

    points: Places
    """`[..., 3]` f32, far from the origin f64."""
    distances: Floats
    """`[...]` f32: how far they are, negative for points within the shape."""
    normals: Floats
    """`[..., 3]` f32: of unit length, out of the shape, at the nearest points."""
    converged: NDArray[np.bool_]
    """`[...]`: whether the point arrived on the surface."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A PNG file. Notebooks show it."""

    png: bytes = field(repr=False)
    width: int
    height: int
    legend: tuple[str, ...] = ()
    """What the colours mean, a line each."""
    warnings: tuple[str, ...] = ()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file."""
        Path(path).write_bytes(self.png)

    def _repr_png_(self) -> bytes:
        return self.png


def box(bounds: types_pb2.Bounds) -> Doubles:
    """`[2, 3]` f64: the corners with the smallest and the largest coordinates."""
    return np.array([bounds.min, bounds.max])
