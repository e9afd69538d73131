"""A field as an SDF volume: from the daemon to a .vdb file to a Volume object."""

import itertools
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import bpy

from .api.query_pb2 import (
    VOLUME_FORMAT_VDB,
    VOLUME_FORMAT_VDB_BLENDER_4,
    ExtractVolumeHeader,
    ExtractVolumeRequest,
    GridSettings,
)
from .connection import Connection
from .download import receive
from .job import Job
from .place import Place
from .problem import Problem
from .surface import Field


class VolumeJob(Job):
    """Makes a Volume object of a field, where its mesh stands."""

    def __init__(self, connection: Connection, place: Place, field: Field, resolution: int, band: float) -> None:
        super().__init__(f"Volume of {place.name}", connection)
        self._place, self._field, self._resolution, self._band = place, field, resolution, band
        self._folder = volume_folder()
        self._target = self._folder
        self._voxels = 0

    async def work(self) -> None:
        await self.connection.ensure()
        self.step = "Filling voxels"
        request = ExtractVolumeRequest(
            model=self._field.model,
            grid=GridSettings(resolution=self._resolution),
            # Before 5.0, Blender shows volumes half a voxel beside their place.
            format=VOLUME_FORMAT_VDB if bpy.app.version >= (5, 0, 0) else VOLUME_FORMAT_VDB_BLENDER_4,
            band=self._band,
        )
        # Written under another name and renamed when whole: a broken download leaves no half file.
        unfinished = None
        try:
            with NamedTemporaryFile(dir=self._folder, suffix=".unfinished", delete=False) as file:
                unfinished = Path(file.name)
                await self._download(request, file)
            self._target = free_path(self._folder, f"{self._place.name}_SDF")
            unfinished.replace(self._target)
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        finally:
            if unfinished is not None:
                unfinished.unlink(missing_ok=True)

    async def _download(self, request: ExtractVolumeRequest, file: BinaryIO) -> None:
        received, size = 0, 0

        def begin(header: ExtractVolumeHeader) -> Callable[[bytes], None]:
            nonlocal size
            size, self._voxels = header.size_bytes, header.active_voxels
            return take

        def take(chunk: bytes) -> None:
            nonlocal received
            try:
                file.write(chunk)
            except OSError as error:  # said here, as around a call it would mean a lost connection
                raise cannot_write(self._folder, error) from error
            received += len(chunk)
            self.fraction = received / max(size, 1)

        await receive(self.connection, self.connection.queries.ExtractVolume, request, begin)
        if received != size:
            raise Problem("The daemon sent a volume that is not whole. Try again")

    def place(self) -> None:
        volume = bpy.data.volumes.new(f"{self._place.name} SDF")
        volume.filepath = stored_path(self._target)
        if not volume.grids.load() or len(volume.grids) == 0:
            reason = volume.grids.error_message or "no grids"
            bpy.data.volumes.remove(volume)
            raise Problem(f"Blender cannot read {self._target}: {reason}")
        result = bpy.data.objects.new(volume.name, volume)
        self._field.remember_on(result)
        self._place.put(result)
        bpy.ops.ed.undo_push(message="SDF Volume")
        self.result_name = result.name
        self.message = f"'{result.name}': {self._voxels:,} voxels in {self._target.name}"


def volume_folder() -> Path:
    """Where volumes go: `overfit` beside the .blend, or the extension's own folder while that is unsaved.

    Not the session's temporary folder, which is emptied when Blender closes. Raises `Problem`.
    """
    if bpy.data.filepath:
        folder = Path(bpy.path.abspath("//overfit"))
    else:
        folder = Path(bpy.utils.extension_path_user(__package__, path="volumes"))
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
