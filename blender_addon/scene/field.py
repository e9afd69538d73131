"""What an object knows of the field that was fitted to it."""

from dataclasses import dataclass, field

import bpy

from ..field_settings import USUAL_RESOLUTION
from .embedded import find_text, new_text, read_text

FIGURES = ("near_mae", "sign_agreement", "uniform_mae", "iou", "gradient_degrees")
KEPT = ("model", "architecture", *FIGURES)


@dataclass
class Field:
    """A finished model and what is known of it."""

    model: str
    """`models/{id}`"""
    near_mae: float = -1.0
    """Mean error near the surface, relative to the longest side; negative if it was not measured, as all figures."""
    sign_agreement: float = -1.0
    """Share of points near the surface whose sign is right."""
    uniform_mae: float = -1.0
    """Mean error in the bounding box, relative to the longest side."""
    iou: float = -1.0
    """Intersection over union of the insides, 0 to 1."""
    gradient_degrees: float = -1.0
    """Median angle between the gradients near the surface and the exact ones."""
    architecture: str = ""
    size_bytes: int = 0
    name: str = ""
    """What the user calls it."""
    cells: float = 0.0
    """Along the longest side of the mesh that was made of it last; 0 if none was."""
    data: bytes | bytearray | None = field(default=None, repr=False)
    """The model's file, if it is to be kept in the .blend but is not there yet."""
    text_uid: int = 0
    """Session uid of the text that keeps the file; 0 if none does. No pointer: undo moves what that would point to."""
    former_model: str = ""
    """The name of the same model that objects still have, if the daemon has given it a new one."""

    @classmethod
    def of(cls, obj: bpy.types.Object) -> "Field":
        """The field that the object remembers; its model is empty if there is none."""
        kept = obj.overfit
        uid = kept.embedded.session_uid if kept.embedded else 0
        known = {name: getattr(kept, name) for name in KEPT}
        return cls(**known, size_bytes=kept.size_bytes, name=obj.name, text_uid=uid)

    def remember_on(self, obj: bpy.types.Object) -> None:
        """Lets the object remember the field, so that more can be made of it later."""
        kept = obj.overfit
        if not kept.model:
            kept.resolution = bpy.context.scene.overfit.resolution
            # Whoever changes over to voxel sizes starts at the same fineness.
            kept.voxel_size = longest_side(obj) / (self.cells or kept.resolution or USUAL_RESOLUTION)
            kept.volume_voxel_size = longest_side(obj) / (kept.volume_resolution or USUAL_RESOLUTION)
        if kept.model != self.model and kept.model != self.former_model:
            kept.volume = kept.area = -1.0  # those of another field
        for name in KEPT:
            setattr(kept, name, getattr(self, name))
        kept.size_bytes = min(self.size_bytes, 2**31 - 1)
        kept.embedded = self._text(obj)

    def embedded_file(self) -> bytes | bytearray | None:
        """The model's file, if the .blend holds it."""
        return self.data or read_text(find_text(self.text_uid))

    def sharers(self) -> list[bpy.types.Object]:
        """The objects of this file that have the same model."""
        return [obj for obj in bpy.data.objects if obj.is_editable and self._is_shared_by(obj)]

    def settle(self) -> None:
        """Tells every object that shares the model what the daemon calls it now."""
        for obj in self.sharers() if self.former_model else []:
            obj.overfit.model = self.model

    def in_words(self) -> str:
        """The figures, for people."""
        parts = []
        if self.near_mae >= 0.0:
            parts.append(f"error {percentage(self.near_mae, 2)} of the size")
        if self.iou >= 0.0:
            parts.append(f"overlap (IoU) {percentage(self.iou, 4)}")
        return ", ".join(parts)

    def _is_shared_by(self, obj: bpy.types.Object) -> bool:
        kept = obj.overfit
        if self.text_uid and kept.embedded and kept.embedded.session_uid == self.text_uid:
            return True
        return kept.model != "" and kept.model in (self.model, self.former_model)

    def _text(self, obj: bpy.types.Object) -> bpy.types.Text | None:
        if self.data is not None:
            text = new_text(self.name or obj.name, self._description(), self.data)
            self.data, self.text_uid = None, text.session_uid
        return find_text(self.text_uid)

    def _description(self) -> str:
        lines = [f"Network: {self.architecture}"] if self.architecture else []
        lines += [
            f"Near error: {percentage(self.near_mae, 4)}",
            f"Right sign near the surface: {percentage(self.sign_agreement, 4)}",
            f"Uniform error: {percentage(self.uniform_mae, 4)}",
            f"Overlap (IoU): {percentage(self.iou, 4)}",
            f"Normals turned by: {degrees(self.gradient_degrees, 4)}",
        ]
        lines.append("Errors are relative to the longest side of the mesh's bounding box.")
        return "\n".join(lines)


def longest_side(obj: bpy.types.Object) -> float:
    """Of the object's bounding box, in its own units."""
    return max(max(axis) - min(axis) for axis in zip(*obj.bound_box, strict=True))


def percentage(share: float, digits: int) -> str:
    """A share as `97.91 %`; negative ones are unknown."""
    return f"{100.0 * share:.{digits}g} %" if share >= 0.0 else "unknown"


def degrees(angle: float, digits: int) -> str:
    """An angle in degrees as `3.1°`; negative ones are unknown."""
    if angle >= 99.0:  # two digits of these would take an exponent
        return f"{angle:.0f}°"
    return f"{angle:.{digits}g}°" if angle >= 0.0 else "unknown"
