"""What a user does, one story a function. Each starts from a clean file; `ALL` is their order."""

from . import (
    autosave,
    cancel,
    close,
    curvature,
    daemon,
    escape,
    fit,
    heat_map,
    load_file,
    mesh,
    panels,
    remote,
    scan,
    several,
    thread,
    undo,
    volume,
)

ALL = (
    fit.fit,
    fit.finish_now,
    cancel.cancel,
    escape.two_windows,
    mesh.mesh_again,
    volume.volume,
    heat_map.heat_map,
    curvature.curvature,
    several.two_objects,
    scan.scan,
    undo.undo_during_fit,
    daemon.daemon_killed,
    load_file.file_loaded,
    panels.panels,
    remote.remote,
    thread.main_thread,
    autosave.autosave,
    close.closed,
)
AFTER = {"closed": close.opened_again}
"""What is played in the next Blender, after a scenario that closes Blender."""
