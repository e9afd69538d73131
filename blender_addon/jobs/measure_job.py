"""Volume and area of a field, for the panel."""

import bpy

from ..api.query_pb2 import Measurement, MeasureRequest
from ..client.connection import Connection
from ..client.problem import ConnectionLost, Problem
from ..scene.field import Field
from ..scene.place import Place
from .job import Job
from .model_transfer import ensure_model


class MeasureJob(Job):
    """Asks for the integrals of a field, within the level that its object was meshed at."""

    undo_name = "Measure"

    def __init__(self, connection: Connection, obj: bpy.types.Object, place: Place) -> None:
        super().__init__(f"Volume of {obj.name}", connection)
        self._place, self._field = place, Field.of(obj)
        self._iso = obj.overfit.iso if obj.overfit.is_result else 0.0
        self._found: Measurement | None = None

    async def work(self) -> None:
        model = await ensure_model(self.connection, self._field)
        self.step = "Measuring"
        with self.connection.speaking():
            async with self.connection.queries.Measure.open() as call:
                await call.send_message(MeasureRequest(model=model, iso=self._iso), end=True)
                async for message in call:
                    if message.WhichOneof("part") == "measurement":
                        self._found = message.measurement
                    else:
                        self.show_fraction(message.fraction)
        if self._found is None:
            raise ConnectionLost("The daemon stopped in the middle of its answer. Try again")
        self.notes += self._found.warnings

    def place(self) -> None:
        obj = self._place.find_object()
        if obj is None:
            raise Problem(f"'{self._place.name}' was deleted while it was measured")
        kept, found = obj.overfit, self._found
        kept.volume, kept.volume_error, kept.area, kept.area_error = (
            found.volume,
            found.volume_error,
            found.area,
            found.area_error,
        )
        kept.measured_iso = self._iso
        self._field.settle()
        self.result_name = obj.name
        self.message = f"'{obj.name}': volume {found.volume:.5g}, area {found.area:.5g} in own units"
