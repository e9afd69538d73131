"""Asks a running `overfit serve` for curvature at a point of a model, and for its volume and area: stock gRPC alone.

usage: measure_over_grpc.py DATA_DIR models/ID X Y Z      needs grpcio-tools and numpy; run it in the repository's root
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

point = np.array(sys.argv[3:6], "<f4")  # in the mesh's own units
quantities = ["value", "normal", "mean-curvature", "principal-directions"]
question = query_pb2.EvaluateRequest(model=sys.argv[2], points=point.tobytes(), quantities=quantities)
answer = queries.Evaluate(question, metadata=token)
for column in answer.columns:
    print(column.quantity, *np.frombuffer(column.numbers, "<f4"))

question = query_pb2.MeasureRequest(model=sys.argv[2], error=1e-3)
for message in queries.Measure(question, metadata=token):
    if message.WhichOneof("part") == "fraction":
        print(f"{message.fraction:.0%}", file=sys.stderr)
    else:
        found = message.measurement
        print(f"volume {found.volume} ± {found.volume_error:.1g}")
        print(f"area {found.area} ± {found.area_error:.1g}")
for warning in [*answer.warnings, *found.warnings]:
    print(warning, file=sys.stderr)
