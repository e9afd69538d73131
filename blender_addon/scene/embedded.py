"""Model files inside of the .blend.

A model is kept by a text datablock: its text says in words what it is, its custom property holds the file. Objects
point to it, so original and results share it, and whoever appends or copies an object brings it along.
"""

import bpy

KEY = "model"
"""The custom property with the bytes of the .safetensors file."""
LIMIT_BYTES = 16 << 20
"""Larger models are kept only on request: Blender keeps the .blend in memory while it saves."""


def new_text(name: str, words: str, data: bytes | bytearray) -> bpy.types.Text:
    """Puts a model's file into the .blend. It goes when the last object that points to it goes."""
    text = bpy.data.texts.new(f"{name}.safetensors")
    text.user_clear()  # the first user is nobody: it would keep the text for ever
    text[KEY] = bytes(data)
    text.write(
        f"{name}: a neural signed distance field, fitted by Overfit\n\n{words}\n\n"
        f"The model's file is the custom property '{KEY}' of this text, so that it travels with the .blend.\n"
        "To save it as a file: View3D > Sidebar > Overfit > Field > Model > Save Field, or in Python\n\n"
        f"    pathlib.Path('model.safetensors').write_bytes(bpy.data.texts[{text.name!r}]['{KEY}'])\n"
    )
    return text


def find_text(uid: int) -> bpy.types.Text | None:
    """The text with this session uid; `None` if it is gone."""
    return next((text for text in bpy.data.texts if text.session_uid == uid), None) if uid else None


def read_text(text: bpy.types.Text | None) -> bytes | None:
    """The model's file that a text holds; `None` if it holds none."""
    data = text.get(KEY) if text else None
    return data if isinstance(data, bytes) else None
