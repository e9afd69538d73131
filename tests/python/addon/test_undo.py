"""Undo and redo, after a fit and in the middle of one."""

import bpy
import pytest
from conftest import part, pump_until, session


def step(words: str) -> None:
    """What Blender does after an operator of the user."""
    bpy.ops.ed.undo_push(message=words)


def names() -> list[str]:
    return sorted(obj.name for obj in bpy.data.objects)


def finished(job, fake) -> bpy.types.Object:
    pump_until(lambda: not job.running, fake.pump)
    assert job.state is part("jobs.job").JobState.DONE, job.message
    return bpy.data.objects[job.result_name]


def test_a_fit_is_one_step(suzanne, fake):
    step("Before")
    bpy.ops.overfit.fit()
    finished(session().jobs[-1], fake)
    assert names() == ["Suzanne", "Suzanne INR"] and bpy.data.objects["Suzanne"].hide_get()
    bpy.ops.ed.undo()
    suzanne = bpy.data.objects["Suzanne"]
    assert names() == ["Suzanne"] and not suzanne.hide_get() and suzanne.select_get()
    assert suzanne.overfit.model == "" and len(bpy.data.meshes) == 1
    bpy.ops.ed.redo()
    assert names() == ["Suzanne", "Suzanne INR"] and bpy.data.objects["Suzanne INR"].overfit.model == "models/1"


def test_undo_and_redo_in_a_fit(suzanne, fake):
    """The fit knows no pointers: undo gives every object another address."""
    fake.messages, fake.pause = 60, 0.02
    step("Before")
    suzanne.location.x += 5.0
    step("Move")
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    pump_until(lambda: job.step == "Training", fake.pump)
    bpy.ops.ed.undo()
    pump_until(lambda: len(job.losses) > 5, fake.pump)
    assert bpy.data.objects["Suzanne"].location.x == pytest.approx(3.0)
    bpy.ops.ed.redo()
    bpy.ops.ed.undo()
    assert job.running
    result = finished(job, fake)
    # Where the original is by then.
    assert result.location.x == pytest.approx(3.0) and result.overfit.original == bpy.data.objects["Suzanne"]


def test_undo_that_takes_the_object_itself(clean, fake):
    fake.messages, fake.pause = 60, 0.02
    step("Empty")
    bpy.ops.mesh.primitive_monkey_add(location=(1.0, 2.0, 3.0))
    step("Add")
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    pump_until(lambda: job.step == "Training", fake.pump)
    bpy.ops.ed.undo()
    assert names() == []
    assert job.running
    assert tuple(finished(job, fake).location) == (1.0, 2.0, 3.0)


def test_re_mesh_is_one_step(suzanne, fake):
    bpy.ops.overfit.fit()
    result = finished(session().jobs[-1], fake)
    before = len(result.data.polygons)
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.active_object.data
    bpy.data.objects.remove(bpy.context.active_object)
    bpy.context.view_layer.objects.active = result
    result.select_set(True)
    step("Before")
    fake.surface = part("scene.mesh_transfer").read_mesh(cube)
    bpy.ops.overfit.extract_mesh(resolution=32)
    finished(session().jobs[-1], fake)
    assert len(bpy.data.objects["Suzanne INR"].data.polygons) == 12
    bpy.ops.ed.undo()
    assert len(bpy.data.objects["Suzanne INR"].data.polygons) == before
