"""Arrays in and out: what is checked before it is sent, in words that name the argument."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
"""Points: f32, or f64 where that would be too coarse so far from the origin."""
Numbers: TypeAlias = NDArray[Any]


def numbers(given: ArrayLike, name: str) -> Numbers:
    """The argument `name` as an array of real numbers, not copied if it is one. Raises `TypeError`."""
    try:
        array = np.asarray(given)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{name} cannot be read as an array: {error}") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be an array of numbers, not of {array.dtype}")
    return array


def vectors(given: ArrayLike, name: str) -> tuple[Numbers, tuple[int, ...]]:
    """An array `[..., 3]` as `[N, 3]`, and the shape before its last axis. Raises `TypeError` or `ValueError`."""
    array = numbers(given, name)
    if array.ndim == 0 or array.shape[-1] != 3:
        raise ValueError(f"{name} must have the shape [..., 3], not {list(array.shape)}")
    return array.reshape(-1, 3), array.shape[:-1]


def rows(given: ArrayLike, name: str, columns: int = 3) -> Numbers:
    """An array `[N, columns]`. Raises `TypeError` or `ValueError`."""
    array = numbers(given, name)
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(f"{name} must have the shape [N, {columns}], not {list(array.shape)}")
    return array


def vector(given: ArrayLike, name: str) -> list[float]:
    """Three numbers. Raises `TypeError` or `ValueError`."""
    array = numbers(given, name)
    if array.shape != (3,):
        raise ValueError(f"{name} must be three numbers, not an array of the shape {list(array.shape)}")
    return [float(number) for number in array]


def single(array: Numbers, name: str, first: int = 0) -> Floats:
    """Rows in single precision, as they are sent. Raises `ValueError` for what is not finite there; `first` is the
    number of row 0.
    """
    with np.errstate(over="ignore"):
        sent = np.ascontiguousarray(array, dtype="<f4")
    if not np.isfinite(sent).all():
        row = int(np.flatnonzero(~np.isfinite(sent).all(axis=-1))[0])
        raise ValueError(f"{name}[{first + row}] is {array[row].tolist()}, which is not finite in single precision")
    return sent


def chunks(array: Numbers, name: str, size: int, first: int = 0) -> Iterator[Floats]:
    """The rows, `size` at a time, in single precision, of which row 0 is called `first`; none are copied at once."""
    for start in range(0, len(array), size):
        yield single(array[start : start + size], name, first + start)


def joined(parts: Iterable[bytes]) -> Floats:
    """Numbers that the daemon sent in several answers, one behind the other."""
    return np.concatenate([np.zeros(0, np.float32), *(floats(part, -1) for part in parts)])


def flags(parts: Iterable[bytes]) -> NDArray[np.bool_]:
    """The same of bytes that are 0 or 1."""
    return np.concatenate([np.zeros(0, np.bool_), *(np.frombuffer(part, np.uint8) != 0 for part in parts)])


def whole_number(name: str, given: object) -> int:
    """A number from 0 on. Raises `TypeError` or `ValueError`, with the argument's name."""
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, not {given!r}")
    if given < 0:
        raise ValueError(f"{name} must not be negative, and is {given}")
    return int(given)


def real_number(name: str, given: object) -> float:
    """A number. Raises `TypeError`, with the argument's name."""
    if isinstance(given, bool) or not isinstance(given, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, not {given!r}")
    return float(given)


def floats(data: bytes, *shape: int) -> Floats:
    """Numbers that the daemon sent; read-only."""
    return np.frombuffer(data, "<f4").reshape(shape)
