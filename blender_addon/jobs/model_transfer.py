"""Model files between Blender and the daemon."""

from collections.abc import Callable

from ..api.model_pb2 import ExportModelRequest, GetModelRequest, ImportModelMetadata, ImportModelRequest, Model
from ..api.types_pb2 import Metrics
from ..client.chunks import send_chunks
from ..client.connection import Connection
from ..client.problem import ConnectionLost, NotFound, Problem
from ..scene.embedded import LIMIT_BYTES
from ..scene.field import Field


async def ensure_model(connection: Connection, field: Field) -> str:
    """The model's name in the daemon that is connected now.

    A daemon that does not know the model, or has a damaged file of it, gets it from the .blend, under a new name, which
    `field` then has; `field.settle()` tells it to the objects when the job places its result. Raises `Problem`.
    """
    await connection.ensure()
    try:
        describe(field, await get_model(connection, field.model))
        return field.model
    except NotFound as missing:
        data, why = field.embedded_file(), str(missing)
    if data is None:
        raise Problem(
            f"The daemon {connection.peer.which} does not have the field of '{field.name}' ({why}), and it is not in "
            "this .blend. Connect to the daemon that fitted it, load its .safetensors file, or fit again"
        )
    model = await import_model(connection, data, field.name)
    field.former_model, field.model = field.model, model.name
    describe(field, model)
    return field.model


async def complete_field(
    connection: Connection, field: Field, keep: bool, report: Callable[[float], None] = lambda _: None
) -> None:
    """Learns what the daemon knows of a model; with `keep` also takes its file, unless that is large.

    The object that remembers the field then has the file in the .blend. Raises `Problem`.
    """
    describe(field, await get_model(connection, field.model))
    if keep and field.size_bytes <= LIMIT_BYTES:
        field.data = await download_model(connection, field.model, report)


async def get_model(connection: Connection, name: str) -> Model:
    """What the daemon knows of a model. Raises `NotFound` if it has no whole one of that name, and `Problem`."""
    with connection.speaking():
        model = (await connection.models.GetModel(GetModelRequest(name=name))).model
    if model.damage:
        raise NotFound(f"{name} is damaged: {model.damage}")
    return model


async def download_model(connection: Connection, name: str, report: Callable[[float], None]) -> bytearray:
    """The model's file. Raises `Problem`."""
    data, size = bytearray(), 0
    with connection.speaking():
        async with connection.models.ExportModel.open() as call:
            await call.send_message(ExportModelRequest(name=name), end=True)
            async for message in call:
                size = size or message.size_bytes
                data += message.chunk
                report(len(data) / max(size, 1))
                await connection.loop.slice.pause()  # several messages may be here at once
    if not data or len(data) != size:
        raise ConnectionLost("The daemon sent a model that is not whole. Try again")
    return data


async def import_model(
    connection: Connection, data: bytes | bytearray, name: str, report: Callable[[float], None] = lambda _: None
) -> Model:
    """Gives the daemon a model's file; returns what the daemon made of it. Raises `Problem`."""
    with connection.speaking():
        async with connection.models.ImportModel.open() as call:
            metadata = ImportModelMetadata(display_name=name)
            await call.send_message(ImportModelRequest(metadata=metadata))
            await send_chunks(call, ImportModelRequest, data, report, connection.loop.slice)
            reply = await call.recv_message()
    if reply is None:
        raise ConnectionLost("The daemon did not answer. Try again")
    return reply.model


def describe(field: Field, model: Model) -> None:
    """Takes over what the daemon knows of a model."""
    field.architecture, field.size_bytes = model.architecture, model.size_bytes
    field.name = model.display_name or field.name
    if model.HasField("metrics"):
        take_metrics(field, model.metrics)


def take_metrics(field: Field, metrics: Metrics) -> None:
    """Takes over the figures of the evaluation protocol."""
    field.near_mae, field.sign_agreement = metrics.near_mae, metrics.sign_agreement
    field.uniform_mae = metrics.uniform_mae
    field.iou = metrics.iou if metrics.HasField("iou") else -1.0
    field.gradient_degrees = metrics.gradient_degrees if metrics.HasField("gradient_degrees") else -1.0
