"""What asks the daemon of this process, which is started when it is needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from overfit.daemon import Daemon
from overfit.expression import Expression, Part
from overfit.field import Field
from overfit.fit_run import Fit
from overfit.fit_settings import FitOptions
from overfit.launch import own_daemon
from overfit.mesh_source import MeshLike
from overfit.progress import Listener

if TYPE_CHECKING:
    from typing_extensions import Unpack


def fit(
    mesh: MeshLike | Part,
    faces: ArrayLike | None = None,
    *,
    normals: ArrayLike | None = None,
    progress: Listener = None,
    **options: Unpack[FitOptions],
) -> Field:
    """Fits a field to a mesh, and waits for it.

    An interrupt (Ctrl-C, a notebook's stop button) ends training early: the field that there is by then is returned,
    with a warning. A second one gives the fit up.

    Args:
        mesh: a path (.obj, .ply, .stl, .off, .glb, .gltf, .xyz); vertices `[V, 3]`; `(vertices, faces)`; a mesh, point
            cloud or scene of trimesh, Open3D, meshio or PyVista, as it is; a `Mesh`; or a field or expression, which
            becomes one new model. float64 is kept. Points without faces are a scan, through which a surface is put. The
            meshes of a scene are fitted together, in their places.
        faces: `[F, 3]` whole numbers, counter-clockwise from outside, or `[F, 4]` for quads: `mesh` is the vertices
            then.
        normals: `[V, 3]`, for points without faces, 0 where not known.
        progress: `True` shows a bar, `None` does so in notebooks and on terminals, `False` never; anything else is
            called with a `Progress`.
        preset: `auto`, `draft`, `standard` (unless given), `detail`, `smooth`, `compact` or `points`.
        seconds: training time. With `steps`, whichever comes first.
        steps: training steps. By steps alone the same seed gives the same field again.
        seed: a whole number.
        device: `auto`, `cpu`, `cuda:0`, `vulkan:0`.
        sign: how inside is told from outside: `auto`, `winding` (open and dirty meshes), `parity`, or `none`
            (unsigned).
        target_near_mae: stop as soon as the near error is at most this (longest side 1).
        settings: any other setting by its name, such as `{"spline.finest": 640}`: those that `overfit presets NAME`
            prints.
        smoothing: for points without faces: how far noise is smoothed away, in distances between neighbouring points,
            0.5 to 20.
        name: what people call it: the name of the file, unless given.

    Raises:
        TypeError, ValueError: arrays of the wrong type or shape, with the argument's name.
        InvalidInput: a mesh without a surface, a setting out of range.
        FitFailed: the fit ended without a field.
    """
    return _of(mesh).fit(mesh, faces, normals=normals, progress=progress, **options)


def start(
    mesh: MeshLike | Part,
    faces: ArrayLike | None = None,
    *,
    normals: ArrayLike | None = None,
    **options: Unpack[FitOptions],
) -> Fit:
    """Begins a fit and returns at once: `Fit.result` waits for the field. The arguments are those of `fit`."""
    return _of(mesh).start(mesh, faces, normals=normals, **options)


def load(path: str | os.PathLike[str]) -> Field:
    """The field of a model file (.safetensors), whatever program wrote it."""
    return own_daemon().load(path)


def combine(expression: Part) -> Field:
    """The field of an expression such as `field - overfit.cylinder((0, 0, -1), (0, 0, 1), 0.2)`. Nothing is trained."""
    return _of(expression).combine(expression)


def _of(given: object) -> Daemon:
    """The daemon with which fields lie, else that of this process."""
    if isinstance(given, Field):
        return given.daemon
    if isinstance(given, Expression) and given.fields:
        return given.fields[0].daemon
    return own_daemon()
