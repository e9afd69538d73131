"""The panel Advanced: numbers that the preset chooses unless the user does."""

from types import SimpleNamespace

import bpy
import pytest
from conftest import part


class Layout:
    """Remembers the values that are drawn as fields, and the buttons by their text."""

    def __init__(self) -> None:
        self.fields: list[str] = []
        self.buttons: dict[str, SimpleNamespace] = {}

    def row(self, **_options):
        return self

    split = row

    def label(self, **_options) -> None:
        pass

    def prop(self, _owner, name: str, **_options) -> None:
        self.fields.append(name)

    def operator(self, name: str, text: str, **_options) -> SimpleNamespace:
        self.buttons[text] = SimpleNamespace(name=name)
        return self.buttons[text]


def drawn(name: str, start: float, default: str) -> Layout:
    layout = Layout()
    part("interface.panel").draw_number_or_default(layout, bpy.context.scene.overfit, name, start, default)
    return layout


def press(button: SimpleNamespace) -> None:
    operator = getattr(bpy.ops.wm, button.name.removeprefix("wm."))
    assert operator(data_path=button.data_path, value=button.value) == {"FINISHED"}


@pytest.mark.parametrize(
    ("name", "start", "default"),
    [("learning_rate", 0.005, "Preset's"), ("batch_size", 8192, "Preset's"), ("resolution", 256, "Automatic")],
)
def test_the_default_until_it_is_pressed(clean, name, start, default):
    """No field that shows 0: a button says whose the number is, and a cross beside one's own takes it back."""
    settings = bpy.context.scene.overfit
    settings.property_unset(name)
    shown = drawn(name, start, default)
    assert shown.fields == [] and list(shown.buttons) == [default]
    press(shown.buttons[default])
    assert getattr(settings, name) == pytest.approx(start)
    shown = drawn(name, start, default)
    assert shown.fields == [name] and list(shown.buttons) == [""]
    press(shown.buttons[""])
    assert getattr(settings, name) == 0
