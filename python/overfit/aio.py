"""The same for asyncio: what waits for a daemon is awaited, each call in a thread, so that a loop goes on meanwhile.

    from overfit import aio

    field = await aio.fit("bunny.obj", seconds=10)
    distances = await field.distance(points)

A task that is cancelled cancels its fit. Names, arguments and answers are those of the package's own functions.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from numpy.typing import ArrayLike

import overfit
from overfit import field as blocking
from overfit import fit_run, shortcuts
from overfit.expression import Expression, Part
from overfit.fit_settings import FitOptions
from overfit.mesh_source import MeshLike
from overfit.progress import Listener, Progress

if TYPE_CHECKING:
    from typing_extensions import Unpack

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _awaited(
    method: Callable[Concatenate[blocking.Field, _P], _R],
) -> Callable[Concatenate[Field, _P], Coroutine[Any, Any, _R]]:
    """A method of a field, in a thread."""

    async def call(self: Field, /, *arguments: _P.args, **options: _P.kwargs) -> _R:
        return await asyncio.to_thread(method, self.blocking, *arguments, **options)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call


class Field:
    """A field whose answers are awaited. `blocking` is the field itself, which tells what needs no waiting."""

    def __init__(self, field: blocking.Field) -> None:
        self.blocking = field

    distance = _awaited(blocking.Field.distance)
    gradient = _awaited(blocking.Field.gradient)
    normal = _awaited(blocking.Field.normal)
    hessian = _awaited(blocking.Field.hessian)
    mean_curvature = _awaited(blocking.Field.mean_curvature)
    gaussian_curvature = _awaited(blocking.Field.gaussian_curvature)
    evaluate = _awaited(blocking.Field.evaluate)
    project = _awaited(blocking.Field.project)
    raycast = _awaited(blocking.Field.raycast)
    raycast_all = _awaited(blocking.Field.raycast_all)
    mesh = _awaited(blocking.Field.mesh)
    volume = _awaited(blocking.Field.volume)
    save_vdb = _awaited(blocking.Field.save_vdb)
    measure = _awaited(blocking.Field.measure)
    render = _awaited(blocking.Field.render)
    save = _awaited(blocking.Field.save)

    @property
    def expression(self) -> Expression:
        """Itself as a part of combinations."""
        return self.blocking.expression

    def __repr__(self) -> str:
        return repr(self.blocking)


class Fit:
    """A fit that runs; `blocking` is the fit itself."""

    def __init__(self, fit: fit_run.Fit) -> None:
        self.blocking = fit

    async def watch(self) -> AsyncIterator[Progress]:
        """How far it is, until it has ended."""
        events = self.blocking.watch()
        while (event := await asyncio.to_thread(next, events, None)) is not None:
            yield event

    async def result(self, progress: Listener = None) -> Field:
        """Waits for its end; the field. When this is cancelled so is the fit."""
        waiting = asyncio.create_task(asyncio.to_thread(self.blocking.result, progress))
        try:
            return Field(await asyncio.shield(waiting))
        except asyncio.CancelledError:
            await asyncio.to_thread(self.blocking.cancel)
            # The thread ends with the fit.
            await asyncio.gather(waiting, return_exceptions=True)
            raise

    async def finish(self) -> None:
        """Ends training now: the best state so far is measured and kept."""
        await asyncio.to_thread(self.blocking.finish)

    async def cancel(self) -> None:
        """Gives it up: nothing is kept."""
        await asyncio.to_thread(self.blocking.cancel)


async def start(
    mesh: MeshLike | Part | Field,
    faces: ArrayLike | None = None,
    *,
    normals: ArrayLike | None = None,
    daemon: overfit.Daemon | None = None,
    **options: Unpack[FitOptions],
) -> Fit:
    """Begins a fit, on a daemon or on that of this process; the arguments are those of `overfit.fit`."""
    begin = shortcuts.start if daemon is None else daemon.start
    given = mesh.blocking if isinstance(mesh, Field) else mesh
    beginning = asyncio.create_task(asyncio.to_thread(begin, given, faces, normals=normals, **options))
    try:
        return Fit(await asyncio.shield(beginning))
    except asyncio.CancelledError:
        if not isinstance(run := (await asyncio.gather(beginning, return_exceptions=True))[0], BaseException):
            await asyncio.to_thread(run.cancel)
        raise


async def fit(
    mesh: MeshLike | Part | Field,
    faces: ArrayLike | None = None,
    *,
    normals: ArrayLike | None = None,
    progress: Listener = None,
    daemon: overfit.Daemon | None = None,
    **options: Unpack[FitOptions],
) -> Field:
    """Fits a field to a mesh; the arguments are those of `overfit.fit`. When this is cancelled so is the fit."""
    run = await start(mesh, faces, normals=normals, daemon=daemon, **options)
    return await run.result(progress)


async def load(path: str | os.PathLike[str], daemon: overfit.Daemon | None = None) -> Field:
    """The field of a model file, on a daemon or on that of this process."""
    read = shortcuts.load if daemon is None else daemon.load
    return Field(await asyncio.to_thread(read, path))


async def combine(expression: Part) -> Field:
    """The field of an expression; see `overfit.combine`."""
    return Field(await asyncio.to_thread(shortcuts.combine, expression))
