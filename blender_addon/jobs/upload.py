"""A mesh's way to the daemon."""

from collections.abc import Callable

from ..api.mesh_pb2 import MESH_FORMAT_RAW, Mesh, MeshMetadata, UploadMeshRequest
from ..client.chunks import send_chunks
from ..client.connection import Connection
from ..client.problem import ConnectionLost
from ..scene.mesh_transfer import MeshBytes


async def upload_mesh(
    connection: Connection, name: str, mesh: MeshBytes, report: Callable[[float], None], smoothing: float = 1.0
) -> Mesh:
    """Sends a mesh; returns what the daemon found. `report` is told the share that is sent: 1 when it is checked.

    The noise of points without faces is smoothed away over so many distances between them. Raises `Problem`.
    """
    metadata = MeshMetadata(
        display_name=name,
        format=MESH_FORMAT_RAW,
        vertex_count=mesh.vertices,
        triangle_count=mesh.triangles,
        has_normals=mesh.normals,
        smoothing=None if mesh.triangles else smoothing,
    )
    with connection.speaking():
        async with connection.meshes.UploadMesh.open() as call:
            await call.send_message(UploadMeshRequest(metadata=metadata))
            await send_chunks(call, UploadMeshRequest, mesh.data, report, connection.loop.slice)
            report(1.0)
            reply = await call.recv_message()
    if reply is None:
        raise ConnectionLost("The daemon did not answer. Try again")
    return reply.mesh
