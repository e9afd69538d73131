"""Fits a mesh through a running `overfit serve` and asks for the distance of a point, with nothing but stock gRPC.

usage: fit_over_grpc.py DATA_DIR MESH.obj X Y Z      needs grpcio-tools and numpy; run it in the repository's root
"""

import json
import sys
from pathlib import Path

import grpc
import numpy as np

sys.path.insert(0, "proto")  # gRPC reads the definitions from here: no generated code
mesh_pb2, mesh_api = grpc.protos_and_services("overfit/v1/mesh.proto")
fit_pb2, fit_api = grpc.protos_and_services("overfit/v1/fit.proto")
query_pb2, query_api = grpc.protos_and_services("overfit/v1/query.proto")

daemon = json.loads((Path(sys.argv[1]) / "daemon.json").read_text())
token = [("authorization", f"Bearer {daemon['token']}")]
channel = grpc.insecure_channel(f"{daemon['address']}:{daemon['port']}")

upload = mesh_pb2.CreateMeshRequest(data=Path(sys.argv[2]).read_bytes(), metadata={"format": mesh_pb2.MESH_FORMAT_OBJ})
mesh = mesh_api.MeshServiceStub(channel).CreateMesh(upload, metadata=token).mesh

fits = fit_api.FitServiceStub(channel)
settings = {"preset": "draft", "steps": 300, "batch_size": 4096}  # or {"seconds": 30}, or {} for the default
order = fit_pb2.CreateFitRequest(mesh=mesh.name, settings=settings)
fit = fits.CreateFit(order, metadata=token).fit
for event in fits.WatchFit(fit_pb2.WatchFitRequest(name=fit.name), metadata=token):
    print(f"step {event.progress.step}: loss {event.progress.loss:.2e}", file=sys.stderr)

point = np.array(sys.argv[3:6], "<f4")  # in the mesh's own units, as is the distance
query = query_pb2.EvaluateRequest(model=event.ended.model, points=point.tobytes())
answer = query_api.QueryServiceStub(channel).Evaluate(query, metadata=token)
print(event.ended.model, *np.frombuffer(answer.values, "<f4"))
