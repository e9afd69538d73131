"""Runs inside Blender: does with the mouse what a user does, and writes down what came of it.

The mouse is moved and clicked by xdotool, so the events come from the X server as a hand's would. Buttons are found by
moving over the panel and asking Blender which operator lies under the mouse; no coordinate is fixed.
"""

import importlib
import json
import subprocess
import time
import traceback
from pathlib import Path

import bpy
from mathutils.bvhtree import BVHTree

WORK = Path("/mnt")
START = time.monotonic()
TRAINING_SECONDS = 15.0
"""The window is drawn by the same processor, so a fit takes longer here."""
FIT_SECONDS = 240.0
"""How long a fit may take, all in all."""


def log(*words):
    print(f"[window {time.monotonic() - START:5.1f}]", *words, flush=True)


def view():
    """The window, and the 3D view's area and its sidebar."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "UI")


def picture(name: str) -> None:
    """Takes a picture of the whole screen: Blender's own screenshot is black without a graphics card."""
    subprocess.run(["import", "-window", "root", WORK / "pictures" / f"{name}.png"], check=True)


def move(x: int, y: int) -> None:
    """Moves the mouse to a place of the window; Blender's y grows upwards, the screen's downwards."""
    window = view()[0]
    subprocess.run(["xdotool", "mousemove", str(x), str(window.height - 1 - y)], check=True)


def command_under_mouse() -> str:
    """The Python command of the button under the mouse; empty if there is none that runs an operator."""
    window, area, sidebar = view()
    bpy.context.window_manager.clipboard = ""
    with bpy.context.temp_override(window=window, area=area, region=sidebar):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
    return bpy.context.window_manager.clipboard


def click(operator: str):
    """Finds the sidebar's button that runs an operator, such as `overfit.fit`, and clicks it; scrolls if need be."""
    sidebar = view()[2]
    middle = sidebar.x + sidebar.width // 2
    for _page in range(6):
        for x in (middle, middle - sidebar.width // 4, middle + sidebar.width // 4):
            for y in range(sidebar.y + sidebar.height - 10, sidebar.y, -12):
                move(x, y)
                yield 0.12
                if command_under_mouse().startswith(f"bpy.ops.{operator}("):
                    log("click on", operator, "at", x, y)
                    subprocess.run(["xdotool", "click", "1"], check=True)
                    return
        move(middle, sidebar.y + sidebar.height // 2)
        subprocess.run(["xdotool", "click", "--repeat", "8", "--delay", "50", "5"], check=True)
        yield 0.5
    raise AssertionError(f"the sidebar has no button for {operator}")


def until(condition, seconds: float, what: str):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        yield 0.1


def objects(kind: str) -> set[str]:
    return {item.name for item in bpy.data.objects if item.type == kind}


def placed(item) -> tuple[list, list]:
    """An object's vertices in the world and its faces, modifiers applied. Hidden objects do not have theirs applied."""
    mesh = item.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    return [item.matrix_world @ vertex.co for vertex in mesh.vertices], [tuple(f.vertices) for f in mesh.polygons]


def mean_distance(vertices: list, surface: tuple[list, list]) -> float:
    """Mean distance of points to a surface."""
    tree = BVHTree.FromPolygons(*surface)
    return sum(tree.find_nearest(vertex)[3] for vertex in vertices) / len(vertices)


def same_place(one, other) -> bool:
    """Whether two objects have one transform."""
    rows = zip(one.matrix_world, other.matrix_world, strict=True)
    return all((row - twin).length < 1e-5 for row, twin in rows)


def session():
    """The steps; every `yield` is a wait in seconds, in which Blender goes on."""
    window, area, _sidebar = view()
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bpy.ops.mesh.primitive_monkey_add(location=(0.4, -0.3, 0.2), rotation=(0.1, 0.1, 1.0))
    monkey = bpy.context.object
    monkey.scale = (1.5, 1.5, 1.5)
    monkey.modifiers.new("Subdivision", "SUBSURF").levels = 1
    settings = bpy.context.scene.overfit
    settings.preset, settings.limit, settings.seconds = "draft", "TIME", TRAINING_SECONDS
    bpy.context.view_layer.update()
    original, size = placed(monkey), max(monkey.dimensions)
    area.spaces.active.show_region_ui = True
    canvas = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=canvas):
        bpy.ops.view3d.view_selected()
    yield 0.5
    view()[2].active_panel_category = "Overfit"
    area.tag_redraw()
    # The add-on finds the daemon by itself.
    yield 3.0
    picture("1-before")

    yield from click("overfit.fit")
    addon = importlib.import_module("bl_ext.user_default.overfit.session").current()
    yield from until(lambda: addon.jobs, 30.0, "a job")
    (job,) = addon.jobs
    yield from until(lambda: job.step == "Training" and job.fraction > 0.5, FIT_SECONDS, "half of the training")
    picture("2-during")
    yield from until(lambda: len(objects("MESH")) == 2, FIT_SECONDS, "a reconstructed mesh")
    move(400, 400)
    yield 1.0
    picture("3-fitted")
    (name,) = objects("MESH") - {monkey.name}
    reconstruction = bpy.data.objects[name]
    log("reconstruction:", name)

    yield from click("overfit.extract_volume")
    yield from until(lambda: objects("VOLUME"), 60.0, "a volume")
    move(400, 400)
    yield 1.0
    picture("4-volume")
    volume = bpy.data.objects[objects("VOLUME").pop()]
    volume.data.grids.load()

    return {
        "blender": bpy.app.version_string,
        "reconstruction": name,
        "vertices": len(reconstruction.data.vertices),
        "mean_distance": mean_distance(placed(reconstruction)[0], original),
        "size": size,
        "same_place": same_place(reconstruction, monkey),
        "volume": volume.name,
        "grids": [grid.name for grid in volume.data.grids],
        "volume_in_place": same_place(volume, monkey),
    }


steps = session()


def tick():
    """Goes on with the session, and ends Blender with it."""
    try:
        return next(steps)
    except StopIteration as end:
        (WORK / "result.json").write_text(json.dumps(end.value))
    except Exception:
        log(traceback.format_exc())
        picture("error")
    bpy.ops.wm.quit_blender()
    return None


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(tick, first_interval=1.0)
