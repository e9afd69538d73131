"""`blender --command overfit`, as Blender calls it."""

import bpy
import pytest
from conftest import RealDaemon, part, use_daemon


@pytest.fixture
def run(clean):
    return part("interface.command_line").run


@pytest.fixture
def scene(suzanne, tmp_path):
    """A file with Suzanne, a torus and a camera."""
    bpy.ops.mesh.primitive_torus_add(location=(5.0, 0.0, 0.0))
    bpy.ops.object.camera_add()
    path = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def names() -> list[str]:
    return sorted(obj.name for obj in bpy.data.objects)


def test_all_that_has_a_surface(run, scene, daemon: RealDaemon, tmp_path, capfd):
    use_daemon(daemon.data_dir)
    out = tmp_path / "farm" / "out.blend"
    out.parent.mkdir()
    assert run([str(scene), "-o", str(out), "--steps", "100", "--resolution", "48", "--volumes"]) == 0
    assert "overfit: Suzanne INR: " in capfd.readouterr().out
    bpy.ops.wm.open_mainfile(filepath=str(out))
    assert names() == [
        "Camera",
        "Suzanne",
        "Suzanne INR",
        "Suzanne INR SDF",
        "Torus",
        "Torus INR",
        "Torus INR SDF",
    ]
    assert bpy.data.objects["Suzanne INR SDF"].data.filepath == "//overfit/Suzanne_INR_SDF.vdb"
    assert bpy.data.objects["Suzanne INR"].overfit.embedded is None  # as this scene wants it
    bpy.ops.wm.open_mainfile(filepath=str(scene))
    assert names() == ["Camera", "Suzanne", "Torus"]


def test_named_objects_only(run, scene, daemon: RealDaemon, tmp_path):
    use_daemon(daemon.data_dir)
    arguments = [str(scene), "-o", str(tmp_path / "out.blend"), "--objects", "Torus", "--seconds", "0.2"]
    assert run([*arguments, "--preset", "draft"]) == 0
    assert names() == ["Camera", "Suzanne", "Torus", "Torus INR"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--objects", "Nobody"], "has no object 'Nobody'"),
        (["--preset", "fine"], "fine"),
        (["--steps", "many"], "many"),
    ],
)
def test_what_is_wrong_is_said(run, scene, daemon: RealDaemon, tmp_path, capfd, more, words):
    use_daemon(daemon.data_dir)
    assert run([str(scene), "-o", str(tmp_path / "out.blend"), *more]) != 0
    assert words in capfd.readouterr().err


def test_no_such_file(run, tmp_path, capfd):
    assert run([str(tmp_path / "none.blend"), "-o", str(tmp_path / "out.blend")]) == 1
    assert "none.blend" in capfd.readouterr().err
