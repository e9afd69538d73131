"""Several fields as one surface: their models are put together in the daemon."""

from dataclasses import dataclass

from ..api.combine_pb2 import CombineRequest, DeleteCombinationRequest, Expression
from ..client.connection import Connection
from ..scene.field import Field
from ..scene.mesh_transfer import TriangleMesh
from ..scene.place import Place
from ..scene.result import add_combination
from ..scene.similarity import Similarity
from .job import Job
from .model_transfer import ensure_model
from .spacing import Spacing
from .surface_job import fetch_surface


@dataclass(frozen=True)
class CombineOrder:
    """What the user asked for."""

    operation: str
    """`UNION`, `INTERSECTION` or `DIFFERENCE`: the active object without the others."""
    smooth: float
    """Radius of the blend, in the active object's own units."""
    spacing: Spacing


class CombineJob(Job):
    """Meshes what several fields make together, where the active object stands."""

    undo_name = "Combine"

    def __init__(
        self,
        connection: Connection,
        place: Place,
        field: Field,
        others: list[tuple[Field, Similarity]],
        order: CombineOrder,
    ) -> None:
        """`others` stand as `place`, where `field` is, sees them."""
        super().__init__(f"{order.operation.title()} of {1 + len(others)} fields", connection)
        self._place, self._field, self._others, self._order = place, field, others, order
        self._surface: TriangleMesh | None = None

    async def work(self) -> None:
        self.step = "Putting fields together"
        parts = [Expression(model=await ensure_model(self.connection, self._field))]
        for field, way in self._others:
            model = Expression(model=await ensure_model(self.connection, field))
            moved = {"translate": way.translate, "axis": way.axis, "degrees": way.degrees, "scale": way.scale}
            parts.append(Expression(transform={"of": model, **moved}))
        operands = {"of": parts, "smooth": self._order.smooth}
        request = CombineRequest(expression=Expression(**{self._order.operation.lower(): operands}))
        with self.connection.speaking():
            combination = (await self.connection.combine.Combine(request)).combination
        self.notes += combination.warnings
        self.step = "Meshing"
        try:
            self._surface, made = await fetch_surface(
                self.connection, combination.name, self._order.spacing, self.show_fraction
            )
        finally:
            with self.connection.speaking():
                await self.connection.combine.DeleteCombination(DeleteCombinationRequest(name=combination.name))
        self.notes += made.warnings

    def place(self) -> None:
        result = add_combination(self._place, self._order.operation.title(), self._surface)
        self._surface = None
        for field in (self._field, *(field for field, _way in self._others)):
            field.settle()
        self.result_name = result.name
        self.message = f"'{result.name}': {len(result.data.polygons):,} triangles. Fit it to go on with it as a field"
