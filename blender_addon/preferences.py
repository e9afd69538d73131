"""The extension's preferences."""

from pathlib import Path

import bpy

from .client.daemon_file import default_data_dir
from .extension import PACKAGE


class OverfitPreferences(bpy.types.AddonPreferences):
    """Where the daemon is."""

    bl_idname = PACKAGE

    program: bpy.props.StringProperty(
        name="Daemon",
        description="The overfit program that Start Daemon runs. Empty: the one on the PATH",
        subtype="FILE_PATH",
    )
    data_dir: bpy.props.StringProperty(
        name="Data Folder",
        description="The daemon's data folder, where it writes its address and keeps its models. Empty: the usual one",
        subtype="DIR_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "program")
        layout.prop(self, "data_dir", placeholder=str(default_data_dir()))
        column = layout.column(align=True)
        column.label(text="Fits run in the Overfit daemon, on this computer: nothing is sent over the network")
        column.label(text="A daemon that was started from Blender ends with Blender")


def preferences() -> OverfitPreferences:
    """The preferences as they are now."""
    return bpy.context.preferences.addons[PACKAGE].preferences


def data_dir() -> Path:
    """The daemon's data folder."""
    chosen = preferences().data_dir
    return Path(bpy.path.abspath(chosen)) if chosen else default_data_dir()
