"""What is made of a field as a whole: meshes, grids, integrals, pictures, files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from overfit import methods
from overfit.answers import Measurement, Mesh, Picture
from overfit.arrays import real_number, whole_number
from overfit.connection import Connection
from overfit.meshes import gather, read_mesh
from overfit.notices import warn
from overfit.place import Place
from overfit.v1 import model_pb2, query_pb2
from overfit.whole_file import whole_file


def grid(resolution: int | None, voxel_size: float | None) -> query_pb2.GridSettings:
    """How fine; left to the daemon with neither. Raises `ValueError` or `TypeError`."""
    if resolution is not None and voxel_size is not None:
        raise ValueError("Give resolution or voxel_size, not both")
    if resolution is not None:
        resolution = whole_number("resolution", resolution)
    if voxel_size is not None:
        voxel_size = real_number("voxel_size", voxel_size)
    return query_pb2.GridSettings(resolution=resolution, voxel_size=voxel_size)


def mesh(connection: Connection, place: Place, request: query_pb2.ExtractMeshRequest) -> Mesh:
    """The surface."""
    with closing(connection.receive(methods.EXTRACT_MESH, request)) as answers:
        header = next(answers).header
        made = read_mesh(
            header.vertex_count,
            header.triangle_count,
            header.normals,
            (answer.chunk for answer in answers),
            place,
            header.watertight,
            header.bodies,
            header.resolution,
            header.warnings,
        )
    warn(made.warnings)
    return made


def volume(
    connection: Connection, request: query_pb2.ExtractVolumeRequest
) -> tuple[query_pb2.ExtractVolumeHeader, bytearray]:
    """A grid or a file of one, with what it is."""
    with closing(connection.receive(methods.EXTRACT_VOLUME, request)) as answers:
        header = next(answers).header
        data = gather((answer.chunk for answer in answers), header.size_bytes)
    warn(header.warnings)
    return header, data


def measurement(connection: Connection, request: query_pb2.MeasureRequest) -> Measurement:
    """The integrals."""
    found = query_pb2.Measurement()
    with closing(connection.receive(methods.MEASURE, request)) as answers:
        for answer in answers:
            if answer.WhichOneof("part") == "measurement":
                found = answer.measurement
    warn(found.warnings)
    return Measurement.of(found)


def picture(connection: Connection, request: query_pb2.RenderRequest) -> Picture:
    """A PNG file."""
    header, parts = query_pb2.RenderHeader(), list[bytes]()
    with closing(connection.receive(methods.RENDER, request)) as answers:
        for answer in answers:
            if answer.WhichOneof("part") == "header":
                header = answer.header
            elif answer.WhichOneof("part") == "chunk":
                parts.append(answer.chunk)
    warn(header.warnings)
    png = bytes(gather(parts, header.size_bytes))
    return Picture(png, header.width, header.height, tuple(header.legend), tuple(header.warnings))


def write_model(connection: Connection, request: model_pb2.ExportModelRequest, target: Path) -> None:
    """A model's file or another form of it, whole or not at all."""
    sentences: list[str] = []
    with whole_file(target) as file, closing(connection.receive(methods.EXPORT_MODEL, request)) as answers:
        for answer in answers:
            file.write(answer.chunk)
            sentences.extend(answer.warnings)
    warn(sentences)


def dense(header: query_pb2.ExtractVolumeHeader, data: bytearray) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The samples `[X, Y, Z]` of a dense grid."""
    return np.frombuffer(data, "<f4").reshape(tuple(header.dims))
