"""Curvature as colours, and volume and area in the panel."""

from collections.abc import Iterator

from hand import RIGHT, click, move_over, view
from pictures import share_of_viridis
from stage import Stage

from .fit import fitted


def curvature(stage: Stage) -> Iterator[float]:
    """Mean and Gaussian curvature colour the result, Measure tells its volume and area; Hide gives the view back."""
    _monkey, result = yield from fitted(stage)
    shading = view()[1].spaces.active.shading
    before = (shading.type, shading.color_type)
    plain = share_of_viridis()
    for number, kind in enumerate(("MEAN", "GAUSSIAN"), 1):
        last = stage.last_number()
        yield from click(f"overfit.show_curvature(kind='{kind}'", across=(0.25, 0.75))
        job = yield from stage.job_after(last)
        yield from stage.ended(job)
        yield from move_over("VIEW_3D")
        yield 0.5
        stage.picture(f"{number}-{kind.lower()}")
        kept = result.data.overfit_curvature
        assert kept.shown and kept.kind == kind and kept.limit > 0.0, "no curvature was computed"
        assert share_of_viridis() > plain + 0.02, "no colours in the view"
        stage.figures[f"{kind.lower()} to"] = f"± {kept.limit:.3g}"
        if kind == "MEAN":
            yield from click("overfit.clear_ended")
            yield from stage.panel("curvature")
            stage.view_picture("curvature-view")

    last = stage.last_number()
    yield from click("overfit.measure")
    job = yield from stage.job_after(last)
    yield from stage.ended(job)
    yield from click("overfit.clear_ended")
    yield from stage.panel("measure")
    stage.figures["volume"] = f"{result.overfit.volume:.4g} ± {result.overfit.volume_error:.1g}"
    assert result.overfit.volume > 0.0 and result.overfit.area > 0.0, "nothing was measured"
    yield from click("overfit.hide_curvature", across=RIGHT)
    yield from move_over("VIEW_3D")
    yield 0.5
    stage.picture("3-hidden")
    assert (shading.type, shading.color_type) == before, "the view did not get its shading back"
