"""Runs inside Blender: renders what the session left, original, reconstruction and volume side by side.

usage: render.py DEMO.blend SESSION.json OUT.png
"""

import json
import sys
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

PIXELS = (1320, 460)
SAMPLES = 24
COLOURS = {
    "original": (0.50, 0.48, 0.45),
    "reconstruction": (0.06, 0.36, 0.62),
    "volume": (0.80, 0.30, 0.06),
}
"""Linear RGB, in the order of the picture from left to right."""
SPACING = 1.06
"""From column to column, in longest sides."""


def clay(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    """A plain, slightly glossy material."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = 0.42
    return material


def mesh_of_volume(volume: bpy.types.Object) -> bpy.types.Object:
    """The volume's surface, by Blender's own Volume to Mesh modifier."""
    item = bpy.data.objects.new("Volume to Mesh", bpy.data.meshes.new("Volume to Mesh"))
    item.matrix_world = volume.matrix_world
    bpy.context.scene.collection.objects.link(item)
    modifier = item.modifiers.new("Volume to Mesh", "VOLUME_TO_MESH")
    modifier.object = volume
    modifier.grid_name = "sdf"
    modifier.threshold = 0.0
    modifier.use_smooth_shade = True
    bpy.context.view_layer.update()
    return item


def add(item: bpy.types.Object, matrix: Matrix) -> bpy.types.Object:
    """Links an object into the scene with this transform."""
    bpy.context.scene.collection.objects.link(item)
    item.matrix_world = matrix
    return item


def looking(place: Vector, at: Vector) -> Matrix:
    """The transform of a camera or lamp that stands in one place and looks at another."""
    return Matrix.Translation(place) @ (at - place).to_track_quat("-Z", "Y").to_matrix().to_4x4()


def lamp(name: str, matrix: Matrix, size: float, watts: float) -> None:
    """A square lamp."""
    data = bpy.data.lights.new(name, "AREA")
    data.energy, data.size = watts, size
    add(bpy.data.objects.new(name, data), matrix)


def build(session: dict) -> None:
    """Puts copies of the three side by side, with a floor, lamps and a camera in front of the faces."""
    scene = bpy.context.scene
    items = {role: bpy.data.objects[session["names"][role]] for role in COLOURS}
    items["volume"] = mesh_of_volume(items["volume"])
    matrix, size = items["original"].matrix_world.copy(), session["longest_side"]

    # Suzanne looks along her own -Y. The camera stands there, a little to the side and above.
    face = matrix.to_3x3() @ Vector((0, -1, 0))
    front = (
        Matrix.Rotation(0.3, 3, "Z") @ Vector((face.x, face.y, 0)).normalized() + Vector((0, 0, 0.22))
    ).normalized()
    right = Vector((0, 0, 1)).cross(front).normalized()

    lowest, graph, centre = float("inf"), bpy.context.evaluated_depsgraph_get(), Vector()
    for column, role in enumerate(COLOURS):
        mesh = bpy.data.meshes.new_from_object(items[role].evaluated_get(graph))
        mesh.materials.clear()
        mesh.materials.append(clay(role, COLOURS[role]))
        mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
        shifted = Matrix.Translation(right * ((column - 1) * SPACING * size)) @ matrix
        add(bpy.data.objects.new(f"{role} shown", mesh), shifted)
        corners = [shifted @ vertex.co for vertex in mesh.vertices]
        lowest = min(lowest, *(corner.z for corner in corners))
        if column == 1:
            # The middle of what the camera sees of it.
            for axis in (right, front, front.cross(right)):
                along = [axis.dot(corner) for corner in corners]
                centre += axis * (min(along) + max(along)) / 2
    for item in scene.objects:
        item.hide_render = item.name in session["names"].values() or item.name == "Volume to Mesh"

    floor = bpy.data.meshes.new("Floor")
    far = 60 * size
    floor.from_pydata([(-far, -far, 0), (far, -far, 0), (far, far, 0), (-far, far, 0)], [], [(0, 1, 2, 3)])
    floor.materials.append(clay("Floor", (0.80, 0.81, 0.83)))
    floor.materials[0].node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 1.0
    add(bpy.data.objects.new("Floor", floor), Matrix.Translation((centre.x, centre.y, lowest - 0.01 * size)))

    up = Vector((0, 0, 1))
    lamp("Key", looking(centre + (2.2 * front - 1.8 * right + 2.6 * up) * size, centre), 2 * size, 62 * size**2)
    lamp("Fill", looking(centre + (1.6 * front + 3.2 * right + 1.0 * up) * size, centre), 3 * size, 12 * size**2)
    lamp("Rim", looking(centre + (-2.6 * front + 0.8 * right + 2.4 * up) * size, centre), 2 * size, 60 * size**2)
    scene.world = bpy.data.worlds.new("World")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    background = scene.world.node_tree.nodes["Background"].inputs
    background["Color"].default_value, background["Strength"].default_value = (0.85, 0.9, 1.0, 1.0), 0.3

    camera = bpy.data.cameras.new("Camera")
    camera.lens, camera.clip_end = 90, 1000 * size
    # Wide enough for three columns and a margin.
    distance = 3.3 * size * camera.lens / camera.sensor_width
    scene.camera = add(bpy.data.objects.new("Camera", camera), looking(centre + front * distance, centre))


def render(out: str) -> None:
    """Cycles on the processor."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 3
    scene.render.resolution_x, scene.render.resolution_y = PIXELS
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = out
    bpy.ops.render.render(write_still=True)


def main(blend: str, figures: str, out: str) -> None:
    """Opens the .blend, builds the picture's scene and renders it. The file is not saved."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    build(json.loads(Path(figures).read_text()))
    render(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
