"""Fits: what is shown, what an interrupt leaves, what is refused."""

import io
import os
import signal
import sys
from pathlib import Path

import numpy as np
import overfit
import pytest
from conftest import PATIENCE, big_ball, options, script

ENDLESS = options(steps=100_000_000)


def test_progress_is_told(daemon, monkeypatch):
    shown, seen = io.StringIO(), []
    monkeypatch.setattr(sys, "stderr", shown)
    field = daemon.fit(*big_ball(), progress=seen.append, **options(steps=50, seed=3))
    assert seen[-1].phase in ("measuring", "saving") and seen[-1].step == 50
    assert [told.step for told in seen] == sorted(told.step for told in seen)
    assert field.metrics.iou > 0.99 and field.steps == 50
    # A file or pipe gets no bar unless it is asked for.
    assert daemon.fit(*big_ball(), **options(steps=50, seed=3)).metrics == field.metrics
    assert shown.getvalue() == ""
    daemon.fit(*big_ball(), name="thing", progress=True, **options(steps=50, seed=3))
    assert "thing: training" in shown.getvalue() and "thing: done 100%" in shown.getvalue()


def interrupting(times: int):
    """A listener that presses Ctrl-C in training, so many times in all."""
    left = times

    def listen(progress):
        nonlocal left
        if left and (progress.step or left < times):
            left -= 1
            signal.raise_signal(signal.SIGINT)

    return listen


def test_an_interrupted_fit_gives_what_it_has(daemon):
    with pytest.warns(overfit.OverfitWarning, match=r"interrupted: this is what it had after \d+ steps"):
        field = daemon.fit(*big_ball(), progress=interrupting(1), **ENDLESS)
    assert 0 < field.steps < 100_000_000 and field.metrics.iou > 0.99


def test_interrupted_twice_it_is_given_up(daemon):
    with pytest.raises(KeyboardInterrupt):
        daemon.fit(*big_ball(), name="given up", progress=interrupting(2), **ENDLESS)
    assert daemon.fits()[0].title == "given up"
    with pytest.raises(overfit.Cancelled, match="given up was cancelled"):
        daemon.fits()[0].result()


def test_an_interrupt_from_outside(binary):
    """A real Ctrl-C, for the process and all in its group, while it waits."""
    text = """
import sys, overfit
from test_fit import ENDLESS, big_ball
field = overfit.fit(*big_ball(), progress=lambda told: told.step and print("training"), **ENDLESS)
print("has", round(float(field.distance([10.0, -20.0, 30.0]))))
"""
    process = script(text, cwd=Path(__file__).parent, start_new_session=True)
    for line in process.stdout:
        if line == "training\n":
            break
    os.killpg(process.pid, signal.SIGINT)
    told, warned = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "has -4" in told, warned
    assert "OverfitWarning: The fit was interrupted" in warned


def test_a_fit_in_the_background(daemon):
    run = daemon.start(*big_ball(), name="slow", **ENDLESS)
    for progress in run.watch():
        if progress.step:
            break
    assert run.state == "running" and "slow" in repr(run)
    assert len(run.preview(16).faces) > 100
    with pytest.raises(ZeroDivisionError):
        run.result(lambda progress: 1 / 0)
    assert run.state == "running", "what goes wrong here does not end it"
    run.finish()
    assert run.result().title == "slow" and run.state == "succeeded"
    other = daemon.start(*big_ball(), **ENDLESS)
    other.cancel()
    with pytest.raises(ZeroDivisionError):
        daemon.fit(*big_ball(), progress=lambda progress: 1 / 0, **ENDLESS)
    with pytest.raises(overfit.Cancelled):
        daemon.fits()[0].result()
    with pytest.raises(overfit.Cancelled):
        other.result()


def test_options_that_are_none(daemon):
    with pytest.raises(TypeError, match="no option second; there are preset, seconds"):
        daemon.fit(*big_ball(), second=3)
    with pytest.raises(ValueError, match="sign must be one of auto, winding"):
        daemon.fit(*big_ball(), sign="inside")
    with pytest.raises(overfit.InvalidInput, match="fancy"):
        daemon.fit(*big_ball(), preset="fancy")
    with pytest.raises(overfit.InvalidInput, match=r"spline\.finesse"):
        daemon.fit(*big_ball(), settings={"spline.finesse": 3})
    with pytest.raises(TypeError, match="seconds must be a number, not 'ten'"):
        daemon.fit(*big_ball(), seconds="ten")
    with pytest.raises(TypeError, match=r"steps must be a whole number, not 2\.5"):
        daemon.fit(*big_ball(), steps=2.5)
    with pytest.raises(TypeError, match=r"settings may hold numbers.*not a object"):
        daemon.fit(*big_ball(), settings={"spline.finest": object()})
    with pytest.raises(overfit.InvalidInput):
        daemon.fit(*big_ball(), seconds=-1.0)


def test_settings_of_any_kind(daemon):
    encoding = {"kind": "positional", "octaves": np.int64(3)}
    settings = {"architecture.encoding": encoding, "spline": "none", "optimizer.batch_size": 512}
    field = daemon.fit(*big_ball(), preset="draft", steps=5, settings=settings)
    assert "positional" in field.model.architecture


def test_warnings_point_at_the_user_s_line(daemon):
    vertices, faces = big_ball()
    with pytest.warns(overfit.OverfitWarning) as caught:
        field = daemon.fit(vertices, faces[100:], **options(steps=20))
    assert {warning.filename for warning in caught} == {__file__}
    assert field.warnings and {str(warning.message) for warning in caught} == set(field.warnings)
