"""The error of a reconstruction, measured and shown: spheres, whose distance is known."""

import bpy
import numpy as np
import pytest
from conftest import part, pump_until, session


def sphere(radius: float) -> bpy.types.Object:
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5, radius=radius)
    return bpy.context.object


@pytest.fixture
def pair(fake) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A sphere of radius 1, and one of 1.01 that was made of it; the original is hidden, as after a fit."""
    original, rebuilt = sphere(1.0), sphere(1.01)
    rebuilt.overfit.original = original
    rebuilt.location = (5.0, 0.0, 0.0)  # moved away since: the shapes are compared, not the places
    original.hide_set(True)
    return original, rebuilt


def show(fake):
    assert bpy.ops.overfit.show_error() == {"FINISHED"}
    job = session().jobs[-1]
    pump_until(lambda: not job.running, 30.0, fake.pump)
    return job


def read(attribute, name: str, width: int = 1) -> np.ndarray:
    found = np.empty((len(attribute.data), width), np.float32)
    attribute.data.foreach_get(name, found.ravel())
    return found


def test_error_of_a_sphere(pair, fake):
    job = show(fake)
    assert job.state.name == "DONE", job.message
    mesh = pair[1].data
    errors = read(mesh.attributes["overfit_error"], "value")
    # The original's faces lie a little within its sphere.
    assert len(errors) == len(mesh.vertices) and abs(errors - 0.01).max() < 5e-4
    kept = mesh.overfit_error
    assert kept.shown and kept.longest_side == pytest.approx(2.0, abs=1e-3)
    assert kept.mean == pytest.approx(0.01, abs=3e-4) and kept.mean <= kept.percentile <= kept.largest < 0.0106
    assert mesh.attributes.active_color_name == "Error"
    assert "mean error 0.01" in job.message and fake.deleted == ["meshes/1"]


def test_colors_rise_with_the_error(clean):
    heat_map = part("scene.heat_map")
    colors = heat_map.colors_of(np.linspace(0.0, 1.5, 301), 1.0)
    luminance = colors[:, :3] @ [0.2126, 0.7152, 0.0722]
    below = luminance[:201]
    assert (np.diff(below) > 0.0).all() and (colors[200:] == colors[200]).all()
    assert np.allclose(colors[0, :3], heat_map.linear(np.array([68, 1, 84]) / 255.0)) and (colors[:, 3] == 1.0).all()
    # Perceived lightness rises evenly: that is what the map is for.
    lightness = 116.0 * np.cbrt(below) - 16.0
    assert abs(lightness - np.interp(np.arange(201), [0, 200], lightness[[0, 200]])).max() < 6.0
    assert (heat_map.colors_of(np.zeros(4), 0.0) == heat_map.colors_of(np.zeros(4), 1.0)).all()


def test_modifiers_of_a_hidden_original(pair, fake):
    """Blender does not evaluate what is disabled in the views: its modifiers count all the same."""
    original, rebuilt = pair
    original.hide_viewport = True
    cast = original.modifiers.new("Displace", "DISPLACE")
    cast.strength, cast.mid_level = 0.01, 0.0
    kept = {kind: len(getattr(bpy.data, kind)) for kind in ("scenes", "objects", "meshes")}
    show(fake)
    assert rebuilt.data.overfit_error.largest < 1e-3
    assert kept == {kind: len(getattr(bpy.data, kind)) for kind in kept}


def test_the_scale_repaints(pair, fake):
    show(fake)
    mesh = pair[1].data
    dark = read(mesh.color_attributes["Error"], "color", 4)
    assert bpy.ops.overfit.scale_error(maximum=100.0) == {"FINISHED"}
    darker = read(mesh.color_attributes["Error"], "color", 4)
    assert darker.mean() < dark.mean()
    bpy.ops.overfit.scale_error(maximum=0.0)
    assert (read(mesh.color_attributes["Error"], "color", 4) == dark).all()


def test_hide_gives_back_what_was(pair, fake):
    """Shading and active colour come back, unless the user has changed the shading since."""
    rebuilt = pair[1]
    rebuilt.data.color_attributes.new("Mine", "BYTE_COLOR", "CORNER")
    rebuilt.data.attributes.active_color_name = "Mine"
    shading = part("scene.shading")
    views = [view for screen in shading.shown_screens() for view in shading.shadings(screen)]
    assert views
    for view in views:
        view.type, view.color_type = "SOLID", "RANDOM"
    assert not bpy.ops.overfit.hide_error.poll()
    show(fake)
    show(fake)  # again: it remembers what was before the first
    assert {(view.type, view.color_type) for view in views} == {("SOLID", "VERTEX")}
    assert bpy.ops.overfit.hide_error() == {"FINISHED"}
    assert {(view.type, view.color_type) for view in views} == {("SOLID", "RANDOM")}
    assert rebuilt.data.attributes.active_color_name == "Mine" and "overfit_error" in rebuilt.data.attributes
    show(fake)
    views[0].type = "WIREFRAME"
    bpy.ops.overfit.hide_error()
    assert views[0].type == "WIREFRAME"
    views[0].type = "SOLID"
    assert all("overfit_shading" not in screen for screen in bpy.data.screens)


def test_undo_in_one_step(pair, fake):
    name = pair[1].name
    bpy.ops.ed.undo_push(message="Before")
    show(fake)
    assert bpy.data.objects[name].data.overfit_error.shown
    bpy.ops.ed.undo()
    mesh = bpy.data.objects[name].data
    assert not mesh.overfit_error.shown and "Error" not in mesh.color_attributes
    bpy.ops.ed.redo()
    assert bpy.data.objects[name].data.attributes.active_color_name == "Error"


def test_only_with_an_original(pair, fake):
    original, rebuilt = pair
    with pytest.raises(RuntimeError, match="whose original is still there"):
        bpy.context.view_layer.objects.active = original
        bpy.ops.overfit.show_error()
    bpy.context.view_layer.objects.active = rebuilt
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Leave edit mode"):
        bpy.ops.overfit.show_error()
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.data.objects.remove(original)
    with pytest.raises(RuntimeError, match="whose original is still there"):
        bpy.ops.overfit.show_error()


@pytest.mark.parametrize("change", ["deleted", "moved", "edited"])
def test_changed_meanwhile(pair, fake, change):
    rebuilt = pair[1]
    bpy.ops.overfit.show_error()
    job = session().jobs[-1]
    if change == "deleted":
        bpy.data.objects.remove(rebuilt)
    elif change == "moved":
        rebuilt.data.vertices[3].co.x += 0.1
    else:
        bpy.ops.object.mode_set(mode="EDIT")
    pump_until(lambda: not job.running, 30.0, fake.pump)
    assert job.state.name == "FAILED" and "was changed" in job.message
    if change != "deleted":
        assert "Error" not in rebuilt.data.color_attributes and not rebuilt.data.overfit_error.shown


def test_an_original_deleted_from_the_scene_still_counts(pair, fake):
    """The result keeps it in the file, so it can be compared with."""
    original, rebuilt = pair
    bpy.context.scene.collection.objects.unlink(
        original
    ) if original.name in bpy.context.scene.collection.objects else (
        original.users_collection[0].objects.unlink(original)
    )
    show(fake)
    assert rebuilt.data.overfit_error.mean == pytest.approx(0.01, abs=3e-4)
