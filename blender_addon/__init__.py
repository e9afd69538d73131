"""Overfit: fits a neural signed distance field to a mesh, and gives back a mesh or a volume in its place."""

import bpy

from . import operators, panel, preferences, properties, session

CLASSES = (
    preferences.OverfitPreferences,
    properties.OverfitSettings,
    properties.OverfitField,
    operators.OVERFIT_OT_fit,
    operators.OVERFIT_OT_extract_mesh,
    operators.OVERFIT_OT_extract_volume,
    operators.OVERFIT_OT_cancel,
    operators.OVERFIT_OT_connect,
    operators.OVERFIT_OT_start_daemon,
    panel.OVERFIT_MT_preset,
    panel.OVERFIT_PT_main,
    panel.OVERFIT_PT_field,
)


def register() -> None:
    """Switches the extension on."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.overfit = bpy.props.PointerProperty(type=properties.OverfitSettings)
    bpy.types.Object.overfit = bpy.props.PointerProperty(type=properties.OverfitField)
    session.open_session()


def unregister() -> None:
    """Switches it off, and ends everything that it started."""
    session.close_session()
    del bpy.types.Object.overfit
    del bpy.types.Scene.overfit
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
