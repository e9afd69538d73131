"""Blender's data: meshes, volumes, places, and what objects know of their fields."""
