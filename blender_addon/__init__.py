"""Overfit: fits a neural signed distance field to a mesh, and gives back a mesh or a volume in its place."""

import bpy

from . import preferences, properties, session
from .interface import (
    combine,
    command_line,
    curvature,
    daemon_operators,
    drawing,
    field_operators,
    field_panel,
    figures,
    fit_operators,
    fix_operators,
    heat_map,
    listen,
    model_operators,
    panel,
    setting_rows,
)

CLASSES = (
    preferences.OverfitPreferences,
    properties.OverfitWaiting,
    properties.OverfitOverride,
    properties.OverfitSettings,
    properties.OverfitError,
    properties.OverfitCurvature,
    properties.OverfitField,
    fit_operators.OVERFIT_OT_fit,
    field_operators.OVERFIT_OT_extract_mesh,
    field_operators.OVERFIT_OT_extract_volume,
    field_operators.OVERFIT_OT_measure,
    field_operators.OVERFIT_OT_add_sdf_nodes,
    figures.OVERFIT_OT_copy_figure,
    combine.OVERFIT_OT_combine,
    model_operators.OVERFIT_OT_embed_model,
    model_operators.OVERFIT_OT_unembed_model,
    model_operators.OVERFIT_OT_save_model,
    model_operators.OVERFIT_OT_load_model,
    model_operators.OVERFIT_FH_model,
    fit_operators.OVERFIT_OT_pick_up,
    fit_operators.OVERFIT_OT_cancel,
    fit_operators.OVERFIT_OT_cancel_fit,
    fit_operators.OVERFIT_OT_finish_now,
    fit_operators.OVERFIT_OT_clear_ended,
    fix_operators.OVERFIT_OT_fix,
    heat_map.OVERFIT_OT_show_error,
    heat_map.OVERFIT_OT_scale_error,
    heat_map.OVERFIT_OT_hide_error,
    curvature.OVERFIT_OT_show_curvature,
    curvature.OVERFIT_OT_hide_curvature,
    listen.OVERFIT_OT_listen,
    daemon_operators.OVERFIT_OT_connect,
    daemon_operators.OVERFIT_OT_start_daemon,
    daemon_operators.OVERFIT_OT_stop_daemon,
    daemon_operators.OVERFIT_OT_restart_daemon,
    daemon_operators.OVERFIT_OT_show_log,
    setting_rows.OVERFIT_OT_set_setting,
    setting_rows.OVERFIT_OT_choose_setting,
    setting_rows.OVERFIT_OT_remove_setting,
    setting_rows.OVERFIT_MT_add_setting,
    panel.OVERFIT_MT_preset,
    panel.OVERFIT_MT_device,
    panel.OVERFIT_PT_main,
    panel.OVERFIT_PT_advanced,
    panel.OVERFIT_PT_daemon_fits,
    field_panel.OVERFIT_PT_field,
    field_panel.OVERFIT_PT_field_mesh,
    field_panel.OVERFIT_PT_field_volume,
    field_panel.OVERFIT_PT_field_measure,
    field_panel.OVERFIT_PT_field_model,
    heat_map.OVERFIT_PT_error,
    curvature.OVERFIT_PT_curvature,
    combine.OVERFIT_PT_combine,
)


def register() -> None:
    """Switches the extension on."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.overfit = bpy.props.PointerProperty(type=properties.OverfitSettings)
    bpy.types.Object.overfit = bpy.props.PointerProperty(type=properties.OverfitField)
    bpy.types.Mesh.overfit_error = bpy.props.PointerProperty(type=properties.OverfitError)
    bpy.types.Mesh.overfit_curvature = bpy.props.PointerProperty(type=properties.OverfitCurvature)
    model_operators.add_to_menus()
    session.open_session()
    drawing.start_drawing()
    command_line.add_command()


def unregister() -> None:
    """Switches it off, and ends everything that it started."""
    command_line.remove_command()
    drawing.stop_drawing()
    session.close_session()
    model_operators.remove_from_menus()
    del bpy.types.Mesh.overfit_curvature
    del bpy.types.Mesh.overfit_error
    del bpy.types.Object.overfit
    del bpy.types.Scene.overfit
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
