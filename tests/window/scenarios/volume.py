"""The field as a Volume, and a mesh that goes on from it with SDF nodes."""

from collections.abc import Iterator

import bpy
from hand import click
from stage import Stage, addon_module, objects, same_place

from .fit import fitted


def volume(stage: Stage) -> Iterator[float]:
    """SDF Volume adds a Volume in the same place; SDF Nodes a mesh made of it by Blender's own nodes."""
    monkey, result = yield from fitted(stage)
    result.overfit.volume_resolution = 64
    number = stage.last_number()
    yield from click("overfit.extract_volume")
    job = yield from stage.job_after(number)
    yield from stage.ended(job)
    yield 0.5
    stage.picture("1-volume")
    yield from click("overfit.clear_ended")
    yield from stage.panel("volume")
    made = bpy.data.objects[job.result_name]
    made.data.grids.load()
    assert [grid.name for grid in made.data.grids] == ["sdf"], "the volume does not hold the grid 'sdf'"
    assert same_place(made, monkey), "the volume does not stand where the original does"
    if not addon_module("scene.sdf_nodes").has_sdf_nodes():
        stage.figures["SDF nodes"] = "not in this Blender"
        return

    before = objects()
    yield from click("overfit.add_sdf_nodes")
    yield 1.0
    stage.picture("2-sdf-nodes")
    (name,) = objects() - before
    mesh = bpy.data.objects[name].evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    assert len(mesh.polygons) > 1000, f"the nodes made {len(mesh.polygons)} faces"
    assert same_place(bpy.data.objects[name], monkey), "the nodes' mesh does not stand where the original does"
    stage.figures["faces of the SDF nodes"] = f"{len(mesh.polygons):,}"
