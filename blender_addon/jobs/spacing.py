"""How fine a grid is."""

from dataclasses import dataclass

from ..api.query_pb2 import GridSettings


@dataclass(frozen=True)
class Spacing:
    """A resolution, or the edge of a voxel; the other is `None`. With neither, the daemon chooses."""

    resolution: int | None = None
    """Cells along the longest side; 0 as `None`."""
    voxel_size: float | None = None
    """In own units."""

    def to_grid(self) -> GridSettings:
        """As the daemon takes it."""
        return GridSettings(resolution=self.resolution or None, voxel_size=self.voxel_size)
