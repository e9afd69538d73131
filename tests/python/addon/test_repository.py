"""The extension repository that a studio hosts: Blender reads its index and installs the extension from there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import PROJECT, zip_path
from test_extension import blender

INSTALL = """
preferences = bpy.context.preferences
# Even for a folder on a drive: Blender does not install from a repository without this.
preferences.system.use_online_access = True
studio = preferences.extensions.repos.new(name="Studio", module="studio", remote_url={url!r})
bpy.ops.extensions.repo_sync(repo_directory=studio.directory)
bpy.ops.extensions.package_install(repo_directory=studio.directory, pkg_id="overfit", enable_on_install=True)
print("enabled:", "bl_ext.studio.overfit" in preferences.addons, hasattr(bpy.types.Scene, "overfit"))
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The thin zip, and the full one where there is one, in a repository."""
    folder = tmp_path / "repository"
    options = [f"--blender={sys.executable}", f"--output={folder}"]
    full = [os.environ["OVERFIT_FULL_ZIP"]] if "OVERFIT_FULL_ZIP" in os.environ else []
    command = [sys.executable, str(PROJECT / "blender_addon" / "repository.py"), *options, str(zip_path()), *full]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0 and "duplicate" not in made.stdout + made.stderr, made.stdout + made.stderr
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder on a web server; yields its address."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            port = re.search(r"port (\d+)", server.stdout.readline())[1]
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def install_from(tmp_path: Path, url: str) -> None:
    """Adds the repository in a fresh Blender and installs from it."""
    installed = blender(tmp_path, code=f"exec({INSTALL.format(url=url)!r})")
    assert "enabled: True True" in installed.stdout, installed.stdout + installed.stderr


def test_from_a_web_server(repository, tmp_path):
    with served(repository) as address:
        install_from(tmp_path, f"{address}/index.json")


def test_from_a_shared_drive(repository, tmp_path):
    install_from(tmp_path, (repository / "index.json").as_uri())


def test_one_zip_for_every_platform(repository):
    listed = json.loads((repository / "index.json").read_text())["data"]
    assert {entry["id"] for entry in listed} == {"overfit"}
    assert (repository / "index.html").is_file()
    platforms = [platform for entry in listed for platform in entry.get("platforms", ["all"])]
    assert len(platforms) == len(set(platforms))
    if len(listed) > 1:
        assert {"windows-x64", "macos-arm64", "linux-x64"} <= set(platforms)
