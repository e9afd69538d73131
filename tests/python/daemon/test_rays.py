"""Rays, projection and pictures through the daemon, with stock gRPC."""

import io

import grpc
import numpy as np
import pytest
from daemon import fit_pb2, mesh_pb2, query_pb2, server_pb2
from PIL import Image
from shapes import GOOD_FIT, raw, sphere
from test_bad_meshes import refused

RADIUS = 20.0
CENTRE = np.array([100.0, -50.0, 7.0])


@pytest.fixture(scope="module")
def ball(daemon):
    """A fitted sphere, and the mesh that it was fitted to."""
    shape = sphere(48, RADIUS, tuple(CENTRE))
    with daemon.client() as client:
        counts = {"vertex_count": len(shape[0]), "triangle_count": len(shape[1])}
        mesh = client.upload(raw(shape), mesh_pb2.MESH_FORMAT_RAW, "ball", **counts)
        ended = client.wait(client.fit(mesh.name, **GOOD_FIT).name)
        assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
        return ended.model, mesh.name


def rays_about(count: int) -> np.ndarray:
    """Rays from all around towards the sphere and past it: float32 [N, 6]."""
    random = np.random.default_rng(3)
    origin = random.normal(size=(count, 3))
    origin *= 4 * RADIUS / np.linalg.norm(origin, axis=1, keepdims=True)
    target = random.uniform(-1.0, 1.0, (count, 3)) * RADIUS
    return np.concatenate([CENTRE + origin, target - origin], axis=1).astype("<f4")


def test_rays_meet_the_sphere(client, ball):
    rays = rays_about(2000)
    answer = client.queries.Raycast(query_pb2.RaycastRequest(model=ball[0], rays=rays.tobytes()))
    distances = np.frombuffer(answer.distances, "<f4")
    normals = np.frombuffer(answer.normals, "<f4").reshape(-1, 3)
    origin, way = rays[:, :3] - CENTRE, rays[:, 3:] / np.linalg.norm(rays[:, 3:], axis=1, keepdims=True)
    along = -(origin * way).sum(1)
    square = RADIUS**2 - (origin**2).sum(1) + along**2
    hits, misses = square > (0.1 * RADIUS) ** 2, square < -((0.1 * RADIUS) ** 2)
    assert hits.sum() > 500 and misses.sum() > 100
    assert np.isinf(distances[misses]).all()
    expected = along - np.sqrt(np.maximum(square, 0))
    assert np.abs(distances - expected)[hits].mean() < 0.01 * RADIUS
    outwards = (origin + distances[:, None] * way)[hits] / RADIUS
    assert (normals[hits] * outwards).sum(1).mean() > 0.99
    assert not any(answer.starts_inside)
    everything = query_pb2.RaycastRequest(model=ball[0], rays=rays.tobytes(), all_hits=True)
    answer = client.queries.Raycast(everything)
    counts = np.frombuffer(answer.hit_counts, "<u4")
    assert (counts[hits] == 2).all() and counts.sum() == len(answer.enters)


def test_points_are_projected(client, ball):
    points = (CENTRE + np.random.default_rng(4).normal(size=(500, 3)) * RADIUS).astype("<f4")
    answer = client.queries.Project(query_pb2.ProjectRequest(model=ball[0], points=points.tobytes()))
    feet = np.frombuffer(answer.points, "<f4").reshape(-1, 3)
    radius = np.linalg.norm(feet - CENTRE, axis=1)
    assert np.abs(radius - RADIUS).mean() < 0.01 * RADIUS
    expected = np.linalg.norm(points - CENTRE, axis=1) - RADIUS
    assert np.abs(np.frombuffer(answer.distances, "<f4") - expected).mean() < 0.02 * RADIUS
    assert np.mean(list(answer.converged)) > 0.99


@pytest.mark.parametrize("mode", ["SHADED", "NORMALS", "CURVATURE", "ERROR", "SLICE"])
def test_pictures_show_a_ball_in_the_middle(client, ball, mode):
    request = query_pb2.RenderRequest(
        model=ball[0],
        mesh=ball[1] if mode == "ERROR" else "",
        mode=query_pb2.RenderMode.Value(f"RENDER_MODE_{mode}"),
        width=80,
        height=60,
        background="transparent",
    )
    *_, header = (part.header for part in client.queries.Render(request) if part.WhichOneof("part") == "header")
    file = b"".join(part.chunk for part in client.queries.Render(request))
    assert header.size_bytes == len(file)
    picture = np.asarray(Image.open(io.BytesIO(file)))
    assert picture.shape == (60, 80, 4)
    assert picture[30, 40, 3] == 255
    covered = (picture[..., 3] == 255).mean()
    assert covered == 1 if mode == "SLICE" else 0.1 < covered < 0.6
    assert (len(header.legend) > 0) == (mode != "SHADED")


def test_what_cannot_be_asked_is_explained(client, ball):
    nowhere = query_pb2.RaycastRequest(model=ball[0], rays=np.zeros(6, "<f4").tobytes())
    refused(lambda: client.queries.Raycast(nowhere), grpc.StatusCode.INVALID_ARGUMENT, "direction of length 0")
    huge = query_pb2.RenderRequest(model=ball[0], width=100_000, height=100_000)
    refused(lambda: list(client.queries.Render(huge)), grpc.StatusCode.INVALID_ARGUMENT, "pixels")
    limits = client.server.GetServerInfo(server_pb2.GetServerInfoRequest()).limits
    assert limits.max_pixels >= 1024 * 1024
