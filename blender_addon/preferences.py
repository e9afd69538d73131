"""The extension's preferences: which daemon it works with."""

from pathlib import Path

import bpy

from .client.daemon_file import default_data_dir
from .client.target import LocalTarget, RemoteTarget, Target
from .extension import PACKAGE

LOCATIONS = [
    ("LOCAL", "This Computer", "The daemon runs on this computer. Nothing goes over the network"),
    ("REMOTE", "Another Computer", "The daemon runs on another computer, which is reached over the network by TLS"),
]


class OverfitPreferences(bpy.types.AddonPreferences):
    """Where the daemon is, and when it is started."""

    bl_idname = PACKAGE

    location: bpy.props.EnumProperty(
        name="Location", description="The computer that the fits run on", items=LOCATIONS, default="LOCAL"
    )
    program: bpy.props.StringProperty(
        name="Program",
        description="The overfit program that is started as the daemon. Empty: the one that came with this extension, "
        "else the one on the PATH",
        subtype="FILE_PATH",
    )
    data_dir: bpy.props.StringProperty(
        name="Data Folder",
        description="The daemon's data folder, where it writes its address and keeps its models. Empty: the usual one",
        subtype="DIR_PATH",
    )
    start_when_needed: bpy.props.BoolProperty(
        name="Start the Daemon When Needed",
        description="A fit starts the daemon if none runs. Off: only Start Daemon does",
        default=True,
    )
    address: bpy.props.StringProperty(
        name="Address",
        description="Where the daemon on the other computer listens: its name or IP address, a colon and the port. "
        "It is started there with overfit serve --listen 0.0.0.0:PORT --tls-certificate … --tls-key … --token-file …",
    )
    token: bpy.props.StringProperty(
        name="Token",
        description="The word in the other daemon's token file. It is kept in Blender's preferences",
        subtype="PASSWORD",
    )
    certificate: bpy.props.StringProperty(
        name="CA Certificate",
        description="PEM file of the authority that signed the other daemon's certificate, or that certificate itself. "
        "Empty: the authorities that this computer trusts",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        # Here, as what is drawn stands on the session, and the session on these preferences.
        from .interface.daemon_panel import draw_preferences

        draw_preferences(context, self.layout, self)


def preferences() -> OverfitPreferences:
    """The preferences as they are now."""
    return bpy.context.preferences.addons[PACKAGE].preferences


def data_dir() -> Path:
    """The data folder of the daemon on this computer."""
    chosen = preferences().data_dir
    return Path(bpy.path.abspath(chosen)) if chosen else default_data_dir()


def daemon_target() -> Target:
    """The daemon that the preferences name."""
    chosen = preferences()
    if chosen.location == "REMOTE":
        return RemoteTarget(
            address=chosen.address,
            token=chosen.token,
            certificate=Path(bpy.path.abspath(chosen.certificate)) if chosen.certificate else None,
            online=bpy.app.online_access,
            online_forced=bpy.app.online_access_override,
        )
    return LocalTarget(
        data_dir=data_dir(),
        program=bpy.path.abspath(chosen.program) if chosen.program else "",
        start_when_needed=chosen.start_when_needed,
    )
