"""The error as colours."""

from collections.abc import Iterator

import bpy
from hand import F9, RIGHT, click, move_over, press, view
from pictures import share_of_viridis
from stage import Stage

from .fit import fitted


def heat_map(stage: Stage) -> Iterator[float]:
    """Show Error colours the result, or a copy of the original; Hide gives view and result back."""
    monkey, result = yield from fitted(stage)
    shading = view()[1].spaces.active.shading
    before = (shading.type, shading.color_type)
    plain = share_of_viridis()
    number = stage.last_number()
    yield from click("overfit.show_error")
    job = yield from stage.job_after(number)
    yield from stage.ended(job)
    yield from move_over("VIEW_3D")
    yield 0.5
    stage.picture("1-error")
    coloured = share_of_viridis()
    yield from click("overfit.clear_ended")
    yield from stage.panel("error")
    stage.view_picture("error-view")
    kept = result.data.overfit_error
    assert kept.shown and 0.0 < kept.mean < kept.percentile <= kept.largest, "the error was not measured"
    assert shading.color_type == "VERTEX", "the view does not show colours"
    assert coloured > plain + 0.05, f"no colours in the view: {plain:.3f} before, {coloured:.3f} with the error"

    yield from click("overfit.hide_error", across=RIGHT)
    yield from move_over("VIEW_3D")
    yield 0.5
    stage.picture("2-hidden")
    assert (shading.type, shading.color_type) == before, "the view did not get its shading back"
    assert share_of_viridis() < plain + 0.02, "the colours are still in the view"
    stage.figures["mean error"] = f"{100 * kept.mean / kept.longest_side:.3f} %"

    number = stage.last_number()
    yield from click("overfit.show_error(direction='ORIGINAL'")
    job = yield from stage.job_after(number)
    yield from stage.ended(job)
    copy = bpy.context.object
    assert copy.name == "Suzanne Error" and copy.visible_get(), f"'{copy.name}' is active"
    assert not result.visible_get() and not monkey.visible_get(), "another Suzanne stands in the copy's place"
    yield from move_over("VIEW_3D")
    press(F9)
    yield 0.5
    stage.picture("3-on-original")
    press("Escape")
    yield 0.3
    assert share_of_viridis() > plain + 0.05, "the copy has no colours"
    yield from stage.panel("error-on-original")
    stage.figures["from the original"] = f"{100 * copy.data.overfit_error.mean / kept.longest_side:.3f} %"
    yield from click("overfit.hide_error", across=RIGHT)
    yield 0.5
    assert "Suzanne Error" not in bpy.data.objects and result.visible_get(), "the result is not back"
    assert (shading.type, shading.color_type) == before, "the view did not get its shading back"
