"""How one object stands as another one sees it."""

import math
from dataclasses import dataclass

from mathutils import Matrix

from ..client.problem import Problem

EVEN = 1e-3
"""Axes may differ by this share and still count as scaled alike."""


@dataclass(frozen=True)
class Similarity:
    """A turn and a scale about the origin, then a move: what keeps distances distances."""

    translate: tuple[float, float, float]
    axis: tuple[float, float, float]
    degrees: float
    scale: float


def seen_from(matrix: Matrix, other: Matrix, name: str) -> Similarity:
    """The way from the space of an object called `name`, which stands at `other`, into that of one at `matrix`.

    Raises `Problem` where it bends distances: a scale that is not the same along every axis, or a mirror.
    """
    if abs(matrix.determinant()) < 1e-20:
        raise Problem("The active object is scaled to nothing: give it a scale first")
    way = matrix.inverted() @ other
    axes = way.to_3x3()
    lengths = [axes.col[i].length for i in range(3)]
    largest = max(lengths)
    turned = any(abs(axes.col[i].dot(axes.col[j])) > EVEN * largest**2 for i, j in ((0, 1), (0, 2), (1, 2)))
    if turned or largest - min(lengths) > EVEN * largest or axes.determinant() <= 0.0:
        raise Problem(
            f"'{name}' is mirrored, or scaled unevenly beside the active object, and distances would bend. "
            "Apply the scales first (Ctrl A), and fit again"
        )
    axis, angle = axes.normalized().to_quaternion().to_axis_angle()
    return Similarity(tuple(way.translation), tuple(axis), math.degrees(angle), sum(lengths) / 3.0)
