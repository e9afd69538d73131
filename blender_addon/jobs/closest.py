"""Where points lie on a mesh that the daemon holds."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import numpy as np

from ..api.mesh_pb2 import DeleteMeshRequest, FindClosestRequest, FindClosestResponse
from ..client.connection import Connection
from ..client.problem import ConnectionLost, Problem
from ..scene.mesh_transfer import MeshBytes
from .upload import upload_mesh

CHUNK_POINTS = 16384
"""Points a message: 192 kB there, 320 kB back."""
AHEAD = 3
"""Requests without an answer. Their answers fit the connection's window of 4 MB, so neither side ever waits for the
other to read."""


@dataclass
class Closest:
    """The closest points of a mesh's surface, for `N` points."""

    distances: np.ndarray
    """`[N] f32`, without sign, in own units."""
    triangles: np.ndarray
    """`[N] i32`, numbered as uploaded."""
    weights: np.ndarray
    """`[N, 3] f32`: of the triangle's corners, summing to 1."""


async def find_closest(
    connection: Connection,
    mesh: str,
    triangles: int,
    points: np.ndarray,
    report: Callable[[float], None] = lambda _: None,
) -> Closest:
    """The points of `meshes/{id}`, which has so many triangles, that are closest to `points`, `[N, 3] f32`.

    `report` is told the share that is done. Raises `Problem`.
    """
    count = len(points)
    closest = Closest(np.empty(count, np.float32), np.empty(count, np.int32), np.empty((count, 3), np.float32))
    if count == 0:
        return closest
    starts = range(0, count, CHUNK_POINTS)
    answered = 0
    with connection.speaking():
        async with connection.meshes.FindClosest.open() as call:
            for number, start in enumerate(starts):
                chunk = points[start : start + CHUNK_POINTS].astype("<f4", copy=False).tobytes()
                await call.send_message(FindClosestRequest(mesh=mesh if number == 0 else "", points=chunk))
                if number + 1 == len(starts):
                    await call.end()
                while answered < (len(starts) if number + 1 == len(starts) else number + 1 - AHEAD):
                    reply = await call.recv_message()
                    if reply is None:
                        raise ConnectionLost("The daemon stopped in the middle of its answer. Try again")
                    take(closest, starts[answered], triangles, reply)
                    answered += 1
                    report(answered / len(starts))
                    await connection.loop.slice.pause()
                await connection.loop.slice.pause()
    return closest


def take(closest: Closest, start: int, triangles: int, reply: FindClosestResponse) -> None:
    """Puts an answer where it belongs; raises `Problem` unless it is whole and names triangles that exist."""
    count = min(CHUNK_POINTS, len(closest.distances) - start)
    if not len(reply.distances) == len(reply.triangles) == 4 * count == len(reply.weights) // 3:
        raise Problem("The daemon sent closest points that are not whole. Try again")
    numbers = np.frombuffer(reply.triangles, "<u4")
    if numbers.max() >= triangles:
        raise Problem("The daemon sent closest points on triangles that do not exist. Try again")
    closest.distances[start : start + count] = np.frombuffer(reply.distances, "<f4")
    closest.triangles[start : start + count] = numbers
    closest.weights[start : start + count] = np.frombuffer(reply.weights, "<f4").reshape(count, 3)


@asynccontextmanager
async def lent_mesh(
    connection: Connection, name: str, data: MeshBytes, report: Callable[[float], None] = lambda _: None
) -> AsyncIterator[str]:
    """Sends a mesh for questions only: gives `meshes/{id}`, and lets the daemon drop it afterwards.

    `report` is told the share that is sent. Raises `Problem`.
    """
    mesh = (await upload_mesh(connection, name, data, report)).name
    try:
        yield mesh
    finally:
        with suppress(Problem), connection.speaking():  # a daemon that is gone has dropped it
            await connection.meshes.DeleteMesh(DeleteMeshRequest(name=mesh))
