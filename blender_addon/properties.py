"""Settings in the scene, and what objects remember of their fields."""

import bpy


class OverfitSettings(bpy.types.PropertyGroup):
    """Settings of the next fit, mesh and volume: `scene.overfit`."""

    # Not an enum: its items would be the daemon's, and a file keeps an enum as a number, which is another preset with
    # another daemon.
    preset: bpy.props.StringProperty(
        name="Preset", description="How to fit: network, sampling and time. Empty: the daemon's default"
    )
    use_seconds: bpy.props.BoolProperty(name="Limit Time", description="Train for this long, not the preset's time")
    seconds: bpy.props.FloatProperty(
        name="Seconds",
        description="Training time in seconds",
        unit="TIME_ABSOLUTE",
        default=30.0,
        min=0.1,
        soft_max=600.0,
        precision=1,
        step=100,
    )
    resolution: bpy.props.IntProperty(
        name="Resolution",
        description="Cells along the longest side of the mesh that comes back",
        default=256,
        min=8,
        soft_max=1024,
        max=4096,
    )
    hide_original: bpy.props.BoolProperty(
        name="Hide Original",
        description="Hide the original in the viewport when the result is there: they stand in the same place",
        default=True,
    )
    show_notes: bpy.props.BoolProperty(
        name="Notes",
        description="Show what the daemon found about the mesh, such as holes and a doubtful inside",
        default=False,
    )
    volume_resolution: bpy.props.IntProperty(
        name="Voxels",
        description="Voxels along the longest side of the SDF volume",
        default=128,
        min=8,
        soft_max=512,
        max=4096,
    )
    volume_band: bpy.props.FloatProperty(
        name="Band",
        description="How far from the surface distances are stored, on either side, in voxels",
        default=3.0,
        min=1.0,
        soft_max=20.0,
        max=1000.0,
        precision=1,
        step=100,
    )


class OverfitField(bpy.types.PropertyGroup):
    """The field that was fitted to an object: `object.overfit`."""

    model: bpy.props.StringProperty(name="Model", description="The model's name in the daemon; empty if there is none")
    near_mae: bpy.props.FloatProperty(
        name="Error",
        description="Mean error near the surface, relative to the longest side; negative if unknown",
        default=-1.0,
    )
    iou: bpy.props.FloatProperty(
        name="Overlap", description="Intersection over union of the insides, 0 to 1; negative if unknown", default=-1.0
    )
