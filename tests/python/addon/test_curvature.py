"""Curvature as colours and attributes: spheres, whose curvature is known."""

import bpy
import numpy as np
import pytest
from conftest import part, pump_until, session


@pytest.fixture
def ball(fake) -> bpy.types.Object:
    """The result of a fit: a sphere of radius 2 that has a field."""
    fake.models["models/1"] = b"a model"
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5, radius=2.0)
    ball = bpy.context.object
    ball.overfit.model, ball.overfit.is_result = "models/1", True
    return ball


def show(fake, **options):
    assert bpy.ops.overfit.show_curvature(**options) == {"FINISHED"}
    job = session().jobs[-1]
    pump_until(lambda: not job.running, fake.pump)
    return job


def read(attribute, name: str, width: int = 1) -> np.ndarray:
    found = np.empty((len(attribute.data), width), np.float32)
    attribute.data.foreach_get(name, found.ravel())
    return found


def test_curvature_of_a_sphere(ball, fake, monkeypatch):
    monkeypatch.setattr(part("jobs.curvature_job"), "CHUNK_POINTS", 1000)
    job = show(fake)
    assert job.state.name == "DONE", job.message
    mesh, count = ball.data, len(ball.data.vertices)
    # Many messages, and the model in the first question at least.
    assert sum(len(request.points) for request in fake.evaluations) == 12 * count and len(fake.evaluations) > 2
    assert fake.evaluations[0].model == "models/1" and list(fake.evaluations[0].quantities) == ["mean-curvature"]
    found = read(mesh.attributes["overfit_mean_curvature"], "value")[:, 0]
    heights = np.array([vertex.co.z for vertex in mesh.vertices])
    expected = np.where(heights < 0.0, -0.5, 0.5)
    expected[::1000] = 0.0  # the first of each message was no number
    assert np.abs(found - expected).max() < 1e-5
    kept = mesh.overfit_curvature
    assert kept.shown and kept.limit == pytest.approx(0.5, rel=1e-4) and kept.smoothing == 0.25
    assert mesh.attributes.active_color_name == "Curvature"
    colors = read(mesh.color_attributes["Curvature"], "color", 4)
    red, blue = colors[heights > 0.1][5], colors[heights < -0.1][5]
    assert red[0] > red[2] and blue[2] > blue[0], (red, blue)
    assert job.notes == ["it is a fake"] and "mean curvature, ± 0.5" in job.message


def test_gaussian_curvature_has_an_attribute_of_its_own(ball, fake):
    show(fake)
    show(fake, kind="GAUSSIAN")
    assert ball.data.overfit_curvature.limit == pytest.approx(0.25, rel=1e-4)
    names = {attribute.name for attribute in ball.data.attributes if attribute.name.startswith("overfit")}
    assert names == {"overfit_mean_curvature", "overfit_gaussian_curvature"}


def test_colors_diverge_about_zero(clean):
    curvature = part("scene.curvature")
    colors = curvature.colors_of(np.linspace(-2.0, 2.0, 401), 1.0)
    assert (colors[:100] == colors[0]).all() and (colors[301:] == colors[-1]).all()
    assert np.ptp(colors[200, :3]) < 1e-6 and (colors[:, 3] == 1.0).all()
    warmth = colors[:, 0] - colors[:, 2]
    assert (warmth[:200] < 0.0).all() and (warmth[201:] > 0.0).all()
    assert (curvature.colors_of(np.zeros(4), 0.0) == colors[200]).all()


def test_error_and_curvature_take_turns(ball, fake):
    """Each gives back what was there before any of them."""
    original = ball.copy()
    original.data = ball.data.copy()
    bpy.context.scene.collection.objects.link(original)
    ball.overfit.original = original
    ball.data.color_attributes.new("Mine", "BYTE_COLOR", "CORNER")
    ball.data.attributes.active_color_name = "Mine"
    views = [
        view for screen in part("scene.shading").shown_screens() for view in part("scene.shading").shadings(screen)
    ]
    for view in views:
        view.type, view.color_type = "SOLID", "RANDOM"
    show(fake)
    bpy.ops.overfit.show_error()
    job = session().jobs[-1]
    pump_until(lambda: not job.running, fake.pump)
    assert job.state.name == "DONE", job.message
    assert ball.data.overfit_error.shown and not ball.data.overfit_curvature.shown
    show(fake)
    assert not ball.data.overfit_error.shown and ball.data.attributes.active_color_name == "Curvature"
    assert bpy.ops.overfit.hide_curvature() == {"FINISHED"}
    assert ball.data.attributes.active_color_name == "Mine"
    assert {(view.type, view.color_type) for view in views} == {("SOLID", "RANDOM")}
    assert not bpy.ops.overfit.hide_curvature.poll()


def test_only_results_of_fits(ball, fake):
    ball.overfit.is_result = False
    assert not bpy.ops.overfit.show_curvature.poll()
    ball.overfit.is_result, ball.overfit.model = True, ""
    assert not bpy.ops.overfit.show_curvature.poll()


def test_what_goes_wrong_is_told(ball, fake):
    fake.knows_quantities = False
    job = show(fake)
    assert job.state.name == "FAILED" and "older" in job.message and not ball.data.overfit_curvature.shown
    fake.knows_quantities = True
    assert bpy.ops.overfit.show_curvature() == {"FINISHED"}
    job = session().jobs[-1]
    ball.data.vertices[0].co.x += 1.0
    pump_until(lambda: not job.running, fake.pump)
    assert job.state.name == "FAILED" and "was changed" in job.message


def test_undo_in_one_step(ball, fake):
    name = ball.name
    bpy.ops.ed.undo_push(message="Before")
    show(fake)
    assert bpy.data.objects[name].data.overfit_curvature.shown
    bpy.ops.ed.undo()
    mesh = bpy.data.objects[name].data
    assert not mesh.overfit_curvature.shown and "Curvature" not in mesh.color_attributes
