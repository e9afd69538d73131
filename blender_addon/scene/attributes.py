"""What a mesh carries besides its shape: materials, UV maps, colours, vertex groups and how it is shaded."""

from dataclasses import dataclass, field

import bpy
import numpy as np

from .mesh_transfer import CORNERS
from .normals import NAME, put_normals, read_normals
from .vertex_groups import add_group, read_weights


@dataclass
class Layer:
    """Values of one name on the points or corners of a mesh."""

    name: str
    data_type: str
    """`FLOAT2` (a UV map), `FLOAT_COLOR`, `BYTE_COLOR`, `FLOAT` (a vertex group) or `FLOAT_VECTOR` (normals)."""
    domain: str
    """`POINT` or `CORNER`."""
    values: np.ndarray
    """`[points or corners, C] f32`. Colours are linear, with alpha."""


@dataclass
class Attributes:
    """Everything that a mesh carries. Blender's data is remembered without pointers, as the user works on."""

    materials: list[int] = field(default_factory=list)
    """The slots' materials by `session_uid`; 0 for an empty slot."""
    material_indices: np.ndarray | None = None
    """`[faces] i32`: slots; `None` if all faces have the first."""
    uv_maps: list[Layer] = field(default_factory=list)
    colors: list[Layer] = field(default_factory=list)
    groups: list[Layer] = field(default_factory=list)
    normals: list[Layer] = field(default_factory=list)
    """The normals of the corners, in one layer; none where the shape tells them."""
    active_uv: str = ""
    render_uv: str = ""
    active_color: str = ""
    render_color: str = ""
    active_group: int = 0

    @property
    def any(self) -> bool:
        """Whether there is anything."""
        return bool(self.materials or self.uv_maps or self.colors or self.groups or self.normals)


@dataclass
class Carrier:
    """A mesh as it was when its attributes were captured. Its triangles are those that `read_evaluated` gives."""

    attributes: Attributes
    positions: np.ndarray
    """`[V, 3] f32`, object space."""
    triangles: np.ndarray
    """`[F, 3] i32`: the triangles' points."""
    corners: np.ndarray
    """`[F, 3] i32`: the triangles' corners among the polygons' corners."""
    polygons: np.ndarray
    """`[F] i32`: the polygons whose parts the triangles are."""


def capture_mesh(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Carrier | None:
    """Copies what the object's own evaluated mesh carries; `None` if it has no faces."""
    if obj.type == "EMPTY":
        return None
    evaluated = obj.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        if mesh is None or len(mesh.polygons) == 0:
            return None
        carrier = capture_data(mesh, slots(evaluated, mesh))
    finally:
        evaluated.to_mesh_clear()
    if obj.vertex_groups:
        names = [group.name for group in obj.vertex_groups]
        weights = read_weights(evaluated, depsgraph, names)
        carrier.attributes.groups = [
            Layer(name, "FLOAT", "POINT", values[:, None]) for name, values in zip(names, weights, strict=True)
        ]
        carrier.attributes.active_group = obj.vertex_groups.active_index
    return carrier


def capture_data(mesh: bpy.types.Mesh, materials: list[bpy.types.Material | None]) -> Carrier:
    """Copies what an evaluated mesh carries that has faces and shows these materials; vertex groups are an object's."""
    normals = read_normals(mesh)
    attributes = Attributes(
        normals=[] if normals is None else [Layer(NAME, "FLOAT_VECTOR", "CORNER", normals)],
        materials=[material.original.session_uid if material else 0 for material in materials],
        material_indices=read_material_indices(mesh),
        uv_maps=[
            Layer(layer.name, "FLOAT2", "CORNER", read(layer.uv, "vector", 2))
            for layer in mesh.uv_layers
            if len(layer.uv)
        ],
        colors=[
            Layer(layer.name, layer.data_type, layer.domain, read(layer.data, "color", 4))
            for layer in mesh.color_attributes
            if layer.domain in ("POINT", "CORNER")
        ],
        active_uv=mesh.uv_layers.active.name if mesh.uv_layers.active else "",
        render_uv=next((layer.name for layer in mesh.uv_layers if layer.active_render), ""),
        active_color=mesh.attributes.active_color_name or "",
        render_color=mesh.attributes.default_color_name or "",
    )
    return Carrier(attributes, read(mesh.attributes["position"].data, "vector", 3), *read_triangulation(mesh))


def put(obj: bpy.types.Object, attributes: Attributes) -> None:
    """Gives a mesh object the attributes, whose values are those of its points, corners and faces."""
    mesh = obj.data
    known = {material.session_uid: material for material in bpy.data.materials}
    for uid in attributes.materials:
        mesh.materials.append(known.get(uid))  # a material that was deleted meanwhile leaves its slot empty
    if attributes.material_indices is not None:
        mesh.polygons.foreach_set("material_index", attributes.material_indices)
    for layer in attributes.uv_maps:
        name = mesh.uv_layers.new(name=layer.name, do_init=False).name
        mesh.uv_layers[name].uv.foreach_set("vector", layer.values.ravel())
    for layer in attributes.colors:
        name = mesh.color_attributes.new(layer.name, layer.data_type, layer.domain).name
        mesh.color_attributes[name].data.foreach_set("color", layer.values.ravel())
    for layer in attributes.groups:
        add_group(obj, layer.name, layer.values.ravel())
    for layer in attributes.normals:
        put_normals(mesh, layer.values)
    if attributes.active_uv in mesh.uv_layers:
        mesh.uv_layers.active = mesh.uv_layers[attributes.active_uv]
    if attributes.render_uv in mesh.uv_layers:
        mesh.uv_layers[attributes.render_uv].active_render = True
    if attributes.active_color in mesh.color_attributes:
        mesh.attributes.active_color_name = attributes.active_color
    if attributes.render_color in mesh.color_attributes:
        mesh.attributes.default_color_name = attributes.render_color
    if attributes.groups:
        obj.vertex_groups.active_index = attributes.active_group
    mesh.update()


def slots(evaluated: bpy.types.Object, mesh: bpy.types.Mesh) -> list[bpy.types.Material | None]:
    """The materials that the evaluated mesh shows: a slot may belong to the object, not to the mesh."""
    materials = list(mesh.materials)
    for number, slot in enumerate(evaluated.material_slots):
        if slot.link == "OBJECT" and number < len(materials):
            materials[number] = slot.material
    return materials


def read(data: bpy.types.bpy_prop_collection, name: str, width: int) -> np.ndarray:
    """A property of all items, `[N, width] f32`."""
    values = np.empty((len(data), width), np.float32)
    data.foreach_get(name, values.ravel())
    return values


def read_material_indices(mesh: bpy.types.Mesh) -> np.ndarray | None:
    """The polygons' slots, `[P] i32`; `None` if all have the first."""
    attribute = mesh.attributes.get("material_index")
    if attribute is None or attribute.domain != "FACE":
        return None
    indices = np.empty(len(mesh.polygons), np.int32)
    attribute.data.foreach_get("value", indices)
    return indices


def read_triangulation(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points `[F, 3]`, corners `[F, 3]` and polygons `[F]` of the triangles, in the order of `read_triangles`."""
    points = np.empty(len(mesh.loops), np.int32)
    mesh.attributes[CORNERS].data.foreach_get("value", points)
    if len(mesh.loops) == 3 * len(mesh.polygons):
        corners = np.arange(len(mesh.loops), dtype=np.int32).reshape(-1, 3)
        polygons = np.arange(len(mesh.polygons), dtype=np.int32)
    else:
        mesh.calc_loop_triangles()
        corners = np.empty((len(mesh.loop_triangles), 3), np.int32)
        mesh.loop_triangles.foreach_get("loops", corners.ravel())
        polygons = np.empty(len(mesh.loop_triangles), np.int32)
        mesh.loop_triangle_polygons.foreach_get("value", polygons)
    return points[corners], corners, polygons
