"""Bad input gets a clear error, and nothing is lost: the daemon serves on."""

import grpc
import numpy as np
import pytest
from daemon import CHUNK, Daemon, fit_pb2, mesh_pb2, query_pb2, server_pb2
from google.rpc import error_details_pb2, status_pb2
from shapes import GOOD_FIT, obj, raw, sheet, sphere, stl

RAW, OBJ, PLY, STL, OFF, GLTF = (
    getattr(mesh_pb2, f"MESH_FORMAT_{name}") for name in ("RAW", "OBJ", "PLY", "STL", "OFF", "GLTF")
)
CORNERS = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
FACES = b"f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
POINT_CLOUD = b"""ply
format ascii 1.0
element vertex 1
property float x
property float y
property float z
end_header
0 0 0
"""
BALL = sphere(8)


def details(error):
    """The ErrorInfo that rides with an error."""
    status = dict(error.trailing_metadata())["grpc-status-details-bin"]
    for detail in status_pb2.Status.FromString(status).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    raise AssertionError("no ErrorInfo")


def refused(call, code, *words):
    """Checks that a call fails with this code, a reason, and a message that has these words."""
    with pytest.raises(grpc.RpcError) as refusal:
        call()
    error = refusal.value
    assert error.code() == code, error.details()
    for word in words:
        assert word.lower() in error.details().lower(), error.details()
    info = details(error)
    assert info.domain == "overfit"
    assert info.reason and info.reason == info.reason.upper()
    return info


@pytest.mark.parametrize(
    ("data", "form", "words"),
    [
        pytest.param(b"", OBJ, ["empty"], id="empty obj"),
        pytest.param(b"", PLY, ["empty"], id="empty ply"),
        pytest.param(b"", STL, ["empty"], id="empty stl"),
        pytest.param(CORNERS, OBJ, ["face"], id="no faces"),
        pytest.param(POINT_CLOUD, PLY, ["face"], id="point cloud"),
        pytest.param(CORNERS + b"f 1 2 9\n", OBJ, ["vertex 8", "4 vertices"], id="missing vertex"),
        pytest.param(CORNERS + b"f 1 2 0\n", OBJ, ["0"], id="vertex 0"),
        pytest.param(CORNERS.replace(b"1 0 0", b"nan 0 0") + FACES, OBJ, ["vertex"], id="nan"),
        pytest.param(CORNERS.replace(b"1 0 0", b"inf 0 0") + FACES, OBJ, ["vertex"], id="infinite"),
        pytest.param(b"v 1 1 1\n" * 4 + FACES, OBJ, [], id="all vertices equal"),
        pytest.param(stl(BALL)[:-30], STL, [], id="truncated stl"),
        pytest.param(b"glTF\x02\x00\x00\x00", GLTF, [], id="truncated glb"),
        pytest.param(b"OFF\n4 4 0\n0 0 0\n1 0 0\n", OFF, [], id="truncated off"),
        pytest.param(stl(BALL), PLY, ["ply"], id="stl called ply"),
        pytest.param(obj(BALL), STL, ["stl"], id="obj called stl"),
    ],
)
def test_a_bad_file_is_refused(client, data, form, words):
    refused(lambda: client.upload(data, form, "bad"), grpc.StatusCode.INVALID_ARGUMENT, *words)


@pytest.mark.parametrize(
    ("shape", "word"),
    [
        ((np.full((3, 3), np.nan), np.array([[0, 1, 2]])), "vertex 0"),
        ((np.eye(3), np.array([[0, 1, 7]])), "7"),
        ((np.ones((3, 3)), np.array([[0, 1, 2]])), ""),
        ((np.eye(3), np.zeros((0, 3))), "face"),
    ],
    ids=["nan", "missing vertex", "all vertices equal", "no faces"],
)
def test_bad_arrays_are_refused(client, upload, shape, word):
    refused(lambda: upload(client, shape), grpc.StatusCode.INVALID_ARGUMENT, word)


def test_arrays_of_another_length_are_refused(client):
    data = raw(BALL)
    counts = {"vertex_count": len(BALL[0]), "triangle_count": len(BALL[1])}
    for wrong in (data[:-1], data + bytes(12), b""):
        refused(lambda data=wrong: client.upload(data, RAW, **counts), grpc.StatusCode.INVALID_ARGUMENT, "bytes")


@pytest.mark.parametrize(
    "shape",
    [(np.eye(3), np.array([[0, 1, 2]])), sheet()],
    ids=["one triangle", "flat sheet"],
)
def test_an_open_mesh_is_fitted_with_a_warning(client, upload, shape):
    mesh = upload(client, shape)
    assert not mesh.health.watertight and mesh.health.warnings
    ended = client.wait(client.fit(mesh.name, seconds=0.5).name)
    assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
    assert ended.warnings


@pytest.mark.parametrize("scale", [1e9, 1e-9])
def test_the_frame_holds_at_any_scale(client, upload, scale):
    mesh = upload(client, sphere(radius=scale, centre=(3 * scale, 0, 0)))
    ended = client.wait(client.fit(mesh.name, **GOOD_FIT).name)
    assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
    points = np.array([[3 * scale, 0, 0], [3.5 * scale, 0, 0]], "<f4")
    request = query_pb2.EvaluateRequest(model=ended.model, points=points.tobytes())
    values = np.frombuffer(client.queries.Evaluate(request).values, "<f4")
    assert np.allclose(values / scale, [-1.0, -0.5], atol=0.05)


def test_an_upload_past_the_limit_is_refused(binary, tmp_path):
    limit = 4_000_000
    with Daemon(binary, tmp_path / "data", "--max-mesh", "4MB") as daemon, daemon.client() as client:
        assert client.server.GetServerInfo(server_pb2.GetServerInfoRequest()).limits.max_mesh_bytes == limit

        # Announced: refused before any data is sent.
        counts = {"vertex_count": limit, "triangle_count": limit}
        refused(lambda: client.upload(b"", RAW, **counts), grpc.StatusCode.RESOURCE_EXHAUSTED, str(limit))

        # Not announced: refused when the limit is passed, not at the end, which never comes.
        def parts():
            yield mesh_pb2.UploadMeshRequest(metadata=mesh_pb2.MeshMetadata(format=OBJ))
            while True:
                yield mesh_pb2.UploadMeshRequest(chunk=bytes(CHUNK // 4))

        refused(lambda: client.meshes.UploadMesh(parts()), grpc.StatusCode.RESOURCE_EXHAUSTED, str(limit))
        assert client.upload(raw(BALL), RAW, vertex_count=len(BALL[0]), triangle_count=len(BALL[1])).name


def test_an_upload_that_breaks_off_leaves_nothing(daemon, client):
    def names():
        return [mesh.name for mesh in client.meshes.ListMeshes(mesh_pb2.ListMeshesRequest(page_size=1000)).meshes]

    before = names()

    def parts():
        yield mesh_pb2.UploadMeshRequest(metadata=mesh_pb2.MeshMetadata(format=STL))
        yield mesh_pb2.UploadMeshRequest(chunk=stl(BALL)[:1000])
        raise RuntimeError("the client breaks off")

    with daemon.client() as other, pytest.raises(grpc.RpcError):
        other.meshes.UploadMesh(parts())
    assert names() == before


def test_an_upload_without_metadata_is_refused(client):
    parts = iter([mesh_pb2.UploadMeshRequest(chunk=b"v 0 0 0")])
    refused(lambda: client.meshes.UploadMesh(parts), grpc.StatusCode.INVALID_ARGUMENT, "metadata")
    refused(lambda: client.meshes.UploadMesh(iter([])), grpc.StatusCode.INVALID_ARGUMENT, "metadata")


def test_five_million_triangles_are_taken(client, upload):
    shape = sphere(rows=1120)
    assert len(shape[1]) > 5_000_000
    mesh = upload(client, shape)
    assert mesh.health.faces == len(shape[1]) and mesh.health.watertight
    client.meshes.DeleteMesh(mesh_pb2.DeleteMeshRequest(name=mesh.name))
