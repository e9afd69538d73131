"""ESC in every window, by one rule for fits and for what is made of a field."""

import subprocess
from collections.abc import Iterator

import bpy
from hand import SETTLE, click, move_over, press, region_of, view, xdotool
from stage import LONG, Stage, until

from .fit import fitted

FINE = 1500
"""A resolution at which meshing takes some seconds."""


def two_windows(stage: Stage) -> Iterator[float]:
    """With two windows, a fit and a mesh are cancelled over the 3D view of the second, and not over other editors."""
    monkey, result = yield from fitted(stage)
    window, area, _sidebar = view()
    with bpy.context.temp_override(window=window, area=area, region=region_of(area, "WINDOW")):
        bpy.ops.wm.window_new()
    yield 1.0
    second = bpy.context.window_manager.windows[1]
    yield from go_to(window)
    bpy.context.view_layer.objects.active = result
    result.overfit.spacing, result.overfit.resolution = "RESOLUTION", FINE
    number = stage.last_number()
    yield from click("overfit.extract_mesh")
    job = yield from stage.job_after(number)
    yield from move_over("PROPERTIES")
    press("Escape")
    yield 0.5  # what must not happen needs some time in which it could have
    assert job.running, f"ESC over the properties ended the mesh: {job.state.name} {job.message}"
    yield from go_to(second)
    stage.picture("1-meshing")
    press("Escape")
    yield from until(lambda: not job.running, "the end of the mesh", every=0.01)
    assert job.state.name == "CANCELLED", f"the mesh ended {job.state.name}"

    yield from go_to(window)
    monkey.hide_set(False)
    result.select_set(False)
    bpy.context.view_layer.objects.active = monkey
    monkey.select_set(True)
    bpy.context.scene.overfit.seconds = LONG
    number = stage.last_number()
    yield from click("overfit.fit")
    job = yield from stage.job_after(number)
    yield from stage.training(job)
    tools = [[tool.bl_idname for tool in each.modal_operators] for each in (window, second)]
    assert tools == [["OVERFIT_OT_listen"]] * 2, f"in the two windows run {tools}"
    yield from go_to(second)
    stage.picture("2-fitting")
    press("Escape")
    yield from until(lambda: not job.running, "the end of the fit", every=0.01)
    assert job.state.name == "CANCELLED", f"the fit ended {job.state.name}"
    yield from until(lambda: not window.modal_operators and not second.modal_operators, "no more listening")

    # A window that is closed while it listens.
    yield from go_to(window)
    yield from click("overfit.fit")
    yield from until(lambda: second.modal_operators, "listening in the second window")
    with bpy.context.temp_override(window=second):
        bpy.ops.wm.window_close()
    yield 0.5
    yield from go_to(window)
    yield from move_over("VIEW_3D")
    job = stage.newest()
    yield from stage.training(job)
    press("Escape")
    yield from until(lambda: not job.running, "the end of the last fit", every=0.01)
    assert job.state.name == "CANCELLED", f"the last fit ended {job.state.name}"


def go_to(window: bpy.types.Window) -> Iterator[float]:
    """Brings a window to the front, gives it the keys, and moves the mouse into its left half."""
    number = list(bpy.context.window_manager.windows).index(window)
    chosen = windows_of_x()[number]
    xdotool("windowraise", chosen)
    xdotool("windowfocus", chosen)
    xdotool("mousemove", "--window", chosen, window.width // 4, window.height // 2)
    yield from SETTLE


def windows_of_x() -> list[str]:
    """The X server's numbers of Blender's windows, the oldest first."""
    search = ["xdotool", "search", "--onlyvisible", "--class", "Blender"]
    told = subprocess.run(search, stdout=subprocess.PIPE, text=True, check=True)
    return sorted(told.stdout.split(), key=int)
