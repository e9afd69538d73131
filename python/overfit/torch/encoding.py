"""What a position becomes before the first layer: features of grids, then coordinates, then sines and cosines."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from overfit.arrays import Doubles

_KINDS = {"identity", "positional", "fourier", "hash-grid", "dense-grid", "tri-plane", "joined"}


@dataclass(frozen=True)
class Grid:
    """One grid: where its entries lie in the table, and how a vertex finds its own."""

    resolution: int
    begin: int
    entries: int
    strides: tuple[int, int, int]
    hashed: bool
    quadratic: bool


class Encoding(nn.Module):
    """Points `[N, 3]` in `[-1, 1]³` as features `[N, F]`."""

    waves: Tensor
    phases: Tensor

    def __init__(self, encoding: dict[str, Any], table: Tensor | None) -> None:
        super().__init__()
        parts = list(_flat(encoding))
        self.grids = list(_grids(parts))
        self.identities = sum(part["kind"] == "identity" for part in parts)
        self.table = None if table is None else nn.Parameter(table)
        waves = [wave for part in parts for wave in _waves(part)]
        self.register_buffer("waves", torch.tensor(np.array([k for k, _ in waves]).reshape(-1, 3), dtype=torch.float32))
        self.register_buffer("phases", torch.tensor([phase for _, phase in waves], dtype=torch.float32))

    def forward(self, u: Tensor) -> Tensor:
        """The features."""
        found: list[Tensor] = []
        if self.table is not None:
            found += [_interpolated(grid, self.table[grid.begin : grid.begin + grid.entries], u) for grid in self.grids]
        found += [u] * self.identities
        if len(self.phases):
            turns = u @ self.waves.T + self.phases
            found.append(torch.sin(2 * torch.pi * (turns - turns.round().detach())))
        return torch.cat(found, 1)


def _flat(encoding: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The encodings that are joined; one alone if it is not joined."""
    if encoding["kind"] not in _KINDS:
        raise ValueError(f"There is no encoding {encoding['kind']!r} in this version")
    if encoding["kind"] == "joined":
        for part in encoding["parts"]:
            yield from _flat(part)
    else:
        yield encoding


def _grids(parts: list[dict[str, Any]]) -> Iterator[Grid]:
    begin = 0
    for part in parts:
        quadratic = part.get("interpolation", "linear") == "quadratic"
        for level in range(part.get("levels", 0)):
            base, finest = part["base_resolution"], part["finest_resolution"]
            resolution = round(base * (finest / base) ** (level / max(1, part["levels"] - 1)))
            side = resolution + (2 if quadratic else 1)
            for entries, strides, hashed in _lattices(part, side):
                yield Grid(resolution, begin, entries, strides, hashed, quadratic)
                begin += entries


def _lattices(part: dict[str, Any], side: int) -> list[tuple[int, tuple[int, int, int], bool]]:
    """Entries, strides and whether vertices share them, of the grids of a level with `side` vertices along an axis."""
    if part["kind"] == "tri-plane":
        return [(side**2, strides, False) for strides in ((1, side, 0), (1, 0, side), (0, 1, side))]
    if part["kind"] == "hash-grid" and side**3 > 2 ** part["log2_entries"]:
        return [(2 ** part["log2_entries"], (1, 2_654_435_761, 805_459_861), True)]
    return [(side**3, (1, side, side**2), False)]


def _interpolated(grid: Grid, rows: Tensor, u: Tensor) -> Tensor:
    q = (u + 1) * (grid.resolution / 2)
    cell = q.detach().floor().clamp(0, grid.resolution - 1)
    t = q - cell
    shares = [(1 - t).square() / 2, 0.5 + t - t.square(), t.square() / 2] if grid.quadratic else [1 - t, t]
    first, total = cell.long(), torch.zeros((), device=u.device, dtype=u.dtype)
    for taps in product(range(len(shares)), repeat=3):
        x, y, z = ((first[:, axis] + tap) * grid.strides[axis] for axis, tap in enumerate(taps))
        row = ((x ^ y ^ z) & (grid.entries - 1)) if grid.hashed else x + y + z
        weight = shares[taps[0]][:, 0] * shares[taps[1]][:, 1] * shares[taps[2]][:, 2]
        total = total + weight[:, None] * rows[row]
    return total


def _waves(part: dict[str, Any]) -> Iterator[tuple[Doubles, float]]:
    """Waves a unit of length along each axis, and phases."""
    if part["kind"] == "positional":
        for octave in range(part["octaves"]):
            yield from ((axis * 2.0 ** (octave - 1), phase) for phase in (0.0, 0.25) for axis in np.eye(3))
    elif part["kind"] == "fourier":
        for index in range(part["waves"]):
            a, b, c, d = ((0.5 + index / 1.1673039782614187**power) % 1 for power in (1, 2, 3, 4))
            first, second = np.sqrt(-2 * np.log(1 - a)), np.sqrt(-2 * np.log(1 - c))
            b, d = 2 * np.pi * b, 2 * np.pi * d
            normal = np.array([first * np.cos(b), first * np.sin(b), second * np.cos(d)])
            yield from ((normal * part["scale"] / 2, phase) for phase in (0.0, 0.25))
