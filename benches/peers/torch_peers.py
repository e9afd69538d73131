"""Training, evaluation and extraction by PyTorch, in the fastest of the ways that torch_fields.py holds."""

from collections.abc import Callable

import numpy as np
import torch
from peer import Prepared, rate
from shape import POINTS, UNIT_LONGEST_SIDE, Shape
from torch_fields import BATCH, VARIANTS, Training

CHUNKS = [1 << 12, 1 << 13, 1 << 14]
"""Points of one call in evaluation: few enough for the caches, many enough to hide the cost of a call."""
TRIAL = 1.0
"""Seconds for which each way is tried before the fastest is taken."""
STEPS_BEFORE_EXTRACTION = 256
"""As in `overfit bench`: enough for a surface."""


def prepare(program: str, work: str, shape: Shape, threads: int) -> Prepared:
    """`program` is torch or torch-compiled."""
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    # Adam's moments of table entries that are rarely touched fade into denormals, which are slow.
    torch.set_flush_denormal(True)
    kind, subject = work.split("/")
    if kind == "extract":
        return extraction(program, shape, int(subject))
    return {"train": training, "evaluate": evaluation}[kind](program, subject, shape)


def training(program: str, network: str, shape: Shape) -> Prepared:
    """Steps on batches that lie ready in memory, with their distances."""

    def way(variant: str) -> Callable[[], int]:
        learner, batches = Training(network, program, variant), Batches(network, shape)
        first = [float(learner.step(*batch)) for batch in batches.take(8)]
        last = [float(learner.step(*batch)) for batch in batches.take(120)][-8:]
        if not sum(last) < sum(first):
            raise RuntimeError(f"{variant} does not train: its loss goes from {first} to {last}")

        def step() -> int:
            for batch in batches.take(1):
                learner.step(*batch)
            return batches.size

        return step

    return fastest({variant: way(variant) for variant in VARIANTS[network][program]})


def evaluation(program: str, network: str, shape: Shape) -> Prepared:
    """Values at points in the bounding box, without autograd's records."""
    points = torch.from_numpy(shape.uniform)
    ways = {}
    for variant, model in VARIANTS[network][program].items():
        model = model()
        for chunk in CHUNKS:
            ways[f"{variant}, chunks of {chunk}"] = evaluate_all(model, points, chunk)
    return fastest(ways)


def evaluate_all(model: torch.nn.Module, points: torch.Tensor, chunk: int) -> Callable[[], int]:
    """Work that takes all points once."""

    def work() -> int:
        with torch.inference_mode():
            for part in points.split(chunk):
                model(part)
        return len(points)

    return work


def extraction(program: str, shape: Shape, resolution: int) -> Prepared:
    """The field on every point of the mesh's grid, then marching cubes by scikit-image (its fast one, by Lewiner)."""
    from skimage.measure import marching_cubes

    # The way that evaluates fastest; the best chunk depends on the machine alone.
    note = evaluation(program, "hash-grid", shape).note
    variant, chunk = note.rsplit(", chunks of ", 1)
    learner = Training("hash-grid", program, variant)
    for batch in Batches("hash-grid", shape).take(STEPS_BEFORE_EXTRACTION):
        learner.step(*batch)
    voxel = UNIT_LONGEST_SIDE / resolution
    # A box, not a cube, with two cells beside the mesh.
    half = np.abs(shape.vertices).max(0) + 2 * voxel
    axes = [torch.arange(-extent, extent + voxel, voxel, dtype=torch.float32) for extent in half]
    shape_of_grid = [len(axis) for axis in axes]

    def extract() -> int:
        values = torch.empty(shape_of_grid).view(-1)
        points = torch.cartesian_prod(*axes)
        with torch.inference_mode():
            for start in range(0, len(points), int(chunk)):
                part = points[start : start + int(chunk)]
                # A last part of another size would be compiled anew.
                short = int(chunk) - len(part)
                part = torch.cat([part, points[:short]]) if short else part
                values[start : start + int(chunk)] = learner.model(part).view(-1)[: int(chunk) - short]
        _, triangles, _, _ = marching_cubes(values.view(shape_of_grid).numpy(), 0.0)
        if len(triangles) < resolution:
            raise RuntimeError(f"the surface has {len(triangles)} triangles")
        return 1

    return Prepared(note, lambda seconds: 1 / rate(extract, seconds, warm_up=False))


def fastest(ways: dict[str, Callable[[], int]]) -> Prepared:
    """Tries each way for a moment and keeps the best."""
    note = max(ways, key=lambda way: rate(ways[way], TRIAL))
    return Prepared(note, lambda seconds: rate(ways[note], seconds))


class Batches:
    """Training batches, one after the other, round and round."""

    def __init__(self, network: str, shape: Shape):
        self.size = BATCH[network]
        self.points = torch.from_numpy(shape.training_points).split(self.size)
        self.distances = torch.from_numpy(shape.training_distances).split(self.size)
        self.next = 0

    def take(self, count: int):
        """The next `count` batches."""
        for _ in range(count):
            place = self.next % (POINTS // self.size)
            self.next += 1
            yield self.points[place], self.distances[place]
