"""Makes what the package `overfit` holds besides its own text: the messages of proto/, and the version of Cargo.toml.

Run by a Python that has grpcio-tools. Writes overfit/v1/ and overfit/version.py beside this file, which git ignores,
and touches nothing that is right already.

protoc's own Python code runs with the protobuf of its release or newer ones only. A researcher's environment has the
protobuf that its other packages want, so the package carries the descriptions of the messages, and makes the classes of
these when it is imported (overfit/messages.py), with any protobuf from 4.25 on. Type checkers read protoc's stubs.
"""

import re
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
PACKAGE = HERE / "overfit"

MODULE = '''"""Messages of {proto}, made by python/generate.py."""

from overfit.messages import define
{imports}
define(
    globals(),
    {description!r},
)
'''


def version() -> str:
    """The version of the program, and so of the package."""
    text = (PROJECT / "Cargo.toml").read_text()
    found = re.search(r'^version = "(.*)"', text, re.MULTILINE)
    assert found, "Cargo.toml has a version"
    return found[1]


def compiled() -> dict[str, str]:
    """The files of overfit/v1/, by name."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from grpc_tools import protoc

    protos = sorted((PROJECT / "proto").rglob("*.proto"))
    with tempfile.TemporaryDirectory(prefix="overfit-generate-") as scratch:
        described = Path(scratch, "all.binpb")
        arguments = ["protoc", f"-I{PROJECT / 'proto'}", f"-I{files('grpc_tools') / '_proto'}"]
        arguments += [f"--descriptor_set_out={described}", f"--pyi_out={scratch}", *map(str, protos)]
        if protoc.main(arguments) != 0:
            raise SystemExit("generate.py: protoc failed, see above")
        stubs = sorted(Path(scratch, "overfit", "v1").glob("*.pyi"))
        # Strict type checkers want to know of what a mapping is.
        made = {path.name: path.read_text().replace("_Mapping]", "_Mapping[str, object]]") for path in stubs}
        descriptions = FileDescriptorSet.FromString(described.read_bytes())
    made["__init__.py"] = '"""The messages of the daemon\'s API, as in proto/overfit/v1."""\n'
    for file in descriptions.file:
        imports = "".join(f"import {path.removesuffix('.proto').replace('/', '.')}_pb2\n" for path in file.dependency)
        text = MODULE.format(proto=file.name, imports=imports, description=file.SerializeToString())
        made[f"{Path(file.name).stem}_pb2.py"] = text
    return made


def write(path: Path, text: str) -> None:
    """Writes a file unless it says just that."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def generate() -> None:
    """Writes everything, and removes what no proto file stands for any more."""
    made, folder = compiled(), PACKAGE / "v1"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.is_file() and path.name not in made:
            path.unlink()
    for name, text in made.items():
        write(folder / name, text)
    write(PACKAGE / "version.py", f'"""Made by generate.py."""\n\nVERSION = "{version()}"\n')


if __name__ == "__main__":
    sys.exit(generate())
