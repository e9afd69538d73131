"""Asks a running `overfit serve` where a ray meets a model, and for a picture of it: stock gRPC alone.

usage: rays_over_grpc.py DATA_DIR models/ID OX OY OZ DX DY DZ PICTURE.png
needs grpcio-tools and numpy; run it in the repository's root
"""

import json
import sys
from pathlib import Path

import grpc
import numpy as np

sys.path.insert(0, "proto")  # gRPC reads the definitions from here: no generated code
query_pb2, query_api = grpc.protos_and_services("overfit/v1/query.proto")

daemon = json.loads((Path(sys.argv[1]) / "daemon.json").read_text())
token = [("authorization", f"Bearer {daemon['token']}")]
channel = grpc.insecure_channel(f"{daemon['address']}:{daemon['port']}")
queries = query_api.QueryServiceStub(channel)
model, ray = sys.argv[2], np.array(sys.argv[3:9], "<f4")  # origin and direction, in the mesh's own units

found = queries.Raycast(query_pb2.RaycastRequest(model=model, rays=ray.tobytes()), metadata=token)
print("distance", *np.frombuffer(found.distances, "<f4"))  # infinite where nothing is hit
print("normal", *np.frombuffer(found.normals, "<f4"))

found = queries.Project(query_pb2.ProjectRequest(model=model, points=ray[:3].tobytes()), metadata=token)
print("nearest", *np.frombuffer(found.points, "<f4"))

question = query_pb2.RenderRequest(model=model, width=512, height=512, mode=query_pb2.RENDER_MODE_NORMALS)
with Path(sys.argv[9]).open("wb") as file:
    for message in queries.Render(question, metadata=token):
        if message.WhichOneof("part") == "fraction":
            print(f"{message.fraction:.0%}", file=sys.stderr)
        else:
            file.write(message.chunk)
            for line in message.header.legend:
                print(line)
