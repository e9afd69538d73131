"""A field as an SDF volume: from the daemon to a .vdb file to a Volume object."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

import bpy

from ..api.query_pb2 import (
    VOLUME_FORMAT_VDB,
    VOLUME_FORMAT_VDB_BLENDER_4,
    ExtractVolumeHeader,
    ExtractVolumeRequest,
)
from ..client.connection import Connection
from ..client.download import receive
from ..client.problem import Problem
from ..field_settings import RESOLUTION, VOXEL_SIZE
from ..scene.field import Field
from ..scene.place import Place
from ..scene.sdf_nodes import add_sdf_mesh
from ..scene.volume_file import cannot_write, free_path, stored_path, volume_folder
from .job import Job
from .model_transfer import ensure_model
from .spacing import Spacing


@dataclass(frozen=True)
class VolumeOrder:
    """What the user asked for."""

    spacing: Spacing
    band: float
    """How far from the surface distances are stored, on either side, in voxels."""
    nodes: bool = False
    """Whether a mesh with SDF grid nodes goes on from the volume."""


class VolumeJob(Job):
    """Makes a Volume object of a field, where its mesh stands."""

    undo_name = "SDF Volume"

    def __init__(self, connection: Connection, place: Place, field: Field, order: VolumeOrder) -> None:
        super().__init__(f"Volume of {place.name}", connection)
        self._place, self._field, self._order = place, field, order
        self._folder = volume_folder()
        self._target = self._folder
        self._voxels = 0

    async def work(self) -> None:
        model = await ensure_model(self.connection, self._field)
        self.step = "Filling voxels"
        request = ExtractVolumeRequest(
            model=model,
            grid=self._order.spacing.to_grid(),
            # Before 5.0, Blender shows volumes half a voxel beside their place.
            format=VOLUME_FORMAT_VDB if bpy.app.version >= (5, 0, 0) else VOLUME_FORMAT_VDB_BLENDER_4,
            band=self._order.band,
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
            self.notes += header.warnings
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
        self._field.settle()
        source = self._place.find_object()
        result.overfit.original = source if source is None or not source.overfit.is_result else source.overfit.original
        self._remember_order(result)
        self._place.put(result)
        self.result_name = result.name
        self.message = f"'{result.name}': {self._voxels:,} voxels in {self._target.name}"
        if self._order.nodes:
            self.message += f", mesh '{add_sdf_mesh(result, self._place.find_scene()).name}'"

    def _remember_order(self, result: bpy.types.Object) -> None:
        """So that the panel says how the volume was made."""
        kept, spacing = result.overfit, self._order.spacing
        kept.volume_band = self._order.band
        if spacing.voxel_size is not None:
            kept.volume_spacing, kept.volume_voxel_size = VOXEL_SIZE, spacing.voxel_size
        else:
            kept.volume_spacing, kept.volume_resolution = RESOLUTION, spacing.resolution or 0
