"""A daemon: what fits meshes and answers for fields."""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeAlias

from numpy.typing import ArrayLike

from overfit import methods
from overfit.connection import Connection, same_version
from overfit.endpoint import Endpoint
from overfit.errors import ConnectionLost, OverfitError
from overfit.expression import Expression, Part
from overfit.field import Field
from overfit.fit_run import Fit
from overfit.fit_settings import FitOptions, fit_settings
from overfit.mesh_source import CHUNK_BYTES, MeshLike, MeshSource, mesh_source
from overfit.notices import warn
from overfit.process import DaemonProcess
from overfit.progress import Listener
from overfit.v1 import combine_pb2, fit_pb2, mesh_pb2, model_pb2, server_pb2
from overfit.version import VERSION

if TYPE_CHECKING:
    from typing_extensions import Unpack

_GREETING_SECONDS = 15.0
"""So long a daemon may take to say who it is: fits use every core of its machine."""

_DEATH_SECONDS = 2.0
"""So long a process may take to end after its connections have."""

Restart: TypeAlias = Callable[[], "tuple[DaemonProcess | None, Endpoint]"]
Kind: TypeAlias = Literal["model", "combination"]


class Daemon:
    """A connection to a daemon, which it ends at `close` if it was started for this. A context manager. Threads may
    share it.
    """

    def __init__(
        self, endpoint: Endpoint, process: DaemonProcess | None = None, restart: Restart | None = None
    ) -> None:
        self._lock, self._owner = threading.RLock(), os.getpid()
        self._process, self._restart = process, restart
        self._unwanted: deque[tuple[Kind, str]] = deque()
        self._connection: Connection | None = Connection(endpoint, self._explain)
        self.generation = 0
        """Grows when the daemon had to be started again: what it held in memory alone is gone then."""
        if process is not None:
            atexit.register(self.close)
        try:
            self.info = self._greet()
        except BaseException:
            self.close()
            raise

    info: server_pb2.GetServerInfoResponse
    """Version, devices, presets, limits and quantities, as the API has them."""

    @property
    def address(self) -> str:
        """`host:port`."""
        return self.connection().endpoint.address

    @property
    def own(self) -> bool:
        """Whether it was started for this process, and ends with it."""
        return self._process is not None

    def connection(self) -> Connection:
        """The channel. A daemon of our own that has ended is started again in its folder. Raises `ConnectionLost` after
        `close`.
        """
        if self._owner != os.getpid():
            raise OverfitError(
                "This process was forked from one that is connected to a daemon, and gRPC does not work across a fork. "
                'Start processes with multiprocessing.get_context("spawn")'
            )
        with self._lock:
            if self._connection is None:
                raise ConnectionLost("The connection to the daemon was closed")
            self.revive()
            self._discard()
            return self._connection

    def revive(self) -> bool:
        """Starts a daemon of our own again if it has ended; returns whether it had."""
        with self._lock:
            if self._connection is None or self._process is None or self._restart is None or self._process.alive:
                return False
            why = self._process.obituary()
            self._connection.close()
            self._process, found = self._restart()
            self._connection = Connection(found, self._explain)
            self.generation += 1
            self._greet()
            warn([f"The daemon was started again: {why}"])
            return True

    def fit(
        self,
        mesh: MeshLike | Part,
        faces: ArrayLike | None = None,
        *,
        normals: ArrayLike | None = None,
        progress: Listener = None,
        **options: Unpack[FitOptions],
    ) -> Field:
        """Fits a field to a mesh, and waits for it; see `overfit.fit`."""
        run = self.start(mesh, faces, normals=normals, **options)
        try:
            return run.result(progress)
        except KeyboardInterrupt:
            pass
        except OverfitError:
            raise
        except Exception:
            # A listener's own: nobody is left who could want the fit.
            with suppress(OverfitError):
                run.cancel()
            raise
        try:
            run.finish()
            field = run.result(progress)
        except KeyboardInterrupt:
            run.cancel()
            raise
        words = f"The fit was interrupted: this is what it had after {field.steps} steps."
        warn([f"{words} Interrupt it twice to give it up"])
        return field

    def start(
        self,
        mesh: MeshLike | Part,
        faces: ArrayLike | None = None,
        *,
        normals: ArrayLike | None = None,
        **options: Unpack[FitOptions],
    ) -> Fit:
        """Begins a fit and returns at once; the arguments are those of `overfit.fit`."""
        settings, name = fit_settings(options), options.get("name", "")
        if isinstance(mesh, (Field, Expression)):
            expression = mesh if isinstance(mesh, Expression) else mesh.expression
            request = fit_pb2.CreateFitRequest(
                expression=self._here(expression).message, settings=settings, display_name=name or "combination"
            )
            return Fit(self, self.connection().ask(methods.CREATE_FIT, request).fit)
        uploaded = self._upload(mesh_source(mesh, faces, normals), name, options.get("smoothing"))
        try:
            request = fit_pb2.CreateFitRequest(mesh=uploaded.name, settings=settings, display_name=name)
            return Fit(self, self.connection().ask(methods.CREATE_FIT, request).fit, uploaded)
        finally:
            with suppress(OverfitError):  # the fit has a copy of its own
                self.connection().ask(methods.DELETE_MESH, mesh_pb2.DeleteMeshRequest(name=uploaded.name))

    def load(self, path: str | os.PathLike[str]) -> Field:
        """The field of a model file (.safetensors); see `overfit.load`."""
        file = Path(path)
        if not file.is_file():
            raise FileNotFoundError(f"There is no file {file}")

        def parts() -> Iterator[model_pb2.ImportModelRequest]:
            yield model_pb2.ImportModelRequest(metadata={"display_name": file.stem})
            with file.open("rb") as opened:
                while data := opened.read(CHUNK_BYTES):
                    yield model_pb2.ImportModelRequest(chunk=data)

        return Field(self, self.connection().send(methods.IMPORT_MODEL, parts()).model, kept=False)

    def combine(self, expression: Part) -> Field:
        """The field of an expression. Nothing is trained: it is asked like any other. What it should tell is in
        `Field.warnings`.
        """
        made = self._here(expression.expression if isinstance(expression, Field) else expression)
        combination = self.combination(made)
        warn(combination.warnings)
        return Field(self, combination, expression=made, kept=False)

    def combination(self, expression: Expression) -> combine_pb2.Combination:
        """The combination as the API has it."""
        request = combine_pb2.CombineRequest(expression=expression.message)
        return self.connection().ask(methods.COMBINE, request).combination

    def model(self, name: str, warnings: tuple[str, ...] = ()) -> Field:
        """The field of a model that the daemon has, by its name `models/{id}`. Raises `NotFound`."""
        found = self.connection().ask(methods.GET_MODEL, model_pb2.GetModelRequest(name=name)).model
        # On a daemon of our own nobody else asks for it.
        return Field(self, found, warnings=warnings, kept=not self._temporary)

    def models(self) -> list[Field]:
        """All models that the daemon has and that are whole, the newest first."""
        found, token = [], ""
        while True:
            request = model_pb2.ListModelsRequest(page_token=token)
            page = self.connection().ask(methods.LIST_MODELS, request)
            found += [Field(self, model) for model in page.models if not model.damage]
            token = page.next_page_token
            if not token:
                return found

    def fits(self) -> list[Fit]:
        """All fits that the daemon knows, the newest first: those of other clients, too."""
        found, token = [], ""
        while True:
            request = fit_pb2.ListFitsRequest(page_token=token)
            page = self.connection().ask(methods.LIST_FITS, request)
            found += [Fit(self, fit) for fit in page.fits]
            token = page.next_page_token
            if not token:
                return found

    def discard(self, kind: Kind, name: str) -> None:
        """Has something deleted with the next call. Safe wherever the garbage collector may be at work."""
        self._unwanted.append((kind, name))

    def close(self) -> None:
        """Ends a daemon of our own, with whatever fits run in it; lets any other be."""
        atexit.unregister(self.close)
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
                self._connection = None
            if self._process is not None:
                self._process.stop()

    def __enter__(self) -> Daemon:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._connection is None:
            return "<Daemon: closed>"
        devices = ", ".join(device.id for device in self.info.devices)
        return f"<Daemon {self.info.version} at {self._connection.endpoint.address}: {devices}>"

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._connection is None

    def _explain(self) -> str:
        """What became of a daemon of our own that does not answer."""
        if self._process is None or not self._process.ended_within(_DEATH_SECONDS):
            return ""
        return self._process.obituary()

    @property
    def _temporary(self) -> bool:
        return self._process is not None and self._process.temporary

    def _here(self, expression: Expression) -> Expression:
        """The expression, if its fields lie with this daemon. Raises `ValueError` or `TypeError`."""
        if not isinstance(expression, Expression):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"An Expression or a Field can be combined, not a {type(expression).__name__}")
        for field in expression.fields:
            if field.daemon is not self:
                raise ValueError(f"{field.title} lies with another daemon: save it there and load it here")
        return expression

    def _greet(self) -> server_pb2.GetServerInfoResponse:
        assert self._connection is not None
        info = self._connection.ask(methods.GET_SERVER_INFO, server_pb2.GetServerInfoRequest(), _GREETING_SECONDS)
        same_version(info.version, VERSION, self._connection.endpoint.address)
        return info

    def _discard(self) -> None:
        assert self._connection is not None
        while self._unwanted:
            kind, name = self._unwanted.popleft()
            with suppress(OverfitError):
                if kind == "model":
                    self._connection.ask(methods.DELETE_MODEL, model_pb2.DeleteModelRequest(name=name))
                else:
                    request = combine_pb2.DeleteCombinationRequest(name=name)
                    self._connection.ask(methods.DELETE_COMBINATION, request)

    def _upload(self, source: MeshSource, name: str, smoothing: float | None) -> mesh_pb2.Mesh:
        def parts() -> Iterator[mesh_pb2.UploadMeshRequest]:
            yield mesh_pb2.UploadMeshRequest(
                metadata=mesh_pb2.MeshMetadata(
                    display_name=name or source.name, format=source.format, smoothing=smoothing
                )
            )
            for data in source.chunks():
                yield mesh_pb2.UploadMeshRequest(chunk=data)

        return self.connection().send(methods.UPLOAD_MESH, parts()).mesh
