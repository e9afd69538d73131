"""Pictures of every panel, for the documentation."""

from collections.abc import Iterator

import addon_utils
import bpy
from hand import click, open_below, view
from pictures import page_picture
from stage import PACKAGE, Stage, addon_module, until


def panels(stage: Stage) -> Iterator[float]:
    """The panels before, while and after a fit, with their parts open, and the page in the preferences."""
    scene = bpy.context.scene
    stage.add_suzanne()
    scene.overfit.limit = "PRESET"
    yield from stage.panel("before")
    yield from open_below(addon_module("interface.panel").OVERFIT_PT_advanced, "overfit.fit")
    yield from stage.panel("advanced")
    yield from more_settings(stage)
    bpy.data.objects.remove(bpy.data.objects["Suzanne"])
    yield from preferences_page(stage)

    yield from stage.prepare()
    stage.add_suzanne(scale=(1.5, 1.5, 1.8))  # an uneven scale is warned of
    scene = bpy.context.scene
    scene.overfit.seconds = 8.0
    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from until(lambda: job.training and job.fraction > 0.3, "a third of the training")
    yield from stage.panel("while")
    stage.view_picture("preview")
    yield from stage.ended(job)
    yield from stage.panel("after")
    yield from click("overfit.clear_ended")
    yield from open_below(addon_module("interface.field_panel").OVERFIT_PT_field_model, "overfit.measure")
    yield from stage.panel("field")


def more_settings(stage: Stage) -> Iterator[float]:
    """Rows of settings that the daemon told of: a number, one of a few words, and a number that will not do."""
    connection = addon_module("session").current().connection
    yield from until(lambda: connection.settings, "the daemon's settings")
    for path, value in (
        ("spline.finest", "160"),
        ("architecture.encoding.interpolation", "quadratic"),
        ("optimizer.average", "2"),
    ):
        bpy.ops.overfit.set_setting(path=path, value=value)
    yield from stage.panel("settings")
    bpy.context.scene.overfit.overrides.clear()


def preferences_page(stage: Stage) -> Iterator[float]:
    """The extension's page."""
    area = yield from open_preferences()
    stage.pictures.append(page_picture("preferences", area))


def open_preferences() -> Iterator[float]:
    """Shows the extension's page in Blender's preferences, in the place of the 3D view; returns its editor."""
    area = view()[1]
    bpy.context.preferences.active_section = "EXTENSIONS"
    addon_utils.modules(refresh=False)  # fills the table of what the page lists
    addon_utils.module_bl_info(addon_utils.addons_fake_modules[PACKAGE])["show_expanded"] = True
    area.type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Overfit"
    yield 1.0
    return area
