"""A daemon that misbehaves on request, for what a real one does only when something is broken.

It speaks real gRPC on a real port, and runs in this thread: `pump` gives it a turn.
"""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from closest_point import ClosestPoints
from conftest import part
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server

fit_pb2, mesh_pb2, model_pb2 = part("api.fit_pb2"), part("api.mesh_pb2"), part("api.model_pb2")
query_pb2, server_pb2 = part("api.query_pb2"), part("api.server_pb2")
CLOSEST = ("distances", "triangles", "weights")


class FakeDaemon:
    """Answers every upload with the same mesh, after a fit of `messages` progress messages `pause` seconds apart."""

    def __init__(self, data_dir: Path, *, version: str = "0.1.0", messages: int = 3, pause: float = 0.01) -> None:
        self.data_dir, self.version, self.messages, self.pause = data_dir, version, messages, pause
        self.token = "right"
        self.uploaded = b""
        self.metadata: mesh_pb2.MeshMetadata | None = None
        self.chunk = 65536
        self.silent = False
        """Never answers."""
        self.upload_error: str | None = None
        self.fail_with: str | None = None
        """The fit ends FAILED with this message."""
        self.break_watch_at: int | None = None
        """Ends the first watch after so many messages, with no last word."""
        self.surface = None
        """The mesh that comes back, a `TriangleMesh`, in place of the one that was sent."""
        self.damage: str | None = None
        """What is wrong with the mesh that comes back: `short`, `index` or `empty`."""
        self.damage_closest: Callable[[bytes, bytes, bytes], tuple[bytes, bytes, bytes]] | None = None
        """Spoils the closest points: distances, triangles and weights."""
        self.asked: list[str] = []
        """The mesh of each request for closest points."""
        self.deleted: list[str] = []
        """The meshes that were deleted."""
        self.watches: list[int] = []
        """`after_sequence` of each watch."""
        self.cancelled: list[str] = []
        self.fit_states: list[int] = []
        """The states of the fits that it lists."""
        self.calls: list[str] = []
        """The names of the calls that were answered."""
        self.settings: fit_pb2.FitSettings | None = None
        self.queue_room: int | None = None
        """So many more fits are taken; `None` for any number."""
        self.refused = 0
        """Fits that were not."""
        self.display_name = "Fake"
        """What its running fit is called."""
        self.models: dict[str, bytes] = {}
        """The files of its models by name."""
        self.model_damage = ""
        """What is wrong with the files of its models."""
        self.gradient_degrees: float | None = 3.14
        """The median angle of its models' gradients; `None` for an older daemon, which measures none."""
        self.chosen_resolution, self.resolution_needed = 256, 0
        """What it takes where none is asked for, and what it says would do."""
        self.lost: list[str] = []
        """What it says that a mesh has lost."""
        self.extractions: list[query_pb2.ExtractMeshRequest] = []
        self.evaluations: list[query_pb2.EvaluateStreamRequest] = []
        self.knows_quantities = True
        """Whether it is no older one."""
        self.measurements: list[query_pb2.MeasureRequest] = []
        self.measured = query_pb2.Measurement(volume=4.0, volume_error=0.004, area=12.0, area_error=0.006)
        """What it measures."""
        self._loop = asyncio.new_event_loop()
        self._connections = []
        self._start()

    def _start(self) -> None:
        async def listen() -> int:
            self._server = Server([self])
            make = self._server._protocol_factory
            self._server._protocol_factory = lambda: self._connections.append(make()) or self._connections[-1]
            await self._server.start("127.0.0.1", 0)
            return self._server._server.sockets[0].getsockname()[1]

        self.port = self._loop.run_until_complete(listen())
        self.write_file()

    def write_file(self, **changes: object) -> None:
        """Writes `daemon.json`, with some fields changed."""
        fields = {"address": "127.0.0.1", "port": self.port, "pid": os.getpid(), "version": self.version}
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "daemon.json").write_text(json.dumps(fields | {"token": "right"} | changes))

    def pump(self) -> None:
        """One turn of its loop."""
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()

    def vanish(self) -> None:
        """Breaks all connections and listens no more, as after `kill -9`: `daemon.json` stays."""
        self.vanish_quietly()
        self.pump()

    def vanish_quietly(self) -> None:
        """The same, before its loop gets a turn."""
        self._server.close()
        for protocol in self._connections:
            # Either is missing while a connection is not there yet, or not any more.
            connection = getattr(protocol, "connection", None)
            if transport := getattr(connection, "_transport", None):
                transport.abort()

    def close(self) -> None:
        """Ends it."""

        async def end() -> None:
            self.vanish_quietly()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._loop.run_until_complete(end())
        self._loop.close()

    def __mapping__(self) -> dict[str, Handler]:
        one, up, down = Cardinality.UNARY_UNARY, Cardinality.STREAM_UNARY, Cardinality.UNARY_STREAM
        both = Cardinality.STREAM_STREAM
        calls = (
            ("ServerService", "GetServerInfo", one, server_pb2, self._info),
            ("ServerService", "GetSettingsSchema", one, server_pb2, self._settings_schema),
            ("MeshService", "UploadMesh", up, mesh_pb2, self._upload),
            ("MeshService", "FindClosest", both, mesh_pb2, self._closest),
            ("MeshService", "DeleteMesh", one, mesh_pb2, self._delete),
            ("FitService", "CreateFit", one, fit_pb2, self._create),
            ("FitService", "WatchFit", down, fit_pb2, self._watch),
            ("FitService", "CancelFit", one, fit_pb2, self._cancel),
            ("FitService", "GetFit", one, fit_pb2, self._get),
            ("FitService", "ListFits", one, fit_pb2, self._list),
            ("ModelService", "GetModel", one, model_pb2, self._get_model),
            ("ModelService", "ExportModel", down, model_pb2, self._export_model),
            ("ModelService", "ImportModel", up, model_pb2, self._import_model),
            ("QueryService", "EvaluateStream", both, query_pb2, self._evaluate),
            ("QueryService", "Measure", down, query_pb2, self._measure),
            ("QueryService", "ExtractMesh", down, query_pb2, self._mesh),
            ("QueryService", "ExtractVolume", down, query_pb2, self._volume),
        )
        return {
            f"/overfit.v1.{service}/{name}": Handler(
                self._authorised(name, call),
                kind,
                getattr(module, f"{name}Request"),
                getattr(module, f"{name}Response"),
            )
            for service, name, kind, module, call in calls
        }

    def _authorised(self, name: str, call):
        async def checked(stream) -> None:
            if stream.metadata.get("authorization") != f"Bearer {self.token}":
                raise GRPCError(Status.UNAUTHENTICATED, "the token is wrong")
            while self.silent:
                await asyncio.sleep(0.01)
            self.calls.append(name)
            await call(stream)

        return checked

    async def _info(self, stream) -> None:
        await stream.recv_message()
        presets = [
            server_pb2.Preset(name="draft", description="Fast", seconds=5.0),
            server_pb2.Preset(name="standard", description="Good", seconds=30.0, default=True),
        ]
        devices = [server_pb2.Device(id="cpu", description="a fake")]
        await stream.send_message(
            server_pb2.GetServerInfoResponse(version=self.version, api="overfit.v1", devices=devices, presets=presets)
        )

    async def _settings_schema(self, stream) -> None:
        await stream.recv_message()
        raise GRPCError(Status.UNIMPLEMENTED, "an older daemon")

    async def _upload(self, stream) -> None:
        self.metadata = (await stream.recv_message()).metadata
        if self.upload_error:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, self.upload_error)
        parts = []
        async for message in stream:
            parts.append(message.chunk)
        self.uploaded = b"".join(parts)
        health = mesh_pb2.HealthReport(warnings=["the mesh is a fake"])
        mesh = mesh_pb2.Mesh(name="meshes/1", health=health)
        await stream.send_message(mesh_pb2.UploadMeshResponse(mesh=mesh))

    async def _closest(self, stream) -> None:
        found = ClosestPoints(self.uploaded, self.metadata.vertex_count)
        async for request in stream:
            self.asked.append(request.mesh)
            answer = [values.tobytes() for values in found.of(request.points)]
            if self.damage_closest:
                answer = self.damage_closest(*answer)
            await stream.send_message(mesh_pb2.FindClosestResponse(**dict(zip(CLOSEST, answer, strict=True))))

    async def _delete(self, stream) -> None:
        self.deleted.append((await stream.recv_message()).name)
        await stream.send_message(mesh_pb2.DeleteMeshResponse())

    async def _create(self, stream) -> None:
        settings = (await stream.recv_message()).settings
        if self.queue_room is not None:
            if self.queue_room == 0:
                self.refused += 1
                raise GRPCError(Status.RESOURCE_EXHAUSTED, "the queue is full")
            self.queue_room -= 1
        self.settings = settings
        fit = fit_pb2.Fit(name="fits/1", state=fit_pb2.FIT_STATE_QUEUED)
        await stream.send_message(fit_pb2.CreateFitResponse(fit=fit))

    async def _get(self, stream) -> None:
        name = (await stream.recv_message()).name
        await stream.send_message(fit_pb2.GetFitResponse(fit=fit_pb2.Fit(name=name, state=fit_pb2.FIT_STATE_RUNNING)))

    async def _list(self, stream) -> None:
        await stream.recv_message()
        running = fit_pb2.Fit(name="fits/1", display_name=self.display_name, state=fit_pb2.FIT_STATE_RUNNING)
        fits = [running] if self.watches else []
        fits += [fit_pb2.Fit(name=f"fits/listed-{number}", state=state) for number, state in enumerate(self.fit_states)]
        await stream.send_message(fit_pb2.ListFitsResponse(fits=fits))

    async def _watch(self, stream) -> None:
        after = (await stream.recv_message()).after_sequence
        self.watches.append(after)
        running = fit_pb2.Fit(name="fits/1", state=fit_pb2.FIT_STATE_RUNNING)
        await stream.send_message(fit_pb2.WatchFitResponse(sequence=after, snapshot=running))
        for number in range(after + 1, self.messages + 1):
            await asyncio.sleep(self.pause)
            progress = fit_pb2.Progress(
                phase=fit_pb2.PHASE_TRAIN,
                fraction=number / self.messages,
                step=number,
                loss=1.0 / number,
                samples_per_second=1e6,
                remaining_seconds=1.0,
            )
            await stream.send_message(fit_pb2.WatchFitResponse(sequence=number, progress=progress))
            if number == self.break_watch_at and len(self.watches) == 1:
                return
        ended = fit_pb2.Fit(name="fits/1", state=fit_pb2.FIT_STATE_SUCCEEDED, model="models/1")
        ended.metrics.near_mae, ended.metrics.iou = 1e-3, 0.99
        if self.gradient_degrees is not None:
            ended.metrics.gradient_degrees = self.gradient_degrees
        if self.fail_with:
            ended = fit_pb2.Fit(name="fits/1", state=fit_pb2.FIT_STATE_FAILED)
            ended.error.message = self.fail_with
        else:
            self.models["models/1"] = bytes(range(256)) * 4000
        await stream.send_message(fit_pb2.WatchFitResponse(sequence=self.messages + 1, ended=ended))

    async def _cancel(self, stream) -> None:
        self.cancelled.append((await stream.recv_message()).name)
        await stream.send_message(fit_pb2.CancelFitResponse(fit=fit_pb2.Fit(name="fits/1")))

    def _model(self, name: str) -> model_pb2.Model:
        if name not in self.models:
            raise GRPCError(Status.NOT_FOUND, f"there is no model '{name}'")
        model = model_pb2.Model(name=name, display_name="Suzanne", architecture="a fake network")
        model.damage = self.model_damage
        model.size_bytes = len(self.models[name])
        model.metrics.near_mae, model.metrics.sign_agreement = 1e-3, 0.98
        model.metrics.uniform_mae, model.metrics.iou = 2e-3, 0.99
        if self.gradient_degrees is not None:
            model.metrics.gradient_degrees = self.gradient_degrees
        return model

    async def _get_model(self, stream) -> None:
        model = self._model((await stream.recv_message()).name)
        await stream.send_message(model_pb2.GetModelResponse(model=model))

    async def _export_model(self, stream) -> None:
        name = (await stream.recv_message()).name
        size, data = self._model(name).size_bytes, self.models[name]
        data = data[:-1] if self.damage == "short" else data
        for start in range(0, len(data), self.chunk):
            chunk = data[start : start + self.chunk]
            await stream.send_message(model_pb2.ExportModelResponse(size_bytes=0 if start else size, chunk=chunk))

    async def _import_model(self, stream) -> None:
        await stream.recv_message()
        data = b"".join([message.chunk async for message in stream])
        if not data:
            raise GRPCError(Status.INVALID_ARGUMENT, "the model is empty")
        name = f"models/imported-{len(self.models) + 1}"
        self.models[name] = data
        await stream.send_message(model_pb2.ImportModelResponse(model=self._model(name)))

    async def _mesh(self, stream) -> None:
        self.extractions.append(await stream.recv_message())
        counts = SimpleNamespace(v=self.metadata.vertex_count, f=self.metadata.triangle_count)
        data = self.uploaded
        if self.surface:
            mesh = self.surface.to_bytes()
            counts, data = SimpleNamespace(v=mesh.vertices, f=mesh.triangles), mesh.data
        if self.damage == "short":
            data = data[:-12]
        elif self.damage == "index":
            data = data[:-4] + b"\xff\xff\xff\x7f"
        elif self.damage == "empty":
            counts, data = SimpleNamespace(v=0, f=0), b""
        resolution = self.extractions[-1].grid.resolution or self.chosen_resolution
        header = query_pb2.ExtractMeshHeader(
            vertex_count=counts.v, triangle_count=counts.f, resolution=resolution, warnings=self.lost
        )
        header.resolution_needed = self.resolution_needed
        await stream.send_message(query_pb2.ExtractMeshResponse(header=header))
        for start in range(0, len(data), self.chunk):
            await stream.send_message(query_pb2.ExtractMeshResponse(chunk=data[start : start + self.chunk]))

    async def _evaluate(self, stream) -> None:
        """The curvatures of spheres around the origin, the mean ones negative below; the first is no number."""
        async for request in stream:
            self.evaluations.append(request)
            points = np.frombuffer(request.points, "<f4").reshape(-1, 3)
            numbers = 1.0 / np.linalg.norm(points, axis=1)
            gaussian = request.quantities[0] == "gaussian-curvature"
            numbers = numbers**2 if gaussian else np.where(points[:, 2] < 0.0, -numbers, numbers)
            numbers[0] = np.nan
            column = query_pb2.QuantityColumn(quantity=request.quantities[0], numbers=numbers.astype("<f4").tobytes())
            columns = [column] if self.knows_quantities else []
            await stream.send_message(
                query_pb2.EvaluateStreamResponse(columns=columns, smoothing=0.25, warnings=["it is a fake"])
            )

    async def _measure(self, stream) -> None:
        self.measurements.append(await stream.recv_message())
        await stream.send_message(query_pb2.MeasureResponse(fraction=0.5))
        await stream.send_message(query_pb2.MeasureResponse(measurement=self.measured))

    async def _volume(self, stream) -> None:
        await stream.recv_message()
        data = b"this is no VDB file"
        header = query_pb2.ExtractVolumeHeader(size_bytes=len(data), warnings=self.lost)
        await stream.send_message(query_pb2.ExtractVolumeResponse(header=header))
        await stream.send_message(query_pb2.ExtractVolumeResponse(chunk=data))
