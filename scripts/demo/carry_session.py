"""Runs inside Blender: a Suzanne that carries something of everything is fitted, and shown beside what came back.

usage: carry_session.py FOLDER      writes materials.png, paint.png, group.png and error.png
"""

import importlib
import sys
from math import radians
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from render import add, clay, lamp, looking
from session import wait

PIXELS = (640, 310)
SAMPLES = 16
APART = 2.7
"""From Suzanne to Suzanne, in own units."""


def grid_material() -> bpy.types.Material:
    """Blender's own test picture, by the UV map."""
    material = clay("Grid", (1.0, 1.0, 1.0))
    image = bpy.data.images.new("Grid", 1024, 1024)
    image.generated_type = "COLOR_GRID"
    nodes = material.node_tree.nodes
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    material.node_tree.links.new(texture.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return material


def color_material(name: str, attribute: str) -> bpy.types.Material:
    """A material that shows a colour attribute as it is."""
    material = clay(name, (1.0, 1.0, 1.0))
    nodes = material.node_tree.nodes
    source = nodes.new("ShaderNodeVertexColor")
    source.layer_name = attribute
    material.node_tree.links.new(source.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return material


def dressed_suzanne() -> bpy.types.Object:
    """Suzanne with a UV map and a texture, red ears, painted stripes, a group that grows from ear to ear."""
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bpy.ops.mesh.primitive_monkey_add()
    monkey = bpy.context.object
    monkey.modifiers.new("Subdivision", "SUBSURF").levels = 2
    mesh = monkey.data
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=radians(66), island_margin=0.02)
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh.materials.append(grid_material())
    mesh.materials.append(clay("Ears", (0.75, 0.10, 0.03)))
    for polygon in mesh.polygons:
        polygon.material_index = int(abs(polygon.center.x) > 0.72)
        polygon.use_smooth = True
    paint = mesh.color_attributes.new("Paint", "BYTE_COLOR", "CORNER")
    for loop, color in zip(mesh.loops, paint.data, strict=True):
        place = mesh.vertices[loop.vertex_index].co
        color.color = (0.5 + 0.5 * place.x / 1.4, 0.5 + 0.5 * place.y / 0.9, 0.5 + 0.5 * place.z, 1.0)
    group = monkey.vertex_groups.new(name="Right")
    for vertex in mesh.vertices:
        group.add([vertex.index], min(max(0.5 + vertex.co.x / 2.0, 0.0), 1.0), "REPLACE")
    bpy.context.view_layer.update()
    return monkey


def shown_copy(item: bpy.types.Object, name: str) -> bpy.types.Object:
    """A copy without modifiers, with its first group as the colour attribute `Group`."""
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(item.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph)
    weights = np.full((len(mesh.vertices), 4), (0.0, 0.2, 1.0, 1.0), np.float32)
    for vertex in mesh.vertices:
        for entry in vertex.groups:
            weights[vertex.index] = (entry.weight, 0.2, 1.0 - entry.weight, 1.0)
    mesh.color_attributes.new("Group", "FLOAT_COLOR", "POINT").data.foreach_set("color", weights.ravel())
    return add(bpy.data.objects.new(name, mesh), Matrix())


def build_stage() -> None:
    """Lamps, background and camera for two Suzannes beside each other."""
    scene, centre = bpy.context.scene, Vector((0.0, 0.0, 0.0))
    lamp("Key", looking(Vector((-4.0, -6.0, 5.0)), centre), 5.0, 620.0)
    lamp("Fill", looking(Vector((6.0, -5.0, 1.0)), centre), 5.0, 260.0)
    scene.world = bpy.data.worlds.new("World")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True
    background = scene.world.node_tree.nodes["Background"].inputs
    background["Color"].default_value, background["Strength"].default_value = (0.9, 0.93, 1.0, 1.0), 0.6
    camera = bpy.data.cameras.new("Camera")
    camera.type, camera.ortho_scale = "ORTHO", 2.15 * APART
    view = looking(Vector((0.0, -9.0, 0.6)), centre + Vector((0.0, 0.0, 0.12)))
    scene.camera = add(bpy.data.objects.new("Camera", camera), view)
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", SAMPLES
    scene.cycles.use_denoising = True
    scene.render.resolution_x, scene.render.resolution_y = PIXELS
    scene.view_settings.view_transform = "Standard"


def main(folder: str) -> None:
    """Fits, measures the error, and takes the four pictures."""
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.overfit")
    session = importlib.import_module("bl_ext.user_default.overfit.session")
    original = dressed_suzanne()
    settings = bpy.context.scene.overfit
    settings.resolution, settings.hide_original = 160, False
    if bpy.ops.overfit.fit() != {"FINISHED"}:
        raise SystemExit("the operator Fit INR refused")
    rebuilt = wait(session)
    bpy.context.view_layer.objects.active = rebuilt
    if bpy.ops.overfit.show_error() != {"FINISHED"}:
        raise SystemExit("the operator Show Error refused")
    wait(session)
    pair = [shown_copy(original, "Shown original"), shown_copy(rebuilt, "Shown reconstruction")]
    for side, item in zip((-1, 1), pair, strict=True):
        item.matrix_world = Matrix.Translation((side * APART / 2.0, 0.0, 0.0)) @ Matrix.Rotation(0.25, 4, "Z")
    for item in (original, rebuilt):
        item.hide_render = True
    build_stage()
    own = [list(item.data.materials) for item in pair]
    looks = {"materials": None, "paint": "Paint", "group": "Group", "error": "Error"}
    for name, attribute in looks.items():
        for item, materials in zip(pair, own, strict=True):
            shows = attribute is None or attribute in item.data.color_attributes
            for number, material in enumerate(materials):
                plain = color_material(name, attribute) if shows and attribute else clay("Plain", (0.5, 0.5, 0.5))
                item.data.materials[number] = material if attribute is None else plain
        bpy.context.scene.render.filepath = str(Path(folder) / f"{name}.png")
        bpy.ops.render.render(write_still=True)
    # A timer or task that is left at exit can crash Blender.
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.overfit")


if __name__ == "__main__":
    main(*sys.argv[1:])
