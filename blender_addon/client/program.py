"""The daemon's program on this computer: where it may lie."""

import importlib.metadata
import os
import shutil
import stat
from pathlib import Path

from .problem import Cure, Problem

WHEEL = "overfit"
"""The package that brings the program along in the full version of this extension. Its Python code is not used."""
NAMES = ("overfit", "overfit.exe")


def find_program(chosen: str) -> str:
    """The chosen path, else the program that came with the extension, else `overfit` on PATH. Raises `Problem`."""
    if chosen:
        if not Path(chosen).is_file():
            raise Problem(
                f"There is no program {chosen}. Correct the path in the extension's preferences", Cure.PREFERENCES
            )
        return chosen
    if found := bundled_program() or shutil.which("overfit"):
        return str(found)
    raise Problem(
        "There is no program 'overfit' on the PATH. Install it, or set its path in the extension's preferences",
        Cure.PREFERENCES,
    )


def bundled_program() -> Path | None:
    """The program out of the wheel that the extension carries, ready to run; `None` if it carries none.

    Blender unpacks the wheel beside the extensions' Python packages. It knows nothing of programs: they stay in the
    wheel's own folder for them (`overfit-VERSION.data/scripts`) and lose their mark as executable.
    """
    try:
        files = importlib.metadata.distribution(WHEEL).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(file.locate())
        if path.name in NAMES and path.is_file() and make_executable(path):
            return path.resolve()
    return None


def make_executable(path: Path) -> bool:
    """Marks the file as executable where it is not; returns whether it can be run."""
    if not os.access(path, os.X_OK):
        try:
            path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        except OSError:
            return False  # a folder of the system's: PATH is looked through next
    return os.access(path, os.X_OK)
