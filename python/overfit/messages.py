"""Classes of messages from their descriptions, with whatever version of protobuf there is."""

from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


def define(module: dict[str, Any], description: bytes) -> None:
    """Puts the messages and enums of a serialized `FileDescriptorProto` into a module, as protoc does."""
    pool: Any = descriptor_pool.Default()
    file = pool.AddSerializedFile(description)
    if file is None:  # protobuf before 5 answers nothing
        from google.protobuf.descriptor_pb2 import FileDescriptorProto

        file = pool.FindFileByName(FileDescriptorProto.FromString(description).name)
    module["DESCRIPTOR"] = file
    for name, message in file.message_types_by_name.items():
        module[name] = message_factory.GetMessageClass(message)
    for name, enum in file.enum_types_by_name.items():
        module[name] = EnumTypeWrapper(enum)
        for value in enum.values:
            module[value.name] = value.number
