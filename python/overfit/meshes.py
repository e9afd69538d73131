"""Meshes and grids that come in chunks."""

from collections.abc import Iterable

import numpy as np

from overfit.answers import Mesh
from overfit.errors import ConnectionLost
from overfit.place import Place


def gather(chunks: Iterable[bytes], size: int) -> bytearray:
    """A run of bytes of a known size. Raises `ConnectionLost` if it ends early."""
    data, filled = bytearray(size), 0
    for chunk in chunks:
        data[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    if filled != size:
        raise ConnectionLost(f"The daemon sent {filled} bytes of {size}")
    return data


def read_mesh(
    vertices: int,
    triangles: int,
    normals: bool,
    chunks: Iterable[bytes],
    place: Place,
    watertight: bool = False,
    bodies: int = 0,
    resolution: float = 0.0,
    warnings: Iterable[str] = (),
) -> Mesh:
    """A mesh of positions, triangles and normals, as the API sends them."""
    ends = np.cumsum([12 * vertices, 12 * triangles, 12 * vertices if normals else 0])
    data = gather(chunks, int(ends[-1]))
    return Mesh(
        place.answered(np.frombuffer(data, "<f4", 3 * vertices).reshape(-1, 3)),
        np.frombuffer(data, "<u4", 3 * triangles, int(ends[0])).reshape(-1, 3),
        np.frombuffer(data, "<f4", 3 * vertices, int(ends[1])).reshape(-1, 3) if normals else None,
        watertight,
        bodies,
        resolution,
        tuple(warnings),
    )
