"""What a scenario works with: a clean file with the sidebar open, the extension's session, and waits that end."""

import importlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import pictures
from hand import click, move_over, region_of, scroll_up, view
from mathutils import Vector
from mathutils.bvhtree import BVHTree

PACKAGE = "bl_ext.user_default.overfit"
START = time.monotonic()
PATIENCE = 600.0
"""Seconds after which a scenario gives up: something hangs. How fast a machine is decides none."""
LONG = 36000.0
"""Seconds of a fit that a scenario ends itself."""
TRAINING_SECONDS = 4.0
DISTANCE, SIDEWAYS = 0.9, 0.12
"""How far the viewer is from what is looked at, and how much of that lies to the left, as shares of its size."""


def log(*words: object) -> None:
    """A line in Blender's log."""
    print(f"[window {time.monotonic() - START:5.1f}]", *words, flush=True)


def addon_module(name: str):
    """A module of the extension, such as `jobs.job`."""
    return importlib.import_module(f"{PACKAGE}.{name}")


def until(condition: Callable[[], object], what: str, every: float = 0.05) -> Iterator[float]:
    """Waits until something holds; gives up only when it seems to hang."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE:.0f} s"
        yield every


class Stage:
    """One scenario's surroundings, and what it writes down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.figures: dict[str, object] = {}
        """What was measured: goes into the table."""
        self.pictures: list[str] = []
        self.addon = addon_module("session").current()

    def picture(self, words: str) -> None:
        """Takes a picture of the screen."""
        self.pictures.append(pictures.picture(f"{self.name}-{words}"))

    def panel(self, name: str) -> Iterator[float]:
        """Takes a picture of the sidebar from its top, for the documentation."""
        yield from scroll_up()
        yield from move_over("VIEW_3D")
        yield from self.settled()
        self.pictures.append(pictures.panel_picture(name))

    def settled(self) -> Iterator[float]:
        """Lets panels come to rest: Blender moves those below one that has grown bit by bit."""
        for _ in range(10):
            view()[1].tag_redraw()
            yield 0.05

    def view_picture(self, name: str) -> None:
        """Takes a picture of the 3D view, for the documentation."""
        self.pictures.append(pictures.view_picture(name))

    def prepare(self) -> Iterator[float]:
        """Loads a clean file, opens the sidebar, and waits for a daemon without fits."""
        bpy.ops.wm.read_homefile(use_factory_startup=True)
        yield 0.3
        for item in list(bpy.data.objects):
            bpy.data.objects.remove(item)
        settings = bpy.context.scene.overfit
        settings.preset, settings.limit, settings.seconds = "draft", "TIME", TRAINING_SECONDS
        settings.resolution = 96
        self.addon.jobs.clear()
        yield from self.open_sidebar()
        yield from self.start_daemon()
        yield from self.ask(self.addon.fit_list.look())
        for fit in list(self.addon.fit_list.left):
            self.addon.fit_list.cancel(fit.name)
        yield from until(lambda: not self.addon.fit_list.left, "a daemon without fits")

    def start_daemon(self) -> Iterator[float]:
        """Starts a daemon as a user does, unless there is one."""
        connection = self.addon.connection
        yield from until(lambda: connection.state.name in ("READY", "FAILED"), "a look for the daemon")
        if connection.state.name == "FAILED":
            yield from click("overfit.start_daemon")
            yield from until(lambda: connection.state.name == "READY", "a daemon after Start Daemon")

    def open_sidebar(self) -> Iterator[float]:
        """Shows the tab Overfit."""
        yield 0.3  # a file that was just loaded has a window only in the next round of Blender's loop
        area = view()[1]
        area.spaces.active.show_region_ui = True
        # A region gets its tabs when it is drawn for the first time.
        for _ in range(100):
            yield 0.05
            try:
                view()[2].active_panel_category = "Overfit"
            except (TypeError, AttributeError):
                continue
            if view()[2].active_panel_category == "Overfit":
                break
        else:
            raise AssertionError("the sidebar has no tab Overfit")
        area.tag_redraw()
        yield 0.3

    def add_suzanne(self, scale: tuple[float, float, float] = (1.5, 1.5, 1.5)) -> bpy.types.Object:
        """A Suzanne with a material, turned and scaled, selected and in view."""
        bpy.ops.mesh.primitive_monkey_add(location=(0.4, -0.3, 0.2), rotation=(0.1, 0.1, 1.0))
        monkey = bpy.context.object
        monkey.scale = scale
        monkey.modifiers.new("Subdivision", "SUBSURF").levels = 1
        monkey.data.materials.append(bpy.data.materials.new("Fur"))
        self.look_at_selected()
        return monkey

    def look_at_selected(self) -> None:
        """Brings what is selected into the part of the view that the sidebar leaves free, and keeps an undo step."""
        window, area, _sidebar = view()
        bpy.context.view_layer.update()
        corners = [item.matrix_world @ Vector(corner) for item in selected() for corner in item.bound_box]
        low, high = (Vector(map(end, *corners)) for end in (min, max))
        shown = area.spaces.active.region_3d
        to_the_right = shown.view_rotation @ Vector((1.0, 0.0, 0.0))
        size = (high - low).length
        shown.view_location = (low + high) / 2.0 + SIDEWAYS * size * to_the_right
        shown.view_distance = DISTANCE * size
        with bpy.context.temp_override(window=window, area=area, region=region_of(area, "WINDOW")):
            bpy.ops.ed.undo_push(message="Scene")

    def newest(self):
        """The newest job."""
        return self.addon.jobs[-1]

    def job_after(self, known: int) -> Iterator[float]:
        """Waits for a job with a higher number than `known`; returns it."""
        yield from until(lambda: self.addon.jobs and self.newest().id > known, "a job")
        return self.newest()

    def last_number(self) -> int:
        """The newest job's number; 0 if there is none."""
        return self.addon.jobs[-1].id if self.addon.jobs else 0

    def ended(self, job) -> Iterator[float]:
        """Waits until a job is done; fails with its words if it ends otherwise."""
        yield from until(lambda: not job.running, f"the end of '{job.title}'")
        assert job.state.name == "DONE", f"'{job.title}' ended {job.state.name}: {job.message}"
        yield 0.3

    def training(self, job) -> Iterator[float]:
        """Waits until a fit trains."""
        yield from until(lambda: job.training and job.fraction > 0.0, f"training of '{job.title}'")

    def listening(self) -> Iterator[float]:
        """Waits until an operator of the extension waits for ESC."""
        tools = bpy.context.window.modal_operators
        yield from until(
            lambda: any(tool.bl_idname.startswith("OVERFIT") for tool in tools), "an operator that waits for ESC"
        )

    def ask(self, coroutine) -> Iterator[float]:
        """Waits for the answer of a call to the daemon."""
        task = self.addon.loop.start(coroutine)
        yield from until(task.done, "the daemon's answer")
        return task.result()

    def fit_state(self, name: str) -> Iterator[float]:
        """The state of a fit in the daemon, such as `FIT_STATE_CANCELLED`."""
        api = addon_module("api.fit_pb2")
        reply = yield from self.ask(self.addon.connection.fits.GetFit(api.GetFitRequest(name=name)))
        return api.FitState.Name(reply.fit.state)


def daemon_pid() -> int:
    """The process of the daemon that clients find."""
    return json.loads(Path(os.environ["OVERFIT_DATA_DIR"], "daemon.json").read_text())["pid"]


def selected() -> list[bpy.types.Object]:
    """The objects that are selected."""
    return [item for item in bpy.context.view_layer.objects if item.select_get()]


def objects(kind: str = "MESH") -> set[str]:
    """The names of the file's objects of a kind."""
    return {item.name for item in bpy.data.objects if item.type == kind}


def surface_of(item: bpy.types.Object) -> tuple[list, list]:
    """An object's vertices in the world and its faces, modifiers applied. Hidden objects do not have theirs applied."""
    mesh = item.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    return [item.matrix_world @ vertex.co for vertex in mesh.vertices], [tuple(f.vertices) for f in mesh.polygons]


def mean_distance(vertices: list, surface: tuple[list, list]) -> float:
    """Mean distance of points to a surface."""
    tree = BVHTree.FromPolygons(*surface)
    return sum(tree.find_nearest(vertex)[3] for vertex in vertices) / len(vertices)


def same_place(one: bpy.types.Object, other: bpy.types.Object) -> bool:
    """Whether two objects have one transform."""
    rows = zip(one.matrix_world, other.matrix_world, strict=True)
    return all((row - twin).length < 1e-5 for row, twin in rows)
