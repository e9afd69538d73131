"""What a fit can be told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, TypedDict, TypeVar, cast

import numpy as np

from overfit.arrays import real_number, whole_number
from overfit.v1 import fit_pb2, types_pb2

_N = TypeVar("_N", int, float)
Sign: TypeAlias = Literal["auto", "winding", "parity", "none"]

_SIGNS: dict[str, types_pb2.SignPolicy] = {
    "auto": types_pb2.SIGN_POLICY_AUTO,
    "winding": types_pb2.SIGN_POLICY_WINDING,
    "parity": types_pb2.SIGN_POLICY_PARITY,
    "none": types_pb2.SIGN_POLICY_NONE,
}


class FitOptions(TypedDict, total=False):
    """The options of `overfit.fit`. Whatever is left out comes from the preset."""

    preset: str
    """`auto`, `draft`, `standard`, `detail`, `smooth`, `compact` or `points`; `standard` unless given."""
    seconds: float | None
    """Training time. With `steps`, whichever comes first."""
    steps: int | None
    """Training steps. By steps alone the same seed gives the same field again."""
    seed: int | None
    device: str
    """`auto`, `cpu`, `cuda:0`, `vulkan:0`."""
    sign: Sign
    """How inside is told from outside: `auto`, `winding` (open and dirty meshes), `parity`, or `none` (unsigned)."""
    target_near_mae: float | None
    """Stop as soon as the near error is at most this (longest side 1)."""
    settings: Mapping[str, object] | None
    """Any other setting by its name, such as `{"spline.finest": 640}`: those that `overfit presets NAME` prints."""
    smoothing: float | None
    """For points without faces: how far noise is smoothed away, in distances between neighbouring points, 0.5 to 20."""
    name: str
    """What people call it: the name of the file, unless given."""


def fit_settings(options: FitOptions) -> fit_pb2.FitSettings:
    """The API's message. Raises `TypeError` for an option that there is not, and `ValueError` for a sign."""
    unknown = sorted(set(options) - set(FitOptions.__annotations__))
    if unknown:
        known = ", ".join(FitOptions.__annotations__)
        raise TypeError(f"A fit has no option {unknown[0]}; there are {known}, and settings for any other by its name")
    sign = options.get("sign", "auto")
    if sign not in _SIGNS:
        raise ValueError(f"sign must be one of {', '.join(_SIGNS)}, not {sign!r}")
    overrides = options.get("settings") or {}
    return fit_pb2.FitSettings(
        preset=options.get("preset", ""),
        device=options.get("device", ""),
        seconds=_if_given(real_number, options, "seconds"),
        steps=_if_given(whole_number, options, "steps"),
        seed=_if_given(whole_number, options, "seed"),
        target_near_mae=_if_given(real_number, options, "target_near_mae"),
        sign=_SIGNS[sign],
        overrides={name: _text(value) for name, value in overrides.items()},
    )


def _if_given(checked: Callable[[str, object], _N], options: FitOptions, name: str) -> _N | None:
    """An option that may be left out."""
    given: object = options.get(name)
    return None if given is None else checked(name, given)


def _text(value: object) -> str:
    """A value as TOML has it; text is taken as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value).items()
        return "{" + ", ".join(f"{name} = {_quoted(inner)}" for name, inner in entries) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_quoted(inner) for inner in cast("list[object]", value)) + "]"
    if isinstance(value, np.generic):
        return _text(value.item())
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise TypeError(f"settings may hold numbers, words, truths, lists and tables, not a {type(value).__name__}")


def _quoted(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else _text(value)
