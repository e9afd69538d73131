"""The full zip: one file that brings the daemon's program along. OVERFIT_FULL_ZIP names it; without, this is skipped.

Blender unpacks a wheel as it is and leaves programs in the wheel's own folder, `overfit-VERSION.data/scripts`,
without the right to be run. The wheel's list of files leads there, and is right for a wheel that pip installed, too.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest
from conftest import zip_path
from test_extension import blender

pytestmark = pytest.mark.skipif("OVERFIT_FULL_ZIP" not in os.environ, reason="OVERFIT_FULL_ZIP is not set")

# What the extension does, in a few lines of its own: this test tells whether the package or the extension is wrong.
FIND = """
def find():
    import importlib.metadata
    try:
        files = importlib.metadata.files("overfit")
    except importlib.metadata.PackageNotFoundError:
        return None
    return next(str(file.locate()) for file in files if file.name in ("overfit", "overfit.exe"))

def install(zip):
    done = bpy.ops.extensions.package_install_files(
        filepath=zip, repo="user_default", enable_on_install=True, overwrite=True
    )
    assert done == {"FINISHED"} and "bl_ext.user_default.overfit" in bpy.context.preferences.addons
"""

SAVE = "bpy.ops.wm.save_userpref()"
# Repositories are found by their place in the preferences, counted from the enabled ones.
REMOVE = """
repos = [repo.module for repo in bpy.context.preferences.extensions.repos if repo.enabled]
bpy.ops.extensions.package_uninstall(repo_index=repos.index("user_default"), pkg_id="overfit")
"""


def full_zip() -> Path:
    """The zip under test."""
    return Path(os.environ["OVERFIT_FULL_ZIP"])


def run_in_blender(tmp_path: Path, code: str) -> list[str]:
    """Runs code beside the functions above in a Blender with settings of its own; returns its lines after >."""
    ended = blender(tmp_path, code=f"exec({(FIND + code)!r})")
    assert ended.returncode == 0 and "Traceback" not in ended.stderr, ended.stdout + ended.stderr
    return [line[1:] for line in ended.stdout.splitlines() if line.startswith(">")]


def test_the_command_line_accepts_it(tmp_path):
    valid = blender(tmp_path, "validate", str(full_zip()))
    assert valid.returncode == 0, valid.stdout + valid.stderr


def test_the_program_comes_along_and_runs(tmp_path):
    (found,) = run_in_blender(tmp_path, f"install({str(full_zip())!r})\nprint('>' + find())\n{SAVE}")
    program = Path(found)
    assert program.is_file() and program.is_relative_to(tmp_path / "user")
    # Blender lets the right to be run fall; the extension gives it back.
    program.chmod(program.stat().st_mode | 0o100)
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=600, check=True)
    assert told.stdout.startswith("overfit ")
    # It is still there after a restart, and goes when the extension is removed.
    assert run_in_blender(tmp_path, "print('>' + find())") == [found]
    assert run_in_blender(tmp_path, f"{REMOVE}\nprint('>', find())") == [" None"]
    assert not program.exists()


FIRST_FIT = """
import importlib, time
from pathlib import Path
part = lambda name: importlib.import_module("bl_ext.user_default.overfit." + name)
part("client.daemon_process").IDLE_SECONDS = 10
program = part("client.program")
print(">", program.find_program("") == str(program.bundled_program()) == str(Path(find()).resolve()))
bpy.context.preferences.addons["bl_ext.user_default.overfit"].preferences.data_dir = DATA
bpy.ops.mesh.primitive_monkey_add()
settings = bpy.context.scene.overfit
settings.preset, settings.limit, settings.steps = "draft", "STEPS", 100
print(">", bpy.ops.overfit.fit(wait=True) == {"FINISHED"})
print(">", part("session").current().connection.peer.file.pid)
"""


def test_an_artist_presses_fit_and_the_daemon_that_came_along_starts(tmp_path):
    """One file installed, one button pressed; no daemon stays when that Blender is closed."""
    data = tmp_path / "data"
    first_fit = f"DATA = {str(data)!r}\n{FIRST_FIT}"
    *held, pid = run_in_blender(tmp_path, f"install({str(full_zip())!r})\n{first_fit}")
    assert held == [" True", " True"] and int(pid) > 0
    end = time.monotonic() + 600.0
    while (data / "daemon.json").exists():
        assert time.monotonic() < end, f"the daemon (process {pid}) runs on"
        time.sleep(0.05)


def test_each_zip_replaces_the_other(tmp_path):
    thin, full = str(zip_path()), str(full_zip())
    code = f"for zip in ({thin!r}, {full!r}, {thin!r}):\n    install(zip)\n    print('>', find() is not None)"
    assert run_in_blender(tmp_path, code) == [" False", " True", " False"]
