"""What a field answers, against the closed forms of a ball."""

import numpy as np
import overfit
import pytest
from conftest import CENTER, MIDDLE, RADIUS, options

TOLERANCE = 0.01 * RADIUS
"""The mesh of the ball is itself off by a thousandth of its radius."""


@pytest.fixture
def points():
    """Points in and around the ball, `[40, 50, 3]` f64."""
    return CENTER + np.random.default_rng(1).uniform(-1.2 * RADIUS, 1.2 * RADIUS, (40, 50, 3))


def exact(points):
    """Signed distances to the ball."""
    return np.linalg.norm(points - CENTER, axis=-1) - RADIUS


def test_distances_have_the_shape_of_the_points(ball, points):
    distances = ball.distance(points)
    assert distances.shape == (40, 50) and distances.dtype == np.float32
    assert np.abs(distances - exact(points)).max() < MIDDLE
    assert np.array_equal(ball(points[0].tolist()), distances[0])
    assert np.array_equal(ball.distance(points.astype(np.float32)[::2, ::-1]), distances[::2, ::-1])
    assert ball.distance(points[3, 4]).shape == () and ball.distance(points[3, 4]) == distances[3, 4]
    assert ball.distance(np.empty((0, 3))).shape == (0,)
    assert abs(ball.distance(CENTER.astype(int)) + RADIUS) < MIDDLE


def test_more_points_than_go_into_a_message(ball):
    points = CENTER + np.random.default_rng(2).uniform(-RADIUS, RADIUS, (150_001, 3))
    distances = ball.distance(points)
    assert np.array_equal(distances[-3:], ball.distance(points[-3:]))
    assert np.abs(distances - exact(points)).max() < MIDDLE


def test_quantities(ball, points):
    outside = points[np.abs(exact(points)) < 0.3 * RADIUS]
    ways = (outside - CENTER) / np.linalg.norm(outside - CENTER, axis=-1, keepdims=True)
    assert np.median(np.sum(ball.gradient(outside) * ways, axis=-1)) > 0.999
    assert np.allclose(np.linalg.norm(ball.normal(outside), axis=-1), 1.0, atol=1e-5)
    radii = exact(outside) + RADIUS
    with pytest.warns(overfit.OverfitWarning, match="smooth only piece by piece"):
        ball.mean_curvature(outside[:1])
    found = ball.evaluate(outside, "hessian", "gaussian-curvature", "principal-directions", smoothing=0.3)
    means, hessians = ball.mean_curvature(outside, 0.3), ball.hessian(outside, 0.3)
    assert np.median(np.abs(means * radii - 1.0)) < 0.05
    assert np.median(np.abs(found["gaussian-curvature"] * radii**2 - 1.0)) < 0.1
    assert found["hessian"].shape == (len(outside), 6) and found["principal-directions"].shape == (len(outside), 6)
    assert np.array_equal(hessians, hessians.swapaxes(-1, -2)) and np.array_equal(
        hessians[:, 0, 2], found["hessian"][:, 2]
    )
    with pytest.raises(ValueError, match="'colour'; there are value, gradient"):
        ball.evaluate(outside, "colour")


def test_mesh_volume_and_measure(ball, tmp_path):
    mesh = ball.mesh(48, normals=True)
    vertices, faces = mesh
    assert mesh.watertight and mesh.bodies == 1 and faces.max() == len(vertices) - 1
    assert np.abs(exact(vertices)).max() < TOLERANCE
    assert np.sum(mesh.normals * (vertices - CENTER), axis=1).min() > 0.9 * RADIUS
    assert len(ball.mesh(48, sharp=True, triangles=500).faces) <= 500
    assert np.abs(exact(ball.mesh(voxel_size=0.25, iso=1.0).vertices) - 1.0).max() < TOLERANCE

    with pytest.raises(ValueError, match="resolution must not be negative, and is -3"):
        ball.mesh(-3)
    with pytest.raises(ValueError, match="resolution or voxel_size, not both"):
        ball.mesh(3, voxel_size=1.0)

    volume = ball.volume(24)
    index = (3, 7, 11)
    place = volume.origin + np.array(index) * volume.voxel_size
    assert abs(volume.values[index] - exact(place)) < TOLERANCE
    ball.save_vdb(tmp_path / "ball.vdb", 24)
    assert (tmp_path / "ball.vdb").stat().st_size > 1000

    found = ball.measure()
    assert abs(found.volume / (4 / 3 * np.pi * RADIUS**3) - 1.0) < 0.01
    assert abs(found.area / (4 * np.pi * RADIUS**2) - 1.0) < 0.01
    assert np.abs(found.centroid - CENTER).max() < TOLERANCE
    assert np.allclose(np.diag(found.inertia), 0.4 * found.volume * RADIUS**2, rtol=0.02)
    assert np.abs(found.bounds - ball.bounds).max() < TOLERANCE


def test_rays_and_nearest_points(ball):
    ways = np.array([[[-1.0, 0, 0], [0, 0, -3]], [[1, 0, 0], [-2, 0, 0]]])
    hits = ball.raycast(CENTER + np.array([10.0, 0, 0]), ways)
    assert hits.hit.tolist() == [[True, False], [False, True]]
    assert np.allclose(hits.distances[hits.hit], 10.0 - RADIUS, atol=TOLERANCE)
    assert np.allclose(hits.points[0, 0], CENTER + np.array([RADIUS, 0, 0]), atol=TOLERANCE)
    assert np.isnan(hits.points[0, 1]).all() and hits.normals[0, 0, 0] > 0.99
    every = ball.raycast_all(CENTER + np.array([[10.0, 0, 0], [0, 0, 0]]), [[-1, 0, 0], [0, 1, 0]])
    assert every.rays.tolist() == [0, 0, 1] and every.counts.tolist() == [2, 1]
    assert every.enters.tolist() == [True, False, False] and every.starts_inside.tolist() == [False, True]
    nearest = ball.project(CENTER + np.array([0, 6.0, 0]))
    assert nearest.converged.shape == () and nearest.converged
    assert np.allclose(nearest.points, CENTER + np.array([0, RADIUS, 0]), atol=TOLERANCE)
    assert abs(nearest.distances - (6.0 - RADIUS)) < TOLERANCE
    with pytest.raises(ValueError, match=r"they have the shapes \[2, 3\] and \[3, 3\]"):
        ball.raycast(np.zeros((2, 3)), np.ones((3, 3)))


def test_a_picture(ball, tmp_path):
    picture = ball.render(64, 48, mode="normals", up="z")
    picture.save(tmp_path / "ball.png")
    assert picture._repr_png_() == (tmp_path / "ball.png").read_bytes() and picture.png.startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="mode must be one of shaded"):
        ball.render(mode="wireframe")


def test_saved_and_loaded(daemon, ball, points, tmp_path):
    ball.save(tmp_path / "ball.safetensors")
    again = daemon.load(tmp_path / "ball.safetensors")
    assert np.array_equal(again.distance(points), ball.distance(points))
    assert again.title == "ball" and again.metrics == ball.metrics and "IoU" in repr(again)
    ball.save(tmp_path / "ball.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ball.onnx", "ball.safetensors"]
    with pytest.raises(ValueError, match=r"\.glsl, \.onnx"):
        ball.save(tmp_path / "ball.stl")
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        ball.save(tmp_path / "nowhere" / "ball.onnx")
    with pytest.raises(overfit.Refused, match="compact"):
        ball.save(tmp_path / "ball.glsl")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        daemon.load(tmp_path / "nowhere.safetensors")
    (tmp_path / "ball.safetensors").write_bytes(b"no model at all")
    with pytest.raises(overfit.OverfitError):
        daemon.load(tmp_path / "ball.safetensors")
    assert not list(tmp_path.glob(".*")), "a file that could not be written is removed"


def test_combinations(daemon, ball, points):
    drill = overfit.cylinder(CENTER - np.array([0, 0, 10]), CENTER + np.array([0, 0, 10]), 1.0)
    bored = daemon.combine(ball - drill)
    assert np.allclose(
        bored.distance(points),
        np.maximum(ball.distance(points), 1.0 - np.linalg.norm((points - CENTER)[..., :2], axis=-1)),
        atol=1e-3,
    )
    smaller = daemon.combine(ball.expression.translate(-CENTER).rotate(90.0, (1, 0, 0)).scale(0.5).offset(0.1))
    assert abs(smaller.distance([0, 1, 0]) + (0.5 * RADIUS + 0.1 - 1)) < TOLERANCE
    both = daemon.combine(overfit.union(bored, overfit.sphere(1.0, CENTER), smooth=0.2))
    assert both.distance(CENTER) < -0.9 and "combination" in repr(both)
    with pytest.raises(overfit.Refused, match="fit it"):
        both.save("both.safetensors")
    model = daemon.fit(bored, name="bored", **options(steps=100))
    assert np.median(np.abs(model.distance(points) - bored.distance(points))) < TOLERANCE
    with pytest.raises(TypeError, match="float cannot be combined"):
        ball | 1.0
    with pytest.raises(ValueError, match="center must be three numbers"):
        overfit.sphere(1.0, [1.0, 2.0])
    with pytest.raises(overfit.InvalidInput):
        daemon.combine(overfit.sphere(-1.0))


def test_what_nobody_holds_any_more_is_deleted(daemon, ball, tmp_path):
    ball.save(tmp_path / "ball.safetensors")
    before = {field.name for field in daemon.models()}
    again = daemon.load(tmp_path / "ball.safetensors")
    name = again.name
    assert {field.name for field in daemon.models()} == before | {name}
    del again
    assert {field.name for field in daemon.models()} == before
    with pytest.raises(overfit.NotFound):
        daemon.model(name)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (np.zeros((4, 2)), ValueError, r"points must have the shape \[\.\.\., 3\], not \[4, 2\]"),
        (3.0, ValueError, r"not \[\]"),
        ([["a", "b", "c"]], TypeError, "points must be an array of numbers, not of <U1"),
        ([[1, 2, 3], [1, 2]], TypeError, "points cannot be read as an array"),
        (np.zeros((2, 3), complex), TypeError, "complex128"),
        (None, TypeError, "object"),
        ([[0, 0, 0], [0, np.nan, 0]], ValueError, r"points\[1\] is \[0.0, nan, 0.0\]"),
        ([[0, 0, 1e300]], ValueError, "not finite in single precision"),
    ],
)
def test_points_that_are_none(ball, given, kind, words):
    with pytest.raises(kind, match=words):
        ball.distance(given)


def test_a_bad_point_far_down_is_named(ball):
    points = np.zeros((200_000, 3))
    points[150_000, 1] = np.inf
    with pytest.raises(ValueError, match=r"points\[150000\]"):
        ball.distance(points)
