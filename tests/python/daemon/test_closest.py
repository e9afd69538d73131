"""The closest points of an uploaded mesh, as a client uses them that carries colours over to another mesh."""

import grpc
import numpy as np
import pytest
from daemon import mesh_pb2
from shapes import obj, sphere
from test_bad_meshes import refused


def ask(client, mesh: str, *batches: np.ndarray):
    """Distances [N], triangles [N] and weights [N, 3] for each batch of points, over one stream."""

    def requests():
        for number, points in enumerate(batches):
            yield mesh_pb2.FindClosestRequest(mesh="" if number else mesh, points=points.astype("<f4").tobytes())

    for answer in client.meshes.FindClosest(requests()):
        weights = np.frombuffer(answer.weights, "<f4").reshape(-1, 3)
        yield np.frombuffer(answer.distances, "<f4"), np.frombuffer(answer.triangles, "<u4"), weights


@pytest.mark.parametrize("form", ["raw", "obj"])
def test_places_lie_on_the_mesh_as_it_was_uploaded(client, upload, form):
    positions, triangles = sphere(12, 3.0, (100.0, 0.0, -7.0))
    # Each triangle twice, and one without extent in front: dropped, but counted.
    triangles = np.concatenate([[[5, 5, 6]], np.repeat(triangles, 2, axis=0)])
    if form == "raw":
        mesh = upload(client, (positions, triangles))
    else:
        mesh = client.upload(obj((positions, triangles)), mesh_pb2.MESH_FORMAT_OBJ)
    points = positions.mean(0) + np.random.default_rng(1).normal(size=(1000, 3)) * 2.0
    answers = list(ask(client, mesh.name, points[:10], points[10:]))
    assert [len(distances) for distances, _, _ in answers] == [10, 990]
    distances, numbers, weights = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    assert (numbers % 2 == 1).all(), "the first of each pair is kept"
    assert np.allclose(weights.sum(1), 1, atol=1e-6) and (weights >= 0).all()
    foot = (weights[:, :, None] * positions[triangles[numbers]]).sum(1)
    apart = np.linalg.norm(points - foot, axis=1)
    assert np.allclose(apart, distances, atol=1e-4)
    # Nothing of a fine grid of points on the mesh is nearer.
    a, b = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9))
    grid = np.stack([1 - a, a * (1 - b), a * b], axis=-1).reshape(-1, 3)
    surface = np.einsum("gc,tcx->tgx", grid, positions[triangles[1::2]]).reshape(-1, 3)
    nearest = np.array([np.linalg.norm(surface - point, axis=1).min() for point in points[:200]])
    assert (distances[:200] <= nearest + 1e-4).all() and (nearest - distances[:200] < 0.1).all()


def test_what_is_wrong_is_named(client, upload):
    mesh = upload(client)
    invalid, point = grpc.StatusCode.INVALID_ARGUMENT, np.zeros((1, 3))
    for points, name, code, words in (
        (point, "", invalid, "mesh is empty"),
        (point, "meshes/none", grpc.StatusCode.NOT_FOUND, "upload it again"),
        (point + np.nan, mesh.name, invalid, "point 0"),
        (np.zeros((1, 4)), mesh.name, invalid, "16 bytes"),
    ):
        refused(lambda points=points, name=name: list(ask(client, name, points)), code, words)
