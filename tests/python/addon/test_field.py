"""What can be made of a field after the fit, and how it travels: in the .blend, as a file, to another daemon."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from conftest import RealDaemon, part, pump_until, session, use_daemon
from mathutils import Matrix

MARCHING_CUBES, SHARP = 1, 2
"""Of `MeshMode`."""

HAS_NODES = bpy.app.version >= (5, 0, 0)


@pytest.fixture(autouse=True)
def field_stays_in_the_daemon(clean: None) -> Iterator[None]:
    """Fits leave the model in the daemon, unless a test wants it in the file."""
    bpy.context.scene.overfit.keep_fields = False
    yield
    bpy.context.scene.overfit.keep_fields = True


def state(name: str):
    return part("jobs.job").JobState[name]


def start(operator, fake=None):
    """Runs an operator that starts a job, and waits for its end; returns the job."""
    before = session().jobs[-1:]
    assert operator() == {"FINISHED"}
    job = session().jobs[-1]
    assert [job] != before
    pump_until(lambda: not job.running, fake.pump if fake else None)
    return job


def result_of(operator, fake=None) -> bpy.types.Object:
    job = start(operator, fake)
    assert job.state is state("DONE"), job.message
    return bpy.data.objects[job.result_name]


def done(operator, fake=None):
    job = start(operator, fake)
    assert job.state is state("DONE"), job.message
    return job


def activate(obj: bpy.types.Object) -> None:
    for selected in list(bpy.context.view_layer.objects.selected):
        selected.select_set(False)
    obj.hide_set(False)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj


def vertices(obj: bpy.types.Object) -> np.ndarray:
    """`[N, 3]`, evaluated, in object space."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", points.ravel())
    evaluated.to_mesh_clear()
    return points


def radii(obj: bpy.types.Object) -> np.ndarray:
    return np.linalg.norm(vertices(obj), axis=1)


def mesh_again(obj: bpy.types.Object, fake=None, **settings) -> bpy.types.Object:
    activate(obj)
    return result_of(partial(bpy.ops.overfit.extract_mesh, **settings), fake)


@pytest.fixture
def ball(daemon: RealDaemon, by_steps: Callable[[int], None]) -> bpy.types.Object:
    """The result of a fit to a ball of radius 1 that stands somewhere, active."""
    by_steps(1000)  # Blender makes the ball a bit different each time, and with it the field far from the surface
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=32, location=(2.0, 3.0, 4.0))
    original = bpy.context.active_object
    original.name = "Ball"
    original.data.materials.append(bpy.data.materials.get("Red") or bpy.data.materials.new("Red"))
    settings = bpy.context.scene.overfit
    settings.preset, settings.resolution = "draft", 64
    result = result_of(bpy.ops.overfit.fit)
    activate(result)
    return result


# Meshes.


def test_the_mesh_of_a_result_is_replaced_in_place(ball):
    name, mesh, uid, triangles = ball.name, ball.data.name, ball.session_uid, len(ball.data.polygons)
    ball.data.materials.clear()
    ball.data.materials.append(bpy.data.materials["Red"])
    ball.modifiers.new("Bevel", "BEVEL").width = 0.0
    ball.overfit.resolution = 32
    count = len(bpy.data.objects), len(bpy.data.meshes)
    result = mesh_again(ball)
    assert result.session_uid == uid and (result.name, result.data.name) == (name, mesh)
    assert (len(bpy.data.objects), len(bpy.data.meshes)) == count
    assert 3 * len(result.data.polygons) < triangles
    assert [material.name for material in result.data.materials] == ["Red"]
    assert [modifier.name for modifier in result.modifiers] == ["Bevel"]
    assert not result.data.validate()
    assert all(polygon.use_smooth for polygon in result.data.polygons)


def test_replacing_is_one_undo_step(ball):
    bpy.ops.ed.undo_push(message="before")
    triangles = len(ball.data.polygons)
    mesh_again(ball, resolution=32)
    assert len(bpy.data.objects["Ball INR"].data.polygons) < triangles
    bpy.ops.ed.undo()
    assert len(bpy.data.objects["Ball INR"].data.polygons) == triangles
    bpy.ops.ed.redo()
    assert len(bpy.data.objects["Ball INR"].data.polygons) < triangles


def test_an_original_is_never_replaced(ball):
    original = bpy.data.objects["Ball"]
    faces = len(original.data.polygons)
    result = mesh_again(original, resolution=32, mode="REPLACE")
    assert len(original.data.polygons) == faces and result not in (original, ball)
    assert result.name == "Ball INR.001" and result.overfit.original == original
    assert result.matrix_world == original.matrix_world
    assert [material.name for material in result.data.materials] == ["Red"]
    # A mesh that was meshed again is a result, too.
    assert mesh_again(result, resolution=16) == result
    beside = mesh_again(result, resolution=16, mode="NEW")
    assert beside != result and beside.overfit.original == original


def test_voxel_size_and_offset_are_in_own_units(ball):
    ball.scale = (3.0, 3.0, 3.0)
    result = mesh_again(ball, voxel_size=0.05)
    assert result.overfit.spacing == "VOXEL_SIZE" and result.overfit.voxel_size == pytest.approx(0.05)
    ends = np.array([[result.data.vertices[v].co for v in edge.vertices] for edge in result.data.edges])
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    assert 0.02 < np.median(lengths) < 0.05 * 3**0.5 and lengths.max() < 0.05 * 12**0.5
    for offset in (0.25, -0.25):
        result = mesh_again(ball, iso=offset, resolution=48)
        assert result.overfit.iso == pytest.approx(offset) and result.overfit.spacing == "RESOLUTION"
        assert np.abs(radii(result) - (1.0 + offset)).max() < 0.05


def test_too_large_an_offset_is_said_in_words(ball):
    triangles = len(ball.data.polygons)
    activate(ball)
    job = start(partial(bpy.ops.overfit.extract_mesh, iso=-1.5))
    assert job.state is state("FAILED") and "no surface at iso -1.5" in job.message, job.message
    assert len(ball.data.polygons) == triangles


def test_changing_over_to_voxel_size_keeps_the_fineness(ball):
    for obj in (ball, bpy.data.objects["Ball"]):
        assert obj.overfit.voxel_size == pytest.approx(2.0 / 64, rel=0.05)
        assert obj.overfit.volume_voxel_size == pytest.approx(2.0 / 128, rel=0.05)
    assert mesh_again(ball, resolution=20).overfit.voxel_size == pytest.approx(2.0 / 20, rel=0.1)


def test_the_mesh_under_an_edit_is_not_replaced(suzanne, fake):
    result = result_of(bpy.ops.overfit.fit, fake)
    activate(result)
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="being edited"):
        bpy.ops.overfit.extract_mesh()
    # Nor when the user has begun to edit meanwhile.
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.overfit.extract_mesh()
    bpy.ops.object.mode_set(mode="EDIT")
    job = session().jobs[-1]
    pump_until(lambda: not job.running, fake.pump)
    assert job.state is state("FAILED") and "being edited" in job.message
    bpy.ops.object.mode_set(mode="OBJECT")
    assert start(bpy.ops.overfit.extract_mesh, fake).state is state("DONE")


def test_settings_come_from_the_object_or_the_call(suzanne, fake):
    bpy.context.scene.overfit.resolution = 77
    result = result_of(bpy.ops.overfit.fit, fake)
    assert result.overfit.resolution == suzanne.overfit.resolution == 77
    assert fake.extractions[-1].grid.resolution == 77 and fake.extractions[-1].iso == 0.0
    result.overfit.resolution, result.overfit.iso = 33, 0.5
    mesh_again(result, fake)
    assert fake.extractions[-1].grid.resolution == 33 and fake.extractions[-1].iso == 0.5
    # What one call was told is not what the next one takes.
    mesh_again(suzanne, fake, resolution=44, iso=-0.5)
    assert fake.extractions[-1].grid.resolution == 44 and fake.extractions[-1].iso == -0.5
    mesh_again(suzanne, fake)
    assert fake.extractions[-1].grid.resolution == 77 and fake.extractions[-1].iso == 0.0
    mesh_again(suzanne, fake, voxel_size=0.25)
    assert fake.extractions[-1].grid.voxel_size == 0.25


def test_sharp_edges_are_asked_for_and_marked(suzanne, fake):
    # A flat original's normals, which are carried over, make Blender 4.2 mark edges by itself.
    bpy.ops.object.shade_smooth()
    result = result_of(bpy.ops.overfit.fit, fake)
    mesh_again(result, fake)
    asked = fake.extractions[-1]
    assert asked.mode == MARCHING_CUBES and asked.triangles == 0
    assert not any(edge.use_edge_sharp for edge in result.data.edges)
    mesh_again(result, fake, edges="SHARP", triangles=400)
    asked = fake.extractions[-1]
    assert asked.mode == SHARP and asked.triangles == 400
    assert any(edge.use_edge_sharp for edge in result.data.edges)
    assert result.overfit.edges == "SHARP" and result.overfit.triangles == 400


def test_scripts_can_wait(ball):
    assert bpy.ops.overfit.extract_mesh(resolution=24, wait=True) == {"FINISHED"}
    assert ball.overfit.resolution == 24 and session().jobs[-1].state is state("DONE")
    with pytest.raises(RuntimeError, match=r"no surface at iso -1\.5"):
        bpy.ops.overfit.extract_mesh(iso=-1.5, wait=True)
    assert bpy.ops.overfit.extract_volume(resolution=24, wait=True) == {"FINISHED"}
    assert bpy.data.objects["Ball INR SDF"].type == "VOLUME"


def test_shape_keys_go_with_their_vertices(suzanne, fake):
    result = result_of(bpy.ops.overfit.fit, fake)
    result.shape_key_add(name="Basis")
    assert mesh_again(result, fake) == result and result.data.shape_keys is None


# Places.


@pytest.mark.parametrize("kind", ["OBJECT", "BONE", "ARMATURE"])
def test_results_follow_the_original_s_parent(suzanne, fake, kind):
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(armature)
    armature.location, armature.rotation_euler = (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bone = armature.data.edit_bones.new("Bone")
    bone.head, bone.tail = (0.0, 0.0, 0.0), (0.0, 1.0, 1.0)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.update()
    suzanne.parent, suzanne.parent_type = armature, kind
    suzanne.parent_bone = "Bone" if kind == "BONE" else ""
    suzanne.matrix_parent_inverse = Matrix.Translation((0.5, 0.0, -0.5))
    activate(suzanne)
    bpy.context.view_layer.update()
    result = result_of(bpy.ops.overfit.fit, fake)
    assert result.parent == armature and result.matrix_parent_inverse == suzanne.matrix_parent_inverse
    assert result.matrix_world == suzanne.matrix_world
    armature.location.x += 5.0
    armature.pose.bones["Bone"].rotation_mode = "XYZ"
    armature.pose.bones["Bone"].rotation_euler = (0.5, 0.0, 0.2)
    bpy.context.view_layer.update()
    assert result.matrix_world == suzanne.matrix_world


# Volumes.


def test_volume_of_a_voxel_size_and_a_band(ball):
    counts = []
    for band in (2.0, 6.0):
        activate(ball)
        job = done(partial(bpy.ops.overfit.extract_volume, voxel_size=0.08, band=band))
        volume = bpy.data.objects[job.result_name]
        volume.data.grids.load()
        assert volume.data.grids[0].matrix_object.to_scale().x == pytest.approx(0.08)
        assert volume.overfit.volume_voxel_size == pytest.approx(0.08) and volume.overfit.volume_band == band
        assert volume.overfit.model == ball.overfit.model and volume.overfit.original == bpy.data.objects["Ball"]
        counts.append(int(job.message.split(":")[1].split()[0].replace(",", "")))
    assert 2.5 < counts[1] / counts[0] < 3.5
    # More can be made of a volume, too.
    assert mesh_again(volume, resolution=32).type == "MESH"


def moved(modifier: bpy.types.Modifier, obj: bpy.types.Object, **values) -> np.ndarray:
    """Radii of the modifier's result with some inputs changed."""
    for socket in modifier.node_group.interface.items_tree:
        if socket.in_out == "INPUT" and socket.name in values:
            modifier[socket.identifier] = values[socket.name]
    obj.update_tag()
    bpy.context.view_layer.update()
    return radii(obj)


@pytest.mark.skipif(not HAS_NODES, reason="SDF grid nodes came with Blender 5.0")
def test_sdf_nodes_go_on_from_the_volume(ball):
    activate(ball)
    job = done(partial(bpy.ops.overfit.extract_volume, resolution=64, nodes=True))
    volume = bpy.data.objects[job.result_name]
    result = bpy.data.objects[f"{volume.name} Mesh"]
    assert f"'{result.name}'" in job.message
    (modifier,) = result.modifiers
    at_rest = radii(result)
    assert len(at_rest) > 1000 and np.abs(at_rest - 1.0).max() < 0.02
    assert result.matrix_world == ball.matrix_world
    # In one place they would flicker.
    assert ball.hide_get() and volume.hide_get() and not result.hide_get()
    for offset in (0.1, -0.2, 0.5):
        radius = moved(modifier, result, Offset=offset)
        assert abs(radius.mean() - 1.0 - offset) < 0.02, offset
    moved(modifier, result, Offset=0.0)
    smoothed = moved(modifier, result, Fillet=2, Smooth=5)
    assert len(smoothed) > 1000 and abs(smoothed.mean() - 1.0) < 0.05 and len(smoothed) != len(at_rest)
    assert len(moved(modifier, result, Fillet=0, Smooth=0, Adaptivity=1.0)) < len(at_rest)
    # The material, and one node group for all.
    evaluated = result.evaluated_get(bpy.context.evaluated_depsgraph_get())
    used = {evaluated.data.materials[polygon.material_index] for polygon in evaluated.data.polygons}
    assert [material.name for material in used] == ["Red"]
    activate(volume)
    assert bpy.ops.overfit.add_sdf_nodes() == {"FINISHED"}
    assert len([group for group in bpy.data.node_groups if group.name.startswith("Overfit SDF")]) == 1


@pytest.mark.skipif(HAS_NODES, reason="this Blender has SDF grid nodes")
def test_without_sdf_nodes(ball):
    activate(ball)
    volume = result_of(partial(bpy.ops.overfit.extract_volume, resolution=32, nodes=True))
    activate(volume)
    with pytest.raises(RuntimeError, match=r"Blender 5\.0"):
        bpy.ops.overfit.add_sdf_nodes()
    assert f"{volume.name} Mesh" not in bpy.data.objects


# The model in the file.


@pytest.fixture
def other_daemon(shared_daemon: RealDaemon, tmp_path: Path) -> Iterator[RealDaemon]:
    """A daemon that knows none of the models of the first."""
    daemon = RealDaemon(tmp_path / "other")
    yield daemon
    daemon.stop()


def kept_texts() -> list[bpy.types.Text]:
    """The texts that a saved file would hold: the rest is what other tests left behind."""
    return [text for text in bpy.data.texts if text.users]


def embed(obj: bpy.types.Object, fake=None) -> bytes:
    activate(obj)
    done(bpy.ops.overfit.embed_model, fake)
    return obj.overfit.embedded["model"]


def test_the_file_travels_whole(ball, other_daemon, tmp_path):
    """Saved here, opened elsewhere with another daemon: the field is there, and all who share it learn its new name."""
    data = embed(ball)
    original = bpy.data.objects["Ball"]
    assert data[8:9] == b"{" and original.overfit.embedded == ball.overfit.embedded
    text = ball.overfit.embedded.as_string()
    assert "Overfit" in text and ball.overfit.architecture in text and "Save Field" in text
    old = ball.overfit.model
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "whole.blend"), compress=True)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "whole.blend"))
    ball = bpy.data.objects["Ball INR"]
    assert ball.overfit.embedded["model"] == data
    use_daemon(other_daemon.data_dir)
    result = mesh_again(ball, resolution=48)
    assert np.abs(radii(result) - 1.0).max() < 0.05
    names = {bpy.data.objects[name].overfit.model for name in ("Ball", "Ball INR")}
    assert len(names) == 1 and old not in names
    # Now that it is known there, it is not sent again.
    mesh_again(ball, resolution=32)
    assert {ball.overfit.model} == names


def test_an_appended_object_brings_its_field(ball, other_daemon, tmp_path):
    data = embed(ball)
    path = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(path) as (_, wanted):
        wanted.objects = ["Ball INR"]
    (ball,) = wanted.objects
    bpy.context.scene.collection.objects.link(ball)
    assert ball.overfit.embedded["model"] == data
    use_daemon(other_daemon.data_dir)
    assert mesh_again(ball, resolution=32) == ball


def test_embedding_survives_undo_and_goes_with_the_objects(suzanne, fake, tmp_path):
    result = result_of(bpy.ops.overfit.fit, fake)
    assert embed(result, fake) == fake.models["models/1"]
    bpy.ops.ed.undo()
    assert bpy.data.objects["Suzanne INR"].overfit.embedded is None
    bpy.ops.ed.redo()
    assert bpy.data.objects["Suzanne INR"].overfit.embedded["model"] == fake.models["models/1"]
    copy = bpy.data.objects["Suzanne INR"].copy()
    assert copy.overfit.embedded["model"] == fake.models["models/1"]
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    path = str(tmp_path / "empty.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert [text.name for text in bpy.data.texts if "model" in text] == []


def test_a_fit_keeps_its_field_in_the_file(suzanne, fake):
    bpy.context.scene.overfit.keep_fields = True
    result = result_of(bpy.ops.overfit.fit, fake)
    assert result.overfit.embedded["model"] == fake.models["models/1"]
    assert result.overfit.embedded == suzanne.overfit.embedded and result.overfit.architecture == "a fake network"
    # A second fit's field takes the place of the first one's.
    activate(suzanne)
    second = result_of(bpy.ops.overfit.fit, fake)
    assert second.overfit.embedded == suzanne.overfit.embedded != result.overfit.embedded


def test_remove_from_file(suzanne, fake):
    result = result_of(bpy.ops.overfit.fit, fake)
    embed(result, fake)
    assert bpy.ops.overfit.unembed_model() == {"FINISHED"}
    assert result.overfit.embedded is None and suzanne.overfit.embedded is None and kept_texts() == []
    with pytest.raises(RuntimeError, match="not in the"):
        bpy.ops.overfit.unembed_model()


@pytest.mark.parametrize("damage", ["", "its checksum is 1, that of its content 2"])
def test_a_field_that_is_nowhere_is_said_in_words(suzanne, fake, damage):
    result = result_of(bpy.ops.overfit.fit, fake)
    if damage:
        fake.model_damage = damage
    else:
        fake.models.clear()
    activate(result)
    for operator in (bpy.ops.overfit.extract_mesh, bpy.ops.overfit.extract_volume, bpy.ops.overfit.embed_model):
        job = start(operator, fake)
        assert job.state is state("FAILED")
        assert str(fake.data_dir) in job.message and "fit again" in job.message, job.message
        assert damage in job.message


def test_a_model_that_comes_short(suzanne, fake):
    result = result_of(bpy.ops.overfit.fit, fake)
    activate(result)
    fake.damage = "short"
    job = start(bpy.ops.overfit.embed_model, fake)
    assert job.state is state("FAILED") and "not whole" in job.message and result.overfit.embedded is None


def test_complete_field_keeps_small_models_only(suzanne, fake, monkeypatch):
    result = result_of(bpy.ops.overfit.fit, fake)
    transfer, field = part("jobs.model_transfer"), part("scene.field").Field.of(result)

    def complete(keep: bool):
        task = session().loop.start(transfer.complete_field(session().connection, field, keep))
        pump_until(task.done, fake.pump)
        task.result()

    complete(keep=False)
    assert field.data is None and field.architecture == "a fake network" and field.size_bytes == 1_024_000
    complete(keep=True)
    field.remember_on(result)
    field.remember_on(suzanne)
    assert result.overfit.embedded == suzanne.overfit.embedded and kept_texts() == [result.overfit.embedded]
    monkeypatch.setattr(transfer, "LIMIT_BYTES", 1_023_999)
    complete(keep=True)
    assert field.data is None


class FieldLayout:
    """Remembers the texts of labels and buttons."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def row(self, **_options):
        return self

    column = split = row

    def label(self, text: str) -> None:
        self.drawn.append(text)

    def operator(self, _name: str, text: str, **_options) -> SimpleNamespace:
        self.drawn.append(text)
        return SimpleNamespace()


def shown_figures(obj: bpy.types.Object) -> list[str]:
    """What the panel Field shows of an object: names and values in turn."""
    layout = FieldLayout()
    panel = part("interface.field_panel").OVERFIT_PT_field
    panel.draw(SimpleNamespace(layout=layout), SimpleNamespace(active_object=obj))
    return layout.drawn


def copied_figure(obj: bpy.types.Object, name: str) -> str:
    """What a click on a figure puts on the clipboard, which Blender without a window does not have."""
    window = SimpleNamespace(clipboard="")
    context = SimpleNamespace(active_object=obj, window_manager=window)
    operator = part("interface.figures").OVERFIT_OT_copy_figure
    assert operator.execute(SimpleNamespace(figure=name), context) == {"FINISHED"}
    return window.clipboard


PERCENTAGES = ["Near Error", "0.1 %", "Sign", "98 %", "Uniform Error", "0.2 %", "IoU", "99 %"]


def test_all_figures_are_there_and_explained(suzanne, fake):
    result = result_of(bpy.ops.overfit.fit, fake)
    assert result.overfit.gradient_degrees == pytest.approx(3.14)
    embed(result, fake)
    assert shown_figures(result) == [*PERCENTAGES, "Normals", "3.1°"]
    operator = part("interface.figures").OVERFIT_OT_copy_figure
    for figure in part("interface.figures").FIGURES:
        assert figure.words in operator.description(bpy.context, SimpleNamespace(figure=figure.name))
        assert bpy.ops.overfit.copy_figure(figure=figure.name) == {"FINISHED"}
    assert copied_figure(result, "gradient_degrees") == "Normals: 3.1°"
    assert copied_figure(result, "iou") == "IoU: 99 %"
    assert "Normals turned by: 3.14°" in result.overfit.embedded.as_string()


def test_figures_as_texts():
    percentage, degrees = part("scene.field").percentage, part("scene.field").degrees
    assert percentage(-1.0, 2) == degrees(-1.0, 2) == "unknown"
    assert [degrees(angle, 2) for angle in (0.0, 0.0123, 9.96, 99.6, 123.4)] == ["0°", "0.012°", "10°", "100°", "123°"]


def test_an_older_daemon_does_not_know_the_angle(suzanne, fake):
    fake.gradient_degrees = None
    result = result_of(bpy.ops.overfit.fit, fake)
    embed(result, fake)
    assert shown_figures(result) == PERCENTAGES
    assert copied_figure(result, "gradient_degrees") == "Normals: unknown"
    assert "Normals turned by: unknown" in result.overfit.embedded.as_string()


def test_the_angle_is_kept_with_the_file(suzanne, fake, tmp_path):
    embed(result_of(bpy.ops.overfit.fit, fake), fake)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "angle.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "angle.blend"))
    for name in ("Suzanne", "Suzanne INR"):
        assert shown_figures(bpy.data.objects[name]) == [*PERCENTAGES, "Normals", "3.1°"]


# Models as files.


def test_save_and_load_a_model(ball, other_daemon, tmp_path):
    path = tmp_path / "ball.safetensors"
    activate(ball)
    assert bpy.ops.overfit.save_model(filepath=str(path.with_suffix(""))) == {"FINISHED"}
    job = session().jobs[-1]
    pump_until(lambda: not job.running)
    assert job.state is state("DONE"), job.message
    data = path.read_bytes()
    assert data[8:9] == b"{" and [file.name for file in tmp_path.iterdir() if file.suffix == ".unfinished"] == []
    embed(ball)
    assert bpy.data.objects["Ball"].overfit.embedded["model"] == data
    # In a file of its own, with another daemon.
    bpy.ops.wm.read_homefile(use_empty=True)
    use_daemon(other_daemon.data_dir)
    bpy.context.scene.overfit.resolution = 40
    loaded = result_of(partial(bpy.ops.overfit.load_model, filepath=str(path)))
    assert loaded.name == "Ball" and loaded.matrix_world == Matrix() and bpy.context.active_object == loaded
    assert np.abs(radii(loaded) - 1.0).max() < 0.05
    assert loaded.overfit.is_result and loaded.overfit.embedded["model"] == data and loaded.overfit.near_mae > 0.0
    triangles = len(loaded.data.polygons)
    assert mesh_again(loaded, resolution=20) == loaded and len(loaded.data.polygons) < triangles


def test_an_embedded_model_is_saved_without_a_daemon(suzanne, fake, tmp_path):
    result = result_of(bpy.ops.overfit.fit, fake)
    data = embed(result, fake)
    use_daemon(tmp_path / "no daemon")
    jobs = len(session().jobs)
    assert bpy.ops.overfit.save_model(filepath=str(tmp_path / "a.safetensors")) == {"FINISHED"}
    assert (tmp_path / "a.safetensors").read_bytes() == data and len(session().jobs) == jobs
    with pytest.raises(RuntimeError, match="Cannot write"):
        bpy.ops.overfit.save_model(filepath=str(tmp_path / "nowhere" / "a.safetensors"))


def test_loading_several_files_of_which_one_is_broken(clean, fake, tmp_path):
    (tmp_path / "good.safetensors").write_bytes(b"a model")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    files = [{"name": name} for name in ("good.safetensors", "empty.safetensors", "missing.safetensors")]
    # The fake's meshes are those that it was given.
    fake.metadata = part("api.mesh_pb2").MeshMetadata(vertex_count=3, triangle_count=1)
    fake.uploaded = np.eye(3, dtype="<f4").tobytes() + np.arange(3, dtype="<u4").tobytes()
    job = done(partial(bpy.ops.overfit.load_model, directory=str(tmp_path), files=files), fake)
    assert "'Suzanne'" in job.message
    assert len(job.notes) == 2 and "empty.safetensors: the model is empty" in job.notes[0]
    assert "missing.safetensors" in job.notes[1]
    job = start(partial(bpy.ops.overfit.load_model, filepath=str(tmp_path / "empty.safetensors")), fake)
    assert job.state is state("FAILED") and "the model is empty" in job.message
    with pytest.raises(RuntimeError, match="No file was chosen"):
        bpy.ops.overfit.load_model()


def test_a_file_that_is_no_model_is_refused(clean, daemon, tmp_path):
    path = tmp_path / "noise.safetensors"
    path.write_bytes(bytes(1000))
    job = start(partial(bpy.ops.overfit.load_model, filepath=str(path)))
    assert job.state is state("FAILED") and job.message.startswith("noise.safetensors: "), job.message


def test_dropped_files_are_for_the_load_operator(clean):
    handler = part("interface.model_operators").OVERFIT_FH_model
    assert handler.is_registered and handler.bl_import_operator == "overfit.load_model"
    assert handler.bl_file_extensions == ".safetensors"
