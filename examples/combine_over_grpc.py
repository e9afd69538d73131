"""Bores a hole into a model of a running `overfit serve`, and makes one new model of what is left: stock gRPC alone.

usage: combine_over_grpc.py DATA_DIR models/ID X Y Z RADIUS
needs grpcio-tools; run it in the repository's root. The hole goes along z through X Y, Z, in the mesh's own units
"""

import json
import sys
from pathlib import Path

import grpc

sys.path.insert(0, "proto")  # gRPC reads the definitions from here: no generated code
combine_pb2, combine_api = grpc.protos_and_services("overfit/v1/combine.proto")
fit_pb2, fit_api = grpc.protos_and_services("overfit/v1/fit.proto")
query_pb2, query_api = grpc.protos_and_services("overfit/v1/query.proto")

daemon = json.loads((Path(sys.argv[1]) / "daemon.json").read_text())
token = [("authorization", f"Bearer {daemon['token']}")]
channel = grpc.insecure_channel(f"{daemon['address']}:{daemon['port']}")
x, y, z, radius = map(float, sys.argv[3:7])

Expression = combine_pb2.Expression
model = Expression(model=sys.argv[2])
drill = Expression(cylinder={"start": [x, y, z - 1000], "end": [x, y, z + 1000], "radius": radius})
bored = Expression(difference={"of": [model, drill], "smooth": 0.1 * radius})  # edges rounded a little

combine = combine_api.CombineServiceStub(channel)
combination = combine.Combine(combine_pb2.CombineRequest(expression=bored), metadata=token).combination
for warning in combination.warnings:
    print(warning, file=sys.stderr)

# Every query takes the combination in a model's place; nothing was trained.
queries = query_api.QueryServiceStub(channel)
*_, last = queries.Measure(query_pb2.MeasureRequest(model=combination.name), metadata=token)
print("volume", last.measurement.volume)

fits = fit_api.FitServiceStub(channel)
settings = fit_pb2.FitSettings(preset="draft", steps=300, batch_size=4096)
request = fit_pb2.CreateFitRequest(expression=bored, settings=settings, display_name="bored")
fit = fits.CreateFit(request, metadata=token).fit
for event in fits.WatchFit(fit_pb2.WatchFitRequest(name=fit.name), metadata=token):
    if event.WhichOneof("event") == "ended":
        print("model", event.ended.model or event.ended.error.message)
