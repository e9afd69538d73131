"""Closest points of a mesh by Blender's own tree: what the fake daemon answers, and what a real one is checked with."""

import numpy as np
from mathutils.bvhtree import BVHTree


class ClosestPoints:
    """Answers for one uploaded mesh: positions f32 [V, 3], then triangles u32 [F, 3]."""

    def __init__(self, data: bytes, vertices: int) -> None:
        self.positions = np.frombuffer(data, "<f4", 3 * vertices).reshape(-1, 3)
        self.triangles = np.frombuffer(data, "<u4", offset=12 * vertices).reshape(-1, 3)
        corners = self.positions[self.triangles]
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        self._numbers = np.flatnonzero(areas > 0.0).astype("<u4")  # no weights on a triangle without an area
        self._tree = BVHTree.FromPolygons(self.positions.tolist(), self.triangles[self._numbers].tolist())

    def of(self, points: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distances f32 [N], triangles u32 [N] and weights f32 [N, 3]."""
        hits = [self._tree.find_nearest(point) for point in np.frombuffer(points, "<f4").reshape(-1, 3).tolist()]
        triangles = self._numbers[[hit[2] for hit in hits]]
        places = np.array([hit[0] for hit in hits], np.float64)
        corners = self.positions[self.triangles[triangles]].astype(np.float64)
        return np.array([hit[3] for hit in hits], "<f4"), triangles, weights(corners, places)


def weights(corners: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The weights of the corners `[N, 3, 3]` at places on their triangles: the opposite parts' share of the area."""
    areas = np.stack([np.cross(corners[:, i - 2] - places, corners[:, i - 1] - places) for i in range(3)], axis=1)
    normal = areas.sum(axis=1, keepdims=True)
    shares = (areas * normal).sum(axis=2) / np.maximum((normal * normal).sum(axis=2), 1e-300)
    return shares.astype("<f4")
