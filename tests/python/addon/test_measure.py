"""Volume and area of a field in the panel, in the scene's units."""

import math

import bpy
import pytest
from conftest import part, pump_until, session


@pytest.fixture
def cube(fake) -> bpy.types.Object:
    """The result of a fit, scaled by two."""
    fake.models["models/1"] = b"a model"
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    cube.overfit.model, cube.overfit.is_result, cube.overfit.iso = "models/1", True, 0.125
    cube.scale = (2.0, -2.0, 2.0)
    bpy.context.view_layer.update()
    return cube


def measure(fake):
    assert bpy.ops.overfit.measure() == {"FINISHED"}
    job = session().jobs[-1]
    pump_until(lambda: not job.running, fake.pump)
    return job


def test_volume_and_area_are_kept_in_own_units(cube, fake):
    fake.measured.warnings.append("the mesh was open")
    job = measure(fake)
    assert job.state.name == "DONE", job.message
    kept = cube.overfit
    assert (kept.volume, kept.area) == (4.0, 12.0) and kept.volume_error == pytest.approx(0.004)
    # Of the level that the mesh was made at.
    assert fake.measurements[0].iso == 0.125 == kept.measured_iso and fake.measurements[0].model == "models/1"
    assert job.notes == ["the mesh was open"]


def test_scale_and_units_are_counted(cube):
    units, scene = part("scene.units"), bpy.context.scene
    assert units.world_volume(cube, 4.0) == pytest.approx(32.0)
    assert units.world_area(cube, 12.0) == pytest.approx(48.0)
    cube.scale = (2.0, 2.0, 1.0)
    bpy.context.view_layer.update()
    assert units.world_volume(cube, 4.0) == pytest.approx(16.0) and units.world_area(cube, 12.0) is None
    settings = scene.unit_settings
    settings.system, settings.scale_length = "METRIC", 1.0
    assert units.in_scene_units(scene, 32.0, 3) == "32 m³" and units.in_scene_units(scene, 48.0, 2) == "48 m²"
    settings.scale_length = 0.01
    assert units.in_scene_units(scene, 32.0, 3) == "32 cm³" and units.in_scene_units(scene, 48.0, 2) == "48 cm²"
    settings.system, settings.scale_length = "NONE", 1.0
    assert units.in_scene_units(scene, 32.0, 3) == "32"


def test_another_field_is_not_measured_yet(cube, fake):
    measure(fake)
    part("scene.field").Field("models/2").remember_on(cube)
    assert cube.overfit.volume < 0.0 and cube.overfit.area < 0.0


def test_a_real_sphere(daemon):
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5, radius=0.5)
    bpy.context.scene.overfit.preset, bpy.context.scene.overfit.resolution = "draft", 64
    assert bpy.ops.overfit.fit(wait=True) == {"FINISHED"}
    result = bpy.data.objects[session().jobs[-1].result_name]
    bpy.context.view_layer.objects.active = result
    assert bpy.ops.overfit.measure(wait=True) == {"FINISHED"}
    assert result.overfit.volume == pytest.approx(4.0 / 3.0 * math.pi / 8.0, rel=0.02)
    assert result.overfit.area == pytest.approx(math.pi, rel=0.02)
    assert bpy.ops.overfit.show_curvature(wait=True) == {"FINISHED"}
    kept = result.data.overfit_curvature
    assert kept.shown and kept.smoothing == pytest.approx(0.02, rel=0.05)
    assert kept.limit == pytest.approx(2.0, rel=0.3)
