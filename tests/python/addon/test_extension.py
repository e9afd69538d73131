"""The package itself: it installs, updates in place, starts a daemon, and leaves nothing of its own behind."""

import os
import subprocess
import sys
from pathlib import Path

import bpy
import pytest
from conftest import PACKAGE, RealDaemon, part, pump_until, session, use_daemon, zip_path

CLI = "import sys; import bl_pkg.bl_extension_cli as cli; sys.exit(cli.cli_extension_handler(sys.argv[1:]))"


def blender(tmp_path: Path, *arguments: str, code: str = CLI) -> subprocess.CompletedProcess:
    """Runs Blender's extension command line, or some code, in a process and settings of their own."""
    prelude = "import bpy; "
    return subprocess.run(
        [sys.executable, "-c", prelude + code, *arguments],
        env=os.environ | {"BLENDER_USER_RESOURCES": str(tmp_path / "user")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_the_command_line_accepts_it(tmp_path):
    valid = blender(tmp_path, "validate", str(zip_path()))
    assert valid.returncode == 0, valid.stdout + valid.stderr
    installed = blender(tmp_path, "install-file", "-r", "user_default", "-e", str(zip_path()))
    assert installed.returncode == 0, installed.stdout + installed.stderr
    listed = blender(tmp_path, "list")
    assert "overfit" in listed.stdout
    removed = blender(tmp_path, "remove", "user_default.overfit")
    assert removed.returncode == 0, removed.stdout + removed.stderr


def test_leaving_blender_without_a_word(tmp_path):
    """Blender ends cleanly with the extension on and a fit begun: no crash, no hang, nothing on the console."""
    code = (
        f"bpy.ops.extensions.package_install_files(filepath={str(zip_path())!r}, repo='user_default',"
        " enable_on_install=True);"
        f"import {PACKAGE}.session as s; s.pump(); print('pumped')"
    )
    ended = blender(tmp_path, code=code)
    assert ended.returncode == 0 and "pumped" in ended.stdout
    assert "Traceback" not in ended.stderr and "Warning" not in ended.stderr, ended.stderr


def test_update_in_place(clean):
    """Installing over a running version ends it and starts the new one."""
    before = session()
    bpy.ops.extensions.package_install_files(
        filepath=str(zip_path()), repo="user_default", enable_on_install=True, overwrite=True
    )
    after = session()
    assert after is not before and before.loop._loop.is_closed()


def test_the_bundled_packages_are_used(clean):
    import google.protobuf
    import grpclib

    site = Path(os.environ["BLENDER_USER_RESOURCES"]) / "extensions"
    assert Path(grpclib.__file__).is_relative_to(site) and Path(google.protobuf.__file__).is_relative_to(site)


# Starting a daemon.


def program(tmp_path: Path, text: str) -> str:
    """A program that does not do what the daemon does."""
    path = tmp_path / "overfit"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def start(chosen: str, data_dir: Path) -> None:
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    preferences.program, preferences.data_dir = chosen, str(data_dir)
    bpy.ops.overfit.start_daemon()


@pytest.fixture
def preferences(clean):
    yield
    if PACKAGE in bpy.context.preferences.addons:
        bpy.context.preferences.addons[PACKAGE].preferences.program = ""


def test_no_program(preferences, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="no program 'overfit' on the PATH"):
        start("", tmp_path)
    with pytest.raises(RuntimeError, match="There is no program"):
        start(str(tmp_path / "nothing"), tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 'cannot listen: port 50051 is taken' >&2; exit 1", "exit code 1).*port 50051 is taken"),
        ("exit 0", "ended at once"),
        ("kill -9 $$", "signal 9"),
    ],
)
def test_daemon_that_does_not_start(preferences, tmp_path, text, words):
    import re

    start(program(tmp_path, text), tmp_path)
    pump_until(lambda: "The daemon" in session().connection.message)
    assert re.search(words.replace("1)", r"1\)"), session().connection.message), session().connection.message


def test_program_that_cannot_run(preferences, tmp_path):
    path = tmp_path / "overfit"
    path.write_text("no program")
    start(str(path), tmp_path)
    pump_until(lambda: "Cannot start" in session().connection.message)


def test_a_running_daemon_is_left_alone(preferences, daemon: RealDaemon):
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    assert daemon.process.poll() is None
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    use_daemon(daemon.data_dir)
    assert session().connection.state is part("client.connection").ConnectionState.READY
