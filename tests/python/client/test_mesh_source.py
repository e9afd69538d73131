"""What can be fitted: files, arrays, and objects that look as those of other libraries do."""

from types import SimpleNamespace

import numpy as np
import overfit
import pytest
from conftest import CENTER, MIDDLE, RADIUS, big_ball, options
from overfit.mesh_source import mesh_source
from shapes import obj, sphere


class Open3DMesh:
    """As `open3d.geometry.TriangleMesh`: no arrays, but what becomes some."""

    def __init__(self, vertices, triangles):
        self.vertices, self.triangles = list(map(tuple, vertices)), list(map(tuple, triangles))


class Tensor(np.ndarray):
    """As `open3d.core.Tensor`."""

    def cpu(self):
        return self

    def numpy(self):
        return np.asarray(self)


def tensor(array):
    return np.asarray(array).view(Tensor)


def scene(*parts):
    """As `trimesh.Scene`, whose meshes have places."""
    return SimpleNamespace(geometry=dict(enumerate(parts)), graph=None, dump=lambda: list(parts))


def other_libraries():
    """The ball, as other libraries have it."""
    vertices, faces = big_ball()
    one, two = faces[: len(faces) // 2], faces[len(faces) // 2 :]
    block = SimpleNamespace
    cells = [block(type="line", data=[[0, 1]]), block(type="triangle", data=one), block(type="triangle", data=two)]
    return {
        # Its triangles are corners, not numbers of corners.
        "trimesh": SimpleNamespace(vertices=vertices, faces=faces, triangles=vertices[faces]),
        "trimesh scene": scene(*(SimpleNamespace(vertices=vertices, faces=half) for half in (one, two))),
        "open3d": Open3DMesh(vertices, faces),
        "open3d tensors": SimpleNamespace(
            vertex=SimpleNamespace(positions=tensor(vertices)), triangle=SimpleNamespace(indices=tensor(faces))
        ),
        "meshio": SimpleNamespace(points=vertices, cells=cells),
        "pair": (vertices.tolist(), faces.tolist()),
        "ours": overfit.Mesh(vertices.astype(np.float32), faces),
    }


def sent(source):
    """All bytes of a source."""
    return b"".join(source.chunks())


@pytest.mark.parametrize("name", other_libraries())
def test_meshes_of_other_libraries_arrive_as_they_are(name):
    vertices, faces = big_ball()
    data = sent(mesh_source(other_libraries()[name]))
    header, body = data.split(b"end_header\n", 1)
    assert f"element face {len(faces)}".encode() in header
    real = "<f8" if b"double x" in header else "<f4"
    count = int(header.split(b"element vertex ")[1].split()[0])
    places = np.frombuffer(body, real, 3 * count).reshape(-1, 3)
    rows = np.frombuffer(body, [("count", "u1"), ("corners", "<u4", 3)], offset=places.nbytes)
    assert (rows["count"] == 3).all()
    assert np.allclose(places[rows["corners"]], vertices[faces], atol=0 if real == "<f8" else 1e-5)


def test_double_precision_is_kept_where_it_matters(daemon):
    """A house-sized ball in map coordinates, where single precision has steps of half a metre."""
    vertices, faces = sphere(48)
    place = np.array([4_500_000.0, 5_400_000.0, 300.0])
    field = daemon.fit(vertices.astype(np.float64) * 5.0 + place, faces, **options())
    assert np.abs(field.bounds - [place - 5.0, place + 5.0]).max() < 1e-3
    points = np.random.default_rng(1).uniform(-6.0, 6.0, (1000, 3))
    distances = np.linalg.norm(points, axis=1) - 5.0
    assert np.median(np.abs(field.distance(points + place) - distances)) < 0.01
    mesh = field.mesh(32)
    assert mesh.vertices.dtype == np.float64
    assert np.abs(np.linalg.norm(mesh.vertices - place, axis=1) - 5.0).max() < 0.05
    hits = field.raycast(place + np.array([0.0, 20.0, 0.0]), [0, -1, 0])
    assert abs(hits.distances - 15.0) < 0.02 and np.allclose(hits.points - place, [0, 5.0, 0], atol=0.02)
    nearest = field.project(place + np.array([7.0, 0.0, 0.0]))
    assert np.allclose(nearest.points - place, [5.0, 0, 0], atol=0.02)
    with pytest.raises(ValueError, match=r"points\[1\]"):
        field.distance([place, [0, np.nan, 0]])


def test_files(daemon, tmp_path):
    path = tmp_path / "thing.OBJ"
    path.write_bytes(obj(big_ball()))
    for given in (path, str(path)):
        assert sent(mesh_source(given)) == path.read_bytes()
    field = daemon.fit(path, **options(steps=20))
    assert field.title == "thing"
    assert abs(field.distance(CENTER) + RADIUS) < MIDDLE


def test_points_without_faces_are_a_scan(daemon):
    vertices, _ = big_ball()
    normals = (vertices - CENTER) / RADIUS
    with pytest.warns(overfit.OverfitWarning):
        field = daemon.fit(vertices, normals=normals, preset="points", steps=50)
    assert abs(field.distance(CENTER) + RADIUS) < MIDDLE
    cloud = SimpleNamespace(points=vertices, normals=normals, has_normals=lambda: True)
    assert sent(mesh_source(cloud)) == sent(mesh_source(vertices, normals=normals))


def test_quads_are_taken():
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)])
    quads = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])
    assert b"element face 6\n" in sent(mesh_source(corners, quads))
    mixed = [SimpleNamespace(type="quad", data=quads), SimpleNamespace(type="triangle", data=quads[:1, :3])]
    assert b"element face 13\n" in sent(mesh_source(SimpleNamespace(points=corners, cells=mixed)))


CUBE = np.zeros((8, 3))


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ((np.zeros((8, 2)), np.zeros((1, 3), int)), ValueError, r"vertices must have the shape \[N, 3\], not \[8, 2\]"),
        ((CUBE, np.zeros((1, 3))), TypeError, "faces must be an array of whole numbers, not of float64"),
        ((CUBE, np.zeros((1, 5), int)), ValueError, r"faces must have the shape \[F, 3\].*not \[1, 5\]"),
        ((CUBE, [[0, 1, 2], [0, 1, 8]]), ValueError, r"faces\[1\] is \[0, 1, 8\], and vertices has 8 rows"),
        ((CUBE, [[0, 1, -1]]), ValueError, r"faces\[0\]"),
        ((CUBE, None, np.zeros((3, 3))), ValueError, "normals has 3 rows, and points has 8"),
        ((CUBE, [[0, 1, 2]], CUBE), ValueError, "normals are for points without faces"),
        ((object(),), TypeError, "mesh is a builtins.object; give a path"),
        ((None,), TypeError, "mesh is a builtins.NoneType"),
        (("nowhere.obj",), FileNotFoundError, "no file nowhere.obj"),
        ((__file__,), ValueError, "no known format: use one of .obj"),
        ((scene(),), ValueError, "The scene holds no mesh"),
        ((SimpleNamespace(vertices=CUBE, faces=[]),), ValueError, "The mesh has no faces"),
        (
            (SimpleNamespace(points=CUBE, cells=[SimpleNamespace(type="tetra", data=[[0, 1, 2, 3]])]),),
            ValueError,
            "cells of tetra, and no triangles",
        ),
        ((SimpleNamespace(points=CUBE[:, :2], cells=[]),), ValueError, "The mesh is flat"),
    ],
)
def test_what_cannot_be_fitted(arguments, kind, words):
    with pytest.raises(kind, match=words):
        mesh_source(*arguments)


def test_a_mesh_without_a_surface_is_refused_by_the_daemon(daemon, tmp_path):
    with pytest.raises(overfit.InvalidInput):
        daemon.fit(CUBE, [[0, 1, 2]])
    with pytest.raises(overfit.InvalidInput, match=r"(?i)nan|finite"):
        daemon.fit(np.full((8, 3), np.nan), [[0, 1, 2]])
    (tmp_path / "broken.ply").write_bytes(b"ply\nformat ascii 1.0\n")
    with pytest.raises(overfit.InvalidInput):
        daemon.fit(tmp_path / "broken.ply")
