"""A field as an SDF volume: from the daemon to a .vdb file to a Volume object."""

from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import bpy

from ..api.query_pb2 import (
    VOLUME_FORMAT_VDB,
    VOLUME_FORMAT_VDB_BLENDER_4,
    ExtractVolumeHeader,
    ExtractVolumeRequest,
    GridSettings,
)
from ..client.connection import Connection
from ..client.download import receive
from ..client.problem import Problem
from ..scene.field import Field
from ..scene.place import Place
from ..scene.volume_file import cannot_write, free_path, stored_path, volume_folder
from .job import Job


class VolumeJob(Job):
    """Makes a Volume object of a field, where its mesh stands."""

    undo_name = "SDF Volume"

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
        self.result_name = result.name
        self.message = f"'{result.name}': {self._voxels:,} voxels in {self._target.name}"
