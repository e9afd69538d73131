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
    arguments = [str(scene), "-o", str(tmp_path / "out.blend"), "--objects", "Torus", "--steps", "100"]
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
    out, err = capfd.readouterr()
    assert "none.blend" in err and "none.blend" not in out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--preset", "fine"], ["Suzanne: unknown preset 'fine'", "Torus: unknown preset 'fine'"]),
        (["--objects", "Nobody"], ["has no object 'Nobody'"]),
    ],
)
def test_an_error_is_said_once(run, scene, daemon: RealDaemon, tmp_path, capfd, more, words):
    """On the error stream, a line each, which names the command; other words of Blender still come."""
    use_daemon(daemon.data_dir)
    assert run([str(scene), "-o", str(tmp_path / "out.blend"), *more]) == 1
    out, err = capfd.readouterr()
    lines = err.strip().splitlines()
    assert len(lines) == len(words) and all(line.startswith("overfit: ") for line in lines)
    for word, line in zip(words, lines, strict=True):
        assert (out + err).count(word) == 1 and word in line
    assert "Error" not in out + err


def test_warnings_still_come(run, scene, daemon: RealDaemon, tmp_path, capfd):
    use_daemon(daemon.data_dir)
    bpy.data.objects["Torus"].scale = (1.0, 2.0, 1.0)
    bpy.ops.wm.save_mainfile()
    assert run([str(scene), "-o", str(tmp_path / "out.blend"), "--objects", "Torus", "--steps", "10"]) == 0
    out, err = capfd.readouterr()
    assert "Warning: 'Torus' is scaled by 1 by 2 by 1" in out and not err
