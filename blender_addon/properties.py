"""Settings in the scene, and what objects remember of their fields.

No property has a callback in Python: with one, Blender 4.2 as a Python module crashes when it exits.
"""

import bpy

from .field_settings import (
    AS_NEEDED,
    BAND,
    DIRECTION,
    EDGE,
    EDGES,
    FINEST_RESOLUTION,
    ISO,
    MESH_RESOLUTION,
    MODE,
    NODES,
    SPACING,
    TRIANGLES,
    VOLUME_RESOLUTION,
)


class OverfitWaiting(bpy.types.PropertyGroup):
    """An object that waits for a fit in the daemon."""

    object: bpy.props.PointerProperty(
        type=bpy.types.Object, name="Object", description="The object that was fitted, where the result will stand"
    )
    fit: bpy.props.StringProperty(name="Fit", description="The fit's name in the daemon")


class OverfitOverride(bpy.types.PropertyGroup):
    """A setting that the preset would choose, one of all that the daemon knows: `scene.overfit.overrides`."""

    path: bpy.props.StringProperty(name="Setting", description="The setting's name, such as spline.finest")
    value: bpy.props.StringProperty(name="Value", description="What it is set to: a number or a word")


class OverfitSettings(bpy.types.PropertyGroup):
    """Settings of the next fit, mesh and volume, and what waits for one: `scene.overfit`."""

    waiting: bpy.props.CollectionProperty(
        type=OverfitWaiting, name="Waiting", description="The objects that wait for a fit in the daemon"
    )

    # Not an enum: its items would be the daemon's, and a file keeps an enum as a number, which is another preset with
    # another daemon.
    preset: bpy.props.StringProperty(
        name="Preset", description="How to fit: network, sampling and time. Empty: the daemon's default"
    )
    limit: bpy.props.EnumProperty(
        name="Until",
        description="When training ends. The best state so far is kept, and Finish Now ends it earlier",
        items=(
            ("PRESET", "Preset's Time", "Train as long as the preset says"),
            ("TIME", "Time", "Train for a time of your choice"),
            ("QUALITY", "Quality", "Train until the error near the surface is small enough, or the time is over"),
            ("STEPS", "Steps", "Train a number of steps: the same steps give the same field again"),
        ),
        default="PRESET",
    )
    seconds: bpy.props.FloatProperty(
        name="Seconds",
        description="Training time in seconds; with a quality target, the longest time",
        unit="TIME_ABSOLUTE",
        default=30.0,
        min=0.1,
        soft_max=600.0,
        precision=1,
        step=100,
    )
    target_error: bpy.props.FloatProperty(
        name="Error",
        description="Stop when the mean error near the surface is at most this percentage of the longest side",
        subtype="PERCENTAGE",
        default=0.05,
        min=0.001,
        soft_max=1.0,
        max=100.0,
        precision=3,
    )
    steps: bpy.props.IntProperty(
        name="Steps", description="Training steps", default=2000, min=1, soft_max=100_000, max=100_000_000
    )
    device: bpy.props.StringProperty(
        name="Device", description="Where the daemon trains. Empty: the daemon's choice", default=""
    )
    sign: bpy.props.EnumProperty(
        name="Inside",
        description="How inside and outside are told apart",
        items=(
            ("AUTO", "Automatic", "Exact for closed meshes, their normals put right; else the winding number"),
            ("WINDING", "Winding Number", "For open and dirty meshes: needs normals that mostly point outwards"),
            ("PARITY", "Parity", "For closed meshes whatever their normals: counts crossings of a ray"),
            ("NONE", "No Inside", "The distance is positive everywhere: for sheets and cloth"),
        ),
        default="AUTO",
    )
    loss: bpy.props.EnumProperty(
        name="Loss",
        description="What training makes small",
        items=(
            ("PRESET", "Preset's", "As the preset says"),
            ("L1", "L1", "Mean distance error: robust, sharp"),
            ("L2", "L2", "Mean squared distance error: punishes outliers"),
        ),
        default="PRESET",
    )
    learning_rate: bpy.props.FloatProperty(
        name="Learning Rate",
        description="Step size of the optimiser (Adam). 0: the preset's",
        default=0.0,
        min=0.0,
        soft_max=0.1,
        max=1.0,
        precision=5,
        step=0.01,
    )
    batch_size: bpy.props.IntProperty(
        name="Batch Size", description="Samples a step. 0: the preset's", default=0, min=0, max=1 << 20
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="Where the random numbers start: another seed, another fit of the same quality", min=0
    )
    overrides: bpy.props.CollectionProperty(
        type=OverfitOverride,
        name="More Settings",
        description="Settings that have no row of their own; they count most",
    )
    smoothing: bpy.props.FloatProperty(
        name="Smoothing",
        description="How far a scan's noise is smoothed away, in distances between its points",
        default=1.0,
        min=0.5,
        soft_max=5.0,
        max=20.0,
        precision=1,
        step=10,
    )
    carry_attributes: bpy.props.BoolProperty(
        name="Materials, UVs, Shading",
        description="Give the new mesh the original's materials, UV maps, colours, vertex groups and shading",
        default=True,
    )
    show_preview: bpy.props.BoolProperty(
        name="Live Preview",
        description="Draw the surface as it is learned in the 3D views while a fit runs",
        default=True,
    )
    preview_resolution: bpy.props.IntProperty(
        name="Preview Resolution",
        description="Cells along the longest side of the live preview",
        default=64,
        min=16,
        max=128,
    )
    resolution: bpy.props.IntProperty(
        name="Resolution",
        description=f"Cells along the longest side of the mesh that comes back. {AS_NEEDED}",
        default=0,
        min=0,
        soft_max=1024,
        max=FINEST_RESOLUTION,
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
    keep_fields: bpy.props.BoolProperty(
        name="Keep Field in File",
        description="Keep the model of each fit in the .blend, up to 16 MB, so that the file travels whole",
        default=True,
    )
    combine_operation: bpy.props.EnumProperty(
        name="Combine",
        description="What becomes of the fields of several objects",
        items=(
            ("UNION", "Union", "What is in any of them"),
            ("INTERSECTION", "Intersection", "What is in all of them"),
            ("DIFFERENCE", "Difference", "What is in the active object and in none of the others"),
        ),
        default="UNION",
    )
    combine_smooth: bpy.props.FloatProperty(
        name="Smoothness",
        description="Radius over which the fields blend into each other, in the scene. 0: sharp edges",
        subtype="DISTANCE",
        default=0.0,
        min=0.0,
        soft_max=1.0,
        precision=4,
        step=1,
    )


class OverfitError(bpy.types.PropertyGroup):
    """What was measured between a reconstruction and its original: `mesh.overfit_error`, of the mesh that shows it.

    It points to no object: Blender 5.0 forgets to clear such a pointer of a mesh when the object is removed.
    """

    shown: bpy.props.BoolProperty(name="Shown", description="The mesh shows its error as colours")
    direction: bpy.props.EnumProperty(**DIRECTION)
    mean: bpy.props.FloatProperty(
        name="Mean", description="Mean distance of the points to the other surface, in own units"
    )
    percentile: bpy.props.FloatProperty(
        name="99 %", description="99 % of the points are at most this far from the other surface, in own units"
    )
    largest: bpy.props.FloatProperty(
        name="Largest", description="The largest distance of a point to the other surface, in own units"
    )
    longest_side: bpy.props.FloatProperty(
        name="Size", description="The longest side of the original's bounding box, in own units"
    )
    maximum: bpy.props.FloatProperty(
        name="Scale",
        description="The error with the brightest colour, as a percentage of the longest side; 0 if 99 % of the points "
        "are to be below it",
    )
    color_before: bpy.props.StringProperty(
        name="Colour Before", description="The colour attribute that was active before the error was shown"
    )


class OverfitCurvature(bpy.types.PropertyGroup):
    """The curvature that a mesh shows: `mesh.overfit_curvature`."""

    shown: bpy.props.BoolProperty(name="Shown", description="The mesh shows its curvature as colours")
    kind: bpy.props.EnumProperty(
        name="Curvature",
        description="Which curvature is shown",
        items=(("MEAN", "Mean", "Mean curvature"), ("GAUSSIAN", "Gaussian", "Gaussian curvature")),
    )
    limit: bpy.props.FloatProperty(
        name="Limit", description="The curvature, of either sign, with the strongest colour, in own units"
    )
    smoothing: bpy.props.FloatProperty(
        name="Smoothing",
        description="Radius of the balls over which the field was averaged, in own units; 0 if it was not",
    )
    color_before: bpy.props.StringProperty(
        name="Colour Before", description="The colour attribute that was active before the curvature was shown"
    )


class OverfitField(bpy.types.PropertyGroup):
    """The field that was fitted to an object, and what the next mesh or volume of it is like: `object.overfit`."""

    model: bpy.props.StringProperty(name="Model", description="The model's name in the daemon; empty if there is none")
    original: bpy.props.PointerProperty(
        type=bpy.types.Object, name="Original", description="The object that this one was reconstructed from"
    )
    is_result: bpy.props.BoolProperty(
        name="Is Result", description="Whether the object came out of a field, so that its mesh may be replaced"
    )
    error_copy: bpy.props.PointerProperty(
        type=bpy.types.Object,
        name="Error Copy",
        description="Of a result: the copy of its original that shows the error in its place",
    )
    error_of: bpy.props.PointerProperty(
        type=bpy.types.Object,
        name="Error Of",
        description="Of a copy of an original that shows an error: the result whose error that is",
    )
    embedded: bpy.props.PointerProperty(
        type=bpy.types.Text, name="Embedded", description="The text that holds the model's file in the .blend"
    )
    architecture: bpy.props.StringProperty(name="Network", description="The network's architecture; empty if unknown")
    size_bytes: bpy.props.IntProperty(name="Size", description="Size of the model's file in bytes; 0 if unknown")

    near_mae: bpy.props.FloatProperty(
        name="Error",
        description="Mean error near the surface, relative to the longest side; negative if unknown",
        default=-1.0,
    )
    sign_agreement: bpy.props.FloatProperty(
        name="Sign",
        description="Share of points near the surface with the right sign; negative if unknown",
        default=-1.0,
    )
    uniform_mae: bpy.props.FloatProperty(
        name="Uniform Error",
        description="Mean error in the bounding box, relative to the longest side; negative if unknown",
        default=-1.0,
    )
    iou: bpy.props.FloatProperty(
        name="Overlap", description="Intersection over union of the insides, 0 to 1; negative if unknown", default=-1.0
    )
    gradient_degrees: bpy.props.FloatProperty(
        name="Normals",
        description="Median angle between the field's normals near the surface and the exact ones, in degrees; "
        "negative if unknown",
        default=-1.0,
    )

    volume: bpy.props.FloatProperty(
        name="Volume", description="Volume of the inside in own units; negative if it was not measured", default=-1.0
    )
    volume_error: bpy.props.FloatProperty(name="Volume Error", description="An estimate of the error of the volume")
    area: bpy.props.FloatProperty(
        name="Area", description="Area of the surface in own units; negative if it was not measured", default=-1.0
    )
    area_error: bpy.props.FloatProperty(name="Area Error", description="An estimate of the error of the area")
    measured_iso: bpy.props.FloatProperty(
        name="Offset", description="Distance from the field's surface at which volume and area were measured"
    )

    spacing: bpy.props.EnumProperty(**SPACING)
    resolution: bpy.props.IntProperty(**MESH_RESOLUTION)
    voxel_size: bpy.props.FloatProperty(**EDGE)
    iso: bpy.props.FloatProperty(**ISO)
    mode: bpy.props.EnumProperty(**MODE)
    edges: bpy.props.EnumProperty(**EDGES)
    triangles: bpy.props.IntProperty(**TRIANGLES)
    volume_spacing: bpy.props.EnumProperty(**SPACING)
    volume_resolution: bpy.props.IntProperty(**VOLUME_RESOLUTION)
    volume_voxel_size: bpy.props.FloatProperty(**EDGE)
    volume_band: bpy.props.FloatProperty(**BAND)
    volume_nodes: bpy.props.BoolProperty(**NODES)
