"""A mesh that goes on from an SDF volume with Blender's own grid nodes (Blender 5.0)."""

import bpy

from .place import Place, shown_view_layer

GROUP = "Overfit SDF"
MARK = "overfit_sdf"
"""The custom property by which our node group is known again, with the number of its layout."""
LAYOUT = 1
GRID = "sdf"
"""The grid's name in the daemon's volumes."""
STEPS = (
    ("GeometryNodeSDFGridOffset", "Distance", "Offset"),
    ("GeometryNodeSDFGridFillet", "Iterations", "Fillet"),
    ("GeometryNodeSDFGridLaplacian", "Iterations", "Smooth"),
)
"""What is done to the grid: node, its input, and what the modifier calls that."""
NEEDED = ("GeometryNodeGetNamedGrid", *(step[0] for step in STEPS), "GeometryNodeGridToMesh")


def has_sdf_nodes() -> bool:
    """Whether this Blender has SDF grid nodes. Some had them before 5.0 as an experiment, which does not count."""
    return bpy.app.version >= (5, 0, 0) and all(hasattr(bpy.types, name) for name in NEEDED)


def add_sdf_mesh(volume: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.Object:
    """A mesh object in the volume's place, made of it by nodes.

    The volume is hidden: it shows as fog. So are the field's other meshes: in one place they would flicker.
    """
    mesh = bpy.data.meshes.new(f"{volume.name} Mesh")
    result = bpy.data.objects.new(mesh.name, mesh)
    original = volume.overfit.original
    materials = [slot.material for slot in original.material_slots] if original else []
    for material in materials:
        mesh.materials.append(material)
    modifier = result.modifiers.new(GROUP, "NODES")
    group = modifier.node_group = sdf_group()
    values = {"Volume": volume, "Material": next(iter(materials), None)}
    for socket in group.interface.items_tree:
        if socket.name in values and socket.in_out == "INPUT":
            set_input(modifier, socket.identifier, values[socket.name])
    view_layer = shown_view_layer(scene)
    for obj in view_layer.objects:
        if obj.type == "MESH" and obj.overfit.model and obj.overfit.model == volume.overfit.model:
            obj.hide_set(True, view_layer=view_layer)
    Place.of(volume, scene).put(result, hide_original=True)
    volume.hide_render = True
    return result


def set_input(modifier: bpy.types.NodesModifier, identifier: str, value: object) -> None:
    """Sets what the modifier feeds to an input of its group."""
    if inputs := getattr(getattr(modifier, "properties", None), "inputs", None):
        getattr(inputs, identifier).value = value  # since Blender 5.2
    else:
        modifier[identifier] = value


def sdf_group() -> bpy.types.NodeTree:
    """Our node group: the one that the file has already, or a new one."""
    known = (group for group in bpy.data.node_groups if group.get(MARK) == LAYOUT and group.library is None)
    return next(known, None) or build_group()


def build_group() -> bpy.types.NodeTree:
    """Named grid → offset → fillet → smooth → mesh, each with an input in the modifier."""
    group = bpy.data.node_groups.new(GROUP, "GeometryNodeTree")
    group[MARK] = LAYOUT
    group.is_modifier = True
    add_sockets(group)
    nodes, link = group.nodes, group.links.new
    outside = nodes.new("NodeGroupInput")
    volume = nodes.new("GeometryNodeObjectInfo")
    # As it is in its own space: the mesh object stands where the volume stands.
    volume.transform_space = "ORIGINAL"
    link(outside.outputs["Volume"], volume.inputs["Object"])
    grid = nodes.new("GeometryNodeGetNamedGrid")
    grid.inputs["Name"].default_value = GRID
    link(volume.outputs["Geometry"], grid.inputs["Volume"])
    last, row = grid.outputs["Grid"], [outside, volume, grid]
    for kind, name, label in STEPS:
        step = nodes.new(kind)
        link(last, step.inputs["Grid"])
        link(outside.outputs[label], step.inputs[name])
        last = step.outputs["Grid"]
        row.append(step)
    mesh = nodes.new("GeometryNodeGridToMesh")
    mesh.inputs["Threshold"].default_value = 0.0
    link(last, mesh.inputs["Grid"])
    link(outside.outputs["Adaptivity"], mesh.inputs["Adaptivity"])
    smooth = nodes.new("GeometryNodeSetShadeSmooth")
    link(mesh.outputs["Mesh"], smooth.inputs[0])
    material = nodes.new("GeometryNodeSetMaterial")
    link(smooth.outputs[0], material.inputs["Geometry"])
    link(outside.outputs["Material"], material.inputs["Material"])
    result = nodes.new("NodeGroupOutput")
    link(material.outputs["Geometry"], result.inputs["Geometry"])
    for number, node in enumerate([*row, mesh, smooth, material, result]):
        node.location = (200.0 * number, 0.0)
    return group


def add_sockets(group: bpy.types.NodeTree) -> None:
    """What the modifier shows."""

    def add(name: str, kind: str, words: str, **limits: float | str) -> None:
        socket = group.interface.new_socket(name, description=words, in_out="INPUT", socket_type=f"NodeSocket{kind}")
        for limit, value in limits.items():
            setattr(socket, limit, value)

    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    # A modifier wants to be fed the object's own geometry, which has no part in this.
    group.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    add("Volume", "Object", "The Volume object with the signed distances")
    add("Offset", "Float", "How far the surface moves outwards, in the volume's own units", subtype="DISTANCE")
    add("Fillet", "Int", "Rounds inner corners: so many times", min_value=0, max_value=1000)
    add("Smooth", "Int", "Smooths the surface: so many times", min_value=0, max_value=1000)
    add("Adaptivity", "Float", "Joins faces where the surface is flat", subtype="FACTOR", min_value=0.0, max_value=1.0)
    add("Material", "Material", "The material of the mesh")
