"""Vertex groups as arrays. Python reads and writes them a vertex at a time; Blender's own nodes do it in one go."""

import bpy
import numpy as np

STORED = "overfit weights"
"""The attribute by which weights come and go."""


def read_weights(evaluated: bpy.types.Object, depsgraph: bpy.types.Depsgraph, names: list[str]) -> list[np.ndarray]:
    """The weights of an evaluated object's groups, each `[V] f32`; 0 where a vertex is not in the group.

    A copy of the mesh is evaluated in a scene of its own, with nodes that store the groups as attributes.
    """
    mesh = bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=True, depsgraph=depsgraph)
    copy = bpy.data.objects.new(STORED, mesh)
    numbered = [f"overfit group {number}" for number in range(len(names))]
    for name, number in zip(names, numbered, strict=True):
        if group := copy.vertex_groups.get(name):
            group.name = number  # a group may be called as an attribute that every mesh has, which nodes would read
    tree = storing_nodes(numbered)
    scene = bpy.data.scenes.new(STORED)
    try:
        scene.collection.objects.link(copy)
        copy.modifiers.new(STORED, "NODES").node_group = tree
        layer = scene.view_layers[0]
        layer.update()
        stored = copy.evaluated_get(layer.depsgraph).data
        weights = [np.empty(len(stored.vertices), np.float32) for _ in names]
        for number, values in zip(numbered, weights, strict=True):
            stored.attributes[f"{STORED} {number}"].data.foreach_get("value", values)
    finally:
        bpy.data.scenes.remove(scene)
        bpy.data.objects.remove(copy)
        bpy.data.meshes.remove(mesh)
        bpy.data.node_groups.remove(tree)
    return weights


def storing_nodes(names: list[str]) -> bpy.types.NodeTree:
    """Nodes that store each group as a float attribute, `overfit weights` and its name."""
    tree = bpy.data.node_groups.new(STORED, "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    geometry = tree.nodes.new("NodeGroupInput").outputs[0]
    for name in names:
        group = tree.nodes.new("GeometryNodeInputNamedAttribute")
        group.data_type = "FLOAT"
        group.inputs["Name"].default_value = name
        store = tree.nodes.new("GeometryNodeStoreNamedAttribute")
        store.data_type, store.domain = "FLOAT", "POINT"
        store.inputs["Name"].default_value = f"{STORED} {name}"
        tree.links.new(geometry, store.inputs["Geometry"])
        tree.links.new(group.outputs["Attribute"], store.inputs["Value"])
        geometry = store.outputs["Geometry"]
    tree.links.new(geometry, tree.nodes.new("NodeGroupOutput").inputs[0])
    return tree


def add_group(obj: bpy.types.Object, name: str, weights: np.ndarray) -> None:
    """A new group of a mesh object with the weights `[V] f32`; vertices of weight 0 are not in it."""
    if not (weights > 0.0).any():
        obj.vertex_groups.new(name=name)
        return
    attributes = obj.data.attributes
    stored = attributes.new(STORED, "FLOAT", "POINT")
    stored.data.foreach_set("value", np.clip(weights, 0.0, 1.0))
    attributes.active = stored
    # The user may be editing another object.
    with bpy.context.temp_override(object=obj, active_object=obj, edit_object=None):
        bpy.ops.geometry.attribute_convert(mode="VERTEX_GROUP")
    # Under a name of its own first: an attribute may not be called as some that every mesh has, a group may.
    obj.vertex_groups[-1].name = name
