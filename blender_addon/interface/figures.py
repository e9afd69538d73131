"""The figures of the evaluation protocol, explained."""

from collections.abc import Callable
from dataclasses import dataclass

import bpy

from ..scene.field import degrees, percentage


@dataclass(frozen=True)
class Figure:
    """One figure of an object's field."""

    name: str
    """As `object.overfit` has it."""
    label: str
    words: str
    """What it means."""
    digits: int
    """How many of them say something."""
    unit: Callable[[float, int], str] = percentage
    """Writes a value with so many digits in its unit."""

    def text(self, obj: bpy.types.Object) -> str:
        """Its value for the object's field."""
        return self.unit(getattr(obj.overfit, self.name), self.digits)


FIGURES = (
    Figure(
        "near_mae",
        "Near Error",
        "Mean error of the distance at 100,000 fresh points near the surface, in percent of the longest side",
        2,
    ),
    Figure(
        "sign_agreement",
        "Sign",
        "Share of the points near the surface for which the field tells inside from outside correctly",
        4,
    ),
    Figure(
        "uniform_mae",
        "Uniform Error",
        "Mean error of the distance at 200,000 fresh points all over the bounding box, in percent of the longest side",
        2,
    ),
    Figure(
        "iou",
        "IoU",
        "Volume that the insides of field and mesh have in common, over the volume of both together (IoU)",
        4,
    ),
    Figure(
        "gradient_degrees",
        "Normals",
        "How far normals taken from the field are turned from the exact ones, at half of the points near the surface "
        "at most: the median angle",
        2,
        degrees,
    ),
)


class OVERFIT_OT_copy_figure(bpy.types.Operator):
    """Copy this figure"""

    bl_idname = "overfit.copy_figure"
    bl_label = "Copy Figure"
    bl_options = {"INTERNAL"}

    figure: bpy.props.StringProperty(name="Figure", description="Which one", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return next((f"{figure.words}. Click to copy" for figure in FIGURES if figure.name == properties.figure), "")

    def execute(self, context: bpy.types.Context) -> set[str]:
        figure = next((known for known in FIGURES if known.name == self.figure), None)
        if figure is None or context.active_object is None:
            return {"CANCELLED"}
        context.window_manager.clipboard = f"{figure.label}: {figure.text(context.active_object)}"
        return {"FINISHED"}
