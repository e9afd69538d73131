"""Overfit: the signed distance field of a shape, fitted in seconds, as an object that answers for it.

    import overfit

    field = overfit.fit("bunny.obj")          # or arrays, or a mesh of trimesh, Open3D, meshio or PyVista
    field.distance([[0.0, 0.1, 0.0]])         # negative inside, in the mesh's own units
    vertices, faces = field.mesh(256)
    field.save("bunny.safetensors")           # overfit.load reads it

The program `overfit`, which comes with this package, does the work: as a daemon that is started when it is needed and
ends with this process, or as one that runs elsewhere (`connect`). `overfit.aio` has the same for asyncio,
`overfit.torch` makes modules of model files.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from overfit.answers import AllHits, Measurement, Mesh, Metrics, Picture, Projection, RayHits, Volume
from overfit.daemon import Daemon
from overfit.errors import (
    AccessDenied,
    Cancelled,
    ConnectionLost,
    FitFailed,
    InvalidInput,
    LimitExceeded,
    NotFound,
    OverfitError,
    OverfitWarning,
    ProgramNotFound,
    Refused,
    VersionMismatch,
)
from overfit.expression import (
    Expression,
    capsule,
    cuboid,
    cylinder,
    difference,
    half_space,
    intersection,
    sphere,
    torus,
    union,
)
from overfit.field import Field
from overfit.fit_run import Fit
from overfit.fit_settings import FitOptions
from overfit.launch import connect, launch
from overfit.progress import Progress
from overfit.shortcuts import combine, fit, load, start
from overfit.version import VERSION as __version__

__all__ = [
    "AccessDenied",
    "AllHits",
    "Cancelled",
    "ConnectionLost",
    "Daemon",
    "Expression",
    "Field",
    "Fit",
    "FitFailed",
    "FitOptions",
    "InvalidInput",
    "LimitExceeded",
    "Measurement",
    "Mesh",
    "Metrics",
    "NotFound",
    "OverfitError",
    "OverfitWarning",
    "Picture",
    "ProgramNotFound",
    "Progress",
    "Projection",
    "RayHits",
    "Refused",
    "VersionMismatch",
    "Volume",
    "__version__",
    "capsule",
    "combine",
    "connect",
    "cuboid",
    "cylinder",
    "difference",
    "fit",
    "half_space",
    "intersection",
    "launch",
    "load",
    "sphere",
    "start",
    "torus",
    "union",
]


def __getattr__(name: str) -> ModuleType:
    """`overfit.torch` and `overfit.aio` are imported when they are asked for: not everybody has PyTorch."""
    if name in ("aio", "torch"):
        return importlib.import_module(f"overfit.{name}")
    raise AttributeError(f"module 'overfit' has no attribute {name!r}")
