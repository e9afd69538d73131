"""Runs inside Blender: a user's session, from the monkey to the mesh and the volume that come back.

usage: session.py OUT.blend OUT.json
OVERFIT_DATA_DIR is the daemon's; BLENDER_USER_RESOURCES is where the add-on is installed.
"""

import importlib
import json
import sys
import time
from math import radians
from pathlib import Path

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree

SAMPLES = 50_000
"""Points on each surface for the distance between the two."""
PATIENCE = 300.0
"""Seconds that a job may take."""


def add_monkey() -> bpy.types.Object:
    """Suzanne with a subdivision modifier: moved, rotated, uniformly scaled."""
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bpy.ops.mesh.primitive_monkey_add()
    monkey = bpy.context.object
    monkey.modifiers.new("Subdivision", "SUBSURF").levels = 2
    bpy.ops.object.shade_smooth()
    monkey.location = (3.0, -2.0, 1.5)
    monkey.rotation_euler = (radians(-12), radians(8), radians(35))
    monkey.scale = (2.5, 2.5, 2.5)
    bpy.context.view_layer.update()
    return monkey


def placed(item: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """What an object looks like in the world, modifiers applied: vertices `[V, 3]` and triangles `[F, 3]`."""
    evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    mesh.calc_loop_triangles()
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    matrix = np.array(evaluated.matrix_world)
    evaluated.to_mesh_clear()
    return vertices.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3], triangles.reshape(-1, 3)


def mean_distance(one, other, rng: np.random.Generator) -> float:
    """Mean distance of points spread evenly over one surface to the other surface."""
    vertices, triangles = one
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    chosen = corners[rng.choice(len(triangles), SAMPLES, p=area / area.sum())]
    points = (chosen * rng.dirichlet((1, 1, 1), SAMPLES)[:, :, None]).sum(axis=1)
    tree = BVHTree.FromPolygons(other[0].tolist(), other[1].tolist())
    return float(np.mean([tree.find_nearest(point)[3] for point in points]))


def mesh_of_volume(volume: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """The level set of an SDF volume, as Blender's own modifier makes it, in the world."""
    item = bpy.data.objects.new("Level set", bpy.data.meshes.new("Level set"))
    item.matrix_world = volume.matrix_world
    bpy.context.scene.collection.objects.link(item)
    modifier = item.modifiers.new("Volume to Mesh", "VOLUME_TO_MESH")
    modifier.object, modifier.grid_name, modifier.threshold = volume, "sdf", 0.0
    bpy.context.view_layer.update()
    mesh = placed(item)
    bpy.data.objects.remove(item)
    return mesh


def wait(session) -> bpy.types.Object:
    """Does what Blender's timer does in a window, until the newest job has ended; returns the object it made."""
    job = session.current().jobs[-1]
    end = time.monotonic() + PATIENCE
    shown = ""
    while job.running:
        if time.monotonic() > end:
            raise SystemExit(f"'{job.step}' is not over after {PATIENCE:.0f} s")
        time.sleep(session.current().pump(session.BUDGET_SECONDS))
        now = f"{job.step} {10 * int(10 * job.fraction)} %"
        if now != shown:
            shown = now
            loss = f", loss {job.losses[-1]:.2e}" if getattr(job, "losses", None) else ""
            print(f"  {now}{loss}", flush=True)
    for note in job.notes:
        print(f"  note: {note}")
    print(f"  {job.message}", flush=True)
    if job.result_name not in bpy.data.objects:
        raise SystemExit(f"the job made no object: {job.message}")
    return bpy.data.objects[job.result_name]


def main(blend: str, figures: str) -> None:
    """The session: fit, volume, save, measure."""
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.overfit")
    session = importlib.import_module("bl_ext.user_default.overfit.session")

    monkey = add_monkey()
    original = placed(monkey)
    longest = float(np.ptp(np.array([corner[:] for corner in monkey.bound_box]), axis=0).max()) * monkey.scale[0]

    bpy.context.preferences.filepaths.save_version = 0
    # Saved first, so that the volume's file goes beside it.
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    seconds = {}
    start = time.monotonic()
    if bpy.ops.overfit.fit() != {"FINISHED"}:
        raise SystemExit("the operator Fit INR refused")
    reconstruction = wait(session)
    seconds["fit"] = time.monotonic() - start

    bpy.context.view_layer.objects.active = reconstruction
    reconstruction.select_set(True)
    start = time.monotonic()
    if bpy.ops.overfit.extract_volume() != {"FINISHED"}:
        raise SystemExit("the operator SDF Volume refused")
    volume = wait(session)
    seconds["volume"] = time.monotonic() - start
    volume.data.grids.load()

    rebuilt = placed(reconstruction)
    rng = np.random.default_rng(0)
    there, back = mean_distance(original, rebuilt, rng), mean_distance(rebuilt, original, rng)
    level_set = mesh_of_volume(volume)
    from_volume = mean_distance(level_set, original, rng)
    # A shift shows here even where it is too small for the distance: distances have no direction.
    middles = [(vertices.min(axis=0) + vertices.max(axis=0)) / 2 for vertices, _ in (level_set, original)]
    same = [bool(np.allclose(item.matrix_world, monkey.matrix_world, atol=1e-6)) for item in (reconstruction, volume)]
    result = {
        "blender": bpy.app.version_string,
        "names": {"original": monkey.name, "reconstruction": reconstruction.name, "volume": volume.name},
        "matrix_world": [list(row) for row in monkey.matrix_world],
        "longest_side": longest,
        "triangles": {"original": len(original[1]), "reconstruction": len(rebuilt[1])},
        "original_to_reconstruction": there,
        "reconstruction_to_original": back,
        "chamfer": (there + back) / 2,
        "volume_to_original": from_volume,
        "volume_shift": float(np.linalg.norm(middles[0] - middles[1])),
        "volume_voxel": longest / volume.overfit.volume_resolution,
        "grids": [grid.name for grid in volume.data.grids],
        "in_place": {"reconstruction": same[0], "volume": same[1]},
        "longest_hold_of_blender": session.current().longest_transfer,
        "seconds": seconds,
    }
    for item in (monkey, reconstruction, volume):
        item.hide_set(False)
    bpy.ops.wm.save_mainfile()
    Path(figures).write_text(json.dumps(result))
    # A timer or task that is left at exit can crash Blender.
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.overfit")


if __name__ == "__main__":
    main(*sys.argv[1:])
