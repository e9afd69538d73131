"""The compact form of docs/model-format.md as code: such a file as the tensors of one that is not compact."""

import json
import zlib

import numpy as np

WORD = 32
PRECISION = 16
DIGITS = 24


class RangeDecoder:
    """Bits from words of 32, by intervals of a state of 64 (constriction's range coder)."""

    def __init__(self, words):
        self.words, self.next = [int(word) for word in words], 2
        self.lower, self.range = 0, 2**64 - 1
        first, second = [*self.words, 0, 0][:2]
        self.point = first << WORD | second

    def take(self, of_zero):
        """A bit that is 0 with a chance of `of_zero` in 2^16."""
        scale = self.range >> PRECISION
        bit = ((self.point - self.lower) % 2**64) // scale >= of_zero
        start, width = (of_zero, 2**PRECISION - of_zero) if bit else (0, of_zero)
        self.lower = (self.lower + scale * start) % 2**64
        self.range = scale * width
        if self.range < 2**WORD:
            self.range <<= WORD
            self.lower = (self.lower << WORD) % 2**64
            word = self.words[self.next] if self.next < len(self.words) else 0
            self.point = ((self.point << WORD) | word) % 2**64
            self.next += 1
        return int(bit)

    def fair(self):
        """A bit that nothing is known of."""
        return self.take(2 ** (PRECISION - 1))

    def bit(self, chance):
        """A bit whose chance is learned: `chance` is the mean of a fast and a slow one."""
        bit = self.take(min(max((chance[0] + chance[1]) // 2, 64), 2**PRECISION - 64))
        for index, rate in enumerate((4, 7)):
            chance[index] += -(chance[index] >> rate) if bit else (65535 - chance[index]) >> rate
        return bit


class Numbers:
    """Whole numbers of one kind."""

    def __init__(self):
        self.longer = [[32768, 32768] for _ in range(DIGITS)]
        self.digits = [[[32768, 32768] for _ in range(3)] for _ in range(DIGITS)]

    def next(self, bits):
        """How many digits, those below the first, then the sign."""
        length = 0
        while length < DIGITS and bits.bit(self.longer[length]):
            length += 1
        size = int(length > 0)
        for below in range(length - 1):
            known = self.digits[length - 1]
            chance = known[0] if below == 0 else known[1 + (size & 1)] if below == 1 else None
            size = size << 1 | (bits.fair() if chance is None else bits.bit(chance))
        return -size if size and bits.fair() else size


def load(file, shapes):
    """Description and tensors of an open compact file; `shapes` tells names and shapes of a network's tensors."""
    description = json.loads(zlib.decompress(file.get_tensor("description").tobytes()))
    words, contents = file.get_tensor("numbers"), description["contents"]
    form, bits, tensors = description["training"]["compact"], RangeDecoder(words), {}
    for (name, shape), step in zip(shapes(description["architecture"]), form["network"], strict=True):
        kind = Numbers()
        values = [kind.next(bits) for _ in range(np.prod(shape))]
        tensors[name] = (np.array(values, np.float32) * np.float32(step)).reshape(shape)
    coarser = None
    for index, step in enumerate(form["spline"]):
        coarser = Level(bits, description["spline"]["cells"][index], coarser, contents["coefficients"][index])
        bricks = sorted(brick for brick, numbers in coarser.bricks.items() if any(numbers))
        numbers = np.array([coarser.bricks[brick] for brick in bricks])
        marks = (numbers != 0).astype(np.uint8)
        tensors[f"spline.{index}.bricks"] = np.array(bricks, np.uint32)
        tensors[f"spline.{index}.masks"] = np.packbits(marks, axis=1, bitorder="little").view(np.uint64)[:, 0]
        tensors[f"spline.{index}.coefficients"] = numbers[numbers != 0] * np.float32(step)
    if contents["outer"]:
        tensors |= outer(bits, *contents["outer"])
    return description, tensors


class Level:
    """A level of the spline: by brick, 64 whole numbers of steps."""

    def __init__(self, bits, cells, coarser, count):
        self.cells, self.nodes, self.side = cells, cells + 3, -(-(cells + 3) // 4)
        self.bricks = {}
        present = [[32768, 32768] for _ in range(32)]
        kinds = [Numbers() for _ in range(9 * 4 * 3)]
        for brick in range(self.side**3):
            corner = (brick % self.side, brick // self.side % self.side, brick // self.side**2)
            if count <= 0 or not bits.bit(present[self.around(corner, coarser)]):
                continue
            numbers = self.bricks[brick] = [0] * 64
            for bit in range(64):
                node = [4 * c + w for c, w in zip(corner, (bit % 4, bit // 4 % 4, bit // 16), strict=True)]
                if max(node) < self.nodes:
                    numbers[bit] = kinds[self.kind(node, coarser)].next(bits) + self.predicted(node, coarser)
                    count -= numbers[bit] != 0

    def has(self, x, y, z):
        """Whether there is a brick."""
        inside = all(0 <= p < self.side for p in (x, y, z))
        return inside and x + self.side * (y + self.side * z) in self.bricks

    def at(self, x, y, z):
        """The number at a place; 0 beyond the lattice."""
        if not all(0 <= p < self.nodes for p in (x, y, z)):
            return 0
        numbers = self.bricks.get(x // 4 + self.side * (y // 4 + self.side * (z // 4)))
        return numbers[x % 4 + 4 * (y % 4 + 4 * (z % 4))] if numbers else 0

    def around(self, corner, coarser):
        """What is known about a brick before it is told whether it is there."""
        x, y, z = corner
        before = (self.has(x - 1, y, z), self.has(x, y - 1, z), self.has(x, y, z - 1))
        beside = self.has(x + 1, y - 1, z) or self.has(x, y + 1, z - 1) or self.has(x + 1, y, z - 1)
        near = False
        if coarser:
            ratio = self.cells // coarser.cells
            near = coarser.has(*(min(((4 * p + 2) // ratio + 1) // 4, coarser.side - 1) for p in corner))
        return sum(there << axis for axis, there in enumerate(before)) | beside << 3 | near << 4

    def predicted(self, node, coarser):
        """On the first level, what goes on from the neighbours linearly in each axis; 0 on the others."""
        if coarser:
            return 0
        x, y, z = node
        sides = self.at(x - 1, y, z) + self.at(x, y - 1, z) + self.at(x, y, z - 1)
        edges = self.at(x - 1, y - 1, z) + self.at(x - 1, y, z - 1) + self.at(x, y - 1, z - 1)
        return sides - edges + self.at(x - 1, y - 1, z - 1)

    def kind(self, node, coarser):
        """Which numbers it is taken for: by its neighbours, by where it lies, by the coarser level."""
        x, y, z = node
        around, above = 0, 0
        if coarser:
            sides = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))
            edges = ((-1, -1, 0), (-1, 0, -1), (0, -1, -1), (1, -1, 0), (1, 0, -1), (0, 1, -1))
            size = sum(
                factor * abs(self.at(x + dx, y + dy, z + dz))
                for factor, ways in ((2, sides), (1, edges))
                for dx, dy, dz in ways
            )
            around = size if size <= 3 else 4 + sum(size > most for most in (5, 8, 13, 24))
            ratio = self.cells // coarser.cells
            above = min(abs(coarser.at(*((p - 1) // ratio + 1 for p in node))), 3)
            above = (0, 1, 1, 2)[above]
        odd = sum(p % 2 == 0 for p in node)
        return (around * 4 + odd) * 3 + above


def outer(bits, places, cells):
    """The outer surface, number by number as they differ from the last ones."""
    kinds = [Numbers() for _ in range(10)]
    place, foot, rows, feet = [0] * 3, [0] * 3, [], []
    for _ in range(places):
        place = [p + kinds[axis].next(bits) for axis, p in enumerate(place)]
        rows.append(place)
        foot = [p + kinds[3 + axis].next(bits) for axis, p in enumerate(foot)]
        feet.append(foot)
    corners, first = [], 0
    for _ in range(cells):
        cell, before = [], first
        for corner in range(4):
            before += kinds[6 + corner].next(bits)
            cell.append(before)
        first = cell[0]
        corners.append(cell)
    nearest = np.array(feet, np.float32) / np.float32(16384)
    return {
        "outer.places": np.array(rows, np.uint8),
        "outer.nearest": nearest,
        "outer.cells": np.array(corners, np.uint32).reshape(-1, 4),
    }
