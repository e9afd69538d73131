"""The two networks of `overfit bench` in PyTorch, each in the ways that could be its fastest on a processor.

The hash grid is the one of docs/model-format.md to the bit: 8 levels of 4 features, 2^15 entries, 16 to 256 cells, then
32 → 64 → 64 → 1 with ReLU. The other is a SIREN, 3 → four of 256 → 1, ω 30.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS, FEATURES, ENTRIES, COARSEST, FINEST = 8, 4, 1 << 15, 16, 256
# In 32 bits, as the hash is defined: as a signed number the second prime is negative. Its product wraps the same way.
PRIMES = (1, 2_654_435_761 - (1 << 32), 805_459_861)


class HashGrid(nn.Module):
    """Positions `[N, 3]` in [-1, 1] to features `[N, 32]`.

    All levels and all eight corners are looked up at once, with 32-bit indices, half the size of PyTorch's usual ones.
    Only the table needs a gradient, so the indices and weights are made outside of autograd.
    """

    def __init__(self, lookup: str):
        super().__init__()
        self.lookup = {"bag": self.lookup_in_bags, "gather": self.lookup_by_gathering}[lookup]
        resolutions = [round(COARSEST * (FINEST / COARSEST) ** (level / (LEVELS - 1))) for level in range(LEVELS)]
        entries = [min((resolution + 1) ** 3, ENTRIES) for resolution in resolutions]
        self.dense_levels = sum((resolution + 1) ** 3 <= ENTRIES for resolution in resolutions)
        offsets = [sum(entries[:level]) for level in range(LEVELS)]
        multipliers = [(1, resolution + 1, (resolution + 1) ** 2) for resolution in resolutions]
        multipliers[self.dense_levels :] = [PRIMES] * (LEVELS - self.dense_levels)
        self.table = nn.Parameter(torch.empty(sum(entries), FEATURES).uniform_(-1e-4, 1e-4))
        self.register_buffer("resolutions", torch.tensor(resolutions, dtype=torch.float32).view(LEVELS, 1))
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.int32).view(LEVELS, 1))
        self.register_buffer("multipliers", torch.tensor(multipliers, dtype=torch.int32))

    def forward(self, points: Tensor) -> Tensor:
        with torch.no_grad():
            rows, weights = self.corners(points)
        return self.lookup(rows, weights).view(len(points), LEVELS * FEATURES)

    def corners(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Table rows and weights of the eight corners, `[N, LEVELS, 8]` each."""
        position = (points.unsqueeze(1) + 1.0) * (self.resolutions / 2.0)
        # Truncation is the floor: positions are not negative.
        cell = torch.minimum(position.int(), (self.resolutions - 1.0).int())
        upper = position - cell
        lower = 1.0 - upper
        first = cell * self.multipliers
        second = first + self.multipliers
        [x, y, z] = [torch.stack(pair, -1) for pair in zip(first.unbind(-1), second.unbind(-1), strict=True)]
        rows = torch.empty(*cell.shape[:2], 8, dtype=torch.int32)
        dense, hashed = slice(0, self.dense_levels), slice(self.dense_levels, LEVELS)
        grid = rows.view(*cell.shape[:2], 2, 2, 2)
        grid[:, dense] = z[:, dense, :, None, None] + y[:, dense, None, :, None] + x[:, dense, None, None, :]
        mixed = z[:, hashed, :, None, None] ^ y[:, hashed, None, :, None] ^ x[:, hashed, None, None, :]
        grid[:, hashed] = mixed & (ENTRIES - 1)
        [x, y, z] = [torch.stack(pair, -1) for pair in zip(lower.unbind(-1), upper.unbind(-1), strict=True)]
        weights = z[..., :, None, None] * y[..., None, :, None] * x[..., None, None, :]
        return rows + self.offsets, weights.view(*cell.shape[:2], 8)

    def lookup_in_bags(self, rows: Tensor, weights: Tensor) -> Tensor:
        """One kernel gathers, weights and sums: nothing of size [N, LEVELS, 8, FEATURES] is written."""
        return functional.embedding_bag(
            rows.view(-1, 8), self.table, mode="sum", per_sample_weights=weights.view(-1, 8)
        )

    def lookup_by_gathering(self, rows: Tensor, weights: Tensor) -> Tensor:
        """Gather, weight, sum, for the compiler to fuse."""
        return (functional.embedding(rows, self.table) * weights.unsqueeze(-1)).sum(-2)


class Sine(nn.Module):
    """sin(30 x)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30.0 * x)


def hash_grid(lookup: str) -> nn.Module:
    """The grid and its perceptron."""
    width = LEVELS * FEATURES
    layers = [nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1)]
    return nn.Sequential(HashGrid(lookup), *layers)


def siren() -> nn.Module:
    """Started as Sitzmann et al. (2020) do it, so that it trains."""
    layers: list[nn.Module] = []
    for index, inputs in enumerate([3, 256, 256, 256]):
        linear = nn.Linear(inputs, 256)
        bound = 1.0 / 3.0 if index == 0 else (6.0 / inputs) ** 0.5 / 30.0
        nn.init.uniform_(linear.weight, -bound, bound)
        layers += [linear, Sine()]
    return nn.Sequential(*layers, nn.Linear(256, 1))


VARIANTS: dict[str, dict[str, dict[str, Callable[[], nn.Module]]]] = {
    "hash-grid": {
        "torch": {"embedding_bag": lambda: hash_grid("bag"), "gather": lambda: hash_grid("gather")},
        # Bags stay a kernel of their own in compiled code too, which then is half as fast as what is fused.
        "torch-compiled": {"gather": lambda: compiled(hash_grid("gather"))},
    },
    "siren": {
        "torch": {"linear": siren},
        "torch-compiled": {"linear": lambda: compiled(siren())},
    },
}
"""By network and program: the ways that could be the fastest."""
BATCH = {"hash-grid": 16_384, "siren": 8_192}
LEARNING_RATE = {"hash-grid": 5e-3, "siren": 1e-4}


def compiled(model: nn.Module) -> nn.Module:
    """By TorchInductor. It fuses what is done point by point, which eager PyTorch writes to memory and reads again."""
    model.compile(dynamic=False)
    return model


class Training:
    """A network in training: `step` takes a batch."""

    def __init__(self, network: str, program: str, variant: str):
        self.model = VARIANTS[network][program][variant]()
        # Fused: one pass over parameters and moments, where the plain one makes about ten.
        self.adam = torch.optim.Adam(
            self.model.parameters(), lr=LEARNING_RATE[network], betas=(0.9, 0.99), eps=1e-15, fused=True
        )

    def step(self, points: Tensor, targets: Tensor) -> Tensor:
        """One step on points `[N, 3]` and distances `[N]`; the loss before it, not read."""
        self.adam.zero_grad(set_to_none=True)
        loss = (self.model(points).squeeze(-1) - targets).abs().mean()
        loss.backward()
        self.adam.step()
        return loss.detach()
