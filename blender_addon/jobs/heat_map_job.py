"""The error between a reconstruction and its original, point by point: asked from the daemon, shown as colours."""

import bpy
import numpy as np

from ..client.connection import Connection
from ..client.problem import Problem
from ..field_settings import ORIGINAL, RECONSTRUCTION
from ..scene.curvature import hide as hide_curvature
from ..scene.curvature import shows_curvature
from ..scene.error_copy import add_copy, withdraw_copy_of
from ..scene.heat_map import show
from ..scene.mesh_transfer import TriangleMesh, read_mesh
from ..scene.place import Place
from ..scene.shading import show_colors, shown_screens
from .closest import find_closest, lent_mesh
from .job import Job

WAYS = {RECONSTRUCTION: "from the reconstruction to the original", ORIGINAL: "from the original to the reconstruction"}
"""The directions in words."""


class HeatMapJob(Job):
    """Measures how far each point of the one surface is from the other, and shows it on the one.

    In both directions it is the distance from vertices to the closest point of the triangles. The field's own values
    at the original's vertices would be cheaper, but say nothing of what was lost when the field was meshed.
    """

    undo_name = "Show Error"

    def __init__(
        self, connection: Connection, obj: bpy.types.Object, place: Place, original: TriangleMesh, direction: str
    ) -> None:
        """`original` in the space of `obj`, in which it was reconstructed; `place` is that of `obj`."""
        super().__init__(f"Error of {obj.name}", connection)
        self._place, self._direction, self._original = place, direction, original
        self._rebuilt = read_points(obj)
        to_original = direction == RECONSTRUCTION
        self._points = self._rebuilt if to_original else original.positions
        self._data = (original if to_original else read_mesh(obj.data)).to_bytes()
        self._longest_side = float(np.ptp(original.positions, axis=0).max())
        self._errors = np.empty(0, np.float32)

    async def work(self) -> None:
        await self.connection.ensure()
        self.step = "Sending the original" if self._direction == RECONSTRUCTION else "Sending the reconstruction"
        async with lent_mesh(self.connection, self._place.name, self._data, self.show_fraction) as mesh:
            self.step, self.fraction = "Measuring distances", 0.0
            count = self._data.triangles
            closest = await find_closest(self.connection, mesh, count, self._points, self.show_fraction)
        self._errors = closest.distances

    def place(self) -> None:
        obj = self._place.find_object()
        if obj is None or obj.mode == "EDIT" or not np.array_equal(read_points(obj), self._rebuilt):
            raise Problem(f"'{self._place.name}' was changed while its error was measured. Show the error again")
        withdraw_copy_of(obj)
        if self._direction == ORIGINAL:
            obj = add_copy(self._place, obj, self._original)
        if shows_curvature(obj):
            hide_curvature(obj)
        show(obj, self._errors, self._longest_side, self._direction)
        show_colors(shown_screens())
        self.result_name = obj.name
        self.message = f"'{obj.name}': {error_in_words(obj.data)}"


def read_points(obj: bpy.types.Object) -> np.ndarray:
    """The points of the object's own mesh, `[V, 3] f32`. Raises `Problem` if there are none."""
    points = np.empty((len(obj.data.vertices), 3), np.float32)
    if len(points) == 0:
        raise Problem(f"'{obj.name}' has no points to measure")
    obj.data.vertices.foreach_get("co", points.ravel())
    return points


def error_in_words(mesh: bpy.types.Mesh) -> str:
    """What was measured, for people."""
    kept = mesh.overfit_error
    share = 100.0 / kept.longest_side if kept.longest_side > 0.0 else 0.0
    words = f"mean error {kept.mean:.3g} ({share * kept.mean:.2g} % of the size), largest {kept.largest:.3g}"
    return f"{words}, {WAYS[kept.direction]}"
