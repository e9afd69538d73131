"""Meshes to send to the daemon: positions `[V, 3] f32` and triangles `[F, 3] u32`, counter-clockwise from outside."""

import numpy as np

Shape = tuple[np.ndarray, np.ndarray]

GOOD_FIT = {"preset": "draft", "steps": 300, "batch_size": 4096}
"""Settings that fit a sphere well in a second or two; by steps, so that a busy machine gets the same result."""


def sphere(rows: int = 24, radius: float = 1.0, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Shape:
    """A sphere of latitudes and longitudes: `4 rows (rows - 1)` triangles, closed."""
    columns = 2 * rows
    latitude = np.pi * np.arange(1, rows) / rows
    longitude = 2 * np.pi * np.arange(columns) / columns
    ring = np.stack(
        [
            np.outer(np.sin(latitude), np.cos(longitude)),
            np.outer(np.sin(latitude), np.sin(longitude)),
            np.outer(np.cos(latitude), np.ones(columns)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    positions = np.concatenate([[[0, 0, 1]], ring, [[0, 0, -1]]]) * radius + centre

    here = np.arange(columns)
    there = (here + 1) % columns
    top = np.stack([np.zeros(columns, int), 1 + here, 1 + there], axis=-1)
    offset = 1 + columns * np.arange(rows - 2)[:, None]
    upper_here, upper_there, lower_here, lower_there = (
        (offset + index).ravel() for index in (here, there, here + columns, there + columns)
    )
    first = np.stack([upper_here, lower_here, lower_there], axis=-1)
    second = np.stack([upper_here, lower_there, upper_there], axis=-1)
    last = len(positions) - 1
    below = last - columns
    bottom = np.stack([below + here, np.full(columns, last), below + there], axis=-1)
    return positions.astype("<f4"), np.concatenate([top, first, second, bottom]).astype("<u4")


def sheet(cells: int = 4) -> Shape:
    """A flat unit square."""
    x, y = np.meshgrid(np.linspace(0, 1, cells + 1), np.linspace(0, 1, cells + 1), indexing="ij")
    positions = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=-1)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    first = np.stack([corner, corner + cells + 1, corner + cells + 2], axis=-1)
    second = np.stack([corner, corner + cells + 2, corner + 1], axis=-1)
    return positions.astype("<f4"), np.concatenate([first, second]).astype("<u4")


def raw(shape: Shape) -> bytes:
    """The bytes of the API's RAW format."""
    return shape[0].astype("<f4").tobytes() + shape[1].astype("<u4").tobytes()


def obj(shape: Shape) -> bytes:
    """A Wavefront OBJ file."""
    lines = [f"v {x} {y} {z}" for x, y, z in shape[0]] + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in shape[1]]
    return "\n".join(lines).encode() + b"\n"


def stl(shape: Shape) -> bytes:
    """A binary STL file."""
    record = np.zeros(len(shape[1]), np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")]))
    record["corners"] = shape[0][shape[1]]
    return bytes(80) + np.uint32(len(record)).tobytes() + record.tobytes()
