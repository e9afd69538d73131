"""What is there after the daemon was stopped, or killed, and started again."""

import signal

import grpc
import numpy as np
import pytest
from daemon import Daemon, fit_pb2, model_pb2, query_pb2

POINTS = np.random.default_rng(3).uniform(-1, 1, (500, 3)).astype("<f4")


def models(client):
    """The names of all models."""
    return {model.name for model in client.models.ListModels(model_pb2.ListModelsRequest()).models}


def values(client, model):
    """The field at the points."""
    request = query_pb2.EvaluateRequest(model=model, points=POINTS.tobytes())
    return np.frombuffer(client.queries.Evaluate(request).values, "<f4")


def test_a_finished_model_outlives_the_daemon(binary, tmp_path, upload):
    with Daemon(binary, tmp_path / "data") as daemon, daemon.client() as client:
        ended = client.wait(client.fit(upload(client).name, seconds=1.0).name)
        assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
        before = values(client, ended.model)
        # One that runs does not hold up the end, and is not taken for finished: it goes on.
        running = client.fit(upload(client).name, seconds=600.0).name
        assert daemon.stop(signal.SIGTERM) == 0
        assert not (daemon.folder / "daemon.json").exists()

    with Daemon(binary, tmp_path / "data") as daemon, daemon.client() as client:
        assert models(client) == {ended.model}
        assert np.array_equal(values(client, ended.model), before)
        fits = client.fits.ListFits(fit_pb2.ListFitsRequest()).fits
        going_on = (fit_pb2.FIT_STATE_QUEUED, fit_pb2.FIT_STATE_RUNNING)
        assert [fit.name for fit in fits if fit.state in going_on] == [running]


def test_a_killed_daemon_starts_again(binary, tmp_path, upload):
    daemon = Daemon(binary, tmp_path / "data")
    with daemon.client() as client:
        ended = client.wait(client.fit(upload(client).name, seconds=1.0).name)
    daemon.stop(signal.SIGKILL)
    assert (tmp_path / "data" / "daemon.json").exists()

    with Daemon(binary, tmp_path / "data") as daemon, daemon.client() as client:
        assert models(client) == {ended.model}


def test_fits_of_a_killed_daemon_go_on(binary, tmp_path, upload):
    daemon = Daemon(binary, tmp_path / "data")
    with daemon.client() as client:
        mesh = upload(client).name
        running, waiting = (client.fit(mesh, preset="draft", steps=steps) for steps in (3000, 5))
        for event in client.watch(running.name):
            progress = event.snapshot.progress if event.WhichOneof("event") == "snapshot" else event.progress
            if progress.phase == fit_pb2.PHASE_TRAIN and progress.step > 0:
                break
        daemon.stop(signal.SIGKILL)

    with Daemon(binary, tmp_path / "data") as daemon, daemon.client() as client:
        for fit in (running, waiting):
            ended = client.wait(fit.name)
            assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
        assert models(client) == {fit.name.replace("fits/", "models/", 1) for fit in (running, waiting)}


def test_a_damaged_model_file_is_named_and_not_used(binary, tmp_path, upload):
    with Daemon(binary, tmp_path / "data") as daemon, daemon.client() as client:
        ended = client.wait(client.fit(upload(client).name, seconds=1.0).name)
    files = list((tmp_path / "data").rglob("*.safetensors"))
    assert len(files) == 1
    damaged = files[0].with_name("damaged.safetensors")
    damaged.write_bytes(files[0].read_bytes()[:200])

    with Daemon(binary, tmp_path / "data") as daemon, daemon.client() as client:
        listed = client.models.ListModels(model_pb2.ListModelsRequest()).models
        damage = {model.name: model.damage for model in listed}
        assert damage.pop(ended.model) == "" and list(damage) == ["models/damaged"]
        assert damage["models/damaged"]
        with pytest.raises(grpc.RpcError) as refused:
            values(client, "models/damaged")
        assert refused.value.code() == grpc.StatusCode.DATA_LOSS
        assert "damaged.safetensors" in daemon.log.read_text()
    assert damaged.exists(), "a file that cannot be read is not thrown away"


def test_a_model_can_be_exported_and_imported(binary, tmp_path, upload):
    with Daemon(binary, tmp_path / "data") as daemon, daemon.client() as client:
        ended = client.wait(client.fit(upload(client).name, seconds=1.0).name)
        parts = list(client.models.ExportModel(model_pb2.ExportModelRequest(name=ended.model)))
        data = b"".join(part.chunk for part in parts)
        assert parts[0].size_bytes == len(data)

        def upload_parts():
            yield model_pb2.ImportModelRequest(metadata=model_pb2.ImportModelMetadata(display_name="again"))
            yield model_pb2.ImportModelRequest(chunk=data)

        model = client.models.ImportModel(upload_parts()).model
        assert model.display_name == "again" and model.name != ended.model
        assert np.array_equal(values(client, model.name), values(client, ended.model))
        client.models.DeleteModel(model_pb2.DeleteModelRequest(name=ended.model))
        assert models(client) == {model.name}
