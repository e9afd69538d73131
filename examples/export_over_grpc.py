"""Asks a running `overfit serve` for a model in another form: an ONNX graph, or source code.

usage: export_over_grpc.py DATA_DIR models/ID FORMAT FILE      needs grpcio-tools; run it in the repository's root
"""

import json
import sys
from pathlib import Path

import grpc

sys.path.insert(0, "proto")  # gRPC reads the definitions from here: no generated code
model_pb2, model_api = grpc.protos_and_services("overfit/v1/model.proto")
server_pb2, server_api = grpc.protos_and_services("overfit/v1/server.proto")

daemon = json.loads((Path(sys.argv[1]) / "daemon.json").read_text())
token = [("authorization", f"Bearer {daemon['token']}")]
channel = grpc.insecure_channel(f"{daemon['address']}:{daemon['port']}")

info = server_api.ServerServiceStub(channel).GetServerInfo(server_pb2.GetServerInfoRequest(), metadata=token)
for form in info.export_formats:
    print(form.name, form.description, f"(at most {form.max_numbers} parameters)" if form.max_numbers else "")

request = model_pb2.ExportModelRequest(name=sys.argv[2], format=sys.argv[3])
with Path(sys.argv[4]).open("wb") as file:
    for message in model_api.ModelServiceStub(channel).ExportModel(request, metadata=token):
        file.write(message.chunk)
        for warning in message.warnings:
            print(warning, file=sys.stderr)
