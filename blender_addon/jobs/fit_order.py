"""What the user asked for when pressing Fit INR."""

from dataclasses import dataclass

import bpy

from ..api import types_pb2
from ..api.fit_pb2 import LOSS_L1, LOSS_L2, LOSS_UNSPECIFIED, FitSettings

SIGNS = {
    "AUTO": types_pb2.SIGN_POLICY_AUTO,
    "WINDING": types_pb2.SIGN_POLICY_WINDING,
    "PARITY": types_pb2.SIGN_POLICY_PARITY,
    "NONE": types_pb2.SIGN_POLICY_NONE,
}
LOSSES = {"PRESET": LOSS_UNSPECIFIED, "L1": LOSS_L1, "L2": LOSS_L2}


@dataclass(frozen=True)
class FitOrder:
    """A fit's settings, and what is to become of the field."""

    settings: FitSettings
    smoothing: float
    """How far the noise of points without faces is smoothed away, in distances between them."""
    resolution: int
    """Cells along the longest side of the mesh that comes back; 0 leaves it to the daemon."""
    hide_original: bool
    preview_resolution: int
    """Cells along the longest side of the live preview; 0 for none."""

    keep_in_file: bool
    """Whether the .blend is to hold the field, too."""

    @classmethod
    def of(
        cls,
        chosen: bpy.types.PropertyGroup,
        *,
        preset: str = "",
        seconds: float = 0.0,
        steps: int = 0,
        resolution: int = 0,
    ) -> "FitOrder":
        """The order that the scene's settings make; what else is given comes before them."""
        settings = FitSettings(
            preset=preset or chosen.preset,
            device=chosen.device,
            sign=SIGNS[chosen.sign],
            loss=LOSSES[chosen.loss],
            seed=chosen.seed,
        )
        settings.overrides.update({setting.path: setting.value for setting in chosen.overrides})
        limit = "GIVEN" if seconds > 0.0 or steps > 0 else chosen.limit
        if limit in ("TIME", "QUALITY"):
            settings.seconds = chosen.seconds
        if limit == "QUALITY":
            settings.target_near_mae = chosen.target_error / 100.0
        if limit == "STEPS":
            settings.steps = chosen.steps
        if seconds > 0.0:
            settings.seconds = seconds
        if steps > 0:
            settings.steps = steps
        if chosen.learning_rate > 0.0:
            settings.learning_rate = chosen.learning_rate
        if chosen.batch_size > 0:
            settings.batch_size = chosen.batch_size
        # There is nothing to draw on in background mode.
        preview = chosen.show_preview and not bpy.app.background
        return cls(
            settings,
            chosen.smoothing,
            resolution or chosen.resolution,
            chosen.hide_original,
            chosen.preview_resolution if preview else 0,
            chosen.keep_fields,
        )
