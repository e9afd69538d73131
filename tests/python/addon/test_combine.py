"""The fields of several objects put together, with a real daemon."""

import math

import bmesh
import bpy
import pytest
from conftest import part, session


def fitted_ball(radius: float, location: tuple[float, float, float], scale: float = 1.0) -> bpy.types.Object:
    """The result of a fit to a ball that stands somewhere, turned and scaled."""
    bpy.ops.object.select_all(action="DESELECT")
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5, radius=radius / scale, location=location)
    bpy.context.object.scale = (scale, scale, scale)
    bpy.context.object.rotation_euler = (0.3, 0.2, 0.1)
    bpy.context.view_layer.update()
    bpy.context.scene.overfit.preset, bpy.context.scene.overfit.resolution = "draft", 64
    assert bpy.ops.overfit.fit(wait=True) == {"FINISHED"}
    return bpy.data.objects[session().jobs[-1].result_name]


def combined(first: bpy.types.Object, second: bpy.types.Object) -> bpy.types.Object:
    """What comes of two."""
    bpy.ops.object.select_all(action="DESELECT")
    for obj in (first, second):
        obj.select_set(True)
    bpy.context.view_layer.objects.active = first
    assert bpy.ops.overfit.combine(wait=True) == {"FINISHED"}
    return bpy.data.objects[session().jobs[-1].result_name]


def volume_in_world(obj: bpy.types.Object) -> float:
    mesh = bmesh.new()
    mesh.from_mesh(obj.data)
    mesh.transform(obj.matrix_world)
    volume = mesh.calc_volume()
    mesh.free()
    return volume


def test_two_balls_stand_where_they_stood(daemon):
    first, second = fitted_ball(1.0, (3.0, 0.0, 0.0), scale=2.0), fitted_ball(1.0, (3.0, 1.0, 0.0))
    ball, lens = 4.0 / 3.0 * math.pi, 5.0 * math.pi / 12.0
    settings = bpy.context.scene.overfit
    expected = [("UNION", 2 * ball - lens, 2.0), ("INTERSECTION", lens, 1.0), ("DIFFERENCE", ball - lens, 0.5)]
    for operation, exact, top in expected:
        settings.combine_operation = operation
        result = combined(first, second)
        assert volume_in_world(result) == pytest.approx(exact, rel=0.03), operation
        assert result.name.startswith(operation.title()) and not result.overfit.model
        corners = [result.matrix_world @ vertex.co for vertex in result.data.vertices]
        assert max(corner.y for corner in corners) == pytest.approx(top, abs=0.05)
    settings.combine_operation, settings.combine_smooth = "UNION", 0.5
    assert volume_in_world(combined(first, second)) > 1.01 * (2 * ball - lens)
    settings.combine_smooth = 0.0


def test_what_bends_distances_is_refused(daemon):
    first, second = fitted_ball(1.0, (0.0, 0.0, 0.0)), fitted_ball(1.0, (1.0, 0.0, 0.0))
    second.scale.x = 2.0
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="scaled unevenly"):
        combined(first, second)


def test_one_field_alone_is_not_combined(daemon):
    bpy.ops.mesh.primitive_cube_add()
    assert not part("interface.combine").OVERFIT_OT_combine.poll(bpy.context)
