"""Areas and volumes in the world, in the scene's units."""

import bpy


def world_volume(obj: bpy.types.Object, volume: float) -> float:
    """A volume of the object's own units in the world, its scale counted."""
    return volume * abs(obj.matrix_world.to_3x3().determinant())


def world_area(obj: bpy.types.Object, area: float) -> float | None:
    """An area of the object's own units in the world; `None` where the scale is not the same along every axis."""
    axes = obj.matrix_world.to_3x3()
    lengths = [axes.col[i].length for i in range(3)]
    largest = max(lengths)
    sheared = any(abs(axes.col[i].dot(axes.col[j])) > 1e-3 * largest**2 for i, j in ((0, 1), (0, 2), (1, 2)))
    if sheared or largest - min(lengths) > 1e-3 * largest:
        return None
    return area * (sum(lengths) / 3.0) ** 2


def in_scene_units(scene: bpy.types.Scene, value: float, power: int) -> str:
    """A length to the power 2 (an area) or 3 (a volume) of the world, as Blender writes such in the scene's units."""
    settings = scene.unit_settings
    scaled = value * settings.scale_length**power
    if settings.system == "NONE":
        return f"{value:.5g}"
    return bpy.utils.units.to_string(settings.system, "VOLUME" if power == 3 else "AREA", scaled, precision=5)
