"""Where the files of volumes go, and how the .blend names them."""

import itertools
from pathlib import Path

import bpy

from ..client.problem import Problem
from ..extension import user_folder


def volume_folder() -> Path:
    """Where volumes go: `overfit` beside the .blend, or the extension's own folder while that is unsaved.

    Not the session's temporary folder, which is emptied when Blender closes. Raises `Problem`.
    """
    folder = Path(bpy.path.abspath("//overfit")) if bpy.data.filepath else user_folder("volumes")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder


def free_path(folder: Path, name: str) -> Path:
    """A path for a new volume: what other Volume objects show is never written over."""
    stem = bpy.path.clean_name(name)
    candidates = itertools.chain([f"{stem}.vdb"], (f"{stem}_{number}.vdb" for number in itertools.count(2)))
    return next(folder / candidate for candidate in candidates if not (folder / candidate).exists())


def stored_path(path: Path) -> str:
    """The path as the .blend keeps it: relative where the file lies beside it, so that both can move together."""
    if bpy.data.filepath and path.is_relative_to(Path(bpy.data.filepath).parent):
        return bpy.path.relpath(str(path))
    return str(path)


def cannot_write(path: Path, error: OSError) -> Problem:
    """The failure in words."""
    return Problem(f"Cannot write {path}: {error.strerror}. Save the .blend in a folder that can be written")
