"""Looking at a fit while it trains, ending it early, and how thick its mesh is: what Blender shows and offers."""

import grpc
import numpy as np
import pytest
from daemon import fit_pb2, server_pb2
from shapes import sphere
from test_bad_meshes import refused

RADIUS = 5.0
CENTRE = np.array([30.0, -20.0, 10.0])


def preview(client, name: str, resolution: int = 0, after: int = 0):
    """Header, positions [V, 3], triangles [F, 3] and normals [V, 3] of a preview."""
    request = fit_pb2.PreviewFitRequest(name=name, resolution=resolution, after_step=after)
    parts = list(client.fits.PreviewFit(request))
    header, data = parts[0].header, b"".join(part.chunk for part in parts[1:])
    vertices, triangles = header.vertex_count, header.triangle_count
    assert len(data) == 12 * (2 * vertices + triangles)
    positions = np.frombuffer(data, "<f4", 3 * vertices).reshape(-1, 3)
    indices = np.frombuffer(data, "<u4", 3 * triangles, 12 * vertices).reshape(-1, 3)
    normals = np.frombuffer(data, "<f4", 3 * vertices, 12 * (vertices + triangles)).reshape(-1, 3)
    return header, positions, indices, normals


@pytest.fixture
def endless(client, upload):
    """Starts fits that train, one after the other, for as long as a test wants."""
    mesh = upload(client, sphere(48, RADIUS, tuple(CENTRE))).name
    names = []

    def start() -> str:
        names.append(client.fit(mesh, preset="draft", seconds=3600.0, batch_size=4096).name)
        return names[-1]

    yield start
    for name in names:
        client.fits.CancelFit(fit_pb2.CancelFitRequest(name=name))


@pytest.fixture
def running(endless):
    """One of them."""
    return endless()


def test_previews_become_the_shape_and_the_end_keeps_a_model(client, running):
    first, *_ = preview(client, running, resolution=16)
    header, positions, triangles, normals = preview(client, running, after=first.step + 300)
    assert header.step > first.step + 300 and header.seconds > 0
    assert triangles.max() == len(positions) - 1
    offset = positions - CENTRE
    distance = np.linalg.norm(offset, axis=1)
    assert np.abs(distance - RADIUS).mean() < 0.02 * RADIUS
    assert ((normals * offset).sum(1) / distance).mean() > 0.9

    fit = client.fits.GetFit(fit_pb2.GetFitRequest(name=running)).fit
    assert fit.state == fit_pb2.FIT_STATE_RUNNING
    assert abs(fit.thickness - 2 * RADIUS) < 0.02 * RADIUS
    client.fits.FinishFit(fit_pb2.FinishFitRequest(name=running))
    ended = client.wait(running)
    assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
    assert ended.progress.fraction == 1.0 and ended.metrics.near_mae < 0.01
    assert ended.model == running.replace("fits/", "models/")

    info = refused(lambda: preview(client, running), grpc.StatusCode.FAILED_PRECONDITION, ended.model)
    assert info.reason == "FIT_ENDED"
    again = client.fits.FinishFit(fit_pb2.FinishFitRequest(name=running)).fit
    assert again == ended


def test_a_preview_of_a_waiting_fit_waits(client, endless):
    running = endless()
    preview(client, running, resolution=8)
    waiting = endless()
    finish = fit_pb2.FinishFitRequest(name=waiting)
    info = refused(lambda: client.fits.FinishFit(finish), grpc.StatusCode.FAILED_PRECONDITION)
    assert info.reason == "FIT_NOT_RUNNING"
    with pytest.raises(grpc.RpcError) as refusal:
        request = fit_pb2.PreviewFitRequest(name=waiting)
        next(client.fits.PreviewFit(request, timeout=0.5))
    # Client and server both watch the time; which of them tells it first decides the word.
    assert refusal.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
    client.fits.CancelFit(fit_pb2.CancelFitRequest(name=running))
    assert preview(client, waiting, resolution=8)[0].step > 0


@pytest.mark.parametrize("resolution", [1, 7, 257])
def test_the_resolution_has_limits(client, running, resolution):
    refused(lambda: preview(client, running, resolution), grpc.StatusCode.INVALID_ARGUMENT, "8 to 256")


def test_presets_tell_their_size(client):
    presets = client.server.GetServerInfo(server_pb2.GetServerInfoRequest()).presets
    sizes = {preset.name: preset.size_bytes for preset in presets}
    assert sizes["compact"] < sizes["smooth"] < sizes["draft"] < sizes["standard"] < sizes["detail"]
    assert all(2 * preset.parameters < preset.size_bytes for preset in presets if preset.name != "auto")
