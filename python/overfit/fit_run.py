"""A fit that runs in a daemon: watched, ended early, cancelled, and its result."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

from overfit import methods
from overfit.answers import Mesh
from overfit.errors import Cancelled, ConnectionLost, FitFailed
from overfit.meshes import read_mesh
from overfit.notices import warn
from overfit.place import Place
from overfit.progress import WAITING, Display, Listener, Progress
from overfit.v1 import fit_pb2, mesh_pb2

if TYPE_CHECKING:
    from overfit.daemon import Daemon
    from overfit.field import Field

_ENDED = (fit_pb2.FIT_STATE_SUCCEEDED, fit_pb2.FIT_STATE_FAILED, fit_pb2.FIT_STATE_CANCELLED)


class Fit:
    """A fit that waits, runs or has ended. It goes on without this object, and whatever interrupts `result`."""

    def __init__(self, daemon: Daemon, message: fit_pb2.Fit, mesh: mesh_pb2.Mesh | None = None) -> None:
        self.daemon = daemon
        self.mesh = mesh
        """The mesh as the API has it, with its health report; `None` if it was not given here."""
        self._message = message

    @property
    def name(self) -> str:
        """What the daemon calls it: `fits/{id}`."""
        return self._message.name

    @property
    def title(self) -> str:
        """What people call it."""
        return self._message.display_name

    @property
    def preset(self) -> str:
        """The preset that was taken: the one asked for, or what `auto` chose."""
        return self._message.preset

    @property
    def state(self) -> str:
        """`queued`, `running`, `succeeded`, `failed` or `cancelled`, asked for now."""
        return fit_pb2.FitState.Name(self._ask().state).removeprefix("FIT_STATE_").lower()

    def watch(self) -> Generator[Progress, None, None]:
        """How far it is, as often as that changes, until it has ended."""
        lives = 3
        while True:
            generation = self.daemon.generation
            try:
                yield from self._watch()
                return
            except ConnectionLost:
                # A daemon of our own is started again, and goes on with the fit.
                self.daemon.revive()
                lives -= 1
                if not lives or generation == self.daemon.generation:
                    raise

    def result(self, progress: Listener = None) -> Field:
        """Waits for its end; the field. Raises `FitFailed` or `Cancelled`.

        When this is interrupted the fit goes on: `result` can be called again, `finish` ends it with what it has, and
        `cancel` gives it up.
        """
        with Display(progress, self.title) as display, closing(self.watch()) as events:
            for event in events:
                display.show(event)
            if self._message.state == fit_pb2.FIT_STATE_SUCCEEDED:
                display.complete()
        if self._message.state == fit_pb2.FIT_STATE_CANCELLED:
            raise Cancelled(f"The fit of {self.title} was cancelled")
        if self._message.state == fit_pb2.FIT_STATE_FAILED:
            raise FitFailed(self._message.error.message, self._message.error.reason)
        of_mesh = self.mesh.health.warnings if self.mesh is not None else ()
        sentences = tuple(dict.fromkeys([*of_mesh, *self._message.warnings]))
        warn(sentences)
        return self.daemon.model(self._message.model, warnings=sentences)

    def finish(self) -> None:
        """Ends training now, as if its time were used up: the best state so far is measured and kept."""
        self._message = self.daemon.connection().ask(methods.FINISH_FIT, fit_pb2.FinishFitRequest(name=self.name)).fit

    def cancel(self) -> None:
        """Gives it up: nothing is kept."""
        self._message = self.daemon.connection().ask(methods.CANCEL_FIT, fit_pb2.CancelFitRequest(name=self.name)).fit

    def preview(self, resolution: int = 64) -> Mesh:
        """The surface as training has it now, with `resolution` cells along its longest side (8 to 256)."""
        request = fit_pb2.PreviewFitRequest(name=self.name, resolution=resolution)
        with closing(self.daemon.connection().receive(methods.PREVIEW_FIT, request)) as answers:
            header = next(answers).header
            chunks = (answer.chunk for answer in answers)
            place = Place(self.name)
            return read_mesh(header.vertex_count, header.triangle_count, True, chunks, place, resolution=resolution)

    def _ask(self) -> fit_pb2.Fit:
        self._message = self.daemon.connection().ask(methods.GET_FIT, fit_pb2.GetFitRequest(name=self.name)).fit
        return self._message

    def _watch(self) -> Generator[Progress, None, None]:
        request = fit_pb2.WatchFitRequest(name=self.name)
        with closing(self.daemon.connection().receive(methods.WATCH_FIT, request)) as events:
            for event in events:
                kind = event.WhichOneof("event")
                if kind == "progress":
                    yield Progress.of(event.progress)
                    continue
                self._message = event.ended if kind == "ended" else event.snapshot
                if self._message.HasField("progress"):
                    yield Progress.of(self._message.progress)
                elif self._message.state not in _ENDED:
                    yield WAITING

    def __repr__(self) -> str:
        state = fit_pb2.FitState.Name(self._message.state).removeprefix("FIT_STATE_").lower()
        return f"<Fit {self.title}: {self.preset}, {state} when last asked>"
