"""Model files (docs/model-format.md): read and written with NumPy alone."""

import json
import os
import re
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from overfit.arrays import Numbers
from overfit.errors import InvalidInput
from overfit.program import find_program
from overfit.whole_file import whole_file

_TYPES = {"F32": "<f4", "F16": "<f2", "U8": "u1", "U32": "<u4", "U64": "<u8"}
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}
_MOST_HEADER_BYTES = 4 << 20


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What a model's file holds."""

    description: dict[str, Any]
    """The JSON of its metadata, without the checksum."""
    tensors: dict[str, Numbers]
    """By name; read-only."""


def read_model_file(path: str | os.PathLike[str]) -> ModelFile:
    """Reads a file of plain tensors; one in the compact form is made one by the program first.

    Raises `InvalidInput` for what is no model, or is damaged, and `OSError`.
    """
    header, tensors = _read(Path(path))
    text = str(header.get("__metadata__", {}).get("overfit", ""))
    try:
        description = json.loads(text)
        form = description["format"]
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(f"{path} is no model of Overfit") from None
    if form == "overfit.coded.v1":
        return _read_compact(Path(path))
    if form != "overfit.field.v1":
        raise InvalidInput(f"{path} is of the format {form}, which a newer version wrote")
    told = re.match(r'\{"checksum":"([0-9a-f]{8})",', text)
    if told and told[1] != _checksum("{" + text[told.end() :], tensors):
        raise InvalidInput(f"{path} is damaged: its checksum is wrong")
    description.pop("checksum", None)
    return ModelFile(description, tensors)


def write_model_file(path: str | os.PathLike[str], model: ModelFile) -> None:
    """Writes a file with its checksum, whole or not at all. Raises `OSError`."""
    text = json.dumps(model.description, separators=(",", ":"))
    text = f'{{"checksum":"{_checksum(text, model.tensors)}",{text[1:]}'
    # Wider types first, as safetensors wants it: every tensor then lies where its type may.
    names = sorted(model.tensors, key=lambda name: (-model.tensors[name].itemsize, name))
    header: dict[str, Any] = {"__metadata__": {"overfit": text}}
    end = 0
    for name in names:
        tensor = model.tensors[name]
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with whole_file(path) as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for name in names:
            file.write(np.ascontiguousarray(model.tensors[name]).tobytes())


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Numbers]]:
    """Header and tensors of a safetensors file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    try:
        if length > _MOST_HEADER_BYTES:
            raise ValueError
        header = json.loads(data[8 : 8 + length])
        tensors: dict[str, Numbers] = {}
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                body = data[8 + length + begin : 8 + length + end]
                tensors[name] = np.frombuffer(body, _TYPES[entry["dtype"]]).reshape(entry["shape"])
        return header, tensors
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput(f"{path} is no safetensors file, or is cut off") from None


def _read_compact(path: Path) -> ModelFile:
    with tempfile.TemporaryDirectory(prefix="overfit-plain-") as folder:
        plain = Path(folder, "plain.safetensors")
        command = [str(find_program()), "export", str(path), "-o", str(plain)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise InvalidInput(done.stderr.strip().splitlines()[-1] if done.stderr else f"{path} cannot be read")
        return read_model_file(plain)


def _checksum(text: str, tensors: dict[str, Numbers]) -> str:
    crc = zlib.crc32(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        head = f"\n{name} {_NAMES[tensor.dtype]} {list(tensor.shape)}\n"
        crc = zlib.crc32(head.encode() + np.ascontiguousarray(tensor).tobytes(), crc)
    return f"{crc:08x}"
