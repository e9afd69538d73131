"""The live preview: the surface of a running fit, drawn over the original with the gpu module.

Nothing of it is in the scene: no object, no undo step, no dependency graph. A surface goes to the graphics card once;
what a redraw costs is drawing it.
"""

import time
from dataclasses import dataclass

import bpy
import gpu
from mathutils import Matrix, Vector

from ..jobs.fit_job import FitJob
from ..jobs.preview import PreviewSurface
from ..session import current

LIFT = 0.01
"""How far the preview comes towards the viewer, as a share of its size: the original lies in the same place."""
VERTEX = """
void main()
{
  gl_Position = projection * vec4(position, 1.0);
  seen_normal = (view * vec4(normal, 0.0)).xyz;
}
"""
FRAGMENT = """
void main()
{
  vec3 n = normalize(seen_normal);
  float key = max(dot(n, normalize(vec3(-0.4, 0.6, 0.7))), 0.0);
  float fill = max(dot(n, normalize(vec3(0.7, -0.2, 0.5))), 0.0);
  vec3 colour = vec3(0.04, 0.12, 0.15) + key * vec3(0.22, 0.50, 0.52) + fill * vec3(0.06, 0.10, 0.20);
  fragment = vec4(colour, 1.0);
}
"""


@dataclass
class Drawn:
    """A preview on the graphics card."""

    surface: PreviewSurface
    batch: "gpu.types.GPUBatch"


class PreviewDrawer:
    """Draws the newest surface of every running fit where its objects stand."""

    def __init__(self) -> None:
        self.longest_upload = 0.0
        """The longest time that handing a surface to the graphics card held the main thread, in seconds."""
        self._drawn: dict[int, Drawn] = {}
        self._shader: gpu.types.GPUShader | None = None

    def draw(self) -> None:
        """Called by Blender at each redraw of a 3D view."""
        session = current()
        fits = [job for job in session.fits() if job.preview is not None] if session else []
        for forgotten in self._drawn.keys() - {job.id for job in fits}:
            del self._drawn[forgotten]
        for job in fits:
            # Early on there may be no surface.
            if job.preview.mesh.triangles.size:
                self._draw(job)

    def _draw(self, job: FitJob) -> None:
        drawn = self._drawn.get(job.id)
        if drawn is None or drawn.surface is not job.preview:
            started = time.perf_counter()
            drawn = self._drawn[job.id] = Drawn(job.preview, to_card(job.preview))
            self.longest_upload = max(self.longest_upload, time.perf_counter() - started)
        if self._shader is None:
            self._shader = preview_shader()
        self._shader.bind()
        gpu.state.depth_test_set("LESS_EQUAL")
        gpu.state.depth_mask_set(True)
        view = bpy.context.region_data
        for place in job.places:
            original = place.find_object()
            if original is None or original.visible_get():
                matrix = original.matrix_world if original else place.matrix
                projection = lifted(view.perspective_matrix, view.view_matrix, matrix, job.preview)
                self._shader.uniform_float("projection", projection)
                self._shader.uniform_float("view", normal_matrix(view.view_matrix @ matrix))
                drawn.batch.draw(self._shader)
        gpu.state.depth_mask_set(False)
        gpu.state.depth_test_set("NONE")


def lifted(perspective: Matrix, view: Matrix, matrix: Matrix, surface: PreviewSurface) -> Matrix:
    """The projection of object space, with depths as if the surface were a little nearer to the viewer."""
    towards_viewer = Vector(view.inverted_safe().col[2][:3])
    middle = matrix @ surface.middle
    near = perspective @ (middle + LIFT * surface.size * matrix.median_scale * towards_viewer).to_4d()
    middle = perspective @ middle.to_4d()
    projection = perspective @ matrix
    if near.w > 0.0 and middle.w > 0.0:
        projection[2] -= (middle.z / middle.w - near.z / near.w) * projection[3]
    return projection


def normal_matrix(matrix: Matrix) -> Matrix:
    """How normals turn under a transform that may stretch and mirror."""
    return matrix.to_3x3().inverted_safe().transposed().to_4x4()


def to_card(surface: PreviewSurface) -> "gpu.types.GPUBatch":
    """Hands a surface to the graphics card."""
    layout = gpu.types.GPUVertFormat()
    layout.attr_add(id="position", comp_type="F32", len=3, fetch_mode="FLOAT")
    layout.attr_add(id="normal", comp_type="F32", len=3, fetch_mode="FLOAT")
    vertices = gpu.types.GPUVertBuf(layout, len(surface.mesh.positions))
    vertices.attr_fill("position", surface.mesh.positions)
    vertices.attr_fill("normal", surface.normals)
    triangles = gpu.types.GPUIndexBuf(type="TRIS", seq=surface.mesh.triangles)
    return gpu.types.GPUBatch(type="TRIS", buf=vertices, elem=triangles)


def preview_shader() -> "gpu.types.GPUShader":
    """The shader. There must be a window."""
    between = gpu.types.GPUStageInterfaceInfo("overfit_preview")
    between.smooth("VEC3", "seen_normal")
    info = gpu.types.GPUShaderCreateInfo()
    info.push_constant("MAT4", "projection")
    info.push_constant("MAT4", "view")
    info.vertex_in(0, "VEC3", "position")
    info.vertex_in(1, "VEC3", "normal")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "fragment")
    info.vertex_source(VERTEX)
    info.fragment_source(FRAGMENT)
    return gpu.shader.create_from_info(info)
