"""The way of a user, against the real daemon: a mesh goes out, a mesh and a volume come back in its place."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import bpy
import pytest
from conftest import RealDaemon, part, pump_until, session, use_daemon
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree


def state(name: str):
    return part("jobs.job").JobState[name]


def run_to_end(operator):
    """Runs an operator that starts a job and waits for its end; returns the job, which has succeeded."""
    assert operator() == {"FINISHED"}
    job = session().jobs[-1]
    pump_until(lambda: not job.running)
    assert job.state is state("DONE"), job.message
    return job


def fit() -> bpy.types.Object:
    return bpy.data.objects[run_to_end(bpy.ops.overfit.fit).result_name]


def wait_for_training(job) -> None:
    pump_until(lambda: len(job.losses) > 1 or not job.running)
    assert job.running, job.message


def size(obj: bpy.types.Object) -> float:
    """The longest side in object space."""
    corners = [tuple(corner) for corner in obj.bound_box]
    return max(max(c[i] for c in corners) - min(c[i] for c in corners) for i in range(3))


def distances(one: bpy.types.Object, other: bpy.types.Object) -> list[float]:
    """Distances in the world from each vertex of one, evaluated, to the other's surface."""
    graph = bpy.context.evaluated_depsgraph_get()
    meshes = []
    for obj in (one, other):
        mesh = obj.evaluated_get(graph).to_mesh()
        vertices = [obj.matrix_world @ vertex.co for vertex in mesh.vertices]
        meshes.append((vertices, [tuple(polygon.vertices) for polygon in mesh.polygons]))
    tree = BVHTree.FromPolygons(*meshes[1])
    return [tree.find_nearest(vertex)[3] for vertex in meshes[0][0]]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def closed_original() -> bpy.types.Object:
    """A smooth closed shape, moved, turned and scaled, with a modifier."""
    bpy.ops.mesh.primitive_torus_add(location=(30.0, -20.0, 10.0), rotation=(0.5, 0.4, -1.1))
    torus = bpy.context.active_object
    torus.scale = (2.5, 2.5, 2.5)
    torus.modifiers.new("Subdivision", "SUBSURF").levels = 1
    bpy.context.view_layer.update()
    return torus


def test_suzanne_comes_back_in_her_place(suzanne, daemon):
    result = fit()
    job = session().jobs[-1]
    assert result.matrix_world == suzanne.matrix_world
    assert result.name == "Suzanne INR" and bpy.context.active_object == result and suzanne.hide_get()
    assert result.overfit.model.startswith("models/") and suzanne.overfit.model == result.overfit.model
    suzanne.hide_set(False)
    scale = size(suzanne) * 1.7
    error = mean(distances(result, suzanne)) / scale
    print(f"\n{job.message}; mesh to mesh {error:.2e} of the size")
    # A mesh has its field's error and its own: it is flat within a cell of 1/96 of the size.
    assert error < result.overfit.near_mae + 0.25 / 96
    assert 0.0 < result.overfit.near_mae < 0.01
    assert all(0.0 < loss < 0.01 for loss in job.losses)
    # Suzanne is open at the eyes: the daemon says so.
    assert any("open" in note or "watertight" in note or "boundary" in note for note in job.notes), job.notes


def test_closed_shape_is_covered_both_ways(clean, daemon):
    original = closed_original()
    settings = bpy.context.scene.overfit
    settings.preset, settings.limit, settings.resolution = "draft", "PRESET", 96
    result = fit()
    scale = size(original) * 2.5
    there, back = distances(result, original), distances(original, result)
    assert max(mean(there), mean(back)) / scale < result.overfit.near_mae + 0.25 / 96
    assert max(there) / scale < 0.05  # no stray islands, nothing in another place
    assert result.overfit.iou > 0.9 and 0.0 < result.overfit.gradient_degrees < 30.0


def test_from_edit_mode_with_unsaved_edits(suzanne, daemon):
    suzanne.modifiers.clear()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.transform.resize(value=(3.0, 3.0, 3.0))  # only the edit mesh knows
    result = fit()
    assert suzanne.mode == "EDIT"
    assert size(result) == pytest.approx(3.0 * 2.734, rel=0.05)
    bpy.ops.object.mode_set(mode="OBJECT")


def test_volume_stands_in_the_place(suzanne, daemon, tmp_path):
    fit()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    for number, name in ((1, "Suzanne_INR_SDF.vdb"), (2, "Suzanne_INR_SDF_2.vdb")):
        bpy.context.view_layer.objects.active = bpy.data.objects["Suzanne INR"]
        job = run_to_end(partial(bpy.ops.overfit.extract_volume, resolution=64))
        volume = bpy.data.objects[job.result_name]
        assert volume.type == "VOLUME" and volume.matrix_world == bpy.data.objects["Suzanne"].matrix_world
        assert volume.data.filepath == f"//overfit/{name}"
        assert volume.data.grids.load() and [grid.name for grid in volume.data.grids] == ["sdf"]
        assert volume.data.grids[0].data_type == "FLOAT"
        assert len(bpy.data.volumes) == number
    assert sorted(path.name for path in (tmp_path / "overfit").iterdir()) == sorted(
        ["Suzanne_INR_SDF.vdb", "Suzanne_INR_SDF_2.vdb"]
    )
    # The grid's voxels are in the mesh's own units: the longest side over the resolution.
    voxel, side = volume.data.grids[0].matrix_object.to_scale(), size(bpy.data.objects["Suzanne"])
    assert voxel.x == pytest.approx(voxel.y) and voxel.x == pytest.approx(side / 64, rel=0.2)
    # Blender's own modifier makes the surface again, where the original is.
    mesher = bpy.data.objects.new("Mesher", bpy.data.meshes.new("Mesher"))
    bpy.context.scene.collection.objects.link(mesher)
    mesher.matrix_world = volume.matrix_world
    modifier = mesher.modifiers.new("Volume to Mesh", "VOLUME_TO_MESH")
    modifier.object, modifier.grid_name, modifier.threshold = volume, "sdf", 0.0
    bpy.context.view_layer.update()
    assert mean(distances(mesher, bpy.data.objects["Suzanne"])) / (size(bpy.data.objects["Suzanne"]) * 1.7) < 0.01
    # Half a voxel is too little for a distance to show: the middles of both surfaces of this field show it.
    apart = middle(mesher) - middle(bpy.data.objects["Suzanne INR"])
    assert apart.length < voxel.x / 4


def middle(item: bpy.types.Object) -> Vector:
    """The middle of the box around what an object looks like, in its own space."""
    evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    vertices = [vertex.co.copy() for vertex in evaluated.to_mesh().vertices]
    evaluated.to_mesh_clear()
    ends = [[limit(vertex[axis] for vertex in vertices) for axis in range(3)] for limit in (min, max)]
    return (Vector(ends[0]) + Vector(ends[1])) / 2


def test_volume_of_an_unsaved_file_outlives_the_session(suzanne, daemon):
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.mesh.primitive_uv_sphere_add()
    settings = bpy.context.scene.overfit
    settings.preset, settings.limit = "draft", "PRESET"
    fit()
    job = run_to_end(partial(bpy.ops.overfit.extract_volume, resolution=32))
    path = Path(bpy.data.objects[job.result_name].data.filepath)
    assert path.is_absolute() and path.exists() and not path.is_relative_to(bpy.app.tempdir)


def test_mesh_again_at_another_resolution(suzanne, daemon):
    first = fit()
    triangles = len(first.data.polygons)
    first.overfit.resolution = 32
    second = bpy.data.objects[run_to_end(partial(bpy.ops.overfit.extract_mesh, mode="NEW")).result_name]
    assert first != second and len(first.data.polygons) == triangles
    assert 4 * len(second.data.polygons) < len(first.data.polygons)
    assert second.matrix_world == first.matrix_world


def test_absurd_resolution_is_refused_in_words(suzanne, daemon):
    fit()
    bpy.ops.overfit.extract_volume(resolution=4096, band=1000.0)
    job = session().jobs[-1]
    pump_until(lambda: not job.running)
    assert job.state is state("FAILED") and "would take" in job.message, job.message


def test_two_fits_at_once(suzanne, daemon):
    bpy.ops.overfit.fit()
    torus = closed_original()
    bpy.ops.overfit.fit()
    jobs = session().jobs[-2:]
    pump_until(lambda: not any(job.running for job in jobs))
    assert [job.state for job in jobs] == [state("DONE")] * 2, [job.message for job in jobs]
    assert bpy.data.objects["Suzanne INR"].matrix_world == suzanne.matrix_world
    assert bpy.data.objects["Torus INR"].matrix_world == torus.matrix_world


def test_cancel_ends_a_fit_here_at_once_and_there_for_good(suzanne, daemon, by_steps):
    by_steps(10**9)  # neither ends by itself
    bpy.ops.overfit.fit()
    job = session().jobs[-1]
    wait_for_training(job)
    bpy.ops.overfit.cancel()
    assert job.state is state("CANCELLED")
    # Its part of the daemon is free again: the next fit is not kept waiting.
    bpy.ops.overfit.fit()
    wait_for_training(session().jobs[-1])
    bpy.ops.overfit.cancel()
    pump_until(session().jobs[-1]._task.done)


@pytest.fixture
def own(suzanne, by_steps, tmp_path) -> Iterator[RealDaemon]:
    """A daemon that a test may end, connected; fits do not end by themselves."""
    if "OVERFIT_BINARY" not in os.environ:
        pytest.skip("OVERFIT_BINARY is not set")
    own = RealDaemon(tmp_path / "own")
    use_daemon(own.data_dir)
    by_steps(10**9)
    yield own
    own.kill()


def state_of(fit: str) -> int:
    """How a fit stands in the daemon."""
    ask = session().connection.fits.GetFit(part("api.fit_pb2").GetFitRequest(name=fit))
    task = session().loop.start(ask)
    pump_until(task.done)
    return task.result().fit.state


@pytest.mark.parametrize("gone", ["kill", "stop"])
def test_a_fit_outlives_its_daemon_without_a_click(suzanne, own, gone):
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    wait_for_training(job)
    name = job.fit_name
    getattr(own, gone)()
    pump_until(lambda: job.step == "Waiting for the daemon")
    assert job.running and not job.training
    own.start()
    pump_until(lambda: job.training and job.progress.step > 0)
    bpy.ops.overfit.finish_now()
    pump_until(lambda: not job.running)
    assert job.state is state("DONE") and job.fit_name == name, job.message
    assert sorted(obj.name for obj in bpy.data.objects) == ["Suzanne", "Suzanne INR"]


def test_a_cancel_reaches_a_daemon_that_was_away(suzanne, own):
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    wait_for_training(job)
    own.kill()
    pump_until(lambda: job.step == "Waiting for the daemon")
    bpy.ops.overfit.cancel()
    pump_until(job._task.done)
    assert not list(part("scene.waiting").waiting_objects())
    own.start()
    ready = part("client.connection").ConnectionState.READY
    pump_until(lambda: session().connection.state is ready)
    cancelled = part("api.fit_pb2").FIT_STATE_CANCELLED
    pump_until(lambda: state_of(job.fit_name) == cancelled)


def test_a_fit_takes_the_place_of_the_one_before(suzanne, own, by_steps):
    """Of an earlier session of Blender, which nobody follows any more: it would keep the new one waiting."""
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    wait_for_training(job)
    session().let_go()
    by_steps(100)
    fit()
    assert state_of(job.fit_name) == part("api.fit_pb2").FIT_STATE_CANCELLED


def test_wrong_token(suzanne, shared_daemon, tmp_path):
    right = (shared_daemon.data_dir / "daemon.json").read_text()
    token = part("client.daemon_file").read_daemon_file(shared_daemon.data_dir).token
    (tmp_path / "daemon.json").write_text(right.replace(token, "0" * len(token)))
    use_daemon(tmp_path)
    assert "token" in session().connection.message


def test_far_and_large(clean, daemon):
    """A large mesh far from its origin and the world's comes back to the same place."""
    original = closed_original()
    original.data.transform(Matrix.Translation((1e4, 0.0, -1e4)) @ Matrix.Scale(1000.0, 4))
    original.modifiers.clear()
    bpy.context.view_layer.update()
    settings = bpy.context.scene.overfit
    settings.preset, settings.limit, settings.resolution = "draft", "PRESET", 96
    result = fit()
    assert mean(distances(result, original)) / (size(original) * 2.5) < result.overfit.near_mae + 0.25 / 96


def dressed(obj: bpy.types.Object) -> None:
    """Gives an object a UV map, two materials, a colour attribute and a vertex group."""
    mesh = obj.data
    mesh.uv_layers.new(name="Map")
    for name in ("Red", "Blue"):
        mesh.materials.append(bpy.data.materials.new(name))
    for polygon in mesh.polygons:
        polygon.material_index = int(polygon.center.z > 0.0)
    mesh.color_attributes.new("Paint", "FLOAT_COLOR", "POINT")
    for vertex, color in zip(mesh.vertices, mesh.color_attributes["Paint"].data, strict=True):
        color.color = (vertex.co.x + 2.0, 0.0, 0.0, 1.0)
    group = obj.vertex_groups.new(name="Height")
    for vertex in mesh.vertices:
        group.add([vertex.index], 0.25 + 0.25 * vertex.co.z, "REPLACE")


def looks_dressed(result: bpy.types.Object) -> None:
    """Asserts that the result carries what the original did."""
    mesh = result.data
    assert [slot.material.name for slot in result.material_slots] == ["Red", "Blue"]
    for polygon in mesh.polygons:
        if abs(polygon.center.z) > 0.3:  # the original's faces are large
            assert polygon.material_index == int(polygon.center.z > 0.0)
    assert [layer.name for layer in mesh.uv_layers] == ["UVMap", "Map"]
    colors = mesh.color_attributes["Paint"].data
    errors = [abs(color.color[0] - v.co.x - 2.0) for color, v in zip(colors, mesh.vertices, strict=True)]
    # Subdivision rounds the shape and interpolates the colours: the two no longer match exactly.
    assert mean(errors) < 0.02 and max(errors) < 0.2
    weights = [abs(vertex.groups[0].weight - 0.25 - 0.25 * vertex.co.z) for vertex in mesh.vertices]
    assert result.vertex_groups[0].name == "Height" and mean(weights) < 0.01


def test_materials_uvs_colours_and_groups_come_along(suzanne, daemon):
    dressed(suzanne)
    result = fit()
    looks_dressed(result)
    # Meshed again in place it has them again, from an original that is hidden by now.
    assert suzanne.hide_get() and bpy.context.active_object == result
    run_to_end(partial(bpy.ops.overfit.extract_mesh, resolution=64))
    looks_dressed(result)
    bpy.context.scene.overfit.carry_attributes = False
    suzanne.hide_set(False)
    bpy.context.view_layer.objects.active = suzanne
    suzanne.select_set(True)
    result.select_set(False)
    bare = fit()
    assert not bare.material_slots and not bare.data.uv_layers and not bare.vertex_groups


def test_a_fit_that_is_picked_up_comes_dressed(suzanne, daemon):
    dressed(suzanne)
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    wait_for_training(job)
    session().let_go()
    assert list(part("scene.waiting").waiting_objects()) == [(suzanne, job.fit_name)]
    assert bpy.ops.overfit.pick_up(fit=job.fit_name, wait=True) == {"FINISHED"}
    looks_dressed(bpy.data.objects["Suzanne INR"])
