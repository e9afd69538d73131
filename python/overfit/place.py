"""Fields far from the origin. Points travel in single precision, which has steps of half a metre in map coordinates:
such a field is asked as
one that was moved to the origin, and points are moved in double precision before they are rounded."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from overfit.arrays import Doubles, Floats, Numbers, Places, chunks

_FINENESS = 2e-6
"""Steps of single precision that are finer than this share of the longest side do no harm."""


@dataclass(frozen=True)
class Place:
    """How a field is asked."""

    name: str
    """The model or combination that is asked."""
    origin: Doubles | None = None
    """`[3]`: the point that is its origin, for one that was moved."""

    def sent(self, points: Numbers, name: str, size: int) -> Iterator[Floats]:
        """Points `[N, 3]` as they are sent, `size` at a time. Raises `ValueError` as `arrays.single` does."""
        if self.origin is None:
            yield from chunks(points, name, size)
            return
        for start in range(0, len(points), size):
            moved = points[start : start + size].astype(np.float64) - self.origin
            yield from chunks(moved, name, size, start)

    def answered(self, points: Floats) -> Places:
        """Points that the daemon answered, in the mesh's own units: f32, or f64 where that would not do."""
        return points if self.origin is None else points + self.origin


def is_far(bounds: Doubles) -> bool:
    """Whether single precision is too coarse where a box `[2, 3]` lies."""
    step = float(np.spacing(np.float32(np.abs(bounds).max())))
    return step > _FINENESS * float((bounds[1] - bounds[0]).max())
