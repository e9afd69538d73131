"""Rows for any setting that the daemon knows, out of its schema of them."""

import itertools

import bpy

from ..client.settings_schema import Setting
from ..session import current
from .words import draw_words, iface

HAS_ROW = (
    "preset",
    "seed",
    "sign",
    "budget.seconds",
    "budget.steps",
    "budget.target_near_mae",
    "optimizer.learning_rate",
    "optimizer.batch_size",
)
"""What the panel has elsewhere."""


def draw_settings(context: bpy.types.Context, column: bpy.types.UILayout) -> None:
    """The settings that the user has added, each with its value, and where more are added."""
    overrides = context.scene.overfit.overrides
    known = {setting.path: setting for setting in current().connection.settings}
    if known or overrides:
        column.separator()
    for override in overrides:
        _draw_row(context, column, override, known.get(override.path))
    if known:
        column.menu("OVERFIT_MT_add_setting", icon="ADD")


def _draw_row(
    context: bpy.types.Context, column: bpy.types.UILayout, override: bpy.types.PropertyGroup, setting: Setting | None
) -> None:
    fault = setting.fault(override.value) if setting else ""
    row = column.row(align=True)
    row.use_property_split = False
    row.alert = bool(fault)
    split = row.split(factor=0.5)
    name = split.row()
    name.alignment = "RIGHT"
    name.label(text=setting.label if setting else override.path, translate=False)
    value = split.row(align=True)
    if setting and setting.choices and not setting.number:
        choose = value.operator("overfit.choose_setting", text=override.value, translate=False)
        choose.path = override.path
    else:
        value.prop(override, "value", text="")
    value.operator("overfit.remove_setting", text="", icon="X").path = override.path
    if fault:
        draw_words(context, column.column(align=True), fault, "ERROR")


def setting_of(path: str) -> Setting | None:
    """The setting of a name, if the daemon knows it."""
    return next((setting for setting in current().connection.settings if setting.path == path), None)


def in_words(path: str) -> str:
    """What a setting is, what it may be and what it is by default."""
    setting = setting_of(path)
    if setting is None:
        return path
    may_be = setting.range or ", ".join(choice.value for choice in setting.choices)
    default = iface("the standard preset has {value}", value=setting.default) if setting.default else ""
    return "\n".join(part for part in (setting.words, f"{path}: {may_be}".rstrip(": "), default) if part)


class SettingOperator:
    """Something that is done to one setting of the scene; the tooltip says what that setting is."""

    bl_options = {"UNDO", "INTERNAL"}

    path: bpy.props.StringProperty(
        name="Setting", description="The setting's name, such as spline.finest", options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return in_words(properties.path)


class OVERFIT_OT_set_setting(SettingOperator, bpy.types.Operator):
    """Choose a setting of the next fit instead of leaving it to the preset"""

    bl_idname = "overfit.set_setting"
    bl_label = "Set"

    value: bpy.props.StringProperty(
        name="Value", description="A number or a word; empty: the default", options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        setting = setting_of(properties.path)
        choices = setting.choices if setting and properties.value else ()
        words = next((choice.words for choice in choices if choice.value == properties.value), "")
        return words or super().description(context, properties)

    def execute(self, context: bpy.types.Context) -> set[str]:
        overrides, setting = context.scene.overfit.overrides, setting_of(self.path)
        override = next((one for one in overrides if one.path == self.path), None) or overrides.add()
        override.path = self.path
        first = setting.choices[0].value if setting and setting.choices else ""
        override.value = self.value or (setting.default if setting else "") or first
        return {"FINISHED"}


class OVERFIT_OT_remove_setting(SettingOperator, bpy.types.Operator):
    """Leave a setting to the preset again"""

    bl_idname = "overfit.remove_setting"
    bl_label = "Remove"

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return iface("Leave it to the preset again") + "\n" + super().description(context, properties)

    def execute(self, context: bpy.types.Context) -> set[str]:
        overrides = context.scene.overfit.overrides
        for index in reversed(range(len(overrides))):
            if overrides[index].path == self.path:
                overrides.remove(index)
        return {"FINISHED"}


class OVERFIT_OT_choose_setting(SettingOperator, bpy.types.Operator):
    """Choose one of a few values"""

    bl_idname = "overfit.choose_setting"
    bl_label = "Choose"

    def execute(self, context: bpy.types.Context) -> set[str]:
        setting = setting_of(self.path)

        def draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
            for choice in setting.choices:
                words = f": {choice.words}" if choice.words else ""
                button = menu.layout.operator("overfit.set_setting", text=choice.value + words, translate=False)
                button.path, button.value = setting.path, choice.value

        if setting is None:
            return {"CANCELLED"}
        context.window_manager.popup_menu(draw, title=setting.label)
        return {"FINISHED"}


class OVERFIT_MT_add_setting(bpy.types.Menu):
    """Any other setting of the network, its training and the spline beneath it"""

    bl_label = "Add Setting"
    bl_idname = "OVERFIT_MT_add_setting"
    bl_options = {"SEARCH_ON_KEY_PRESS"}

    def draw(self, context: bpy.types.Context) -> None:
        chosen = {override.path for override in context.scene.overfit.overrides}
        offered = [
            setting
            for setting in current().connection.settings
            if setting.path not in chosen and setting.path not in HAS_ROW
        ]
        row = self.layout.row()
        for section, settings in itertools.groupby(offered, key=lambda setting: setting.section):
            column = row.column()
            column.label(text=section.title(), translate=False)
            column.separator()
            for setting in settings:
                column.operator("overfit.set_setting", text=setting.label, translate=False).path = setting.path
