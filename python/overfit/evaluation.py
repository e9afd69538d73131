"""Quantities of a field at any number of points: a stream of chunks, of which the daemon computes one while the next is
on its way.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np

from overfit import methods
from overfit.arrays import Floats, Numbers, floats
from overfit.connection import Connection
from overfit.errors import ConnectionLost
from overfit.notices import warn
from overfit.place import Place
from overfit.v1 import query_pb2

POINTS = 1 << 16
"""Points in a message."""


def evaluate(
    connection: Connection, place: Place, points: Numbers, components: dict[str, int], smoothing: float | None
) -> dict[str, Floats]:
    """Quantities with so many components, each `[N, components]`, of points `[N, 3]`."""
    found = {quantity: np.empty((len(points), count), np.float32) for quantity, count in components.items()}
    sentences: list[str] = []
    row = 0
    requests = _requests(place, points, list(components), smoothing)
    with closing(connection.exchange(methods.EVALUATE_STREAM, requests)) as answers:
        for answer in answers:
            rows = len(answer.columns[0].numbers) // (4 * components[answer.columns[0].quantity])
            for column in answer.columns:
                found[column.quantity][row : row + rows] = floats(column.numbers, rows, components[column.quantity])
            row += rows
            sentences.extend(answer.warnings)
    if row != len(points):
        raise ConnectionLost(f"The daemon answered {row} points of {len(points)}")
    warn(sentences)
    return found


def _requests(
    place: Place, points: Numbers, quantities: Sequence[str], smoothing: float | None
) -> Iterator[query_pb2.EvaluateStreamRequest]:
    for sent in place.sent(points, "points", POINTS):
        yield query_pb2.EvaluateStreamRequest(
            model=place.name, points=sent.tobytes(), quantities=quantities, smoothing=smoothing
        )
