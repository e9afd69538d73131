"""A model file of Overfit as a PyTorch module: the same values, and it trains on.

usage: field_in_torch.py MODEL.safetensors POINTS.npy VALUES.npy      needs torch, numpy and safetensors

Networks with any activation, over coordinates, sines or grids, with or without a spline, in the unit frame. Beyond it,
and in its last sixteenth, the distance is that to the outer surface, which is left out here (docs/model-format.md, 6.).
"""

import json
import sys

import numpy as np
import torch
from safetensors import safe_open
from torch.nn import functional


class Field(torch.nn.Module):
    """The signed distance at points `[N, 3]` in the mesh's own units, `[N]`, negative inside."""

    def __init__(self, path):
        super().__init__()
        with safe_open(path, framework="pt") as file:
            description = json.loads(file.metadata()["overfit"])
            assert description["format"] == "overfit.field.v1", (
                "a compact file: write a plain one with `overfit export`"
            )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.encoding, self.mlp = (description["architecture"][part] for part in ("encoding", "mlp"))
        self.center = torch.tensor(description["frame"]["center"], dtype=torch.float64)
        self.scale = description["frame"]["scale"]
        low, high = (torch.tensor(description["bounds"][end], dtype=torch.float64) for end in ("min", "max"))
        slack = 0.02 * (high - low).max()
        self.low, self.high = (
            ((low - slack - self.center) * self.scale).float(),
            ((high + slack - self.center) * self.scale).float(),
        )
        names = [name for name in tensors if name.startswith(("mlp.", "encoding."))]
        # Names of parameters have no dots in PyTorch.
        self.weights = torch.nn.ParameterDict({name.replace(".", "_"): tensors[name].clone() for name in names})
        self.spline = description.get("spline", {"cells": []})
        levels = [whole_level(tensors, level, cells) for level, cells in enumerate(self.spline["cells"])]
        self.tables = [table for table, _ in levels]
        self.coefficients = torch.nn.ParameterList(coefficients for _, coefficients in levels)

    def forward(self, points):
        u = ((points.double() - self.center) * self.scale).float().clamp(-1, 1)
        levels = zip(self.spline["cells"], self.tables, self.coefficients, strict=True)
        value = self.network(u) + sum(self.level(u, *level) for level in levels)
        away = (self.low - u).clamp(min=0) + (u - self.high).clamp(min=0)
        beyond = (away > 0).any(1)
        # The shape lies in its box.
        value = torch.where(beyond, torch.maximum(value, away.square().sum(1).clamp(min=1e-12).sqrt()), value)
        return value / self.scale

    def network(self, u):
        h = encoded = torch.cat(self.features(u), 1)
        for layer in range(self.mlp["hidden_layers"] + 1):
            if 0 < layer == self.mlp.get("skip"):
                h = torch.cat([h, encoded], 1)
            h = functional.linear(h, self.weights[f"mlp_{layer}_weight"], self.weights[f"mlp_{layer}_bias"])
            if layer < self.mlp["hidden_layers"]:
                h = activated(self.mlp["activation"], layer, h)
        return h[:, 0]

    def features(self, u):
        """Those of grids, then coordinates, then sines."""
        parts, grids, offset = flat(self.encoding), [], 0
        for part in parts:
            for resolution, entries, strides, hashed in levels_of(part):
                rows = self.weights["encoding_grid"][offset : offset + entries]
                grids.append(interpolated(rows, resolution, strides, hashed, u))
                offset += entries
        waves = [wave for part in parts for wave in waves_of(part)]
        if waves:
            frequencies, phases = (
                torch.tensor(np.array(column), dtype=torch.float32) for column in zip(*waves, strict=True)
            )
            turns = u @ frequencies.T + phases
            waves = [torch.sin(2 * torch.pi * (turns - turns.round()))]
        return grids + [u for part in parts if part["kind"] == "identity"] + waves

    def level(self, u, cells, table, coefficients):
        side, position = -(-(cells + 3) // 4), (u + 1) * (cells / 2)
        cubic = self.spline["degree"] == "cubic"
        first = (
            position.detach().floor().clamp(0, cells - 1)
            if cubic
            else (position.detach() + 0.5).floor().clamp(0, cells)
        )
        t = (position - first)[..., None]
        if cubic:
            s = 1 - t
            weights = torch.cat([s**3, 4 + t * t * (3 * t - 6), 4 + s * s * (3 * s - 6), t**3], -1) / 6
        else:
            weights = torch.cat([(0.5 - t) ** 2 / 2, 0.75 - t * t, (0.5 + t) ** 2 / 2], -1)
        places = first.long()[..., None] + torch.arange(weights.shape[-1])
        (bx, by, bz), (x, y, z) = (part.unbind(1) for part in (places // 4, places % 4))
        spread = lambda x, y, z, n: x[:, :, None, None] + n * (y[:, None, :, None] + n * z[:, None, None, :])  # noqa: E731
        found = coefficients[table[spread(bx, by, bz, side)], spread(x, y, z, 4)]
        return torch.einsum("nijk,ni,nj,nk->n", found, *weights.unbind(1))


def whole_level(tensors, level, cells):
    """Which row of coefficients a brick has, and the rows; bricks that are not there have the last, all zero."""
    bricks, masks, values = (tensors[f"spline.{level}.{part}"].numpy() for part in ("bricks", "masks", "coefficients"))
    has = np.unpackbits(masks.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little").astype(bool)
    coefficients = np.zeros((len(bricks) + 1, 64), np.float32)
    coefficients[:-1][has] = values
    table = np.full((-(-(cells + 3) // 4)) ** 3, len(bricks))
    table[bricks] = np.arange(len(bricks))
    return torch.tensor(table), torch.tensor(coefficients)


def activated(activation, layer, z):
    omega = activation.get("first_omega" if layer == 0 else "omega", 1.0)
    match activation["kind"]:
        case "relu" | "silu" | "tanh" as kind:
            return {"relu": torch.relu, "silu": functional.silu, "tanh": torch.tanh}[kind](z)
        case "sine":
            return torch.sin(omega * z)
        case "finer":
            return torch.sin(omega * (z.abs() + 1) * z)
        case "gaussian":
            return torch.exp(-(z**2) / (2 * activation["width"] ** 2))
        case "wire":
            return torch.cos(omega * z) * torch.exp(-((activation["spread"] * z) ** 2))
        case "softplus":
            return functional.softplus(z, activation["sharpness"])
        case "gelu":
            return functional.gelu(z, approximate="tanh")
    raise ValueError(activation)


def flat(encoding):
    """The encodings that are joined; one alone if it is not joined."""
    if encoding["kind"] != "joined":
        return [encoding]
    return [part for joined in encoding["parts"] for part in flat(joined)]


def levels_of(encoding):
    """The grids of an encoding: resolution, entries, strides by axis, and whether vertices share entries by a hash."""
    for level in range(encoding.get("levels", 0)):
        base, finest = encoding["base_resolution"], encoding["finest_resolution"]
        r = round(base * (finest / base) ** (level / max(1, encoding["levels"] - 1)))
        side = r + 1
        if encoding["kind"] == "tri-plane":
            for strides in ((1, side, 0), (1, 0, side), (0, 1, side)):
                yield r, side**2, strides, False
        elif encoding["kind"] == "hash-grid" and side**3 > 2 ** encoding["log2_entries"]:
            yield r, 2 ** encoding["log2_entries"], (1, 2_654_435_761, 805_459_861), True
        else:
            yield r, side**3, (1, side, side**2), False


def interpolated(rows, r, strides, hashed, u):
    q = (u + 1) * (r / 2)
    cell = q.detach().floor().clamp(0, r - 1)
    t, total = q - cell, 0
    for corner in range(8):
        upper = torch.tensor([corner >> axis & 1 for axis in range(3)])
        x, y, z = ((cell.long() + upper) * torch.tensor(strides)).unbind(1)
        row = (x ^ y ^ z) % len(rows) if hashed else x + y + z
        total = total + torch.where(upper == 1, t, 1 - t).prod(1, keepdim=True) * rows[row]
    return total


def waves_of(encoding):
    """Waves a unit of length along each axis, and phases."""
    if encoding["kind"] == "positional":
        for octave in range(encoding["octaves"]):
            yield from ((axis * 2.0 ** (octave - 1), phase) for phase in (0, 0.25) for axis in np.eye(3))
    elif encoding["kind"] == "fourier":
        for index in range(encoding["waves"]):
            a, b, c, d = ((0.5 + index / 1.1673039782614187**power) % 1 for power in (1, 2, 3, 4))
            first, second = np.sqrt(-2 * np.log(1 - a)), np.sqrt(-2 * np.log(1 - c))
            b, d = 2 * np.pi * b, 2 * np.pi * d
            normal = np.array([first * np.cos(b), first * np.sin(b), second * np.cos(d)])
            yield from ((normal * encoding["scale"] / 2, phase) for phase in (0, 0.25))


if __name__ == "__main__":
    field = Field(sys.argv[1])
    points = torch.tensor(np.load(sys.argv[2]))
    with torch.no_grad():
        np.save(sys.argv[3], field(points).numpy().astype(np.float32))
