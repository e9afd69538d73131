"""Which ESC is meant, and what it ends. That every window listens is seen in a window (tests/window)."""

from types import SimpleNamespace

import bpy
import pytest
from conftest import part, pump_until, session

VIEW, OUTLINER = (
    SimpleNamespace(type=kind, x=x, y=0, width=500, height=400) for kind, x in (("VIEW_3D", 0), ("OUTLINER", 500))
)
ESCAPE = {"type": "ESC", "value": "PRESS", "mouse_x": 100, "mouse_y": 100}


def window(*tools: str, plays: bool = False) -> SimpleNamespace:
    """What an operator is told of a window, in which these operators run."""
    screen = SimpleNamespace(areas=[VIEW, OUTLINER], is_animation_playing=plays)
    return SimpleNamespace(
        screen=screen, window=SimpleNamespace(modal_operators=[SimpleNamespace(bl_idname=tool) for tool in tools])
    )


def press(context: SimpleNamespace, **changes: object) -> set[str]:
    """What the operator that waits for ESC makes of an event."""
    operator = SimpleNamespace(cancel=lambda _context: None)
    listen = part("interface.listen").OVERFIT_OT_listen
    return listen.modal(operator, context, SimpleNamespace(**(ESCAPE | changes)))


@pytest.fixture
def listening(clean, monkeypatch):
    """The time at which those who listen make way is not over."""
    monkeypatch.setattr(session().escape, "_until", float("inf"))


@pytest.mark.parametrize(
    ("context", "changes", "meant"),
    [
        (window("OVERFIT_OT_listen"), {}, True),
        (window("OVERFIT_OT_extract_mesh", "OVERFIT_OT_listen"), {}, True),  # a mesh is made meanwhile
        (window("OVERFIT_OT_listen"), {"mouse_x": 600}, False),
        (window("OVERFIT_OT_listen"), {"mouse_y": 500}, False),
        (window("TRANSFORM_OT_translate", "OVERFIT_OT_listen"), {}, False),
        (window("OVERFIT_OT_listen", plays=True), {}, False),
        (window("OVERFIT_OT_listen"), {"value": "RELEASE"}, False),
    ],
)
def test_only_over_a_3d_view_and_for_no_other_tool(fake, suzanne, listening, context, changes, meant):
    """One rule for fits and for everything else."""
    fake.pause = 3600.0
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    pump_until(lambda: fake.watches, fake.pump)
    assert press(context, **changes) == ({"RUNNING_MODAL"} if meant else {"PASS_THROUGH"})
    assert job.running is not meant
    if meant:
        pump_until(lambda: fake.cancelled, fake.pump)


def test_the_newest_goes_first(fake, suzanne, listening):
    """A fit goes on while the mesh that was asked for after it is cancelled; with nothing left the operator ends."""
    result = bpy.context.object.copy()
    bpy.context.scene.collection.objects.link(result)
    result.select_set(False)
    result.overfit.model = "models/1"
    fake.models["models/1"] = b"a model"
    fake.pause = 3600.0
    bpy.ops.overfit.fit()
    bpy.context.view_layer.objects.active = result
    bpy.ops.overfit.extract_mesh()
    fit, mesh = session().jobs
    here = window("OVERFIT_OT_listen")
    for job in (mesh, fit):
        assert session().newest_running() is job and press(here) == {"RUNNING_MODAL"} and job.state.name == "CANCELLED"
    assert session().newest_running() is None and press(here) == {"FINISHED", "PASS_THROUGH"}


def test_makes_way_for_autosave(fake, suzanne, monkeypatch):
    """When its time is over it ends, wherever it listens, and begins anew only after a rest."""
    fake.pause = 3600.0
    bpy.ops.overfit.fit()
    watch, here = session().escape, window("OVERFIT_OT_listen")
    monkeypatch.setattr(watch, "_until", float("inf"))
    assert press(here, type="TIMER") == {"PASS_THROUGH"}
    monkeypatch.setattr(watch, "_until", 0.0)
    assert press(here, type="TIMER") == {"FINISHED", "PASS_THROUGH"}
    assert session().newest_running() is not None
