"""Where the program `overfit` lies."""

import importlib.metadata
import os
import shutil
from pathlib import Path

from overfit.errors import ProgramNotFound

_NAMES = ("overfit", "overfit.exe")


def find_program() -> Path:
    """`OVERFIT_PROGRAM`, else the program that was installed with this package, else `overfit` on the PATH.

    Raises `ProgramNotFound`.
    """
    if chosen := os.environ.get("OVERFIT_PROGRAM"):
        if not Path(chosen).is_file():
            raise ProgramNotFound(f"OVERFIT_PROGRAM names {chosen}, and there is no such file")
        return Path(chosen)
    if found := _installed():
        return found
    if on_path := shutil.which("overfit"):
        return Path(on_path)
    raise ProgramNotFound(
        "There is no program overfit: this installation of the package brought none along for this platform. Build it "
        "(make build), then set OVERFIT_PROGRAM to its path, or connect to a daemon that runs (overfit.connect)"
    )


def _installed() -> Path | None:
    """The wheel's list of files leads to it, in whichever folder pip put it."""
    try:
        files = importlib.metadata.distribution("overfit").files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if path.name in _NAMES and os.access(path, os.X_OK) and path.is_file():
            return path.resolve()
    return None
