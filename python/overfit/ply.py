"""Arrays as a binary PLY file: it keeps double precision, so a mesh with map coordinates arrives as it is."""

import numpy as np

from overfit.arrays import Numbers


def ply(vertices: Numbers, faces: Numbers | None, normals: Numbers | None) -> list[bytes | memoryview]:
    """The file, in parts: vertices `[V, 3]`, with faces `[F, K]` that are polygons of K corners, or without any, with
    normals `[V, 3]`.
    """
    real = "<f4" if np.array_equal(vertices, vertices.astype("<f4")) else "<f8"
    word = "float" if real == "<f4" else "double"
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    header += [f"property {word} {axis}" for axis in "xyz"]
    columns = vertices
    if normals is not None:
        header += [f"property {word} n{axis}" for axis in "xyz"]
        columns = np.concatenate([vertices, normals], axis=1)
    body = [_bytes(columns.astype(real))]
    if faces is not None:
        header += [f"element face {len(faces)}", "property list uchar uint vertex_indices"]
        record = np.empty(len(faces), [("count", "u1"), ("corners", "<u4", (faces.shape[1],))])
        record["count"], record["corners"] = faces.shape[1], faces
        body.append(_bytes(record))
    return ["\n".join([*header, "end_header\n"]).encode(), *body]


def _bytes(array: Numbers) -> memoryview:
    return np.ascontiguousarray(array).view(np.uint8).reshape(-1).data
