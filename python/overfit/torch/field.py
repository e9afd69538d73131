"""The module: network, spline, box and outer surface as one function of points."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from overfit.model_file import ModelFile, read_model_file, write_model_file
from overfit.torch.activation import activate
from overfit.torch.encoding import Encoding
from overfit.torch.outer_surface import OuterSurface
from overfit.torch.spline import SplineLevel

_BORDER = 1 / 16
"""How deep below the border of the unit cube the outer surface begins to have a part."""
_POINTS = 1 << 16
"""Points that are computed together where nothing is to be derived."""


class Field(nn.Module):
    """The signed distance at points `[..., 3]` in the mesh's own units, `[...]`: negative inside.

    Its parameters are those of the network and the coefficients of the spline, `frame`, box and outer surface are
    fixed.
    """

    center: Tensor
    center_rest: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, model: ModelFile) -> None:
        super().__init__()
        self._file = model
        description, tensors = model.description, model.tensors
        architecture, frame = description["architecture"], description["frame"]
        self.activation: dict[str, Any] = architecture["mlp"]["activation"]
        # The hidden layer that sees the encoded position again; 0 for none.
        self.skip = int(architecture["mlp"].get("skip", 0))
        self.scale = float(frame["scale"])
        # The center in double precision, as two numbers in single: devices need not have the former.
        center = np.array(frame["center"])
        self._fixed("center", center)
        self._fixed("center_rest", center - center.astype(np.float32))
        low, high = (np.array(description["bounds"][end]) for end in ("min", "max"))
        slack = 0.02 * (high - low).max()
        self._fixed("low", (low - slack - center) * self.scale)
        self._fixed("high", (high + slack - center) * self.scale)
        grid = tensors.get("encoding.grid")
        self.encoding = Encoding(architecture["encoding"], None if grid is None else torch.tensor(grid))
        count = architecture["mlp"]["hidden_layers"] + 1
        layers = [_linear(tensors[f"mlp.{number}.weight"], tensors[f"mlp.{number}.bias"]) for number in range(count)]
        self.layers = nn.ModuleList(layers)
        spline = description.get("spline") or {"cells": [], "degree": "quadratic"}
        levels: list[SplineLevel] = []
        for level, cells in enumerate(spline["cells"]):
            parts = [tensors[f"spline.{level}.{part}"] for part in ("bricks", "masks", "coefficients")]
            levels.append(SplineLevel(cells, spline["degree"] == "cubic", *parts))
        self.spline = nn.ModuleList(levels)
        # The same, as lists of what they are.
        self._layers, self._levels = layers, levels
        nearest = tensors.get("outer.nearest")
        self.outer = None if nearest is None else OuterSurface(nearest, tensors["outer.cells"])

    @property
    def bounds(self) -> Tensor:
        """`[2, 3]` f64: the mesh's bounding box."""
        bounds = self._file.description["bounds"]
        return torch.tensor([bounds["min"], bounds["max"]], dtype=torch.float64)

    def forward(self, points: Tensor) -> Tensor:
        """The distances. Where nothing is to be derived memory stays within bounds, however many points there are."""
        flat = points.reshape(-1, 3)
        if torch.is_grad_enabled() or len(flat) <= _POINTS:
            return self._distance(flat).reshape(points.shape[:-1])
        return torch.cat([self._distance(part) for part in torch.split(flat, _POINTS)]).reshape(points.shape[:-1])

    def gradient(self, points: Tensor, create_graph: bool = False) -> Tensor:
        """The derivatives of the distance by x, y and z, `[..., 3]`. With `create_graph` a loss can be made of them."""
        with torch.enable_grad():
            placed = points if points.requires_grad else points.detach().requires_grad_()
            total = self._distance(placed.reshape(-1, 3)).sum()
            (found,) = torch.autograd.grad(total, placed, create_graph=create_graph)
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a model file, which every command, the daemon and `overfit.load` read.

        Coefficients of the spline are rounded as the file keeps them: to half precision but for the first level. The
        figures of the evaluation are left out: they were those of the model before it was trained here.
        """
        tensors = dict(self._file.tensors)
        if self.encoding.table is not None:
            tensors["encoding.grid"] = _array(self.encoding.table)
        for number, layer in enumerate(self._layers):
            tensors[f"mlp.{number}.weight"], tensors[f"mlp.{number}.bias"] = _array(layer.weight), _array(layer.bias)
        for number, level in enumerate(self._levels):
            name = f"spline.{number}.coefficients"
            tensors[name] = _array(level.coefficients).astype(tensors[name].dtype)
        for name, tensor in tensors.items():
            if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
                raise ValueError(f"{name} holds numbers that are not finite: training has diverged")
        description = copy.deepcopy(self._file.description)
        description["training"]["metrics"] = None
        description["training"].pop("compact", None)
        write_model_file(path, ModelFile(description, tensors))

    def _distance(self, points: Tensor) -> Tensor:
        """Steps 1 to 7 of docs/model-format.md."""
        u = ((points - self.center) - self.center_rest) * self.scale
        u = u.to(self._layers[0].weight.dtype)
        q = u.clamp(-1, 1)
        h = encoded = self.encoding(q)
        for number, layer in enumerate(self._layers):
            if 0 < number == self.skip:
                h = torch.cat([h, encoded], 1)
            h = layer(h)
            if number + 1 < len(self._layers):
                h = activate(self.activation, number == 0, h)
        value = h[:, 0]
        for level in self._levels:
            value = value + level(q)
        away = (self.low - q).clamp(min=0) + (q - self.high).clamp(min=0)
        to_box = away.square().sum(1).clamp(min=1e-24).sqrt()
        value = torch.where((away > 0).any(1), torch.maximum(value, to_box), value)
        return self._beyond(u, q, value) / self.scale

    def _beyond(self, u: Tensor, q: Tensor, value: Tensor) -> Tensor:
        """The value, led over to the distance to the outer surface."""
        if self.outer is None:
            apart = (u - q).square().sum(1)
            return torch.where(apart > 0, value + apart.clamp(min=1e-24).sqrt(), value)
        depth = 1 - u.abs().amax(1)
        near = (depth.detach() < _BORDER).nonzero()[:, 0]
        if not len(near):
            return value
        inner = value[near]
        share = (1 - depth[near] / _BORDER).clamp(max=1)
        return value.index_put((near,), inner + share * (self.outer(u[near]) - inner))

    def _fixed(self, name: str, numbers: Any) -> None:
        self.register_buffer(name, torch.tensor(np.asarray(numbers), dtype=torch.float32), persistent=False)


def load(path: str | os.PathLike[str]) -> Field:
    """The module of a model file, on the processor; `.to(device)` moves it.

    Raises `InvalidInput` for what is no model, or is damaged.
    """
    return Field(read_model_file(path))


def _linear(weight: Any, bias: Any) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def _array(tensor: Tensor) -> Any:
    return tensor.detach().cpu().to(torch.float32).numpy()
