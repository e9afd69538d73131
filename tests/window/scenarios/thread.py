"""How long the extension holds Blender's main thread, for a mesh of a million triangles with a live preview."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from hand import click, move_over
from stage import PATIENCE, Stage, addon_module, log, until

TRAINING_SECONDS = 30.0


@dataclass
class Longest:
    """The longest steps of a kind, in seconds."""

    wall: float = 0.0
    """By the clock."""
    own: float = 0.0
    """By the clock, but for the time in which Linux gave the processor to somebody else."""
    processor: float = 0.0


class Watch:
    """Measures what the extension does on the main thread, by what it does."""

    def __init__(self, addon) -> None:
        self.longest: dict[str, Longest] = {}
        self.first_drawn = 0.0
        """When the first preview went to the graphics card, by the monotonic clock; 0 before."""
        self._addon, self._undo = addon, []
        self._around(addon.loop, "run_for", self._doing)
        self._around(addon, "finish", lambda *_: "building the result")
        operators = addon_module("interface.fit_operators")
        self._around(operators.OVERFIT_OT_fit, "make_jobs", lambda *_: "reading the mesh")
        drawing = addon_module("interface.preview_drawing")
        self._around(drawing, "to_card", lambda *_: "handing a preview to the graphics card")

    def end(self) -> None:
        """Takes the measuring away again."""
        for owner, name, original in self._undo:
            setattr(owner, name, original)

    def _around(self, owner, name: str, what: Callable[..., str]) -> None:
        original = getattr(owner, name)

        def timed(*arguments):
            doing, waited, processor, wall = what(*arguments), turn_awaited(), time.thread_time(), time.perf_counter()
            before = self._preview()
            outcome = original(*arguments)
            wall, processor, waited = (
                time.perf_counter() - wall,
                time.thread_time() - processor,
                turn_awaited() - waited,
            )
            if name == "to_card" and not self.first_drawn:
                self.first_drawn = time.monotonic()
            if name == "run_for" and self._preview() is not before:
                doing = "receiving a preview"
            kept = self.longest.setdefault(doing, Longest())
            kept.wall, kept.processor = max(kept.wall, wall), max(kept.processor, processor)
            kept.own = max(kept.own, wall - waited)
            return outcome

        self._undo.append((owner, name, original))
        setattr(owner, name, timed)

    def _doing(self, *_arguments) -> str:
        fits = self._addon.fits()
        return fits[-1].step.lower() if fits else "no fit"

    def _preview(self) -> object:
        fits = self._addon.fits()
        return fits[-1].preview if fits else None


def turn_awaited() -> float:
    """How long this thread has waited for its turn on a processor since it began, in seconds; 0 where nobody counts."""
    counted = Path("/proc/thread-self/schedstat")
    return int(counted.read_text().split()[1]) / 1e9 if counted.exists() else 0.0


def add_million() -> bpy.types.Object:
    """A bumpy ring of half a million quads, closed, with a UV map and a material. Blender's own ones take a minute."""
    around, across = np.meshgrid(np.arange(1000), np.arange(500), indexing="ij")
    u, v = 2.0 * np.pi * around / 1000, 2.0 * np.pi * across / 500
    thickness = 0.4 + 0.03 * np.sin(9.0 * u) * np.sin(5.0 * v)
    distance = 1.0 + thickness * np.cos(v)
    points = np.stack([distance * np.cos(u), distance * np.sin(u), thickness * np.sin(v)], axis=-1)
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    quads = np.stack([(around + i) % 1000 * 500 + (across + j) % 500 for i, j in corners], axis=-1)
    places = np.stack([np.stack([(around + i) / 1000, (across + j) / 500], axis=-1) for i, j in corners], axis=-2)

    mesh = bpy.data.meshes.new("Ring")
    mesh.vertices.add(points.size // 3)
    mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
    mesh.loops.add(quads.size)
    mesh.loops.foreach_set("vertex_index", quads.astype(np.int32).ravel())
    mesh.polygons.add(quads.size // 4)
    mesh.polygons.foreach_set("loop_start", np.arange(0, quads.size, 4, dtype=np.int32))
    mesh.uv_layers.new(name="UVMap").uv.foreach_set("vector", places.astype(np.float32).ravel())
    mesh.materials.append(bpy.data.materials.new("Skin"))
    mesh.shade_smooth()
    mesh.update(calc_edges=True)
    ring = bpy.data.objects.new("Ring", mesh)
    bpy.context.scene.collection.objects.link(ring)
    bpy.context.view_layer.objects.active = ring
    ring.select_set(True)
    return ring


def main_thread(stage: Stage) -> Iterator[float]:
    """Measures every slice of the work, and reading and building the mesh: figures, of which none is asserted."""
    ring = add_million()
    ring.data.calc_loop_triangles()
    assert len(ring.data.loop_triangles) == 1_000_000
    assert stage.addon.daemon.alive, "the daemon is not the one that Blender started"
    settings = bpy.context.scene.overfit
    settings.seconds, settings.resolution = TRAINING_SECONDS, 256
    stage.look_at_selected()
    yield 1.0
    watch = Watch(stage.addon)
    try:
        clicked = yield from click("overfit.fit")
        job = yield from stage.job_after(0)
        yield from move_over("VIEW_3D")
        first: dict[str, float] = {}
        step = ""
        rest = longest_without = 0.0
        while job.running:
            now = time.monotonic()
            if job.step != step:
                log(step := job.step)
            assert now < clicked + PATIENCE, f"the fit did not end: {job.step}"
            if job.progress and "progress" not in first:
                first["progress"] = now - clicked
            if watch.first_drawn and "preview" not in first:
                first["preview"] = watch.first_drawn - clicked
                yield 0.5  # until it is on the screen
                stage.picture("first-preview")
            if not any(tool.bl_idname.startswith("OVERFIT") for tool in bpy.context.window.modal_operators):
                rest = now
            if rest:
                longest_without = max(longest_without, now - rest)
            yield 0.02
    finally:
        watch.end()
    yield from until(lambda: job.state.name == "DONE", f"a result: {job.message}")
    stage.figures["first result"] = f"{time.monotonic() - clicked:.2f} s"
    yield 1.0
    stage.picture("result")
    stage.figures |= {f"first {what}": f"{seconds:.2f} s" for what, seconds in first.items()}
    stage.figures["longest without autosave"] = f"{longest_without:.1f} s"
    for what, steps in watch.longest.items():
        wall, own, processor = (f"{1000.0 * seconds:.1f}" for seconds in (steps.wall, steps.own, steps.processor))
        log(f"{what}: {wall} ms, {own} ms without others' turns, {processor} ms of the processor")
        stage.figures[what] = f"{wall} ms ({own})"
    assert "preview" in first, "no preview came"
