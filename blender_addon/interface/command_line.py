"""`blender --command overfit`: fits without a window, for farms and scripts of the shell."""

import argparse
import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

import bpy

from ..scene.fit_source import has_surface
from ..session import current

NAME = "overfit"
ERROR = "Error: "
"""How Blender begins an operator's error."""


# Where `register` leaves it for `unregister`.
_command: object | None = None


def add_command() -> None:
    """Makes the command known to Blender."""
    global _command
    _command = bpy.utils.register_cli_command(NAME, run)


def remove_command() -> None:
    """Takes it back."""
    global _command
    bpy.utils.unregister_cli_command(_command)
    _command = None


def run(arguments: Sequence[str]) -> int:
    """Fits objects of a file and saves the file with their reconstructions; returns the exit status."""
    try:
        chosen = parser().parse_args(arguments)
    except SystemExit as ended:  # argparse has said why; Blender itself ends by the status
        return int(ended.code or 0)
    try:
        with redirect_stdout(WithoutErrors(sys.stdout)):
            fit(chosen)
    except (RuntimeError, OSError) as problem:
        for line in in_words(problem).splitlines():
            print(f"overfit: {line}", file=sys.stderr)
        return 1
    return 0


class WithoutErrors(io.TextIOBase):
    """Passes on what is written, but an operator's errors: Blender writes them in one piece, and raises them, too."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return len(text) if text.startswith(ERROR) else self._out.write(text)

    def flush(self) -> None:
        self._out.flush()


def in_words(problem: Exception) -> str:
    """What an operator reported, or what else went wrong."""
    return str(problem).strip().removeprefix(ERROR)


def parser() -> argparse.ArgumentParser:
    """What the command takes. What is not given is as the file's scene has it."""
    made = argparse.ArgumentParser(
        prog=f"blender --command {NAME}",
        description="Fit neural distance fields to objects of a .blend, and save it with their reconstructions.",
    )
    made.add_argument("file", type=Path, help="the .blend")
    made.add_argument("-o", "--output", type=Path, required=True, help="where the .blend with the results goes")
    made.add_argument("--objects", nargs="+", metavar="NAME", help="objects to fit; by default all with a surface")
    made.add_argument("--preset", default="", help="auto, draft, standard, detail, smooth, compact or points")
    made.add_argument("--seconds", type=float, default=0.0, help="training time for each")
    made.add_argument("--steps", type=int, default=0, help="training steps for each")
    made.add_argument("--resolution", type=int, default=0, help="cells along the longest side of each result")
    made.add_argument("--volumes", action="store_true", help="add an SDF volume of each, too")
    return made


def fit(chosen: argparse.Namespace) -> None:
    """Does it. What succeeds is saved even if something fails: then raises `RuntimeError` in the panel's words."""
    bpy.ops.wm.open_mainfile(filepath=str(chosen.file.resolve()))
    objects = bpy.context.view_layer.objects
    names = chosen.objects or [obj.name for obj in objects if has_surface(obj) and obj.visible_get()]
    if missing := [name for name in names if name not in objects]:
        raise RuntimeError(f"{chosen.file} has no object '{missing[0]}' in its view layer")
    if not names:
        raise RuntimeError(f"{chosen.file} shows no object with a surface: name some with --objects")
    if bpy.context.object and bpy.context.object.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for obj in objects:
        obj.select_set(obj.name in names)
    objects.active = objects[names[0]]
    # Volumes lie beside the file that shows them.
    bpy.ops.wm.save_as_mainfile(filepath=str(chosen.output.resolve()))
    troubles = []
    try:
        bpy.ops.overfit.fit(
            wait=True,
            preset=chosen.preset,
            seconds=chosen.seconds,
            steps=chosen.steps,
            resolution=chosen.resolution,
        )
    except RuntimeError as trouble:
        troubles.append(in_words(trouble))
    for job in current().fits_done():
        result = bpy.data.objects[job.result_name]
        print(f"overfit: {result.name}: {len(result.data.polygons):,} triangles", flush=True)
        if chosen.volumes:
            objects.active = result
            try:
                bpy.ops.overfit.extract_volume(wait=True)
            except RuntimeError as trouble:
                troubles.append(in_words(trouble))
    bpy.ops.wm.save_mainfile()
    if troubles:
        raise RuntimeError("\n".join(troubles))
