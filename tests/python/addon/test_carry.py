"""What the original carries arrives on the new mesh: shapes whose attributes are known functions of the place."""

from collections.abc import Callable

import bpy
import numpy as np
import pytest
from conftest import part, pump_until, session
from mathutils import Matrix


def run(fake, coroutine):
    """Runs a coroutine on the session's loop to its end."""
    task = session().loop.start(coroutine)
    pump_until(task.done, fake.pump)
    return task.result()


def graph() -> bpy.types.Depsgraph:
    bpy.context.view_layer.update()
    return bpy.context.evaluated_depsgraph_get()


def triangles_of(obj: bpy.types.Object):
    return part("scene.evaluated").read_evaluated(obj, graph())


def new_object(name: str, points, faces) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.asarray(points).tolist(), [], np.asarray(faces).tolist())
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def sheet(cells: int, size: float = 1.0, turn: float = 0.0) -> bpy.types.Object:
    """A square in the plane z = 0."""
    side = np.linspace(-size, size, cells + 1)
    x, y = (axis.ravel() for axis in np.meshgrid(side, side))
    points = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), 0.0 * x], axis=1)
    first = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    return new_object("Sheet", points, np.stack([first, first + 1, first + cells + 2, first + cells + 1], axis=1))


def tube(around: int, along: int, turn: float = 0.0) -> bpy.types.Object:
    """A tube of radius 1 about z, with an UV map that is cut along one line: u = angle / 2 π, v = z."""
    angles = 2.0 * np.pi * (np.arange(around) + turn) / around
    z = np.linspace(0.0, 1.0, along + 1)
    points = [(np.cos(a), np.sin(a), height) for height in z for a in angles]
    faces, uv = [], []
    for row in range(along):
        for k in range(around):
            after = (k + 1) % around
            base, above = row * around, (row + 1) * around
            faces.append((base + k, base + after, above + after, above + k))
            u, w = k / around, (k + 1) / around
            uv += [(u, z[row]), (w, z[row]), (w, z[row + 1]), (u, z[row + 1])]
    obj = new_object("Tube", points, faces)
    obj.data.uv_layers.new(name="Around").uv.foreach_set("vector", np.array(uv, np.float32).ravel())
    return obj


def corner_places(mesh: bpy.types.Mesh) -> np.ndarray:
    """`[corners, 3]`"""
    places, points = np.empty((len(mesh.vertices), 3), np.float32), np.empty(len(mesh.loops), np.int32)
    mesh.vertices.foreach_get("co", places.ravel())
    mesh.loops.foreach_get("vertex_index", points)
    return places[points]


def values(data, name: str, width: int) -> np.ndarray:
    found = np.empty((len(data), width), np.float32)
    data.foreach_get(name, found.ravel())
    return found


def give_uv(obj: bpy.types.Object, name: str, function: Callable[[np.ndarray], np.ndarray]) -> None:
    layer = obj.data.uv_layers.new(name=name)
    layer.uv.foreach_set("vector", function(corner_places(obj.data)).astype(np.float32).ravel())


def capture(obj: bpy.types.Object):
    return part("scene.capture").capture(obj, graph())


def carried(fake, original: bpy.types.Object, rebuilt: bpy.types.Object, meanwhile=lambda: None) -> bpy.types.Object:
    """A new object with the triangles of `rebuilt` and what `original` carries, by the way that jobs go."""
    source = part("scene.source").Source("it", triangles_of(original).to_bytes(), capture(original))
    surface, notes = triangles_of(rebuilt), []
    carrying = part("jobs.carry").carry_if_possible(session().connection, source, surface, "", lambda _: None, notes)
    attributes = run(fake, carrying)
    if notes:
        raise part("client.problem").Problem(notes[0])
    attributes = attributes or source.carrier.attributes
    meanwhile()
    result = bpy.data.objects.new("Result", part("scene.mesh_transfer").build_mesh("Result", surface))
    bpy.context.scene.collection.objects.link(result)
    part("scene.attributes").put(result, attributes)
    assert not result.data.validate(verbose=True)
    return result


def test_uv_maps_of_a_sheet(fake):
    """Linear maps arrive exactly, all of them, with their names and what they are used for."""
    original = sheet(8)
    give_uv(original, "One", lambda p: p[:, :2] * 0.5 + 0.5)
    give_uv(original, "Two", lambda p: p[:, [1, 0]] * [3.0, -2.0])
    original.data.uv_layers["Two"].active_render = True
    original.data.uv_layers.active = original.data.uv_layers["One"]
    mesh = carried(fake, original, sheet(29, 0.6, turn=0.3)).data
    places = corner_places(mesh)
    assert [layer.name for layer in mesh.uv_layers] == ["One", "Two"]
    assert np.allclose(values(mesh.uv_layers["One"].uv, "vector", 2), places[:, :2] * 0.5 + 0.5, atol=1e-5)
    assert np.allclose(values(mesh.uv_layers["Two"].uv, "vector", 2), places[:, [1, 0]] * [3.0, -2.0], atol=1e-5)
    assert mesh.uv_layers.active.name == "One"
    assert [layer.active_render for layer in mesh.uv_layers] == [False, True]
    assert fake.deleted == ["meshes/1"]


@pytest.mark.parametrize("cells", [(24, 5), (100, 40), (301, 9)])
def test_a_cut_in_a_map_stretches_no_triangle(fake, cells):
    mesh = carried(fake, tube(64, 8), tube(*cells, turn=0.37)).data
    uv, places = values(mesh.uv_layers["Around"].uv, "vector", 2), corner_places(mesh)
    spans = np.ptp(uv.reshape(-1, 3, 2), axis=1).max(axis=0)
    assert spans[0] < 1.1 / cells[0] and spans[1] < 1.1 / cells[1]
    angle = np.arctan2(places[:, 1], places[:, 0]) / (2.0 * np.pi)
    off = (uv[:, 0] - angle + 0.5) % 1.0 - 0.5
    assert abs(off).max() < 0.5 / min(64, cells[0]) and abs(uv[:, 1] - places[:, 2]).max() < 1e-3


def test_islands_of_a_cube_stay_apart(fake):
    """Each face of the cube has its own part of the map: corners at an edge take that of their own face."""
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    original = bpy.context.object
    islands = np.repeat(np.arange(6.0), 4)

    def island(places: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Parts far from each other, in which u and v are two of the coordinates."""
        axes = np.array([[1, 2], [0, 2], [0, 1]])[faces_axis[numbers.astype(int)]]
        return np.take_along_axis(places, axes, axis=1) * 0.1 + numbers[:, None]

    normals = np.array([polygon.normal for polygon in original.data.polygons])
    faces_axis = abs(normals).argmax(axis=1)
    places = corner_places(original.data)
    original.data.uv_layers[0].uv.foreach_set("vector", island(places, islands).astype(np.float32).ravel())

    bpy.ops.mesh.primitive_cube_add(size=2.0)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.subdivide(number_cuts=10)
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = carried(fake, original, bpy.context.object).data
    mine = np.array([int((normals @ polygon.normal).argmax()) for polygon in mesh.polygons], float)
    truth = island(corner_places(mesh), np.repeat(mine, 3))
    assert np.allclose(values(mesh.uv_layers[0].uv, "vector", 2), truth, atol=1e-4)


def two_halves() -> bpy.types.Object:
    """A sphere with three slots, the middle one empty: the half at x < 0 has the first, the other the third."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24)
    sphere = bpy.context.object
    for material in (bpy.data.materials.new("Left"), None, bpy.data.materials.new("Right")):
        sphere.data.materials.append(material)
    for polygon in sphere.data.polygons:
        polygon.material_index = 2 if polygon.center.x > 0.0 else 0
    return sphere


def ball() -> bpy.types.Object:
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5, radius=1.004)
    return bpy.context.object


def test_materials(fake):
    result = carried(fake, two_halves(), ball())
    assert [m.name.split(".")[0] if m else None for m in result.data.materials] == ["Left", None, "Right"]
    for polygon in result.data.polygons:
        if abs(polygon.center.x) > 0.05:
            assert polygon.material_index == (2 if polygon.center.x > 0.0 else 0)


def test_material_deleted_meanwhile(fake):
    original = two_halves()
    result = carried(fake, original, ball(), lambda: bpy.data.materials.remove(original.data.materials[2]))
    assert [bool(material) for material in result.data.materials] == [True, False, False]
    assert {polygon.material_index for polygon in result.data.polygons} == {0, 2}


def test_material_of_the_object_and_renamed_meanwhile(fake):
    """A slot may belong to the object; and a name is no identity."""
    original = two_halves()
    original.material_slots[0].link = "OBJECT"
    own = original.material_slots[0].material = bpy.data.materials.new("Own")
    result = carried(fake, original, ball(), lambda: setattr(own, "name", "Renamed"))
    assert result.data.materials[0] == own and result.material_slots[0].link == "DATA"


def height(places: np.ndarray) -> np.ndarray:
    return places[:, 2] * 0.5 + 0.5


def give_groups(obj: bpy.types.Object) -> None:
    for vertex in obj.data.vertices:
        for name in ("Height", "position"):
            group = obj.vertex_groups.get(name) or obj.vertex_groups.new(name=name)
            weight = vertex.co.z * 0.5 + 0.5
            group.add([vertex.index], weight if name == "Height" else 1.0 - weight, "REPLACE")
    obj.vertex_groups.new(name="Empty")
    obj.vertex_groups.active_index = 1


def weights(obj: bpy.types.Object, number: int) -> np.ndarray:
    found = np.zeros(len(obj.data.vertices))
    for vertex in obj.data.vertices:
        for entry in vertex.groups:
            if entry.group == number:
                found[vertex.index] = entry.weight
    return found


@pytest.mark.parametrize("levels", [0, 2])
def test_vertex_groups(fake, levels):
    """Also with a modifier that makes new vertices, in edit mode, and by a name that attributes may not have."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=32, ring_count=24)
    original = bpy.context.object
    give_groups(original)
    original.modifiers.new("Subdivision", "SUBSURF").levels = levels
    kept = {kind: len(getattr(bpy.data, kind)) for kind in ("scenes", "objects", "meshes", "node_groups")}
    carrier = capture(original)
    assert kept == {kind: len(getattr(bpy.data, kind)) for kind in kept}
    assert np.allclose(carrier.attributes.groups[0].values[:, 0], height(carrier.positions), atol=0.01)
    rebuilt = ball()
    bpy.context.view_layer.objects.active = original
    bpy.ops.object.mode_set(mode="EDIT")
    result = carried(fake, original, rebuilt)
    assert original.mode == "EDIT" and bpy.context.object == original
    places = values(result.data.vertices, "co", 3)
    assert [group.name for group in result.vertex_groups] == ["Height", "position", "Empty"]
    assert result.vertex_groups.active_index == 1
    assert np.allclose(weights(result, 0), height(places), atol=0.012)
    assert np.allclose(weights(result, 1), 1.0 - height(places), atol=0.012)
    assert not weights(result, 2).any()
    assert not any("overfit" in attribute.name for attribute in result.data.attributes)


def color_of(places: np.ndarray) -> np.ndarray:
    return np.concatenate([places * 0.4 + 0.5, np.full((len(places), 1), 0.75)], axis=1)


def test_colors(fake):
    """On points and corners, floats and bytes; what is shown and what is rendered stays."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=32)
    original = bpy.context.object
    kinds = [("FLOAT_COLOR", "POINT"), ("BYTE_COLOR", "POINT"), ("FLOAT_COLOR", "CORNER"), ("BYTE_COLOR", "CORNER")]
    for kind, domain in kinds:
        mesh = original.data
        places = values(mesh.vertices, "co", 3) if domain == "POINT" else corner_places(mesh)
        layer = mesh.color_attributes.new(f"{kind} {domain}", kind, domain)
        layer.data.foreach_set("color", color_of(places).astype(np.float32).ravel())
    original.data.attributes.active_color_name = "FLOAT_COLOR CORNER"
    original.data.attributes.default_color_name = "BYTE_COLOR POINT"
    mesh = carried(fake, original, ball()).data
    assert sorted((layer.data_type, layer.domain) for layer in mesh.color_attributes) == sorted(kinds)
    assert mesh.attributes.active_color_name == "FLOAT_COLOR CORNER"
    assert mesh.attributes.default_color_name == "BYTE_COLOR POINT"
    for layer in mesh.color_attributes:
        places = values(mesh.vertices, "co", 3) if layer.domain == "POINT" else corner_places(mesh)
        assert np.allclose(values(layer.data, "color", 4), color_of(places), atol=0.012), layer.name


def test_colors_of_faces_do_not_run(fake):
    """Where each face has a colour of its own, so has each new face: none that lies between two."""
    original = sheet(6)
    rng = np.random.default_rng(1)
    palette = rng.random((36, 4)).astype(np.float32)
    layer = original.data.color_attributes.new("Patches", "FLOAT_COLOR", "CORNER")
    layer.data.foreach_set("color", np.repeat(palette, 4, axis=0).ravel())
    mesh = carried(fake, original, sheet(31, 0.8, turn=0.5)).data
    found = values(mesh.color_attributes["Patches"].data, "color", 4)
    assert np.abs(found[:, None] - palette).max(axis=2).min(axis=1).max() < 1e-6
    assert len(np.unique(found.round(4), axis=0)) > 20
    assert (np.ptp(found.reshape(-1, 3, 4), axis=1) < 1e-6).all()


def test_nothing_to_carry_asks_nothing(fake):
    mesh = carried(fake, sheet(3), sheet(5)).data
    assert fake.asked == [] and fake.uploaded == b""
    assert len(mesh.materials) == len(mesh.uv_layers) == len(mesh.color_attributes) == 0


def corner_normals(mesh: bpy.types.Mesh) -> np.ndarray:
    return values(mesh.corner_normals, "vector", 3)


def test_a_smooth_shaded_tube_of_few_faces_stays_round(fake):
    """Its shape has eight flat sides; it is the normals that make it round."""
    original = tube(8, 2)
    original.data.shade_smooth()
    mesh = carried(fake, original, tube(64, 6, turn=0.3)).data
    places = corner_places(mesh)
    radial = places * [1.0, 1.0, 0.0]
    radial /= np.linalg.norm(radial, axis=1, keepdims=True)
    off = np.degrees(np.arccos(np.clip(np.einsum("nc,nc->n", corner_normals(mesh), radial), -1.0, 1.0)))
    # A face of eight sides turns by 22.5 degrees from its middle to its border.
    assert off.max() < 3.0


def test_a_flat_shaded_cube_keeps_its_faces(fake):
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    original = bpy.context.object
    bpy.ops.mesh.primitive_cube_add(size=1.98)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.subdivide(number_cuts=6)
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = carried(fake, original, bpy.context.object).data
    normals = corner_normals(mesh)
    assert np.abs(normals).max(axis=1).min() > 0.9999
    faces = normals.reshape(-1, 3, 3)
    assert (np.abs(faces - faces[:, :1]) < 1e-4).all()


def test_custom_normals_and_sharp_edges_arrive(fake):
    """Normals that lean towards x, whatever the shape; and a sheet that is folded smoothly but for one sharp edge."""
    original = sheet(4)
    original.data.shade_smooth()
    leaning = np.tile(np.array([[0.6, 0.0, 0.8]], np.float32), (len(original.data.loops), 1))
    original.data.normals_split_custom_set(leaning)
    normals = corner_normals(carried(fake, original, sheet(9, 0.7, turn=0.2)).data)
    assert np.allclose(normals, [0.6, 0.0, 0.8], atol=0.01)
    roof = new_object(
        "Roof", [(-1, 0, 0), (-1, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 0)], [(0, 2, 3, 1), (2, 4, 5, 3)]
    )
    roof.data.shade_smooth()
    roof.data.set_sharp_from_angle(angle=0.5)
    finer = new_object(
        "Finer",
        [(x, y, 1 - abs(x)) for x in (-1, -0.5, 0, 0.5, 1) for y in (0, 1)],
        [(2 * k, 2 * k + 2, 2 * k + 3, 2 * k + 1) for k in range(4)],
    )
    normals = corner_normals(carried(fake, roof, finer).data)
    half = np.sqrt(0.5)
    assert np.allclose(np.abs(normals), [half, 0.0, half], atol=1e-3)


def test_normals_of_instances_turn_with_them(fake):
    capture_of, place = (
        part("scene.capture"),
        Matrix.Rotation(np.pi / 2.0, 4, "Y") @ Matrix.Scale(-2.0, 4, (0.0, 0.0, 1.0)),
    )
    original = sheet(2)
    original.data.shade_smooth()
    original.data.normals_split_custom_set(np.tile(np.array([[0.6, 0.0, 0.8]], np.float32), (16, 1)))
    moved = capture_of.placed(capture(original), place)
    (layer,) = moved.attributes.normals
    turned = layer.values / np.linalg.norm(layer.values, axis=1, keepdims=True)
    # By the inverse of the scale (0.6, 0, 0.8) becomes (0.6, 0, -0.4); then x goes to -z and z to x.
    assert np.allclose(turned, np.array([-0.4, 0.0, -0.6]) / np.hypot(0.4, 0.6), atol=0.01)


def test_edges_that_turn_are_marked(fake):
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    mesh = bpy.context.object.data
    mesh.shade_smooth()
    part("scene.normals").mark_sharp_edges(mesh)
    assert all(edge.use_edge_sharp for edge in mesh.edges)
    assert np.abs(corner_normals(mesh)).max(axis=1).min() > 0.9999


def test_original_deleted_meanwhile(fake):
    original = tube(16, 3)
    rebuilt = tube(20, 4)
    mesh = carried(fake, original, rebuilt, lambda: bpy.data.objects.remove(original)).data
    assert mesh.uv_layers.active.name == "Around"


def test_points_without_loose_ones_and_polygons_of_any_size(fake):
    """The triangles are numbered as they were sent: loose vertices go, polygons are split."""
    points = [(9, 9, 9), (0, 0, 0), (2, 0, 0), (3, 1, 0), (2, 2, 0), (0, 2, 0), (4, 0, 0), (4, 2, 0)]
    original = new_object("Odd", points, [])
    original.data.clear_geometry()
    original.data.from_pydata(points, [], [(1, 2, 3, 4, 5), (2, 6, 3), (3, 6, 7, 4)])
    give_uv(original, "Map", lambda p: p[:, :2] * 0.25)
    for name in "ABC":
        original.data.materials.append(bpy.data.materials.new(name))
    for number, polygon in enumerate(original.data.polygons):
        polygon.material_index = number
    rebuilt = new_object("Few", [(0.2, 0.2, 0), (1, 0.3, 0), (0.5, 1, 0), (2.8, 0.2, 0), (3.4, 0.2, 0), (3, 0.7, 0)], [
        (0, 1, 2), (3, 4, 5)])  # fmt: skip
    mesh = carried(fake, original, rebuilt).data
    assert np.allclose(values(mesh.uv_layers["Map"].uv, "vector", 2), corner_places(mesh)[:, :2] * 0.25, atol=1e-6)
    assert [polygon.material_index for polygon in mesh.polygons] == [0, 1]


def test_flat_triangles_and_maps_without_an_area(fake):
    """No number that is none comes out of a triangle without an area, or of a map in which all is one point."""
    original = new_object("Flat", [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0.5, 0, 0)], [
        (0, 4, 1), (0, 1, 2), (0, 2, 3)])  # fmt: skip
    give_uv(original, "Point", lambda p: np.full((len(p), 2), 0.25))
    give_uv(original, "Map", lambda p: p[:, :2])
    mesh = carried(fake, original, sheet(9, 0.45)).data
    assert np.allclose(values(mesh.uv_layers["Point"].uv, "vector", 2), 0.25, atol=1e-6)
    assert np.isfinite(values(mesh.uv_layers["Map"].uv, "vector", 2)).all()


def test_instances_carry_their_own(fake):
    """An empty that shows a collection twice, once mirrored: each part brings its slots, maps and groups."""
    collection = bpy.data.collections.new("Parts")
    for number, name in enumerate("AB"):
        piece = sheet(4)
        bpy.context.scene.collection.objects.unlink(piece)
        collection.objects.link(piece)
        piece.data.transform(Matrix.Translation((3.0 * number, 0.0, 0.0)))
        piece.data.materials.append(bpy.data.materials.new(name))
        give_uv(piece, "Map", lambda p: p[:, :2] * 0.25)
        if name == "B":
            piece.vertex_groups.new(name="Only B").add(list(range(25)), 0.5, "REPLACE")
    original = bpy.data.objects.new("Both", None)
    original.instance_type, original.instance_collection = "COLLECTION", collection
    bpy.context.scene.collection.objects.link(original)
    carrier, mesh = capture(original), triangles_of(original)
    assert (carrier.positions[carrier.triangles] == mesh.positions[mesh.triangles]).all()
    rebuilt = sheet(9, 0.9)
    rebuilt.data.transform(Matrix.Translation((3.0, 0.0, 0.0)))
    result = carried(fake, original, rebuilt)
    names = [material.name.split(".")[0] for material in result.data.materials]
    assert names == ["A", "B"] and {names[polygon.material_index] for polygon in result.data.polygons} == {"B"}
    uv, places = values(result.data.uv_layers["Map"].uv, "vector", 2), corner_places(result.data)
    assert np.allclose(uv, places[:, :2] * 0.25, atol=1e-4)
    assert np.allclose(weights(result, 0), 0.5, atol=1e-5)


def scattering_nodes(material: bpy.types.Material) -> bpy.types.NodeTree:
    """Nodes that keep the mesh, and put a cube of their own on each of its points: 0.2 wide, red, with a material."""
    tree = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    kinds = ("MeshCube", "SetMaterial", "StoreNamedAttribute", "InstanceOnPoints", "JoinGeometry")
    cube, paint, store, scatter, join = (tree.nodes.new(f"GeometryNode{kind}") for kind in kinds)
    start, end = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    cube.inputs["Size"].default_value = (0.2, 0.2, 0.2)
    paint.inputs["Material"].default_value = material
    store.data_type, store.domain = "FLOAT_COLOR", "POINT"
    store.inputs["Name"].default_value = "Tint"
    next(i for i in store.inputs if i.name == "Value" and i.enabled).default_value = (1.0, 0.0, 0.0, 1.0)
    for out, into in (
        (cube.outputs["Mesh"], paint.inputs["Geometry"]),
        (paint.outputs["Geometry"], store.inputs["Geometry"]),
        (store.outputs["Geometry"], scatter.inputs["Instance"]),
        (start.outputs[0], scatter.inputs["Points"]),
        (start.outputs[0], join.inputs[0]),
        (scatter.outputs["Instances"], join.inputs[0]),
        (join.outputs[0], end.inputs[0]),
    ):
        tree.links.new(out, into)
    return tree


def test_geometry_that_nodes_make_and_instance_carries_its_own(fake):
    """It belongs to no object. The mesh on whose points it stands keeps its material, UV map and group."""
    original = sheet(2)
    original.data.materials.append(bpy.data.materials.new("Ground"))
    give_uv(original, "Map", lambda p: p[:, :2])
    original.vertex_groups.new(name="All").add(list(range(9)), 0.5, "REPLACE")
    original.modifiers.new("Scatter", "NODES").node_group = scattering_nodes(bpy.data.materials.new("Stone"))
    carrier, mesh = capture(original), triangles_of(original)
    assert len(mesh.triangles) == 8 + 9 * 12
    assert (carrier.positions[carrier.triangles] == mesh.positions[mesh.triangles]).all()
    assert part("scene.source").read_source(original, graph(), True).carrier is not None

    top = sheet(2, 0.05)  # on the cube in the middle, and on the ground between cubes
    top.data.transform(Matrix.Translation((0.0, 0.0, 0.1)))
    result = carried(fake, original, top)
    names = [material and material.name for material in result.data.materials]  # the nodes' cube has an empty slot
    assert {names[polygon.material_index] for polygon in result.data.polygons} == {"Stone"}
    tint = result.data.color_attributes["Tint"]
    assert np.allclose(values(tint.data, "color", 4), (1.0, 0.0, 0.0, 1.0), atol=1e-5)
    assert weights(result, 0).max() == 0.0
    between = sheet(2, 0.05)
    between.data.transform(Matrix.Translation((0.5, 0.5, 0.0)))
    result = carried(fake, original, between)
    assert {names[polygon.material_index] for polygon in result.data.polygons} == {"Ground"}
    assert np.allclose(values(result.data.color_attributes["Tint"].data, "color", 4), 0.0, atol=1e-5)
    assert np.allclose(weights(result, 0), 0.5, atol=1e-4)


def test_mirrored_instances(clean):
    """A mirror turns triangles round; the corners' values stay with their places."""
    piece = sheet(2)
    give_uv(piece, "Map", lambda p: p[:, :2])
    captured, capturing = part("scene.attributes").capture_mesh(piece, graph()), part("scene.capture")
    mirror = Matrix.Diagonal((-1.0, 1.0, 1.0, 1.0))
    both = capturing.join([captured, capturing.placed(captured, mirror)])
    uv = both.attributes.uv_maps[0].values[both.corners]
    places = both.positions[both.triangles][..., :2]
    half = len(captured.triangles)
    assert np.allclose(uv[:half], places[:half]) and np.allclose(uv[half:], places[half:] * [-1.0, 1.0])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda d, t, w: (d[:-4], t, w), "not whole"),
        (lambda d, t, w: (d, t, w + b"1234"), "not whole"),
        (lambda d, t, w: (b"", b"", b""), "not whole"),
        (lambda d, t, w: (d, b"\xff" * len(t), w), "do not exist"),
    ],
)
def test_damaged_answer(fake, damage, words):
    fake.damage_closest = damage
    with pytest.raises(part("client.problem").Problem, match=words):
        carried(fake, tube(16, 3), tube(20, 4))


def test_damaged_surface(fake):
    """A reconstruction whose triangles name vertices that do not exist is refused in words."""
    original, surface = tube(16, 3), triangles_of(tube(20, 4))
    surface.triangles[5, 1] = 1 << 30
    with pytest.raises(part("client.problem").Problem, match="damaged mesh"):
        run(fake, part("jobs.carry").carry(session().connection, "meshes/1", capture(original), surface))


def test_many_points_in_order(fake):
    """Several messages ahead of their answers, the last one short; only the first names the mesh."""
    original = sheet(4)
    closest = part("jobs.closest")
    rng = np.random.default_rng(2)
    points = rng.uniform(-1.0, 1.0, (3 * closest.CHUNK_POINTS + 77, 3)).astype(np.float32)
    data = triangles_of(original).to_bytes()

    async def ask():
        mesh = await part("jobs.upload").upload_mesh(session().connection, "it", data, lambda _: None)
        return await closest.find_closest(session().connection, mesh.name, data.triangles, points)

    found = run(fake, ask())
    assert fake.asked == ["meshes/1", "", "", ""]
    assert np.allclose(found.distances, abs(points[:, 2]), atol=1e-6)
    carrier = capture(original)
    places = np.einsum("nk,nkc->nc", found.weights, carrier.positions[carrier.triangles[found.triangles]])
    # Blender's tree takes a point close to an edge for one on it.
    assert np.allclose(places[:, :2], points[:, :2], atol=5e-4) and abs(places[:, 2]).max() < 1e-6


def test_the_real_daemon_answers_like_blender(daemon):
    """The closest points of the real daemon, against Blender's own tree."""
    from closest_point import ClosestPoints

    bpy.ops.mesh.primitive_monkey_add()
    data, closest = triangles_of(bpy.context.object).to_bytes(), part("jobs.closest")
    points = np.random.default_rng(4).uniform(-1.2, 1.2, (closest.CHUNK_POINTS + 500, 3)).astype(np.float32)

    async def ask():
        async with closest.lent_mesh(session().connection, "it", data) as mesh:
            return await closest.find_closest(session().connection, mesh, data.triangles, points)

    task = session().loop.start(ask())
    pump_until(task.done)
    found, peer = task.result(), ClosestPoints(data.data, data.vertices)
    distances, _, _ = peer.of(points.tobytes())
    assert np.allclose(found.distances, distances, atol=2e-4)
    corners = peer.positions[peer.triangles[found.triangles]]
    places = np.einsum("nk,nkc->nc", found.weights, corners)
    assert np.allclose(np.linalg.norm(places - points, axis=1), found.distances, atol=1e-5)
