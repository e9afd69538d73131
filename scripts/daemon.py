"""Starts and stops the daemon and talks to it as any gRPC client may: with stock grpcio.

Used by the demo, by the tests and by the window test. The message classes are made from `proto/` when this is imported,
so nothing generated lies in the repository.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "proto"))

fit_pb2, fit_services = grpc.protos_and_services("overfit/v1/fit.proto")
mesh_pb2, mesh_services = grpc.protos_and_services("overfit/v1/mesh.proto")
model_pb2, model_services = grpc.protos_and_services("overfit/v1/model.proto")
combine_pb2, combine_services = grpc.protos_and_services("overfit/v1/combine.proto")
query_pb2, query_services = grpc.protos_and_services("overfit/v1/query.proto")
server_pb2, server_services = grpc.protos_and_services("overfit/v1/server.proto")

FINISHED = (fit_pb2.FIT_STATE_SUCCEEDED, fit_pb2.FIT_STATE_FAILED, fit_pb2.FIT_STATE_CANCELLED)
"""The states that a fit never leaves."""

CHUNK = 1 << 20

PATIENCE = 600.0
"""Seconds after which a daemon that neither listens nor ends is taken for one that hangs."""


class Daemon:
    """One `overfit serve` on a port of its own, with its data in `folder`. A context manager: stopped at the end."""

    def __init__(self, binary: Path, folder: Path, *options: str, environment: dict[str, str] | None = None):
        self.folder = folder
        self.log = folder.parent / f"{folder.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [binary, "serve", "--data-dir", folder, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | (environment or {}),
            )
        self.record = self._wait_for_record()

    def _wait_for_record(self, seconds: float = PATIENCE) -> dict:
        """What `daemon.json` says: address, port, pid, version and token."""
        end = time.monotonic() + seconds
        path = self.folder / "daemon.json"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended with status {self.process.returncode}:\n{self.log.read_text()}")
            # A file that an earlier daemon left names another process.
            if path.exists() and (record := json.loads(path.read_text()))["pid"] == self.process.pid:
                return record
            time.sleep(0.02)
        self.process.kill()
        raise RuntimeError(f"the daemon wrote no {path} in {seconds} s:\n{self.log.read_text()}")

    @property
    def target(self) -> str:
        """Where it listens, `address:port`."""
        return f"{self.record['address']}:{self.record['port']}"

    def client(self) -> "Client":
        """A connection of its own."""
        return Client(self.target, self.record["token"])

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """Sends a signal and waits for the end: the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


class Client:
    """The six services over one channel, with the token on every call; arrays in and out are bytes."""

    def __init__(self, target: str, token: str | None):
        self._connection = grpc.insecure_channel(target, options=[("grpc.max_receive_message_length", -1)])
        channel = self._connection if token is None else grpc.intercept_channel(self._connection, _Bearer(token))
        self.meshes = mesh_services.MeshServiceStub(channel)
        self.fits = fit_services.FitServiceStub(channel)
        self.models = model_services.ModelServiceStub(channel)
        self.combine = combine_services.CombineServiceStub(channel)
        self.queries = query_services.QueryServiceStub(channel)
        self.server = server_services.ServerServiceStub(channel)

    def upload(self, data: bytes, form: int, name: str = "mesh", **counts: int):
        """Uploads a mesh in chunks."""

        def parts():
            metadata = mesh_pb2.MeshMetadata(display_name=name, format=form, **counts)
            yield mesh_pb2.UploadMeshRequest(metadata=metadata)
            for start in range(0, len(data), CHUNK):
                yield mesh_pb2.UploadMeshRequest(chunk=data[start : start + CHUNK])

        return self.meshes.UploadMesh(parts()).mesh

    def fit(self, mesh: str, **settings):
        """Asks for a fit and returns it as it stands in the queue."""
        return self.fits.CreateFit(fit_pb2.CreateFitRequest(mesh=mesh, settings=fit_pb2.FitSettings(**settings))).fit

    def watch(self, name: str, after: int = 0):
        """The events of a fit, until it has ended."""
        return self.fits.WatchFit(fit_pb2.WatchFitRequest(name=name, after_sequence=after))

    def wait(self, name: str):
        """Waits for a fit's end and returns it as it ended."""
        for event in self.watch(name):
            if event.WhichOneof("event") == "ended":
                return event.ended
            if event.WhichOneof("event") == "snapshot" and event.snapshot.state in FINISHED:
                return event.snapshot
        raise RuntimeError(f"the watch of {name} ended before the fit")

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class _Bearer(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the token to every call."""

    def __init__(self, token: str):
        self._header = ("authorization", f"Bearer {token}")

    def _call(self, continuation, details, request):
        return continuation(details._replace(metadata=[*(details.metadata or []), self._header]), request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_unary = intercept_stream_stream = _call
