"""The Fix buttons: each does what a warning advises."""

import bmesh
import bpy

from ..jobs.fit_job import FitJob
from ..scene.place import apply_scale
from ..session import current

KINDS = (
    ("FILL_HOLES", "Fill Holes", "Close the mesh's open borders with faces"),
    ("RECALCULATE_NORMALS", "Fix Normals", "Turn all faces so that their normals point outwards"),
    ("SIGN_WINDING", "Use Winding Number", "Tell inside from outside by the winding number in the next fit"),
    ("RESOLUTION", "Use Resolution", "Mesh at a higher resolution, now and in the next fit"),
    ("TIME", "Train Longer", "Train for a longer time in the next fit"),
    ("APPLY_SCALE", "Apply Scale", "Apply the object's scale to its mesh, so that distances are true"),
)


class OVERFIT_OT_fix(bpy.types.Operator):
    """Do what the warning advises"""

    bl_idname = "overfit.fix"
    bl_label = "Fix"
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(name="Kind", description="What to do", items=KINDS)
    value: bpy.props.FloatProperty(name="Value", description="The resolution, or the seconds", default=0.0, min=0.0)
    job: bpy.props.IntProperty(
        name="Job",
        description="The job whose objects are meant; 0 for the active object",
        default=0,
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return next(words for kind, _, words in KINDS if kind == properties.kind)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.overfit
        if self.kind == "SIGN_WINDING":
            settings.sign = "WINDING"
        elif self.kind == "RESOLUTION":
            settings.resolution = round(self.value)
        elif self.kind == "TIME":
            settings.limit, settings.seconds = "TIME", self.value
        else:
            return self._mend(context)
        self.report({"INFO"}, "Press Fit INR to fit again with this setting")
        return {"FINISHED"}

    def _mend(self, context: bpy.types.Context) -> set[str]:
        """Changes the objects themselves."""
        job = next((job for job in current().jobs if job.id == self.job and isinstance(job, FitJob)), None)
        found = [place.find_object() for place in job.places] if job else [context.active_object]
        objects = [obj for obj in found if obj is not None and obj.type == "MESH" and obj.library is None]
        if not objects:
            self.report({"ERROR"}, "The object is gone, linked from another file, or no mesh")
            return {"CANCELLED"}
        for obj in objects:
            if self.kind == "APPLY_SCALE":
                apply_scale(obj)
            else:
                mend_mesh(obj, self.kind)
        names = ", ".join(f"'{obj.name}'" for obj in objects)
        self.report({"INFO"}, f"{names} is mended. Press Fit INR to fit it again")
        return {"FINISHED"}


def mend_mesh(obj: bpy.types.Object, kind: str) -> None:
    """Fills the holes of an object's mesh, or turns its normals outwards. In edit mode, the mesh that is edited."""
    editing = obj.mode == "EDIT"
    mesh = bmesh.from_edit_mesh(obj.data) if editing else bmesh.new()
    if not editing:
        mesh.from_mesh(obj.data)
    if kind == "FILL_HOLES":
        borders = [edge for edge in mesh.edges if edge.is_boundary]
        filled = bmesh.ops.holes_fill(mesh, edges=borders, sides=0)["faces"]
        bmesh.ops.recalc_face_normals(mesh, faces=filled)
    else:
        bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
    if editing:
        bmesh.update_edit_mesh(obj.data)
    else:
        mesh.to_mesh(obj.data)
        mesh.free()
        obj.data.update()
