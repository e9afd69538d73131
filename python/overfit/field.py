"""A field: the signed distance to a shape, and all that can be asked of it."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from overfit import expression as expressions
from overfit import extraction, ray_queries
from overfit.answers import AllHits, Measurement, Mesh, Metrics, Picture, Projection, RayHits, Volume, box
from overfit.arrays import Doubles, Floats, vectors
from overfit.errors import Refused
from overfit.evaluation import evaluate
from overfit.expression import Expression, Part
from overfit.place import Place, is_far
from overfit.v1 import combine_pb2, model_pb2, query_pb2
from overfit.whole_file import whole_file

if TYPE_CHECKING:
    from overfit.daemon import Daemon, Kind

Mode: TypeAlias = Literal["shaded", "normals", "curvature", "slice"]
Axis: TypeAlias = Literal["x", "y", "z"]

_MODES = {
    "shaded": query_pb2.RENDER_MODE_SHADED,
    "normals": query_pb2.RENDER_MODE_NORMALS,
    "curvature": query_pb2.RENDER_MODE_CURVATURE,
    "slice": query_pb2.RENDER_MODE_SLICE,
}
_AXES = {"x": query_pb2.AXIS_X, "y": query_pb2.AXIS_Y, "z": query_pb2.AXIS_Z}


class Field:
    """The signed distance to a shape: negative inside, in the shape's own units.

    Points are arrays `[..., 3]` of any numbers, and answers have their shape: a single point gives an array without
    axes. Both travel in single precision. It lies with a daemon, and is gone with it unless it is saved.
    """

    def __init__(
        self,
        daemon: Daemon,
        message: model_pb2.Model | combine_pb2.Combination,
        *,
        expression: Expression | None = None,
        warnings: tuple[str, ...] = (),
        kept: bool = True,
    ) -> None:
        self.daemon = daemon
        self._message, self._expression = message, expression
        self._generation = daemon.generation
        self._moved: tuple[int, Place] | None = None
        self.warnings = warnings if isinstance(message, model_pb2.Model) else tuple(message.warnings)
        """What a user should know of it, a sentence each."""
        if not kept:
            kind: Kind = "model" if isinstance(message, model_pb2.Model) else "combination"
            weakref.finalize(self, daemon.discard, kind, message.name).atexit = False

    # What it is.

    @property
    def name(self) -> str:
        """What the daemon calls it: `models/{id}` or `combinations/{id}`."""
        self.daemon.revive()
        if self._expression is not None and self._generation != self.daemon.generation:
            # Combinations live in the daemon's memory, and that one was started again.
            self._message = self.daemon.combination(self._expression)
            self._generation = self.daemon.generation
        return self._message.name

    @property
    def title(self) -> str:
        """What people call it."""
        return self._message.display_name if isinstance(self._message, model_pb2.Model) else "combination"

    @property
    def expression(self) -> Expression:
        """Itself as a part of combinations."""
        if self._expression is not None:
            return self._expression
        return Expression(combine_pb2.Expression(model=self._message.name), (self,))

    @property
    def model(self) -> model_pb2.Model:
        """The model as the API has it. Raises `Refused` for a combination, which is none."""
        if not isinstance(self._message, model_pb2.Model):
            raise Refused("A combination is no model: fit it (overfit.fit) to have one")
        return self._message

    @property
    def bounds(self) -> Doubles:
        """`[2, 3]` f64: the bounding box of the mesh, or a box around the surface of a combination."""
        return box(self._message.bounds)

    @property
    def metrics(self) -> Metrics | None:
        """How good it is; `None` for a combination, or a model that was not measured."""
        if isinstance(self._message, model_pb2.Model) and self._message.HasField("metrics"):
            return Metrics.of(self._message.metrics)
        return None

    @property
    def steps(self) -> int:
        """Training steps that it had."""
        return self.model.steps

    # At points.

    def distance(self, points: ArrayLike) -> Floats:
        """Signed distances `[...]` f32 of points `[..., 3]`."""
        return self.evaluate(points, "value")["value"]

    def __call__(self, points: ArrayLike) -> Floats:
        """As `distance`."""
        return self.distance(points)

    def gradient(self, points: ArrayLike) -> Floats:
        """Derivatives of the distance by x, y and z, `[..., 3]` f32, of points `[..., 3]`; no unit."""
        return self.evaluate(points, "gradient")["gradient"]

    def normal(self, points: ArrayLike) -> Floats:
        """The gradient at unit length, `[..., 3]` f32; NaN where the gradient is 0."""
        return self.evaluate(points, "normal")["normal"]

    def hessian(self, points: ArrayLike, smoothing: float | None = None) -> Floats:
        """Second derivatives `[..., 3, 3]` f32, in 1/length; `smoothing` as in `evaluate`."""
        packed = self.evaluate(points, "hessian", smoothing=smoothing)["hessian"]
        return packed[..., [[0, 1, 2], [1, 3, 4], [2, 4, 5]]]

    def mean_curvature(self, points: ArrayLike, smoothing: float | None = None) -> Floats:
        """Mean curvature of the level set through each point, `[...]` f32, in 1/length; 1/r for a sphere."""
        return self.evaluate(points, "mean-curvature", smoothing=smoothing)["mean-curvature"]

    def gaussian_curvature(self, points: ArrayLike, smoothing: float | None = None) -> Floats:
        """Gaussian curvature of the level set through each point, `[...]` f32, in 1/length²: 1/r² for a sphere of
        radius r.
        """
        return self.evaluate(points, "gaussian-curvature", smoothing=smoothing)["gaussian-curvature"]

    def evaluate(self, points: ArrayLike, *quantities: str, smoothing: float | None = None) -> dict[str, Floats]:
        """Any quantities at points.

        Args:
            points: `[..., 3]`; float64 is rounded to float32.
            quantities: `value`, `gradient`, `normal`, `gradient-length`, `hessian` (xx, xy, xz, yy, yz, zz),
                `laplacian`, `mean-curvature`, `gaussian-curvature`, `principal-curvatures` (2), `principal-directions`
                (6); `Daemon.info.quantities` tells them all.
            smoothing: radius of the balls over which second derivatives and curvatures are averaged; 0 takes them at
                the points, which fields that are smooth only piece by piece refuse. Unless given: 0 where the field has
                second derivatives, else 2 % of the longest side of the bounding box.

        Returns:
            By quantity, `[...]` f32, or `[..., C]` where it has C numbers, in own units.

        Raises:
            ValueError: points of another shape, or that are not finite; `InvalidInput`: a quantity that there is not.
        """
        array, shape = vectors(points, "points")
        known = {quantity.name: len(quantity.components) for quantity in self.daemon.info.quantities}
        wanted = dict.fromkeys(quantities or ("value",))
        for quantity in wanted:
            if quantity not in known:
                raise ValueError(f"There is no quantity {quantity!r}; there are {', '.join(known)}")
        components = {quantity: known[quantity] for quantity in wanted}
        if len(array):
            found = evaluate(self.daemon.connection(), self._place(), array, components, smoothing)
        else:
            found = {quantity: np.empty((0, count), np.float32) for quantity, count in components.items()}
        return {
            quantity: numbers.reshape(shape if components[quantity] == 1 else (*shape, components[quantity]))
            for quantity, numbers in found.items()
        }

    def project(self, points: ArrayLike, iso: float = 0.0) -> Projection:
        """The nearest points of the surface, or of the level `iso`, to points `[..., 3]`."""
        return ray_queries.nearest(self.daemon, self._place(), points, iso)

    # Rays.

    def raycast(
        self, origins: ArrayLike, directions: ArrayLike, *, iso: float = 0.0, reach: float = 0.0, thickness: float = 0.0
    ) -> RayHits:
        """Where rays meet the surface first.

        Args:
            origins: `[..., 3]`. Origins and directions are broadcast: one origin serves many directions.
            directions: `[..., 3]`, of any length but 0.
            iso: the level: 0 is the surface, positive is outside it.
            reach: how far rays go; 0 is without end.
            thickness: what a ray runs through for less than this may be missed; 0 takes 1/400 of the longest side, or
                half the mesh's thickness if that is less.
        """
        options = {"iso": iso, "reach": reach, "thickness": thickness}
        return ray_queries.first_hits(self.daemon, self._place(), origins, directions, **options)

    def raycast_all(
        self,
        origins: ArrayLike,
        directions: ArrayLike,
        *,
        iso: float = 0.0,
        reach: float = 0.0,
        thickness: float = 0.0,
        most_hits: int = 64,
    ) -> AllHits:
        """Where rays meet the surface, every time, up to `most_hits` (at most 256) along each; else as `raycast`."""
        options = {"iso": iso, "reach": reach, "thickness": thickness}
        return ray_queries.all_hits(self.daemon, self._place(), origins, directions, most_hits, **options)

    # The whole.

    def mesh(
        self,
        resolution: int | None = None,
        *,
        voxel_size: float | None = None,
        iso: float = 0.0,
        normals: bool = False,
        sharp: bool = False,
        triangles: int | None = None,
        error: float | None = None,
    ) -> Mesh:
        """The surface as a mesh.

        Args:
            resolution: cells along the longest side of the bounding box. Unless it or `voxel_size` is given the daemon
                takes 256, or more where walls or bodies are thinner than two cells.
            voxel_size: edge of a cell, instead.
            iso: the level: 0 is the surface, positive is outside it.
            normals: also have vertex normals, from the gradient.
            sharp: vertices on the shape's edges and corners, and well-shaped triangles (dual contouring); takes three
                to four times as long.
            triangles: so many are enough: edges are drawn together where that costs least.
            error: how far that may take the surface from where the grid has it, about.
        """
        place = self._place()
        request = query_pb2.ExtractMeshRequest(
            model=place.name,
            grid=extraction.grid(resolution, voxel_size),
            iso=iso,
            normals=normals,
            mode=query_pb2.MESH_MODE_SHARP if sharp else query_pb2.MESH_MODE_MARCHING_CUBES,
            triangles=triangles or 0,
            error=error or 0.0,
        )
        return extraction.mesh(self.daemon.connection(), place, request)

    def volume(self, resolution: int | None = None, *, voxel_size: float | None = None) -> Volume:
        """Signed distances on a grid around the shape; the arguments are those of `mesh`. How much it encloses is
        `measure().volume`.
        """
        grid = extraction.grid(resolution, voxel_size)
        request = query_pb2.ExtractVolumeRequest(model=self.name, grid=grid, format=query_pb2.VOLUME_FORMAT_DENSE)
        header, data = extraction.volume(self.daemon.connection(), request)
        values = extraction.dense(header, data)
        return Volume(values, np.array(header.origin), header.voxel_size, tuple(header.warnings))

    def save_vdb(
        self,
        path: str | os.PathLike[str],
        resolution: int | None = None,
        *,
        voxel_size: float | None = None,
        band: float = 3.0,
    ) -> None:
        """Writes an OpenVDB file with one level set named `sdf`; `band` is half its width in voxels, the rest as in
        `mesh`.
        """
        grid = extraction.grid(resolution, voxel_size)
        form = query_pb2.VOLUME_FORMAT_VDB
        request = query_pb2.ExtractVolumeRequest(model=self.name, grid=grid, format=form, band=band)
        _, data = extraction.volume(self.daemon.connection(), request)
        with whole_file(path) as file:
            file.write(data)

    def measure(self, error: float = 1e-3, iso: float = 0.0) -> Measurement:
        """Volume, area, centroid, inertia and total mean curvature of the solid within a level, each with its error.

        Args:
            error: the relative error of volume and area that is good enough, from 1e-6 to 0.1.
            iso: the level: 0 is the surface, positive is outside it.
        """
        request = query_pb2.MeasureRequest(model=self.name, error=error, iso=iso)
        return extraction.measurement(self.daemon.connection(), request)

    def render(
        self,
        width: int = 640,
        height: int = 480,
        *,
        mode: Mode = "shaded",
        azimuth: float = 30.0,
        elevation: float = 20.0,
        up: Axis = "y",
        background: str = "white",
        iso: float = 0.0,
        plane: Axis | None = None,
        offset: float | None = None,
    ) -> Picture:
        """A picture, which notebooks show.

        Args:
            width, height: pixels.
            mode: `shaded`, `normals`, `curvature`, or `slice`: a plane through the field, with lines of equal distance.
            azimuth, elevation: where the camera stands, in degrees: 0 is the front.
            up: the axis that points up.
            background: `transparent`, `white`, `black`, or a colour such as `#20242c`.
            iso: the level: 0 is the surface, positive is outside it.
            plane, offset: for a slice: the axis at right angles to it, and where on that axis it lies.
        """
        for name, given, known in (("mode", mode, _MODES), ("up", up, _AXES), ("plane", plane or "x", _AXES)):
            if given not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {given!r}")
        request = query_pb2.RenderRequest(
            model=self.name,
            width=width,
            height=height,
            mode=_MODES[mode],
            orbit=query_pb2.OrbitView(azimuth=azimuth, elevation=elevation),
            up=_AXES[up],
            background=background,
            iso=iso,
            plane=None if plane is None else _AXES[plane],
            offset=offset,
        )
        return extraction.picture(self.daemon.connection(), request)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model's file (.safetensors), which `overfit.load` and `overfit.torch.load` read, or another form
        by its extension:
        .onnx, .glsl, .wgsl, .osl (docs/export.md)."""
        target = Path(path)
        kind = target.suffix.lower().removeprefix(".")
        known = {form.name for form in self.daemon.info.export_formats}
        if kind not in known:
            raise ValueError(
                f"{target} is of no known form: use one of {', '.join(sorted('.' + form for form in known))}"
            )
        request = model_pb2.ExportModelRequest(name=self.model.name, format="" if kind == "safetensors" else kind)
        extraction.write_model(self.daemon.connection(), request, target)

    # Put together: `expression.py`.

    def __or__(self, other: Part) -> Expression:
        return expressions.union(self, other)

    def __and__(self, other: Part) -> Expression:
        return expressions.intersection(self, other)

    def __sub__(self, other: Part) -> Expression:
        return expressions.difference(self, other)

    def _place(self) -> Place:
        """How it is asked. A field far from the origin is moved there; the combination that this takes goes with the
        field.
        """
        name = self.name
        if not is_far(self.bounds):
            return Place(name)
        if self._moved is None or self._moved[0] != self.daemon.generation:
            origin = np.round(self.bounds.mean(axis=0))
            moved = self.daemon.combination(self.expression.translate(-origin)).name
            weakref.finalize(self, self.daemon.discard, "combination", moved).atexit = False
            self._moved = self.daemon.generation, Place(moved, origin)
        return self._moved[1]

    def __repr__(self) -> str:
        if not isinstance(self._message, model_pb2.Model):
            return f"<Field {self.title} of {len(self.expression.fields)} fields>"
        metrics = self.metrics
        told = "" if metrics is None else f", near error {metrics.near_mae:.2g}"
        told += "" if metrics is None or metrics.iou is None else f", IoU {metrics.iou:.4f}"
        return f"<Field {self.title}: {self._message.preset}, {self._message.parameters:,} numbers{told}>"
