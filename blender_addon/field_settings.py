"""What a mesh, a volume and the error of a field can be told: the same for an object's settings and for operators.

Each is the keywords of one property. Lengths are in the object's own units, before its scale.
"""

USUAL_RESOLUTION = 256
"""What the daemon takes for a mesh where nothing calls for more."""
USUAL_TRIANGLES = 20_000
"""A target to begin with."""
FINEST_RESOLUTION = 4096
"""No more can be asked for here."""
AS_NEEDED = "0: as fine as the shape needs, 256 or more where its walls or bodies are thin"

RESOLUTION, VOXEL_SIZE = "RESOLUTION", "VOXEL_SIZE"
REPLACE, NEW = "REPLACE", "NEW"
RECONSTRUCTION, ORIGINAL = "RECONSTRUCTION", "ORIGINAL"

SPACING = {
    "name": "Fineness",
    "description": "How the fineness is chosen",
    "items": (
        (RESOLUTION, "Resolution", "By the number of cells along the longest side"),
        (VOXEL_SIZE, "Voxel Size", "By the edge of a cell"),
    ),
    "default": RESOLUTION,
}
MESH_RESOLUTION = {
    "name": "Resolution",
    "description": f"Cells along the longest side of the mesh. {AS_NEEDED}",
    "default": 0,
    "min": 0,
    "soft_max": 1024,
    "max": FINEST_RESOLUTION,
}
VOLUME_RESOLUTION = {
    "name": "Resolution",
    "description": f"Voxels along the longest side of the volume. {AS_NEEDED}",
    "default": 128,
    "min": 0,
    "soft_max": 512,
    "max": FINEST_RESOLUTION,
}
EDGE = {
    "name": "Voxel Size",
    "description": "Edge of a cell, in the object's own units before its scale",
    "subtype": "DISTANCE",
    "default": 0.02,
    "min": 1e-6,
    "soft_min": 1e-3,
    "soft_max": 1.0,
    "precision": 4,
    "step": 0.1,
}
ISO = {
    "name": "Offset",
    "description": "Distance from the surface at which the mesh is cut, in the object's own units before its scale: "
    "above 0 the shape is grown, below 0 it is shrunk",
    "subtype": "DISTANCE",
    "default": 0.0,
    "soft_min": -1.0,
    "soft_max": 1.0,
    "precision": 4,
    "step": 1,
}
MODE = {
    "name": "Result",
    "description": "Where the mesh goes. An original is never replaced: of that, the mesh is always a new object",
    "items": (
        (REPLACE, "Replace", "Give this object the mesh. Its name, materials and modifiers stay"),
        (NEW, "New Object", "Add an object beside this one"),
    ),
    "default": REPLACE,
}
CUBES, SHARP = "CUBES", "SHARP"
EDGES = {
    "name": "Edges",
    "description": "What becomes of the shape's edges and corners",
    "items": (
        (CUBES, "Rounded", "Marching cubes: fast. Edges are cut off within a cell"),
        (SHARP, "Sharp", "Dual contouring: vertices on edges and corners, and sharp edges marked. Slower"),
    ),
    "default": CUBES,
}
TRIANGLES = {
    "name": "Triangles",
    "description": "At most so many triangles, fewer of them where the surface is flat. 0: as many as the cells give",
    "default": 0,
    "min": 0,
    "soft_max": 1_000_000,
    "max": 1_000_000_000,
}
DIRECTION = {
    "name": "Show On",
    "description": "From whose points distances are measured, and shown there",
    "items": (
        (
            RECONSTRUCTION,
            "Reconstruction",
            "Its distance to the original: shows what was bent or added. What is missing does not show",
        ),
        (
            ORIGINAL,
            "Original",
            "Its distance to the reconstruction, on a copy of it: shows what is missing, such as a thin part. "
            "Walls that lay within a body are missing on purpose, and show, too",
        ),
    ),
    "default": RECONSTRUCTION,
}
BAND = {
    "name": "Band",
    "description": "How far from the surface distances are stored, on either side, in voxels",
    "default": 3.0,
    "min": 1.0,
    "soft_max": 20.0,
    "max": 1000.0,
    "precision": 1,
    "step": 100,
}
NODES = {
    "name": "SDF Nodes",
    "description": "Also add a mesh that goes on from the volume with SDF grid nodes: offset, fillet, smooth. "
    "Needs Blender 5.0",
    "default": False,
}
