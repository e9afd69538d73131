"""Fields put together: what a combination is made of. Nothing is computed before `overfit.combine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, Union

from numpy.typing import ArrayLike

from overfit.arrays import vector
from overfit.v1 import combine_pb2

if TYPE_CHECKING:
    from overfit.field import Field

Part: TypeAlias = Union["Expression", "Field"]
"""What can be put together."""


class Expression:
    """A solid, or an operation on fields. Lengths are in the units of its parts, which are to be the same.

    `a | b` is what is in either, `a & b` what is in both, `a - b` what is in `a` and not in `b`.
    """

    def __init__(self, message: combine_pb2.Expression, fields: tuple[Field, ...] = ()) -> None:
        self.message = message
        """As the API has it."""
        self.fields = fields
        """The fields that are parts of it."""

    def __or__(self, other: Part) -> Expression:
        return union(self, other)

    def __and__(self, other: Part) -> Expression:
        return intersection(self, other)

    def __sub__(self, other: Part) -> Expression:
        return difference(self, other)

    def offset(self, distance: float) -> Expression:
        """The surface moved outwards by a distance; inwards if it is negative."""
        return _made(self, offset={"of": self.message, "distance": distance})

    def shell(self, thickness: float) -> Expression:
        """A wall where the surface was, half of it on each side."""
        return _made(self, shell={"of": self.message, "thickness": thickness})

    def translate(self, by: ArrayLike) -> Expression:
        """Moved by `[3]`."""
        return _made(self, transform={"of": self.message, "translate": vector(by, "by")})

    def rotate(self, degrees: float, axis: ArrayLike = (0.0, 0.0, 1.0)) -> Expression:
        """Turned about an axis `[3]` through the origin, counter-clockwise seen from where it points to."""
        return _made(self, transform={"of": self.message, "degrees": degrees, "axis": vector(axis, "axis")})

    def scale(self, factor: float) -> Expression:
        """Scaled about the origin."""
        return _made(self, transform={"of": self.message, "scale": factor})

    def morph(self, other: Part, weight: float) -> Expression:
        """`(1 - weight) f + weight g`: 0 is this field, 1 the other."""
        to = _expression(other)
        message = combine_pb2.Expression(morph={"of": [self.message, to.message], "weight": weight})
        return Expression(message, self.fields + to.fields)


def union(*parts: Part, smooth: float = 0.0) -> Expression:
    """What is in any of the parts. `smooth` is the radius of the blend between them; 0 keeps edges sharp."""
    return _operation("union", parts, smooth)


def intersection(*parts: Part, smooth: float = 0.0) -> Expression:
    """What is in all parts. `smooth` as in `union`."""
    return _operation("intersection", parts, smooth)


def difference(first: Part, *others: Part, smooth: float = 0.0) -> Expression:
    """What is in the first part and in none of the others. `smooth` as in `union`."""
    return _operation("difference", (first, *others), smooth)


def sphere(radius: float, center: ArrayLike = (0.0, 0.0, 0.0)) -> Expression:
    """A ball."""
    return _solid(sphere={"radius": radius, "center": vector(center, "center")})


def cuboid(low: ArrayLike, high: ArrayLike) -> Expression:
    """A box along the axes, from one corner `[3]` to the opposite one."""
    return _solid(box={"min": vector(low, "low"), "max": vector(high, "high")})


def torus(
    radius: float, tube: float, center: ArrayLike = (0.0, 0.0, 0.0), axis: ArrayLike = (0.0, 0.0, 1.0)
) -> Expression:
    """A ring about an axis: the radius of the circle in the middle of the tube, and that of the tube."""
    place = {"center": vector(center, "center"), "axis": vector(axis, "axis")}
    return _solid(torus={"radius": radius, "tube": tube, **place})


def cylinder(start: ArrayLike, end: ArrayLike, radius: float) -> Expression:
    """A cylinder with flat ends, from the middle of one `[3]` to the middle of the other."""
    return _solid(cylinder={"start": vector(start, "start"), "end": vector(end, "end"), "radius": radius})


def capsule(start: ArrayLike, end: ArrayLike, radius: float) -> Expression:
    """All that is no further from a line than a radius."""
    return _solid(capsule={"start": vector(start, "start"), "end": vector(end, "end"), "radius": radius})


def half_space(point: ArrayLike, normal: ArrayLike) -> Expression:
    """All that lies behind a plane through a point `[3]`; the normal points away from what is inside."""
    return _solid(half_space={"point": vector(point, "point"), "normal": vector(normal, "normal")})


def _expression(part: Part) -> Expression:
    if isinstance(part, Expression):
        return part
    inner = getattr(part, "expression", None)
    if not isinstance(inner, Expression):
        raise TypeError(f"A {type(part).__name__} cannot be combined: give a Field or an Expression")
    return inner


def _solid(**kind: Any) -> Expression:
    return Expression(combine_pb2.Expression(**kind))


def _made(of: Expression, **kind: Any) -> Expression:
    return Expression(combine_pb2.Expression(**kind), of.fields)


def _operation(kind: str, parts: tuple[Part, ...], smooth: float) -> Expression:
    inner = [_expression(part) for part in parts]
    made: dict[str, Any] = {kind: {"of": [part.message for part in inner], "smooth": smooth}}
    fields = tuple(field for part in inner for field in part.fields)
    return Expression(combine_pb2.Expression(**made), fields)
