"""The daemon in the interface: the state of the connection, with the button that helps, and the preferences' page."""

import bpy

from ..client.connection import Connection, fits_in_words
from ..client.connection_state import ConnectionState
from ..client.daemon_file import default_data_dir
from ..client.peer import LocalPeer
from ..client.problem import Cure
from ..extension import PACKAGE
from ..preferences import OverfitPreferences
from ..session import current
from .words import draw_words

ICONS = {
    ConnectionState.IDLE: "UNLINKED",
    ConnectionState.CONNECTING: "SORTTIME",
    ConnectionState.READY: "LINKED",
    ConnectionState.FAILED: "ERROR",
}
ABOUT_LOCAL = (
    "Fits run in the Overfit daemon, a program on this computer. Blender sends it meshes over a connection that does "
    "not leave this computer: this is what the network permission is for, and nothing goes to the internet",
    "A daemon that is started from Blender serves every Blender on this computer. It ends by itself two minutes after "
    "the last one is closed and the last fit has ended",
)
ABOUT_REMOTE = (
    "Fits run in the Overfit daemon on the computer that is named above. The meshes that you fit, their names and your "
    "settings are sent there, encrypted (TLS), and nowhere else: this is what the network permission is for",
)


def draw_connection(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """The state of the connection: a line when it stands, else why not, with the button that helps."""
    draw_state(context, layout)
    draw_cure(layout, current().connection.cure)


def draw_state(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """The state of the connection in words, and a button to look again."""
    connection = current().connection
    row = layout.row()
    draw_words(context, row.column(align=True), connection.message, ICONS[connection.state], margin=70)
    if connection.state is not ConnectionState.CONNECTING:
        row.operator("overfit.connect", text="", icon="FILE_REFRESH", emboss=False)


def draw_cure(layout: bpy.types.UILayout, cure: Cure) -> None:
    """The button that helps, if one does."""
    if cure is Cure.START:
        layout.operator("overfit.start_daemon", icon="PLAY")
    elif cure is Cure.RESTART:
        layout.operator("overfit.restart_daemon", icon="FILE_REFRESH")
    elif cure is Cure.PREFERENCES:
        layout.operator("preferences.addon_show", text="Preferences", icon="PREFERENCES").module = PACKAGE


def draw_preferences(context: bpy.types.Context, layout: bpy.types.UILayout, chosen: OverfitPreferences) -> None:
    """The page in Blender's preferences."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.row().prop(chosen, "location", expand=True)
    local = chosen.location == "LOCAL"
    if local:
        layout.prop(chosen, "program", placeholder="Found by itself")
        layout.prop(chosen, "data_dir", placeholder=str(default_data_dir()))
        layout.prop(chosen, "start_when_needed")
    else:
        layout.prop(chosen, "address", placeholder="farm:50051")
        layout.prop(chosen, "token")
        layout.prop(chosen, "certificate", placeholder="Those that this computer trusts")
    box = layout.box()
    draw_state(context, box)
    connection = current().connection
    if connection.state is ConnectionState.READY:
        column = box.column(align=True)
        for line in facts(connection):
            column.label(text=line, icon="BLANK1")
    if local:
        draw_care(box, connection)
    column = layout.column(align=True)
    for words in ABOUT_LOCAL if local else ABOUT_REMOTE:
        draw_words(context, column, words, "INFO")


def draw_care(layout: bpy.types.UILayout, connection: Connection) -> None:
    """The buttons for the daemon on this computer."""
    ready, other_version = connection.state is ConnectionState.READY, connection.cure is Cure.RESTART
    row = layout.row(align=True)
    start, end, log = row.row(align=True), row.row(align=True), row.row(align=True)
    start.enabled = not ready and not other_version
    start.operator("overfit.start_daemon", text="Start", icon="PLAY")
    end.enabled = ready or other_version
    end.operator("overfit.restart_daemon", text="Restart", icon="FILE_REFRESH")
    end.operator("overfit.stop_daemon", text="Stop", icon="CANCEL")
    log.operator("overfit.show_log", text="Log", icon="FILE_TEXT")


def facts(connection: Connection) -> list[str]:
    """What runs, and where, in lines."""
    peer = connection.peer
    process = f", process {peer.file.pid}" if isinstance(peer, LocalPeer) else ""
    fits = f"{fits_in_words(connection.fits_there)} there" if connection.fits_there else "No fit runs there"
    return [f"Address {peer.where}{process}", fits]
