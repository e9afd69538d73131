"""What this extension is called, which version it is, and where its files may go."""

import tomllib
from pathlib import Path

import bpy

PACKAGE = __package__
"""Its name among Blender's modules: `bl_ext.REPOSITORY.overfit`."""


def extension_version() -> str:
    """The version in the manifest."""
    return tomllib.loads(Path(__file__).with_name("blender_manifest.toml").read_text())["version"]


def user_folder(name: str = "") -> Path:
    """The extension's own folder for files, which an update leaves alone, or a folder in it. It may not exist yet."""
    return Path(bpy.utils.extension_path_user(PACKAGE, path=name))
