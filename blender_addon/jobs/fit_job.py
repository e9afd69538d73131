"""A fit, from the mesh to the new object: upload, train, mesh, place."""

import asyncio
from collections import deque
from dataclasses import dataclass

from ..api.fit_pb2 import (
    FIT_STATE_CANCELLED,
    FIT_STATE_QUEUED,
    FIT_STATE_SUCCEEDED,
    PHASE_EVALUATE,
    PHASE_PREPARE,
    PHASE_SAVE,
    PHASE_TRAIN,
    CancelFitRequest,
    CreateFitRequest,
    CreateFitResponse,
    Fit,
    FitSettings,
    Progress,
    WatchFitRequest,
)
from ..api.mesh_pb2 import MESH_FORMAT_RAW, MeshMetadata, UploadMeshRequest
from ..client.connection import Connection
from ..client.problem import ConnectionLost, Problem
from ..scene.field import Field
from ..scene.mesh_transfer import TriangleMesh
from ..scene.place import Place
from ..scene.surface import add_surface
from .job import Job
from .spacing import Spacing
from .surface_job import fetch_surface

CHUNK_BYTES = 256 * 1024
"""Bytes a message: some tenths of a millisecond of work."""
RECONNECTS = 3
PHASES = {
    PHASE_PREPARE: "Preparing",
    PHASE_TRAIN: "Training",
    PHASE_EVALUATE: "Measuring the result",
    PHASE_SAVE: "Saving",
}


@dataclass(frozen=True)
class FitOrder:
    """What the user asked for."""

    preset: str
    """Empty for the daemon's default."""
    seconds: float | None
    """Training time; `None` for the preset's."""
    resolution: int
    """Cells along the longest side of the mesh that comes back."""
    hide_original: bool


class FitJob(Job):
    """Fits one mesh. The fit itself runs in the daemon and outlives this job."""

    undo_name = "Fit INR"

    def __init__(
        self, connection: Connection, place: Place, mesh: TriangleMesh, order: FitOrder, note: str = ""
    ) -> None:
        super().__init__(place.name, connection)
        self.progress: Progress | None = None
        """The newest, while training."""
        self.losses: deque[float] = deque(maxlen=4096)
        """The loss so far, one value a message."""
        self.object_uid = place.object_uid
        self.notes += [note] if note else []
        self._place, self._order = place, order
        self._metadata = MeshMetadata(
            display_name=place.name,
            format=MESH_FORMAT_RAW,
            vertex_count=len(mesh.positions),
            triangle_count=len(mesh.triangles),
        )
        # Copied here, where reading the mesh holds the main thread anyway, and not in a slice.
        self._data = mesh.to_bytes()
        self._surface: TriangleMesh | None = None
        self._field: Field | None = None
        self._creating: asyncio.Task[CreateFitResponse] | None = None

    async def work(self) -> None:
        await self.connection.ensure()
        fit = await self._create(await self._upload())
        fit = await self._watch(fit)
        self._accept(fit)
        self.step, self.fraction = "Meshing", 0.0
        self._surface = await fetch_surface(
            self.connection,
            fit.model,
            Spacing(self._order.resolution),
            lambda fraction: setattr(self, "fraction", fraction),
        )

    def place(self) -> None:
        result = add_surface(self._place, self._field, self._surface, self._order.hide_original)
        self._surface = None  # the object holds it now
        self.result_name = result.name
        self.message = f"'{result.name}': {self._field.in_words()}"

    async def withdraw(self) -> None:
        if self._creating is not None:
            # Cancelled between the request and its answer: the daemon has the fit, and only the answer has its name.
            created = await self._creating
            with self.connection.speaking():
                await self.connection.fits.CancelFit(CancelFitRequest(name=created.fit.name))

    async def _upload(self) -> str:
        """Sends the mesh; returns `meshes/{id}`."""
        self.step = "Sending the mesh"
        data, self._data = memoryview(self._data), b""
        with self.connection.speaking():
            async with self.connection.meshes.UploadMesh.open() as call:
                await call.send_message(UploadMeshRequest(metadata=self._metadata))
                for start in range(0, len(data), CHUNK_BYTES):
                    await call.send_message(UploadMeshRequest(chunk=bytes(data[start : start + CHUNK_BYTES])))
                    self.fraction = start / len(data)
                    await asyncio.sleep(0)  # a free connection never makes the sender wait: let the slice end here
                await call.end()
                self.step, self.fraction = "Checking the mesh", 0.0
                reply = await call.recv_message()
        if reply is None:
            raise ConnectionLost("The daemon did not answer. Try again")
        self.notes += reply.mesh.health.warnings
        return reply.mesh.name

    async def _create(self, mesh: str) -> Fit:
        """Puts the fit in the daemon's queue."""
        settings = FitSettings(preset=self._order.preset)
        if self._order.seconds is not None:
            settings.seconds = self._order.seconds
        request = CreateFitRequest(mesh=mesh, settings=settings, display_name=self._place.name)
        self._creating = self.connection.loop.start(self._request_fit(request))
        return (await asyncio.shield(self._creating)).fit

    async def _request_fit(self, request: CreateFitRequest) -> CreateFitResponse:
        with self.connection.speaking():
            return await self.connection.fits.CreateFit(request)

    async def _watch(self, fit: Fit) -> Fit:
        """Follows the fit to its end, over a new connection if the first breaks; returns it as it ended."""
        self._show(fit)
        sequence = 0
        for _ in range(RECONNECTS + 1):
            request = WatchFitRequest(name=fit.name, after_sequence=sequence)
            try:
                with self.connection.speaking():
                    async with self.connection.fits.WatchFit.open() as call:
                        await call.send_message(request, end=True)
                        async for message in call:
                            sequence = message.sequence
                            event = message.WhichOneof("event")
                            if event == "ended":
                                return message.ended
                            if event == "snapshot":
                                self._show(message.snapshot)
                            elif event == "progress":
                                self._show_progress(message.progress)
            except ConnectionLost:
                pass
            await self._reconnect()
        raise Problem("The connection to the daemon broke again and again during the fit. Restart the daemon")

    async def _reconnect(self) -> None:
        self.stop_if_ended()
        try:
            await asyncio.sleep(0.1)
            await self.connection.ensure()
        except Problem as problem:
            raise Problem(f"The connection was lost during the fit. {problem}") from problem

    def _show(self, fit: Fit) -> None:
        if fit.state == FIT_STATE_QUEUED:
            self.step, self.fraction = "Waiting for other fits", 0.0
        elif fit.HasField("progress"):
            self._show_progress(fit.progress)

    def _show_progress(self, progress: Progress) -> None:
        self.step = PHASES.get(progress.phase, "Working")
        self.fraction = min(max(progress.fraction, 0.0), 1.0)
        self.progress = progress
        if progress.phase == PHASE_TRAIN and progress.step > 0:
            self.losses.append(progress.loss)

    def _accept(self, fit: Fit) -> None:
        """Takes over the figures of a finished fit; raises `Problem` if it did not succeed."""
        if fit.state == FIT_STATE_CANCELLED:
            raise Problem("The fit was cancelled by another program")
        if fit.state != FIT_STATE_SUCCEEDED:
            raise Problem(fit.error.message or "The fit failed in the daemon, which gave no reason")
        # A warning may come with the mesh and with the fit.
        self.notes += [warning for warning in fit.warnings if warning not in self.notes]
        measured = fit.HasField("metrics")
        has_iou = measured and fit.metrics.HasField("iou")
        self._field = Field(
            fit.model,
            near_mae=fit.metrics.near_mae if measured else -1.0,
            iou=fit.metrics.iou if has_iou else -1.0,
        )
