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
    pump_until(lambda: not job.running, fake.pump)
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
    pump_until(lambda: not job.running, fake.pump)
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


# On the original: what the reconstruction has lost.


@pytest.fixture
def lossy(pair, fake) -> tuple[bpy.types.Object, bpy.types.Object]:
    """The same pair, with a thin pin on the original that the reconstruction lacks: 1 long, from 1 to 2 along x."""
    original, rebuilt = pair
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(1.5, 0.0, 0.0), scale=(1.0, 0.01, 0.01))
    pin = bpy.context.object
    original.hide_set(False)
    rebuilt.select_set(False)
    original.select_set(True)
    bpy.context.view_layer.objects.active = original
    bpy.ops.object.transform_apply(location=False)
    pin.select_set(True)
    bpy.ops.object.join()
    original.hide_set(True)
    bpy.context.view_layer.objects.active = rebuilt
    rebuilt.select_set(True)
    return original, rebuilt


def show_on_original(fake):
    assert bpy.ops.overfit.show_error(direction="ORIGINAL") == {"FINISHED"}
    job = session().jobs[-1]
    pump_until(lambda: not job.running, fake.pump)
    assert job.state.name == "DONE", job.message
    return job


def test_a_lost_part_shows_on_the_original(lossy, fake):
    original, rebuilt = lossy
    show(fake)
    assert rebuilt.data.overfit_error.largest < 0.02  # no point of the reconstruction misses the pin
    assert rebuilt.data.overfit_error.direction == "RECONSTRUCTION"
    job = show_on_original(fake)
    copy = bpy.context.object
    kept = copy.data.overfit_error
    assert copy.name == "Icosphere Error" == job.result_name and len(copy.data.vertices) == len(original.data.vertices)
    errors = read(copy.data.attributes["overfit_error"], "value")[:, 0]
    positions = np.array([vertex.co for vertex in copy.data.vertices])
    from_middle = np.linalg.norm(positions, axis=1)
    assert abs(errors - abs(from_middle - 1.01)).max() < 2e-3 and errors.max() == pytest.approx(0.99, abs=2e-3)
    assert kept.shown and kept.direction == "ORIGINAL" and kept.largest == errors.max()
    assert kept.longest_side == pytest.approx(3.0, abs=1e-3) and kept.mean < kept.largest
    assert "from the original to the reconstruction" in job.message
    assert copy.matrix_world == rebuilt.matrix_world and copy.select_get()
    assert rebuilt.hide_get() and original.hide_get()
    assert set(original.data.attributes.keys()) & {"overfit_error", "Error"} == set()


def test_hide_takes_the_copy_away(lossy, fake):
    """Whatever is measured in between, there is one copy, and afterwards everything is as it was."""
    _original, rebuilt = lossy
    kept = {kind: len(getattr(bpy.data, kind)) for kind in ("scenes", "objects", "meshes")}
    show_on_original(fake)
    show_on_original(fake)  # Measure Again, on the copy
    assert len(bpy.data.objects) == kept["objects"] + 1
    assert bpy.ops.overfit.hide_error() == {"FINISHED"}
    assert kept == {kind: len(getattr(bpy.data, kind)) for kind in kept}
    assert bpy.context.object == rebuilt and rebuilt.select_get() and not rebuilt.hide_get()
    show_on_original(fake)
    show(fake)  # on the reconstruction instead
    assert kept == {kind: len(getattr(bpy.data, kind)) for kind in kept}
    assert bpy.context.object == rebuilt and rebuilt.data.overfit_error.shown and not rebuilt.hide_get()


def test_modifiers_and_curves_on_the_original(pair, fake):
    """The copy has the points that are shown, not those of the cage."""
    original, rebuilt = pair
    original.modifiers.new("Subdivision", "SUBSURF").levels = 1
    show_on_original(fake)
    assert len(bpy.context.object.data.vertices) > 2 * len(original.data.vertices)
    bpy.ops.overfit.hide_error()
    bpy.ops.curve.primitive_bezier_circle_add(radius=1.0)
    curve = bpy.context.object
    curve.data.bevel_depth = 0.01
    rebuilt.overfit.original = curve
    bpy.context.view_layer.objects.active = rebuilt
    show_on_original(fake)
    assert bpy.context.object.type == "MESH" and bpy.context.object.data.overfit_error.largest < 0.05


def test_a_copy_whose_reconstruction_is_gone(pair, fake):
    _original, rebuilt = pair
    show_on_original(fake)
    copy = bpy.context.object
    bpy.data.objects.remove(rebuilt)
    with pytest.raises(RuntimeError, match="whose original is still there"):
        bpy.ops.overfit.show_error(direction="ORIGINAL")
    name = copy.name
    assert bpy.ops.overfit.hide_error() == {"FINISHED"} and name not in bpy.data.objects


def test_undo_of_the_copy(pair, fake):
    name = pair[1].name
    bpy.ops.ed.undo_push(message="Before")
    show_on_original(fake)
    copied = bpy.context.object.name
    bpy.ops.ed.undo()
    assert copied not in bpy.data.objects and bpy.context.object.name == name
    assert not bpy.context.object.hide_get() and bpy.data.objects[name].overfit.error_copy is None
    bpy.ops.ed.redo()
    assert bpy.context.object.name == copied and bpy.context.object.overfit.error_of.name == name
