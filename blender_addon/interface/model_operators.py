"""The operators that keep, save and load models."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..client.problem import Problem
from ..jobs.model_jobs import EmbedJob, LoadModelsJob, SaveModelJob
from ..scene.field import Field
from ..session import current
from .field_operators import FieldOperator
from .job_operator import JobOperator

SUFFIX = ".safetensors"


class OVERFIT_OT_embed_model(FieldOperator, bpy.types.Operator):
    """Keep the field's model in this .blend, so that the file travels whole"""

    bl_idname = "overfit.embed_model"
    bl_label = "Keep in File"
    bl_options = {"REGISTER", "UNDO"}

    def make_job(self, context: bpy.types.Context) -> EmbedJob:
        return EmbedJob(current().connection, Field.of(context.active_object))


class OVERFIT_OT_unembed_model(bpy.types.Operator):
    """Take the field's model out of this .blend. Then only the daemon has it"""

    bl_idname = "overfit.unembed_model"
    bl_label = "Remove from File"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj = context.active_object
        if obj is None or obj.overfit.embedded is None:
            cls.poll_message_set("The model of this object is not in the .blend")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        text = context.active_object.overfit.embedded
        for obj in Field.of(context.active_object).sharers():
            obj.overfit.embedded = None
        if text.library is None:
            bpy.data.texts.remove(text)
        return {"FINISHED"}


class OVERFIT_OT_save_model(FieldOperator, ExportHelper, bpy.types.Operator):
    """Save the field's model as a .safetensors file, for other scenes, programs and people"""

    bl_idname = "overfit.save_model"
    bl_label = "Save Field"
    bl_options = {"REGISTER"}

    filename_ext = SUFFIX
    filter_glob: bpy.props.StringProperty(
        name="Filter", description="The files that are shown", default=f"*{SUFFIX}", options={"HIDDEN"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.properties.is_property_set("filepath"):
            name = bpy.path.clean_name(context.active_object.name) + SUFFIX
            self.filepath = str(Path(bpy.path.abspath("//")) / name) if bpy.data.filepath else name
        return ExportHelper.invoke(self, context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        data = Field.of(context.active_object).embedded_file()
        if data is None:
            return super().execute(context)
        # With no daemon: the .blend has it.
        try:
            self._path().write_bytes(data)
        except OSError as error:
            self.report({"ERROR"}, f"Cannot write {self._path()}: {error.strerror}. Choose another folder")
            return {"CANCELLED"}
        self.report({"INFO"}, f"Saved {self._path()}")
        return {"FINISHED"}

    def make_job(self, context: bpy.types.Context) -> SaveModelJob:
        return SaveModelJob(current().connection, Field.of(context.active_object), self._path())

    def _path(self) -> Path:
        return Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), SUFFIX))


class OVERFIT_OT_load_model(JobOperator, ImportHelper, bpy.types.Operator):
    """Load fields from .safetensors files: each comes as a mesh at the world's origin, with its field"""

    bl_idname = "overfit.load_model"
    bl_label = "Load Field"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = SUFFIX
    filter_glob: bpy.props.StringProperty(
        name="Filter", description="The files that are shown", default=f"*{SUFFIX}", options={"HIDDEN"}
    )
    files: bpy.props.CollectionProperty(
        type=bpy.types.OperatorFileListElement,
        name="Files",
        description="Names of the files in the folder",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    directory: bpy.props.StringProperty(
        name="Folder", description="Where the files are", subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        # Files that are dropped into a view are known already.
        return JobOperator.invoke(self, context, event) if self._paths() else ImportHelper.invoke(self, context, event)

    def make_job(self, context: bpy.types.Context) -> LoadModelsJob:
        paths, settings = self._paths(), context.scene.overfit
        if not paths:
            raise Problem(f"No file was chosen: name a {SUFFIX} file")
        return LoadModelsJob(current().connection, paths, context.scene, settings.resolution, settings.keep_fields)

    def _paths(self) -> list[Path]:
        chosen = [Path(bpy.path.abspath(self.directory), file.name) for file in self.files if file.name]
        return chosen or ([Path(bpy.path.abspath(self.filepath))] if self.filepath else [])


class OVERFIT_FH_model(bpy.types.FileHandler):
    """A .safetensors file that is dropped into a 3D view is loaded"""

    bl_idname = "OVERFIT_FH_model"
    bl_label = "Overfit Field"
    bl_import_operator = OVERFIT_OT_load_model.bl_idname
    bl_file_extensions = SUFFIX

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def draw_import(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """In File > Import."""
    menu.layout.operator("overfit.load_model", text=f"Overfit Field ({SUFFIX})")


def draw_export(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """In File > Export."""
    menu.layout.operator("overfit.save_model", text=f"Overfit Field ({SUFFIX})")


def add_to_menus() -> None:
    """Shows both in the File menu."""
    bpy.types.TOPBAR_MT_file_import.append(draw_import)
    bpy.types.TOPBAR_MT_file_export.append(draw_export)


def remove_from_menus() -> None:
    """Takes both away again."""
    bpy.types.TOPBAR_MT_file_export.remove(draw_export)
    bpy.types.TOPBAR_MT_file_import.remove(draw_import)
