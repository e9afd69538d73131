"""Models in other forms, asked by other programs."""

import subprocess

import grpc
import numpy as np
import onnxruntime
import pytest
from daemon import model_pb2, server_pb2
from shapes import obj, sphere
from test_model_file import ALONE, FITS


@pytest.fixture
def fitted(binary, tmp_path):
    """Fits a ball of radius 3 about (7, 7, 7)."""
    positions, triangles = sphere()
    (tmp_path / "ball.obj").write_bytes(obj((positions * 3 + 7, triangles)))

    def fit(*settings):
        model = tmp_path / "ball.safetensors"
        # A coarse outer surface goes into a graph, which is then right everywhere.
        run = [binary, "fit", tmp_path / "ball.obj", "-o", model, "--steps", "30", "--set=outer=coarse", *settings]
        subprocess.run(run, check=True, capture_output=True)
        return model

    return fit


NAMES = ["compact", "draft", "smooth", "softplus", "positional", "joined", "skip"]


@pytest.mark.parametrize("name", NAMES)
def test_onnx_answers_as_the_model_does(binary, fitted, tmp_path, name):
    model = fitted(*(FITS[name][1:] or [f"--preset={name}"]))
    graph, points, values = (tmp_path / file for file in ("m.onnx", "p.npy", "v.npz"))
    subprocess.run([binary, "export", model, "-o", graph], check=True, capture_output=True)
    random = np.random.default_rng(2)
    p = random.uniform(7 - 3.15, 7 + 3.15, (4000, 3)).astype(np.float32)
    p[::4] = 7 + random.uniform(-30, 30, (1000, 3))
    np.save(points, p)
    columns = []
    for quantity in ("value", "gradient"):
        run = [binary, "eval", model, "--points", points, "-o", values.with_suffix(".npy"), "--quantity", quantity]
        subprocess.run(run, check=True, capture_output=True)
        columns.append(np.load(values.with_suffix(".npy")))
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    distance, gradient = session.run(["distance", "gradient"], {"points": p})
    assert distance.shape == (4000,) and gradient.shape == (4000, 3)
    assert distance.min() < 0 < distance.max()
    assert (np.abs(distance - columns[0]) / (6 + np.abs(distance))).max() < 1e-5
    inside = np.abs(p - 7).max(1) < 3 / 0.9 * (1 - 1 / 16)
    off = np.abs(gradient - columns[1]).max(1)[inside]
    # On the edges of cells either side is right.
    assert np.quantile(off, 0.995) < 1e-3, off.max()


def test_a_daemon_hands_out_every_format(client, fitted):
    info = client.server.GetServerInfo(server_pb2.GetServerInfoRequest())
    formats = {entry.name: entry.max_numbers for entry in info.export_formats}
    assert list(formats) == ["onnx", "glsl", "wgsl", "osl", "safetensors"] and formats["onnx"] == 0 < formats["glsl"]
    small = imported(client, fitted(*ALONE[1:], "--set=architecture.encoding={kind='identity'}"))
    large = imported(client, fitted("--preset=draft"))
    for name in formats:
        assert len(exported(client, small, name)) > 1000
    assert len(exported(client, large, "onnx")) > 1000
    with pytest.raises(grpc.RpcError) as error:
        exported(client, large, "glsl")
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "compact" in error.value.details()
    with pytest.raises(grpc.RpcError) as error:
        exported(client, small, "fbx")
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "glsl" in error.value.details()


def imported(client, path):
    """The name of a model file that was sent to the daemon."""
    metadata = model_pb2.ImportModelRequest(metadata=model_pb2.ImportModelMetadata())
    chunk = model_pb2.ImportModelRequest(chunk=path.read_bytes())
    return client.models.ImportModel(iter((metadata, chunk))).model.name


def exported(client, model, form):
    """A model's file in another form."""
    request = model_pb2.ExportModelRequest(name=model, format=form)
    return b"".join(message.chunk for message in client.models.ExportModel(request))
