"""Models as files: kept in the .blend, saved, and loaded."""

from pathlib import Path
from tempfile import NamedTemporaryFile

import bpy

from ..client.connection import Connection
from ..client.problem import Problem
from ..client.time_slice import TimeSlice
from ..scene.embedded import LIMIT_BYTES
from ..scene.field import Field
from ..scene.mesh_transfer import TriangleMesh
from ..scene.place import find_scene
from ..scene.result import add_result_alone
from .job import Job
from .model_transfer import describe, download_model, ensure_model, import_model
from .spacing import Spacing
from .surface_job import fetch_surface

PIECE_BYTES = 256 * 1024
"""Read or written at once: some tenths of a millisecond."""


class EmbedJob(Job):
    """Puts the model's file into the .blend."""

    undo_name = "Keep in File"

    def __init__(self, connection: Connection, field: Field) -> None:
        super().__init__(f"Field of {field.name}", connection)
        self._field = field

    async def work(self) -> None:
        await ensure_model(self.connection, self._field)
        self.step = "Fetching the model"
        self._field.data = await download_model(self.connection, self._field.model, self.show_fraction)

    def place(self) -> None:
        sharers = self._field.sharers()
        for obj in sharers:
            self._field.remember_on(obj)
        self.message = f"The field of {len(sharers)} objects goes with this file once you save it"


class SaveModelJob(Job):
    """Writes a model's file."""

    undo_name = ""

    def __init__(self, connection: Connection, field: Field, path: Path) -> None:
        super().__init__(f"Field of {field.name}", connection)
        self._field, self._path = field, path

    async def work(self) -> None:
        name = await ensure_model(self.connection, self._field)
        self.step = "Fetching the model"
        data = await download_model(self.connection, name, self.show_fraction)
        await write_model(self._path, data, self.connection.loop.slice)

    def place(self) -> None:
        self._field.settle()
        self.message = f"Saved {self._path}"


class LoadModelsJob(Job):
    """Gives model files to the daemon, and makes a mesh of each."""

    undo_name = "Load Field"

    def __init__(
        self, connection: Connection, paths: list[Path], scene: bpy.types.Scene, resolution: int, keep: bool
    ) -> None:
        super().__init__(paths[0].name if len(paths) == 1 else f"{len(paths)} fields", connection)
        self._paths, self._scene_uid, self._spacing, self._keep = paths, scene.session_uid, Spacing(resolution), keep
        self._loaded: list[tuple[Field, TriangleMesh]] = []

    async def work(self) -> None:
        await self.connection.ensure()
        for path in self._paths:
            try:
                self._loaded.append(await self._load(path))
            except Problem as problem:
                if len(self._paths) == 1:
                    raise
                self.notes.append(str(problem))
        if not self._loaded:
            raise Problem(self.notes[0])

    def place(self) -> None:
        scene = find_scene(self._scene_uid)
        results = [add_result_alone(field.name, scene, field, surface) for field, surface in self._loaded]
        self._loaded = []
        self.result_name = results[0].name
        self.message = ", ".join(f"'{result.name}'" for result in results)

    async def _load(self, path: Path) -> tuple[Field, TriangleMesh]:
        self.step, self.fraction = f"Loading {path.name}", 0.0
        data = await read_model(path, self.connection.loop.slice)
        try:
            model = await import_model(self.connection, data, "", self.show_fraction)
        except Problem as problem:
            raise Problem(f"{path.name}: {problem}") from problem
        field = Field(model.name, name=path.stem)
        describe(field, model)
        if self._keep and len(data) <= LIMIT_BYTES:
            field.data = data
        self.step = f"Meshing {path.name}"
        surface, made = await fetch_surface(self.connection, model.name, self._spacing, self.show_fraction)
        field.cells = made.resolution
        self.notes += [f"{path.name}: {words}" for words in made.warnings]
        return field, surface


async def read_model(path: Path, time: TimeSlice) -> bytearray:
    """A model's file, read piece by piece. Raises `Problem`."""
    data = bytearray()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                data += piece
                await time.pause()
    except OSError as error:
        raise Problem(f"Cannot read {path}: {error.strerror}") from error
    return data


async def write_model(path: Path, data: bytes | bytearray, time: TimeSlice) -> None:
    """Writes a model's file piece by piece. What is there already is replaced only by a whole one. Raises `Problem`."""
    unfinished, view = None, memoryview(data)
    try:
        with NamedTemporaryFile(dir=path.parent, suffix=".unfinished", delete=False) as file:
            unfinished = Path(file.name)
            for start in range(0, len(view), PIECE_BYTES):
                file.write(view[start : start + PIECE_BYTES])
                await time.pause()
        unfinished.replace(path)
    except OSError as error:
        raise Problem(f"Cannot write {path}: {error.strerror}. Choose a folder that can be written") from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
