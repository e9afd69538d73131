"""Rows for settings that the panel has no property for, out of the schema of a real daemon."""

import bpy
import pytest
from conftest import part, pump_until, session


@pytest.fixture
def settings(daemon) -> dict:
    """All settings by name, as the daemon told them."""
    return {setting.path: setting for setting in session().connection.settings}


def set_setting(path: str, value: str = "") -> None:
    assert bpy.ops.overfit.set_setting(path=path, value=value) == {"FINISHED"}


def chosen() -> dict[str, str]:
    return {override.path: override.value for override in bpy.context.scene.overfit.overrides}


@pytest.fixture(autouse=True)
def none_chosen(clean) -> None:
    bpy.context.scene.overfit.overrides.clear()


def test_all_settings_are_known(settings):
    """By names that are told apart, in words, with defaults that are allowed."""
    assert len(settings) > 70 and len({setting.label for setting in settings.values()}) == len(settings)
    for setting in settings.values():
        assert setting.words and (not setting.default or not setting.fault(setting.default)), setting
    finest = settings["spline.finest"]
    assert finest.whole and (finest.least, finest.most) == (4, 1024) and finest.default == "320"
    assert finest.range == "a whole number from 4 up to 1024" and finest.label == "Spline Finest"
    kinds = [choice.value for choice in settings["architecture.encoding.kind"].choices]
    assert kinds[0] == "identity" and "hash-grid" in kinds and "tri-plane" in kinds
    assert settings["loss.gradient"].default == "0.02"
    assert set(part("interface.setting_rows").HAS_ROW) <= set(settings)


@pytest.mark.parametrize(
    ("path", "right", "wrong", "words"),
    [
        ("spline.finest", "64", "2000", "Must be a whole number from 4 up to 1024"),
        ("spline.finest", "64", "64.5", "Must be a whole number from 4 up to 1024"),
        ("optimizer.clip", "none", "0", "Must be a number above 0 up to 1000000, or none"),
        ("optimizer.average", "0.5", "1", "Must be a number from 0 below 1"),
        ("optimizer.average", "0.5", "nan", "Must be a number from 0 below 1"),
        ("outer", "coarse", "rough", "One of fine, coarse"),
        ("loss", "l1,gradient=0.02", None, ""),
    ],
)
def test_what_a_setting_may_be(settings, path, right, wrong, words):
    assert settings[path].fault(right) == ""
    if wrong:
        assert settings[path].fault(wrong) == words


def test_a_setting_goes_to_the_daemon(settings):
    set_setting("spline.finest")
    assert chosen() == {"spline.finest": "320"}
    set_setting("spline.finest", "40")
    set_setting("outer", "coarse")
    order = part("jobs.fit_order").FitOrder.of(bpy.context.scene.overfit)
    assert dict(order.settings.overrides) == {"spline.finest": "40", "outer": "coarse"}
    assert bpy.ops.overfit.remove_setting(path="outer") == {"FINISHED"}
    assert chosen() == {"spline.finest": "40"}


def test_a_fit_obeys_and_refuses_by_name(settings, suzanne):
    """What is out of range is refused with the setting's name, and nothing is fitted."""
    set_setting("architecture.mlp.hidden_width", "16")
    set_setting("spline.finest", "5000")
    assert bpy.ops.overfit.fit() == {"FINISHED"}
    job = session().jobs[-1]
    pump_until(lambda: not job.running)
    assert "spline.finest" in job.message and "1024" in job.message
    set_setting("spline.finest", "40")
    assert bpy.ops.overfit.fit() == {"FINISHED"}
    job = session().jobs[-1]
    pump_until(lambda: not job.running)
    assert job.state.name == "DONE", job.message
    assert "16" in bpy.data.objects[job.result_name].overfit.architecture


def test_tooltips_say_what_a_setting_is(settings):
    rows = part("interface.setting_rows")
    words = rows.in_words("spline.finest").splitlines()
    assert words[1:] == ["spline.finest: a whole number from 4 up to 1024", "the standard preset has 320"]
    assert rows.in_words("no.such") == "no.such"
