"""Reading a field through the daemon: in the mesh's own units, and with clear words when it cannot be done."""

import grpc
import numpy as np
import pytest
from daemon import fit_pb2, mesh_pb2, model_pb2, query_pb2
from shapes import GOOD_FIT, raw, sphere
from test_bad_meshes import refused

RADIUS = 20.0
CENTRE = np.array([100.0, -50.0, 7.0])


@pytest.fixture(scope="module")
def model(daemon):
    """A fitted sphere that is neither at the origin nor of unit size."""
    shape = sphere(48, RADIUS, tuple(CENTRE))
    with daemon.client() as client:
        counts = {"vertex_count": len(shape[0]), "triangle_count": len(shape[1])}
        mesh = client.upload(raw(shape), mesh_pb2.MESH_FORMAT_RAW, "ball", **counts)
        ended = client.wait(client.fit(mesh.name, **GOOD_FIT).name)
        assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
        return ended.model


@pytest.fixture(scope="module")
def points():
    """Points in and about the sphere, float32 [N, 3]."""
    return (CENTRE + np.random.default_rng(5).uniform(-1.04, 1.04, (1000, 3)) * RADIUS).astype("<f4")


def grid(resolution: int) -> query_pb2.GridSettings:
    return query_pb2.GridSettings(resolution=resolution)


def joined(stream):
    """The header of a download and its bytes."""
    parts = list(stream)
    assert parts[0].WhichOneof("part") == "header"
    return parts[0].header, b"".join(part.chunk for part in parts[1:])


def test_values_and_gradients_are_in_own_units(client, model, points):
    answer = client.queries.Evaluate(query_pb2.EvaluateRequest(model=model, points=points.tobytes(), gradient=True))
    values = np.frombuffer(answer.values, "<f4")
    gradients = np.frombuffer(answer.gradients, "<f4").reshape(-1, 3)
    offset = points - CENTRE
    distance = np.linalg.norm(offset, axis=1)
    assert np.abs(values - (distance - RADIUS)).mean() < 0.02 * RADIUS
    away = distance > 0.3 * RADIUS
    cosine = (gradients * offset).sum(1)[away] / np.linalg.norm(gradients, axis=1)[away] / distance[away]
    assert cosine.mean() > 0.9
    assert abs(np.linalg.norm(gradients, axis=1)[away].mean() - 1) < 0.1


def test_the_stream_gives_what_the_single_call_gives(client, model, points):
    whole = client.queries.Evaluate(query_pb2.EvaluateRequest(model=model, points=points.tobytes())).values

    def requests():
        for index, part in enumerate(np.array_split(points, 7)):
            yield query_pb2.EvaluateStreamRequest(model="" if index else model, points=part.tobytes())

    answers = list(client.queries.EvaluateStream(requests()))
    assert len(answers) == 7
    assert b"".join(answer.values for answer in answers) == whole


def test_the_mesh_lies_on_the_sphere_and_is_closed(client, model):
    request = query_pb2.ExtractMeshRequest(model=model, grid=grid(64), normals=True)
    header, data = joined(client.queries.ExtractMesh(request))
    vertices, triangles = header.vertex_count, header.triangle_count
    assert header.watertight and header.normals
    assert len(data) == 12 * (2 * vertices + triangles)
    positions = np.frombuffer(data, "<f4", 3 * vertices).reshape(-1, 3)
    faces = np.frombuffer(data, "<u4", 3 * triangles, 12 * vertices).reshape(-1, 3)
    normals = np.frombuffer(data, "<f4", 3 * vertices, 12 * (vertices + triangles)).reshape(-1, 3)

    offset = positions - CENTRE
    radius = np.linalg.norm(offset, axis=1)
    assert np.abs(radius - RADIUS).mean() < 0.01 * RADIUS
    assert (normals * offset).sum(1).mean() / RADIUS > 0.95, "normals point outwards"
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all(), "every edge has two faces"
    corners = positions[faces].astype(np.float64) - CENTRE
    volume = np.linalg.det(corners).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.05), "faces wind counter-clockwise from outside"


def test_iso_is_an_offset_in_own_units(client, model):
    request = query_pb2.ExtractMeshRequest(model=model, grid=grid(48), iso=-5.0)
    header, data = joined(client.queries.ExtractMesh(request))
    positions = np.frombuffer(data, "<f4", 3 * header.vertex_count).reshape(-1, 3)
    assert np.linalg.norm(positions - CENTRE, axis=1).mean() == pytest.approx(RADIUS - 5.0, rel=0.02)


def test_a_dense_volume_holds_the_field(client, model):
    request = query_pb2.ExtractVolumeRequest(model=model, grid=grid(32), format=query_pb2.VOLUME_FORMAT_DENSE)
    header, data = joined(client.queries.ExtractVolume(request))
    values = np.frombuffer(data, "<f4").reshape(tuple(header.dims))
    assert header.size_bytes == len(data)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in header.dims), indexing="ij"), axis=-1)
    points = (np.array(header.origin) + header.voxel_size * index).astype("<f4")
    evaluate = query_pb2.EvaluateRequest(model=model, points=points.reshape(-1, 3).tobytes())
    expected = np.frombuffer(client.queries.Evaluate(evaluate).values, "<f4")
    assert np.allclose(values.ravel(), expected, atol=1e-4 * RADIUS)


def test_a_vdb_is_a_vdb(client, model):
    header, data = joined(client.queries.ExtractVolume(query_pb2.ExtractVolumeRequest(model=model, grid=grid(32))))
    assert header.size_bytes == len(data) and header.active_voxels > 0
    assert data[:4] == b" BDV", "OpenVDB's magic number"
    assert b"sdf" in data and b"level set" in data


@pytest.mark.parametrize("resolution", [0, 100_000])
def test_an_impossible_resolution_is_explained(client, model, resolution):
    words = ["resolution"] if resolution == 0 else ["resolution", "would take", "limit of"]
    code = grpc.StatusCode.INVALID_ARGUMENT if resolution == 0 else grpc.StatusCode.RESOURCE_EXHAUSTED
    mesh = query_pb2.ExtractMeshRequest(model=model, grid=grid(resolution))
    dense = query_pb2.VOLUME_FORMAT_DENSE
    volume = query_pb2.ExtractVolumeRequest(model=model, grid=grid(resolution), format=dense)
    refused(lambda: list(client.queries.ExtractMesh(mesh)), code, *words)
    refused(lambda: list(client.queries.ExtractVolume(volume)), code, *words)


def test_points_must_be_whole_and_few_enough(client, model):
    request = query_pb2.EvaluateRequest(model=model, points=bytes(13))
    refused(lambda: client.queries.Evaluate(request), grpc.StatusCode.INVALID_ARGUMENT, "12")


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.meshes.GetMesh(mesh_pb2.GetMeshRequest(name="meshes/nobody")),
        lambda c: c.meshes.DeleteMesh(mesh_pb2.DeleteMeshRequest(name="meshes/nobody")),
        lambda c: c.fit("meshes/nobody"),
        lambda c: c.fits.GetFit(fit_pb2.GetFitRequest(name="fits/nobody")),
        lambda c: list(c.watch("fits/nobody")),
        lambda c: c.fits.CancelFit(fit_pb2.CancelFitRequest(name="fits/nobody")),
        lambda c: c.fits.DeleteFit(fit_pb2.DeleteFitRequest(name="fits/nobody")),
        lambda c: c.models.GetModel(model_pb2.GetModelRequest(name="models/nobody")),
        lambda c: c.models.DeleteModel(model_pb2.DeleteModelRequest(name="models/nobody")),
        lambda c: list(c.models.ExportModel(model_pb2.ExportModelRequest(name="models/nobody"))),
        lambda c: c.queries.Evaluate(query_pb2.EvaluateRequest(model="models/nobody", points=bytes(12))),
        lambda c: list(c.queries.ExtractMesh(query_pb2.ExtractMeshRequest(model="models/nobody", grid=grid(8)))),
    ],
)
def test_an_unknown_name_is_not_found(client, call):
    refused(lambda: call(client), grpc.StatusCode.NOT_FOUND, "nobody")
