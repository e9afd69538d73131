"""What follows a hidden layer."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def activate(activation: dict[str, Any], first: bool, z: Tensor) -> Tensor:
    """The activation of preactivations, those of the first layer or not. Raises `ValueError` for an unknown kind."""
    omega = float(activation.get("first_omega" if first else "omega", 1.0))
    kind = activation["kind"]
    if kind == "relu":
        return functional.relu(z)
    if kind == "sine":
        return torch.sin(omega * z)
    if kind == "finer":
        return torch.sin(omega * (z.abs() + 1) * z)
    if kind == "gaussian":
        return torch.exp(z.square() / (-2 * activation["width"] ** 2))
    if kind == "wire":
        return torch.cos(omega * z) * torch.exp(-(activation["spread"] * z).square())
    if kind == "softplus":
        return functional.softplus(z, activation["sharpness"])
    if kind == "silu":
        return functional.silu(z)
    if kind == "gelu":
        return functional.gelu(z, approximate="tanh")
    if kind == "tanh":
        return torch.tanh(z)
    raise ValueError(f"There is no activation {kind!r} in this version")
