"""Fit INR from the press to the object, and Finish Now."""

import time
from collections.abc import Iterator

import bpy
from hand import RIGHT, click, move_over
from pictures import share_of_preview
from stage import Stage, log, mean_distance, objects, same_place, surface_of, until


def fitted(stage: Stage) -> Iterator[float]:
    """Fits a Suzanne by a click; returns it and the result. Many stories begin so."""
    monkey = stage.add_suzanne()
    number = stage.last_number()
    yield from click("overfit.fit")
    job = yield from stage.job_after(number)
    yield from stage.ended(job)
    return monkey, bpy.data.objects[job.result_name]


def fit(stage: Stage) -> Iterator[float]:
    """The preview shows while the fit runs and is gone afterwards; the result lies where the original does."""
    monkey = stage.add_suzanne()
    bpy.context.scene.overfit.seconds = 12.0
    original, size = surface_of(monkey), max(monkey.dimensions)
    yield 0.5
    stage.picture("1-before")
    before = share_of_preview()

    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from move_over("VIEW_3D")
    yield from until(lambda: job.preview is not None, "a preview")
    yield from until(lambda: job.training and job.fraction > 0.3, "a third of the training")
    stage.picture("2-during")
    during = share_of_preview()
    assert job.running, "the fit ended before the preview was looked at"
    yield from stage.ended(job)
    yield 0.5
    stage.picture("3-result")
    after = share_of_preview()
    log(f"preview's share of the view: {before:.4f} before, {during:.4f} during, {after:.4f} after")
    assert before < 0.005 and after < 0.005, f"its colour is there without a fit: {before:.3f}, {after:.3f}"
    assert during > 0.05, f"no preview in the view: only {during:.3f} of it has its colour"

    (name,) = objects() - {monkey.name}
    result = bpy.data.objects[name]
    error = mean_distance(surface_of(result)[0], original) / size
    assert same_place(result, monkey), "the result does not stand where the original does"
    assert error < 0.01, f"the result is {100 * error:.2f} % of the size away from the original"
    assert not monkey.visible_get(), "the original is not hidden"
    assert [material.name for material in result.data.materials] == ["Fur"], "the material was not carried over"
    assert result.data.uv_layers, "the UV map was not carried over"
    stage.figures |= {
        "error": f"{100 * error:.3f} %",
        "first progress": f"{job.seconds['progress']:.2f} s",
        "first preview": f"{job.seconds['preview']:.2f} s",
        "preview's share": f"{during:.2f}",
    }


def finish_now(stage: Stage) -> Iterator[float]:
    """A press on the tick ends training early, and what was learned is kept."""
    stage.add_suzanne()
    bpy.context.scene.overfit.seconds = 120.0
    yield from click("overfit.fit")
    job = yield from stage.job_after(0)
    yield from stage.training(job)
    pressed = yield from click("overfit.finish_now", across=RIGHT)
    yield from until(lambda: not job.training, "the end of training")
    stage.figures["training ended after"] = f"{time.monotonic() - pressed:.2f} s"
    yield from stage.ended(job)
    assert job.seconds["result"] < 100.0, "the fit was not finished early"
    assert job.result_name in objects()
