"""Points without faces."""

from collections.abc import Iterator

import bpy
from hand import click, move_over
from stage import Stage, mean_distance, surface_of


def scan(stage: Stage) -> Iterator[float]:
    """A Suzanne's vertices alone are fitted as a scan is; the panel has a row for its noise, and says what was done."""
    monkey = stage.add_suzanne()
    monkey.modifiers.new("Smooth", "SUBSURF").levels = 2
    bpy.ops.object.convert(target="MESH")
    original, size = surface_of(monkey), max(monkey.dimensions)
    places = [tuple(vertex.co) for vertex in monkey.data.vertices]
    monkey.data.clear_geometry()
    monkey.data.from_pydata(places, [], [])
    yield 0.5
    stage.picture("1-before")
    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from move_over("VIEW_3D")
    yield from stage.ended(job)
    yield from stage.settled()
    stage.picture("2-result")
    result = bpy.data.objects[job.result_name]
    error = mean_distance(surface_of(result)[0], original) / size
    assert error < 0.01, f"the result is {100 * error:.2f} % of the size away from what was scanned"
    assert any(f"put through {len(places)} points" in note for note in job.notes), job.notes
    stage.figures["error of the scan"] = f"{100 * error:.3f} %"
