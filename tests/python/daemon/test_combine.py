"""Expressions over models through the daemon, with stock gRPC."""

import grpc
import numpy as np
import pytest
from daemon import combine_pb2, fit_pb2, mesh_pb2, model_pb2, query_pb2, server_pb2
from shapes import GOOD_FIT, raw, sphere
from test_bad_meshes import refused

Expression = combine_pb2.Expression


def fitted(client, **shape):
    """A model of a sphere."""
    shape = sphere(48, **shape)
    counts = {"vertex_count": len(shape[0]), "triangle_count": len(shape[1])}
    mesh = client.upload(raw(shape), mesh_pb2.MESH_FORMAT_RAW, "ball", **counts)
    ended = client.wait(client.fit(mesh.name, **GOOD_FIT).name)
    assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
    return Expression(model=ended.model)


@pytest.fixture(scope="module")
def balls(daemon):
    """Two fitted balls that overlap."""
    with daemon.client() as client:
        return fitted(client, radius=10.0), fitted(client, radius=8.0, centre=(9.0, 0.0, 0.0))


def combine(client, expression):
    return client.combine.Combine(combine_pb2.CombineRequest(expression=expression)).combination


def values(client, field: str, points: np.ndarray) -> np.ndarray:
    request = query_pb2.EvaluateRequest(model=field, points=points.astype("<f4").tobytes())
    return np.frombuffer(client.queries.Evaluate(request).values, "<f4")


def test_a_smooth_union_is_the_formula_of_its_parts(client, balls):
    union = combine(client, Expression(union={"of": balls, "smooth": 3.0}))
    points = np.random.default_rng(5).uniform(-12, 18, (2000, 3))
    a, b = (values(client, ball.model, points) for ball in balls)
    h = np.maximum(3.0 - np.abs(a - b), 0) / 3.0
    expected = np.minimum(a, b) - h * h * 3.0 / 4
    assert np.abs(values(client, union.name, points) - expected).max() < 1e-3
    assert (h > 0).sum() > 100 and not union.warnings
    assert union.bounds.max[0] >= 17 and not union.exact_outside


def test_the_volume_of_a_lens_comes_out(client, balls):
    lens = combine(client, Expression(intersection={"of": balls}))
    *_, last = client.queries.Measure(query_pb2.MeasureRequest(model=lens.name))
    r, s, d = 10.0, 8.0, 9.0
    exact = np.pi * (r + s - d) ** 2 * (d * d + 2 * d * (r + s) - 3 * (r - s) ** 2) / (12 * d)
    assert abs(last.measurement.volume / exact - 1) < 0.02
    header = next(client.queries.ExtractMesh(query_pb2.ExtractMeshRequest(model=lens.name))).header
    assert header.watertight and header.bodies == 1


def test_an_expression_becomes_one_model(client, balls):
    bored = {"start": [0, 0, -20], "end": [0, 0, 20], "radius": 3}
    expression = Expression(difference={"of": [balls[0], Expression(cylinder=bored)]})
    settings = fit_pb2.FitSettings(**GOOD_FIT)
    request = fit_pb2.CreateFitRequest(expression=expression, settings=settings, display_name="bored")
    ended = client.wait(client.fits.CreateFit(request).fit.name)
    assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
    assert ended.expression == expression and ended.metrics.iou > 0.99
    found = values(client, ended.model, np.array([[0, 0, 0], [6.5, 0, 0]]))
    assert np.abs(found - [3.0, -3.5]).max() < 0.3


def test_what_cannot_be_combined_is_explained(client, balls):
    nothing = combine_pb2.CombineRequest(expression=Expression(union={"of": [balls[0], Expression()]}))
    refused(lambda: client.combine.Combine(nothing), grpc.StatusCode.INVALID_ARGUMENT, "union.of[1] is empty")
    lone = fitted(client, radius=1.0)
    moved = combine(client, Expression(transform={"of": lone, "translate": [50, 0, 0], "scale": 2}))
    client.models.DeleteModel(model_pb2.DeleteModelRequest(name=lone.model))
    asked = query_pb2.EvaluateRequest(model=moved.name, points=np.zeros(3, "<f4").tobytes())
    refused(lambda: client.queries.Evaluate(asked), grpc.StatusCode.NOT_FOUND, lone.model)
    limits = client.server.GetServerInfo(server_pb2.GetServerInfoRequest()).limits
    assert limits.max_expression_nodes and limits.max_expression_depth and limits.max_combinations
