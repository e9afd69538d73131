"""The curvature of a field's surface at the points of a mesh that was made of it."""

import bpy
import numpy as np

from ..api.query_pb2 import EvaluateStreamRequest, EvaluateStreamResponse
from ..client.connection import Connection
from ..client.problem import ConnectionLost, Problem
from ..scene.curvature import QUANTITIES, show
from ..scene.field import Field
from ..scene.place import Place
from ..scene.shading import show_colors, shown_screens
from .heat_map_job import read_points
from .job import Job
from .model_transfer import ensure_model

CHUNK_POINTS = 8192
"""Points a message: each takes up to 26 evaluations."""
AHEAD = 2
"""Requests without an answer: the daemon goes on while Blender reads."""


class CurvatureJob(Job):
    """Asks for the curvature at each point of the object's mesh, and shows it."""

    undo_name = "Show Curvature"

    def __init__(self, connection: Connection, obj: bpy.types.Object, place: Place, kind: str) -> None:
        super().__init__(f"Curvature of {obj.name}", connection)
        self._place, self._kind, self._field = place, kind, Field.of(obj)
        self._points = read_points(obj)
        self._curvatures = np.empty(len(self._points), np.float32)
        self._smoothing = 0.0

    async def work(self) -> None:
        model = await ensure_model(self.connection, self._field)
        self.step = "Evaluating"
        starts = range(0, len(self._points), CHUNK_POINTS)
        answered = 0
        with self.connection.speaking():
            async with self.connection.queries.EvaluateStream.open() as call:
                for number, start in enumerate(starts):
                    points = self._points[start : start + CHUNK_POINTS].astype("<f4", copy=False).tobytes()
                    request = EvaluateStreamRequest(model=model, points=points, quantities=[QUANTITIES[self._kind]])
                    await call.send_message(request)
                    if number + 1 == len(starts):
                        await call.end()
                    while answered < (len(starts) if number + 1 == len(starts) else number + 1 - AHEAD):
                        reply = await call.recv_message()
                        if reply is None:
                            raise ConnectionLost("The daemon stopped in the middle of its answer. Try again")
                        self._take(starts[answered], reply)
                        answered += 1
                        self.show_fraction(answered / len(starts))
                        await self.connection.loop.slice.pause()

    def place(self) -> None:
        obj = self._place.find_object()
        if obj is None or obj.mode == "EDIT" or not np.array_equal(read_points(obj), self._points):
            raise Problem(f"'{self._place.name}' was changed while its curvature was computed. Show it again")
        show(obj, self._curvatures, self._kind, self._smoothing)
        show_colors(shown_screens())
        self._field.settle()
        self.result_name = obj.name
        words = QUANTITIES[self._kind].replace("-", " ")
        self.message = f"'{obj.name}': {words}, ± {obj.data.overfit_curvature.limit:.3g}"

    def _take(self, start: int, reply: EvaluateStreamResponse) -> None:
        """Puts an answer where it belongs; raises `Problem` unless it is whole."""
        count = min(CHUNK_POINTS, len(self._points) - start)
        if len(reply.columns) != 1 or len(reply.columns[0].numbers) != 4 * count:
            raise Problem("The daemon sent no curvatures: its version is older than the extension's. Update it")
        self._curvatures[start : start + count] = np.frombuffer(reply.columns[0].numbers, "<f4")
        if start == 0:
            self._smoothing = reply.smoothing
            self.notes += reply.warnings
