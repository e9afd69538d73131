"""Makes a folder that a studio can put on any web server or shared drive as a Blender extension repository.

It gets the zips that are named, and Blender's own command writes index.json and index.html for them. Blender wants one
zip at most for a platform: beside full zips, the thin one serves all the other platforms.
"""

import argparse
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from build import MACHINES, SYSTEMS, add_list, write_zip

INDEX = "import sys, bpy, bl_pkg.bl_extension_cli as cli; sys.exit(cli.cli_extension_handler(sys.argv[1:]))"
PLATFORMS = {f"{system}-{machine}" for system in SYSTEMS.values() for machine in MACHINES.values()}


def platforms_of(archive: Path) -> set[str]:
    """The platforms that a zip is for; none means all."""
    with zipfile.ZipFile(archive) as opened:
        return set(tomllib.loads(opened.read("blender_manifest.toml").decode()).get("platforms", []))


def narrow(archive: Path, platforms: set[str], target: Path) -> None:
    """Copies a zip for all platforms as one that is for some."""
    with zipfile.ZipFile(archive) as opened:
        contents = {name: opened.read(name) for name in opened.namelist()}
    manifest = contents["blender_manifest.toml"].decode()
    contents["blender_manifest.toml"] = add_list(manifest, "platforms", sorted(platforms)).encode()
    write_zip(contents, target)


def make_repository(thin: Path, full: list[Path], folder: Path, blender: Path) -> None:
    """Fills the folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    left = set(PLATFORMS)
    for archive in full:
        platforms = platforms_of(archive)
        if not platforms or not platforms <= left:
            raise SystemExit(f"repository.py: {archive} is not the only zip for its platform, or is not a full one")
        left -= platforms
        shutil.copy(archive, folder)
    if left == PLATFORMS:
        shutil.copy(thin, folder)
    elif left:
        narrow(thin, left, folder / thin.name)
    command = [blender, "-c", INDEX, "server-generate", f"--repo-dir={folder}", "--html"]
    subprocess.run([str(part) for part in command], stdout=sys.stderr, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("thin", type=Path, help="the zip for all platforms")
    parser.add_argument("full", type=Path, nargs="*", help="zips with the daemon, one a platform")
    parser.add_argument("--output", type=Path, required=True, help="the folder, which is emptied first")
    parser.add_argument("--blender", type=Path, required=True, help="a Python that has Blender's module (bpy)")
    arguments = parser.parse_args()
    make_repository(arguments.thin, arguments.full, arguments.output, arguments.blender)
    print(arguments.output / "index.json")
