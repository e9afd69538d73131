"""What an object knows of the field that was fitted to it."""

from dataclasses import dataclass

import bpy


@dataclass
class Field:
    """A finished model and what is known of it."""

    model: str
    """`models/{id}`"""
    near_mae: float
    """Mean error near the surface, relative to the longest side; negative if it was not measured."""
    iou: float
    """Intersection over union of the insides, 0 to 1; negative if it was not measured."""

    @classmethod
    def of(cls, obj: bpy.types.Object) -> "Field":
        """The field that the object remembers; its model is empty if there is none."""
        kept = obj.overfit
        return cls(kept.model, kept.near_mae, kept.iou)

    def remember_on(self, obj: bpy.types.Object) -> None:
        """Lets the object remember the field, so that more can be made of it later."""
        obj.overfit.model, obj.overfit.near_mae, obj.overfit.iou = self.model, self.near_mae, self.iou

    def in_words(self) -> str:
        """The figures, for people."""
        parts = []
        if self.near_mae >= 0.0:
            parts.append(f"error {100.0 * self.near_mae:.2g} % of the size")
        if self.iou >= 0.0:
            parts.append(f"overlap (IoU) {100.0 * self.iou:.4g} %")
        return ", ".join(parts)
