"""A fit, from the mesh to the new object: upload, train, mesh, place."""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..api.fit_pb2 import (
    FIT_STATE_CANCELLED,
    FIT_STATE_QUEUED,
    FIT_STATE_SUCCEEDED,
    PHASE_COMPILE,
    PHASE_EVALUATE,
    PHASE_PREPARE,
    PHASE_SAVE,
    PHASE_TRAIN,
    CreateFitRequest,
    CreateFitResponse,
    FinishFitRequest,
    Fit,
    GetFitRequest,
    Progress,
    WatchFitRequest,
)
from ..api.mesh_pb2 import HealthReport
from ..client.connection import Connection
from ..client.connection_state import ConnectionState, Start
from ..client.problem import ConnectionLost, NoRoom, NotFound, Problem
from ..scene.attributes import Attributes
from ..scene.field import Field
from ..scene.mesh_transfer import TriangleMesh
from ..scene.place import Place
from ..scene.source import Source
from ..scene.surface import add_surface
from .advice import Advice, about_mesh, about_result
from .carry import carry_if_possible
from .fit_order import FitOrder
from .job import Job, JobState
from .model_transfer import complete_field, get_model
from .preview import PreviewSurface, follow_preview
from .spacing import Spacing
from .surface_job import fetch_surface
from .upload import upload_mesh

RECONNECTS = 3
"""So often a connection may break before anything has come over it."""
GONE = "Waiting for the daemon"
"""The step of a fit whose daemon went away: it goes on when the daemon is there again."""
LOOK_SECONDS = 0.2
"""How often to look whether it is."""
QUEUE_LOOK_SECONDS = 1.0
"""How often to ask again when the daemon's queue is full."""
PHASES = {
    PHASE_PREPARE: "Preparing",
    PHASE_COMPILE: "Compiling kernels",
    PHASE_TRAIN: "Training",
    PHASE_EVALUATE: "Measuring the result",
    PHASE_SAVE: "Saving",
}
LOST = "The daemon does not know the fit any more, and the fit is lost. Press Fit INR again"


class FitJob(Job):
    """Fits one mesh, for one object or for several that share it. The fit runs in the daemon and outlives this job."""

    undo_name = "Fit INR"

    def __init__(
        self,
        connection: Connection,
        places: list[Place],
        order: FitOrder,
        source: Source | None = None,
        fit_name: str = "",
        notes: tuple[str, ...] = (),
        advice: tuple[Advice, ...] = (),
    ) -> None:
        """A new fit of `source`, or, with `fit_name`, one that runs in the daemon or has ended there."""
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        super().__init__(places[0].name + more, connection)
        self.progress: Progress | None = None
        """The newest, while training."""
        self.losses: deque[float] = deque(maxlen=4096)
        """The loss so far, one value a message."""
        self.preview: PreviewSurface | None = None
        """The newest preview."""
        self.advice = list(advice)
        """What would make the result better."""
        self.places, self.order = places, order
        self.fit_name = fit_name
        """`fits/{id}` once the daemon has it."""
        self.seconds: dict[str, float] = {}
        """Seconds from the press of the button to the first of: `progress`, `preview`, `result`."""
        self.notes += notes
        self._source = source
        self._mesh_name = ""
        """`meshes/{id}` once the daemon has it."""
        self._attributes: Attributes | None = None
        self._about_object = advice
        self._health = HealthReport()
        self._surface: TriangleMesh | None = None
        self._field: Field | None = None
        self._creating: asyncio.Task[CreateFitResponse] | None = None
        self._asked_for = ""
        """What the fit's name will be."""
        self._sequence = 0
        """What was seen of the fit."""
        self._broken = 0
        """How often the connection broke since the fit's last progress."""
        self._started = time.monotonic()

    @property
    def training(self) -> bool:
        """Whether it can be finished early."""
        return self.running and self.progress is not None and self.progress.phase == PHASE_TRAIN

    def belongs_to(self, uid: int) -> bool:
        """Whether it fits the object with this session uid."""
        return any(place.object_uid == uid for place in self.places)

    def finish_now(self) -> None:
        """Asks the daemon to end training and to keep what there is."""
        self.connection.loop.start(self._finish_now())

    def start(self) -> None:
        # While the button is pressed: in a slice, looking for an object among many would take too long.
        for place in self.places:
            place.remember_fit(self.fit_name)
        super().start()

    async def work(self) -> None:
        await self.connection.ensure()
        fit = await self._picked_up() if self.fit_name else await self._new()
        fit = await self._watched(fit)
        self._accept(fit)
        await complete_field(self.connection, self._field, self.order.keep_in_file)
        self.step, self.fraction = "Meshing", 0.0
        spacing = Spacing(self.order.resolution)
        self._surface, made = await fetch_surface(self.connection, fit.model, spacing, self.show_fraction)
        self._field.cells = made.resolution
        self.advice += about_result(fit, made)
        self._attributes = await carry_if_possible(
            self.connection, self._source, self._surface, self._mesh_name, self._show_carrying, self.notes
        )
        self._source = None

    def place(self) -> None:
        results = add_surface(self.places, self._field, self._surface, self._attributes, self.order.hide_original)
        self._surface = self._attributes = self.preview = None  # the objects hold it now
        self._mark("result")
        self.result_name = results[0].name
        names = f"'{self.result_name}'" + (f" and {len(results) - 1} more" if len(results) > 1 else "")
        self.message = f"{names}: {self._field.in_words()}"

    async def withdraw(self) -> None:
        try:
            name = self.fit_name or self._asked_for
            if self._creating is not None:
                # Cancelled between the request and its answer: what is not there yet cannot be cancelled.
                with suppress(Problem):
                    name = (await self._creating).fit.name
            if name:
                await self.connection.cancel_fit(name)
        finally:
            self._forget()

    def _end(self, state: JobState, message: str) -> None:
        if self.running and not self.fit_name:
            self._forget()  # the daemon has nothing to wait for
        super()._end(state, message)

    def _forget(self) -> None:
        """The fit is over: no object waits for it."""
        for place in self.places:
            place.forget_fit()

    async def _new(self) -> Fit:
        """Sends the mesh and puts the fit in the daemon's queue."""
        self.step = "Waiting for other uploads"
        async with self.connection.uploads:
            self.step = "Sending the mesh"
            name, surface = self._source.name, self._source.surface
            mesh = await upload_mesh(self.connection, name, surface, self._show_upload, self.order.smoothing)
        self._mesh_name = mesh.name
        self._health = mesh.health
        self.notes += mesh.health.warnings
        self.advice = [*self._about_object, *about_mesh(self._health, self.order)]
        request = CreateFitRequest(
            mesh=mesh.name,
            settings=self.order.settings,
            display_name=self.places[0].name,
            request_id=str(uuid.uuid4()),
        )
        self._asked_for = f"fits/{request.request_id}"
        while True:
            self._creating = self.connection.loop.start(self._request_fit(request))
            try:
                fit = (await asyncio.shield(self._creating)).fit
            except NoRoom:
                self._creating = None
                self.step = "Waiting for room in the daemon's queue"
                await asyncio.sleep(QUEUE_LOOK_SECONDS)
            except ConnectionLost:
                # The daemon may have the fit all the same: by its id the request leads to one only.
                self._creating = None
                await self._reconnect()
            else:
                break
        self.fit_name = fit.name
        for place in self.places:
            place.remember_fit(fit.name)
        return fit

    async def _picked_up(self) -> Fit:
        """The fit that the daemon has; one that it has forgotten may have left its model."""
        try:
            with self.connection.speaking():
                return (await self.connection.fits.GetFit(GetFitRequest(name=self.fit_name))).fit
        except NotFound:
            pass
        name = self.fit_name.replace("fits/", "models/", 1)
        try:
            model = await get_model(self.connection, name)
        except NotFound:
            self._forget()
            raise Problem(LOST) from None
        has_metrics = model.HasField("metrics")
        return Fit(state=FIT_STATE_SUCCEEDED, model=name, metrics=model.metrics if has_metrics else None)

    async def _request_fit(self, request: CreateFitRequest) -> CreateFitResponse:
        with self.connection.speaking():
            return await self.connection.fits.CreateFit(request)

    async def _finish_now(self) -> None:
        try:
            with self.connection.speaking():
                await self.connection.fits.FinishFit(FinishFitRequest(name=self.fit_name))
        except Problem:
            pass  # it has ended, or the watch hears what is wrong

    async def _watched(self, fit: Fit) -> Fit:
        """Follows the fit to its end, over as many connections and daemons as that takes; returns it as it ended."""
        while self._broken <= RECONNECTS:
            try:
                if self._broken > 0:
                    fit = await self._picked_up()
                self._show(fit)
                if not fit.name:
                    return fit  # only its model is left
                with self._previews(fit.name):
                    if ended := await self._watch(fit.name):
                        return ended
            except ConnectionLost:
                pass
            self._broken += 1
            await self._reconnect()
        raise Problem("The connection to the daemon broke again and again during the fit. Restart the daemon")

    async def _watch(self, name: str) -> Fit | None:
        """Follows the fit over one connection: to its end, or to that of the connection (`None`). Raises `Problem`."""
        with self.connection.speaking():
            async with self.connection.fits.WatchFit.open() as call:
                await call.send_message(WatchFitRequest(name=name, after_sequence=self._sequence), end=True)
                async for message in call:
                    self._sequence = message.sequence
                    event = message.WhichOneof("event")
                    if event == "ended":
                        return message.ended
                    if event == "snapshot":
                        self._show(message.snapshot)
                    elif event == "progress":
                        self._broken = 0
                        self._show_progress(message.progress)
        return None

    @contextmanager
    def _previews(self, name: str) -> Iterator[None]:
        """Shows previews meanwhile, if they are wanted."""
        if self.order.preview_resolution == 0:
            yield
            return
        follow = follow_preview(self.connection, name, self.order.preview_resolution, self._show_preview)
        following = self.connection.loop.start(follow)
        try:
            yield
        finally:
            following.cancel()

    async def _reconnect(self) -> None:
        """Waits until the daemon is there again. It is started unless the user has stopped it or does not want that."""
        self.stop_if_ended()
        self.step, self.fraction, self.progress = GONE, 0.0, None
        since = time.monotonic()
        await asyncio.sleep(0.1)
        await self.connection.try_ensure(Start.NEVER if self.connection.stopped else Start.NEEDED)
        while self.connection.state is not ConnectionState.READY:
            if time.monotonic() - since > self.patience:
                raise Problem(f"The connection was lost during the fit. {self.connection.message}")
            await asyncio.sleep(LOOK_SECONDS)

    def _show(self, fit: Fit) -> None:
        if fit.state == FIT_STATE_QUEUED:
            self.step, self.fraction = "Waiting for other fits", 0.0
        elif fit.HasField("progress"):
            self._show_progress(fit.progress)

    def _show_upload(self, share: float) -> None:
        self.step, self.fraction = ("Sending the mesh", share) if share < 1.0 else ("Checking the mesh", 0.0)

    def _show_carrying(self, share: float) -> None:
        self.step, self.fraction = "Carrying materials and UVs over", share

    def _show_progress(self, progress: Progress) -> None:
        self._mark("progress")
        self.step = PHASES.get(progress.phase, "Working")
        self.fraction = min(max(progress.fraction, 0.0), 1.0)
        self.progress = progress
        if progress.phase == PHASE_TRAIN and progress.step > 0:
            self.losses.append(progress.loss)

    def _show_preview(self, preview: PreviewSurface) -> None:
        if preview.mesh.triangles.size:  # early on there may be no surface
            self._mark("preview")
        self.preview = preview

    def _mark(self, what: str) -> None:
        self.seconds.setdefault(what, time.monotonic() - self._started)

    def _accept(self, fit: Fit) -> None:
        """Takes over the figures of a finished fit; raises `Problem` if it did not succeed."""
        if fit.state != FIT_STATE_SUCCEEDED:
            self._forget()
        if fit.state == FIT_STATE_CANCELLED:
            raise Problem("The fit was cancelled by another program")
        if fit.state != FIT_STATE_SUCCEEDED:
            raise Problem(fit.error.message or "The fit failed in the daemon, which gave no reason")
        if fit.preset_reason:
            self.notes.append(fit.preset_reason)
        # A warning may come with the mesh and with the fit.
        self.notes += [warning for warning in fit.warnings if warning not in self.notes]
        self._field = Field(fit.model, name=self.places[0].name)
