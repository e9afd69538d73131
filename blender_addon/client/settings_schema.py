"""Everything that a fit can be told, out of the daemon's schema of it."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from ..api.server_grpc import ServerServiceStub
from ..api.server_pb2 import GetSettingsSchemaRequest

NONE = "none"
"""The value of what is left out."""
SHORT_SCHEMA = 1_000_000
"""A longer text is not read: it would hold the main thread."""


@dataclass(frozen=True)
class Choice:
    """One value of a setting that has a few."""

    value: str
    words: str


@dataclass(frozen=True)
class Setting:
    """One setting, by the name that `FitSettings.overrides` has for it."""

    path: str
    words: str
    """What it is."""
    default: str
    """Its value in the default preset, or of the part that it belongs to; empty where it has none."""
    choices: tuple[Choice, ...] = ()
    """Values that are words; where it is a number as well, beside that."""
    least: float = -math.inf
    most: float = math.inf
    without_least: bool = False
    without_most: bool = False
    number: bool = False
    whole: bool = False

    @property
    def section(self) -> str:
        """The part of a fit that it belongs to."""
        return self.path.partition(".")[0]

    @property
    def label(self) -> str:
        """Its name for people: `Spline Finest`, `Huber Width`."""
        parts = self.path.split(".")
        # Of deep ones without the part, which the menu names.
        return " ".join(parts[1:] if len(parts) > 2 else parts).replace("_", " ").replace("-", " ").title()

    @property
    def range(self) -> str:
        """What numbers it may be, in words; empty if it is none."""
        if not self.number:
            return ""
        parts = ["a whole number" if self.whole else "a number"]
        if self.least > -math.inf:
            parts.append(f"{'above' if self.without_least else 'from'} {_text(self.least)}")
        if self.most < math.inf:
            parts.append(f"{'below' if self.without_most else 'up to'} {_text(self.most)}")
        return " ".join(parts)

    def fault(self, value: str) -> str:
        """What the value must be, if it is something else; empty if it will do."""
        value = value.strip()
        names = [choice.value for choice in self.choices]
        if value in names:
            return ""
        if not self.number:
            return f"One of {', '.join(names)}" if names else ""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        low = number > self.least if self.without_least else number >= self.least
        high = number < self.most if self.without_most else number <= self.most
        if low and high and (number.is_integer() or not self.whole):
            return ""
        return f"Must be {self.range}" + "".join(f", or {name}" for name in names)


async def ask_for_settings(server: ServerServiceStub) -> list[Setting]:
    """All settings of a fit; none if the daemon cannot tell them. Raises what calls raise."""
    try:
        return read_settings((await server.GetSettingsSchema(GetSettingsSchemaRequest())).json)
    except GRPCError as error:
        if error.status is not Status.UNIMPLEMENTED:
            raise
        return []


def read_settings(schema: str) -> list[Setting]:
    """All settings of a schema (draft 2020-12), in its order. What is a list of parts has no row."""
    if len(schema) > SHORT_SCHEMA:
        return []
    return list(_settings("", json.loads(schema)))


def _settings(path: str, schema: dict, words: str = "") -> Iterator[Setting]:
    words = schema.get("description") or words
    ways = [*_ways(schema)]
    objects = [way for way in ways if "properties" in way]
    choices = [Choice(str(way["const"]), way.get("description") or "") for way in ways if "const" in way]
    choices += [Choice(str(value), "") for way in ways for value in way.get("enum", ())]
    kinds = [(_kind(way), way) for way in objects if _kind(way)]
    numbers = [way for way in ways if way.get("type") in ("number", "integer") and "enum" not in way]
    texts = [way for way in ways if way.get("type") == "string" and "const" not in way]
    own = Setting(path, words, _text(schema.get("default")), tuple(choices))
    if numbers:
        number = numbers[0]
        yield Setting(
            path,
            words,
            # Of a part that can be given by its weight alone, the weight's.
            own.default or next((_text(_weight(way)) for way in objects if _weight(way) is not None), ""),
            tuple(choices),
            number.get("minimum", number.get("exclusiveMinimum", -math.inf)),
            number.get("maximum", number.get("exclusiveMaximum", math.inf)),
            "exclusiveMinimum" in number,
            "exclusiveMaximum" in number,
            number=True,
            whole=number["type"] == "integer",
        )
    elif path and (choices or texts):
        yield own
    if kinds:
        default = schema.get("default")
        known = tuple(Choice(kind, way.get("description") or "") for kind, way in kinds)
        yield Setting(f"{path}.kind", words, _text(default.get("kind")) if isinstance(default, dict) else "", known)
    seen = {"kind"} | ({"weight"} if numbers else set())
    for way in objects:
        for name, part in way["properties"].items():
            if name not in seen:
                seen.add(name)
                yield from _settings(f"{path}.{name}" if path else name, part, words)


def _ways(schema: dict) -> Iterator[dict]:
    """The kinds of values that a schema allows, one within the other."""
    if "anyOf" not in schema:
        yield schema
    for way in schema.get("anyOf", ()):
        yield from _ways(way)


def _kind(way: dict) -> str:
    return way["properties"].get("kind", {}).get("const", "")


def _weight(way: dict) -> float | None:
    return way["properties"].get("weight", {}).get("default")


def _text(value: object) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return "" if value is None or isinstance(value, (dict, list)) else str(value)
