"""The spline below a network: sparse B-splines, a level a module."""

import numpy as np
import torch
from torch import Tensor, nn

from overfit.arrays import Numbers


class SplineLevel(nn.Module):
    """One level. Its coefficients `[N]` are a parameter, in the order of the file."""

    rows: Tensor
    numbers: Tensor

    def __init__(self, cells: int, cubic: bool, bricks: Numbers, masks: Numbers, coefficients: Numbers) -> None:
        super().__init__()
        self.cells, self.cubic, self.side = cells, cubic, -(-(cells + 3) // 4)
        self.coefficients = nn.Parameter(torch.tensor(coefficients.astype(np.float32)))
        has = np.unpackbits(masks.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little").astype(bool)
        # A node without a coefficient has the number behind the last, and so has every node of a brick that is not
        # there.
        numbers = np.full((len(bricks) + 1, 64), len(coefficients))
        numbers[:-1][has] = np.arange(len(coefficients))
        rows = np.full(self.side**3, len(bricks))
        rows[bricks] = np.arange(len(bricks))
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int32), persistent=False)
        self.register_buffer("rows", torch.tensor(rows, dtype=torch.int32), persistent=False)

    def forward(self, u: Tensor) -> Tensor:
        """What it adds at points `[N, 3]` in `[-1, 1]³`, `[N]`."""
        position = (u + 1) * (self.cells / 2)
        if self.cubic:
            first = position.detach().floor().clamp(0, self.cells - 1)
            t = (position - first)[..., None]
            s = 1 - t
            weights = torch.cat([s**3, 4 + t * t * (3 * t - 6), 4 + s * s * (3 * s - 6), t**3], -1) / 6
        else:
            first = (position.detach() + 0.5).floor().clamp(0, self.cells)
            t = (position - first)[..., None]
            weights = torch.cat([(0.5 - t).square() / 2, 0.75 - t * t, (0.5 + t).square() / 2], -1)
        # The first node lies one below, and has the place one above its number.
        places = first.long()[..., None] + torch.arange(weights.shape[-1], device=u.device)
        brick = _spread(places // 4, self.side)
        within = _spread(places % 4, 4)
        number = self.numbers[self.rows[brick].long(), within].long()
        padded = torch.cat([self.coefficients, self.coefficients.new_zeros(1)])
        wx, wy, wz = weights.unbind(1)
        return torch.einsum("nijk,ni,nj,nk->n", padded[number].to(u.dtype), wx, wy, wz)


def _spread(axes: Tensor, side: int) -> Tensor:
    """Numbers `[N, K, K, K]` of places `[N, 3, K]` by axis, x fastest."""
    x, y, z = axes.unbind(1)
    return x[:, :, None, None] + side * (y[:, None, :, None] + side * z[:, None, None, :])
