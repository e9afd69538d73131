"""A client that was given nothing but an address finds out what the daemon is: health and reflection."""

import json

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICES = {"MeshService", "FitService", "ModelService", "QueryService", "ServerService"}


def test_health_is_serving(daemon):
    with grpc.insecure_channel(daemon.target) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ["", *(f"overfit.v1.{name}" for name in sorted(SERVICES))]:
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service


def test_reflection_is_enough_to_call_the_server(daemon):
    with grpc.insecure_channel(daemon.target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(database.get_services()) >= {f"overfit.v1.{name}" for name in SERVICES}

        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName("overfit.v1.ServerService")
        token = [("authorization", f"Bearer {daemon.record['token']}")]

        def answer(method_name: str) -> dict:
            method = service.FindMethodByName(method_name)
            call = channel.unary_unary(
                f"/{service.full_name}/{method.name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
            )
            return json_format.MessageToDict(call(message_factory.GetMessageClass(method.input_type)(), metadata=token))

        info = answer("GetServerInfo")
        schema = json.loads(answer("GetSettingsSchema")["json"])

    assert info["version"] == daemon.record["version"]
    assert info["api"] == "overfit.v1"
    assert sum(preset.get("default", False) for preset in info["presets"]) == 1
    assert all(preset["name"] and preset["description"] for preset in info["presets"])
    assert [preset["name"] for preset in info["presets"] if preset.get("seconds", 0) == 0] == ["auto"]
    assert "cpu" in {device["id"] for device in info["devices"]}
    assert all(int(limit) > 0 for limit in info["limits"].values())
    assert len(info["limits"]) == 15
    assert schema["properties"]["spline"]["anyOf"][0]["properties"]["finest"]["maximum"] == 1024
