"""What would make a result better, in words and with a cure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..api.fit_pb2 import Fit
from ..api.mesh_pb2 import HealthReport
from ..api.query_pb2 import ExtractMeshHeader
from ..api.types_pb2 import SIGN_POLICY_PARITY
from ..field_settings import FINEST_RESOLUTION
from .fit_order import FitOrder

ERROR_CELLS = 0.25
"""An error near the surface that is larger than this share of a cell shows in the mesh."""
MORE_TIME = 3.0
"""How much longer to train when the time was too short."""


@dataclass(frozen=True)
class Advice:
    """Something that would help, and what its Fix button does."""

    text: str
    """With the names of `values` in braces."""
    fix: str
    """An item of the operator `overfit.fix`; empty if only the user can help."""
    value: float = 0.0
    """What the fix sets."""
    values: Mapping[str, float | str] = field(default_factory=dict)


def about_mesh(health: HealthReport, order: FitOrder) -> list[Advice]:
    """What is wrong with the inside of a mesh."""
    found = []
    if health.boundary_edges:
        text = "Open at {edges:,} edges: the inside there is an estimate"
        found.append(Advice(text, "FILL_HOLES", values={"edges": health.boundary_edges}))
    elif health.inverted or 0 < health.bodies <= health.turned_bodies:
        found.append(Advice("The normals point inwards: the mesh is inside out", "RECALCULATE_NORMALS"))
    elif health.turned_bodies:
        text = "{bodies:,} of {all:,} bodies are inside out: the fit took them turned"
        values = {"bodies": health.turned_bodies, "all": health.bodies}
        found.append(Advice(text, "RECALCULATE_NORMALS", values=values))
    if health.vertices and not health.consistently_wound and not health.inverted:
        found.append(Advice("The normals do not agree: inside and outside may be mixed up", "RECALCULATE_NORMALS"))
    elif health.turned_faces:
        text = "The normals do not agree: the fit took {faces:,} faces turned"
        found.append(Advice(text, "RECALCULATE_NORMALS", values={"faces": health.turned_faces}))
    parity = order.settings.sign == SIGN_POLICY_PARITY
    if health.boundary_edges and parity:
        found.append(Advice("Parity has no meaning for an open mesh", "SIGN_WINDING"))
    if health.self_intersections and parity:
        found.append(Advice("Where the mesh cuts itself, parity takes the inside for the outside", "SIGN_WINDING"))
    return found


def about_result(fit: Fit, made: ExtractMeshHeader) -> list[Advice]:
    """What more resolution or time would better: what the daemon says of the mesh that it made, and the fit's error."""
    found = []
    for words in made.warnings:
        offered = 0 < made.resolution_needed <= FINEST_RESOLUTION and str(made.resolution_needed) in words
        fix, value = ("RESOLUTION", made.resolution_needed) if offered else ("", 0.0)
        found.append(Advice("{words}", fix, value, {"words": words}))
    if fit.HasField("metrics") and fit.metrics.near_mae * made.resolution > ERROR_CELLS:
        seconds = MORE_TIME * max(fit.progress.elapsed_seconds, 1.0)
        text = "An error of {percent:.2g} % of the size shows in the mesh: train longer"
        found.append(Advice(text, "TIME", seconds, {"percent": 100.0 * fit.metrics.near_mae}))
    return found
