"""The distance beyond the unit cube: to a coarse surface of what is nearest there, which the file keeps."""

import torch
from torch import Tensor, nn

from overfit.arrays import Numbers

_PAIRS = 1 << 23
"""Points times places that are looked at together."""


class OuterSurface(nn.Module):
    """Distances `[N]` of points `[N, 3]` in the unit frame to the nearest of the triangles. Not trained on."""

    corners: Tensor

    def __init__(self, nearest: Numbers, cells: Numbers) -> None:
        super().__init__()
        feet = torch.tensor(nearest)
        cell = torch.tensor(cells.astype("int64")).reshape(-1, 4)
        alone = torch.ones(len(feet), dtype=torch.bool)
        alone[cell.reshape(-1)] = False
        single = alone.nonzero()[:, 0]
        triangles = torch.cat([cell[:, [0, 1, 3]], cell[:, [0, 3, 2]], single[:, None].expand(-1, 3)])
        self.register_buffer("corners", feet[triangles], persistent=False)

    def forward(self, u: Tensor) -> Tensor:
        """The distances."""
        corners = self.corners.to(u.dtype)
        with torch.no_grad():
            size = max(1, _PAIRS // max(1, len(corners)))
            nearest = torch.cat([_nearest(part, corners) for part in torch.split(u, size)])
        return _distance(u, corners[nearest])


def _nearest(u: Tensor, corners: Tensor) -> Tensor:
    """The number of the nearest triangle of each point."""
    middle = corners.mean(1)
    radius = (corners - middle[:, None]).norm(dim=2).amax(1)
    to_middle = torch.cdist(u, middle)
    # No triangle is nearer than its ball, and none that is nearest is further than the nearest middle.
    point, triangle = (to_middle - radius <= to_middle.amin(1, keepdim=True) + 1e-6).nonzero().unbind(1)
    distances = _distance(u[point], corners[triangle])
    least = torch.full((len(u),), torch.inf, device=u.device, dtype=u.dtype).scatter_reduce(0, point, distances, "amin")
    found = torch.zeros(len(u), dtype=torch.long, device=u.device)
    best = distances == least[point]
    found[point[best]] = triangle[best]
    return found


def _distance(u: Tensor, corners: Tensor) -> Tensor:
    """From points `[N, 3]` to triangles `[N, 3, 3]`, which may be segments or points."""
    a, b, c = corners.unbind(1)
    sides = torch.stack([_to_segment(u, *ends) for ends in ((a, b), (b, c), (c, a))]).amin(0)
    normal = torch.linalg.cross(b - a, c - a)
    area = normal.square().sum(1)
    inner = area > 1e-20
    for start, end in ((a, b), (b, c), (c, a)):
        inner = inner & ((torch.linalg.cross(end - start, u - start) * normal).sum(1) > 0)
    height = ((u - a) * normal).sum(1).abs() / area.clamp(min=1e-20).sqrt()
    return torch.where(inner, height, sides)


def _to_segment(u: Tensor, start: Tensor, end: Tensor) -> Tensor:
    way = end - start
    share = ((u - start) * way).sum(1) / way.square().sum(1).clamp(min=1e-20)
    apart = u - start - share.clamp(0, 1)[:, None] * way
    return apart.square().sum(1).clamp(min=1e-24).sqrt()
