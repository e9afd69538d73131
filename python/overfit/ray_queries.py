"""Rays against a field, and nearest points of it: requests that are answered as a whole, as many as it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from overfit import methods
from overfit.answers import AllHits, Projection, RayHits
from overfit.arrays import Doubles, flags, joined, numbers, single, vectors
from overfit.notices import warn
from overfit.place import Place
from overfit.v1 import query_pb2

if TYPE_CHECKING:
    from overfit.daemon import Daemon


def first_hits(daemon: Daemon, place: Place, origins: ArrayLike, directions: ArrayLike, **options: Any) -> RayHits:
    """Where each ray meets the surface first."""
    starts, ways, shape = _rays(origins, directions)
    answers = list(_cast(daemon, place, starts, ways, options))
    distances = joined(answer.distances for answer in answers)
    with np.errstate(invalid="ignore", divide="ignore"):
        units = ways / np.linalg.norm(ways, axis=1, keepdims=True)
        points = starts + np.where(np.isfinite(distances), distances, np.nan)[:, None] * units
    return RayHits(
        distances.reshape(shape),
        (points if place.origin is not None else points.astype(np.float32)).reshape(*shape, 3),
        joined(answer.normals for answer in answers).reshape(*shape, 3),
        flags(answer.starts_inside for answer in answers).reshape(shape),
        _told(answers),
    )


def all_hits(
    daemon: Daemon, place: Place, origins: ArrayLike, directions: ArrayLike, most_hits: int, **options: Any
) -> AllHits:
    """Where rays meet the surface, every time."""
    starts, ways, _ = _rays(origins, directions)
    answers = list(_cast(daemon, place, starts, ways, {"all_hits": True, "most_hits": most_hits, **options}))
    counts = np.concatenate([np.zeros(0, "<u4"), *(np.frombuffer(answer.hit_counts, "<u4") for answer in answers)])
    return AllHits(
        np.repeat(np.arange(len(starts)), counts),
        joined(answer.distances for answer in answers),
        joined(answer.normals for answer in answers).reshape(-1, 3),
        flags(answer.enters for answer in answers),
        counts,
        flags(answer.starts_inside for answer in answers),
        _told(answers),
    )


def nearest(daemon: Daemon, place: Place, points: ArrayLike, iso: float) -> Projection:
    """The nearest points of a level."""
    array, shape = vectors(points, "points")
    answers: list[query_pb2.ProjectResponse] = []
    for sent in place.sent(array, "points", _rows(daemon)):
        request = query_pb2.ProjectRequest(model=place.name, points=sent.tobytes(), iso=iso)
        answers.append(daemon.connection().ask(methods.PROJECT, request))
    return Projection(
        place.answered(joined(answer.points for answer in answers).reshape(*shape, 3)),
        joined(answer.distances for answer in answers).reshape(shape),
        joined(answer.normals for answer in answers).reshape(*shape, 3),
        flags(answer.converged for answer in answers).reshape(shape),
        _told(answers),
    )


def _cast(
    daemon: Daemon, place: Place, starts: Doubles, ways: Doubles, options: dict[str, Any]
) -> Iterator[query_pb2.RaycastResponse]:
    size = _rows(daemon)
    for number, sent in enumerate(place.sent(starts, "origins", size)):
        directions = single(ways[number * size : (number + 1) * size], "directions", number * size)
        rays = np.concatenate([sent, directions], axis=1)
        request = query_pb2.RaycastRequest(model=place.name, rays=rays.tobytes(), **options)
        yield daemon.connection().ask(methods.RAYCAST, request)


def _rays(origins: ArrayLike, directions: ArrayLike) -> tuple[Doubles, Doubles, tuple[int, ...]]:
    """Origins and directions `[N, 3]`, and the shape in which they were given. Raises `TypeError` or `ValueError`."""
    starts, ways = numbers(origins, "origins"), numbers(directions, "directions")
    for name, array in (("origins", starts), ("directions", ways)):
        if array.ndim == 0 or array.shape[-1] != 3:
            raise ValueError(f"{name} must have the shape [..., 3], not {list(array.shape)}")
    try:
        shape = np.broadcast_shapes(starts.shape, ways.shape)
    except ValueError:
        raise ValueError(
            "origins and directions do not go together: "
            f"they have the shapes {list(starts.shape)} and {list(ways.shape)}"
        ) from None
    both = [np.broadcast_to(array, shape).reshape(-1, 3).astype(np.float64) for array in (starts, ways)]
    return both[0], both[1], shape[:-1]


def _rows(daemon: Daemon) -> int:
    """Points or rays in a message: what the daemon takes, with room for 16 hits a ray."""
    limits = daemon.info.limits
    return int(max(1, min(limits.max_points, limits.max_message_bytes // 512)))


def _told(answers: Iterable[query_pb2.RaycastResponse | query_pb2.ProjectResponse]) -> tuple[str, ...]:
    sentences = tuple(dict.fromkeys(sentence for answer in answers for sentence in answer.warnings))
    warn(sentences)
    return sentences
