"""Large files and meshes go through, with no thread; `make bench-addon` measures here what the slices take."""

import threading
import time
from dataclasses import replace

import bpy
import numpy as np
from conftest import part, pump_until, session


def waves(side: int) -> bpy.types.Object:
    """A sheet of 2 (side - 1)² triangles with a UV map and a material; selected and active."""
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side
    positions = np.stack([columns, rows, 0.05 * np.sin(20.0 * columns) * np.cos(20.0 * rows)], -1).reshape(-1, 3)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + side], 1), np.stack([corner + 1, corner + side + 1, corner + side], 1)]
    ).astype(np.int32)
    transfer = part("scene.mesh_transfer")
    mesh = transfer.build_mesh("Waves", transfer.TriangleMesh(positions, triangles))
    layer = mesh.uv_layers.new(name="Map")
    layer.uv.foreach_set("vector", positions[triangles.ravel(), :2].ravel())
    mesh.materials.append(bpy.data.materials.new("Water"))
    obj = bpy.data.objects.new("Waves", mesh)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    obj.select_set(True)
    bpy.context.scene.overfit.preset = "draft"
    return obj


def test_a_million_triangles_up_and_down(fake, slices):
    """The same mesh comes back, by a daemon that trains nothing."""
    waves(708)
    bpy.context.scene.overfit.carry_attributes = False
    fake.chunk = 1 << 20
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    pump_until(lambda: not job.running, fake.pump)
    assert job.state is part("jobs.job").JobState.DONE, job.message
    assert len(bpy.data.objects[job.result_name].data.polygons) == 999_698
    slices.tell("a million triangles up and down", building=session().longest_transfer)
    assert threading.active_count() == 1


def test_a_file_of_a_hundred_thousand_objects(fake, slices):
    """The list of the daemon's fits looks for those that wait, again and again, and not through all objects."""
    mesh = bpy.data.meshes.new("Leaf")
    for number in range(100_000):
        bpy.data.objects.new(f"Leaf {number:06}", mesh)
    last = bpy.data.objects[-1]
    bpy.context.scene.collection.objects.link(last)
    part("scene.waiting").wait_for(last, "fits/forgotten", bpy.context.scene)
    look = session().loop.start(session().fit_list.look())
    pump_until(look.done, fake.pump)
    (left,) = session().fit_list.left
    assert (left.name, left.display_name, left.here) == ("fits/forgotten", last.name, True)
    slices.tell("a hundred thousand objects")
    bpy.data.batch_remove(list(bpy.data.objects))  # one by one it would take minutes


def test_a_million_triangles_with_preview_and_attributes(clean, daemon, by_steps, slices, monkeypatch):
    """The whole way with the real daemon: upload, live preview, mesh, UV map and material carried, heat map."""
    by_steps(10**9)
    operator, order = part("interface.fit_operators").OVERFIT_OT_fit, part("jobs.fit_order").FitOrder
    with_preview = lambda self, context: replace(order.of(context.scene.overfit), preview_resolution=64)  # noqa: E731
    monkeypatch.setattr(operator, "_order", with_preview)
    sheet = waves(708)
    bpy.context.scene.overfit.carry_attributes, bpy.context.scene.overfit.resolution = True, 256
    started = time.thread_time()
    bpy.ops.overfit.fit()
    pressed = time.thread_time() - started
    (job,) = session().jobs
    previews = set()
    pump_until(lambda: previews.add(job.preview and job.preview.step) or len(previews) > 3)
    bpy.ops.overfit.finish_now()
    pump_until(lambda: not job.running)
    assert job.state is part("jobs.job").JobState.DONE, job.message
    result = bpy.data.objects[job.result_name]
    assert result.data.uv_layers and result.material_slots[0].material.name == "Water"
    assert bpy.ops.overfit.show_error() == {"FINISHED"} and sheet.hide_get()
    error = session().jobs[-1]
    pump_until(lambda: not error.running)
    assert error.state is part("jobs.job").JobState.DONE, error.message
    slices.tell(
        f"{len(sheet.data.polygons):,} triangles, live preview, attributes",
        reading=pressed,
        building=session().longest_transfer,
    )
    assert set(job.seconds) == {"progress", "preview", "result"}
