"""Builds dist/overfit_blender-VERSION.zip: the extension's modules, the generated API stubs and the pinned wheels.

With the wheel that has the program (python/wheel.py makes it) it builds the full zip instead, which is for that wheel's
platform only: dist/overfit_blender-VERSION-PLATFORM.zip. Both are the same extension: one replaces the other.

Run by a Python that has requirements-build.txt installed. The zip is the same, byte for byte, for the same sources.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from importlib.resources import files
from pathlib import Path

ADDON = Path(__file__).resolve().parent
PROJECT = ADDON.parent
BUILD_ONLY = {"build.py", "repository.py"}
# Parts of a wheel's platform tag, as Blender's manifest calls them.
SYSTEMS = {"win": "windows", "macosx": "macos", "manylinux": "linux", "musllinux": "linux", "linux": "linux"}
MACHINES = {"amd64": "x64", "x86_64": "x64", "arm64": "arm64", "aarch64": "arm64"}
# Zip knows no date before this one; the real dates would make every build differ.
EPOCH = (1980, 1, 1, 0, 0, 0)


def download_wheels(into: Path) -> list[Path]:
    """Fetches the wheels of wheels.txt, which are pure Python whatever platform this runs on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--dest", str(into), "-r", str(ADDON / "wheels.txt")]
    # The oldest Python that a supported Blender has (4.2 LTS: 3.11).
    command += ["--platform=any", "--implementation=py", "--abi=none", "--python-version=3.11"]
    subprocess.run(command, check=True)
    wheels = sorted(into.glob("*.whl"))
    impure = [wheel.name for wheel in wheels if not wheel.name.endswith("-none-any.whl")]
    if impure:
        raise SystemExit(f"build.py: these wheels hold native code: {', '.join(impure)}")
    return wheels


def generate_stubs(into: Path) -> dict[str, bytes]:
    """Compiles the proto files; returns file name → text of the package `api`, importable from anywhere."""
    # Imported here so that `--help` works without the build's requirements.
    from grpc_tools import protoc

    protos = sorted((PROJECT / "proto").rglob("*.proto"))
    # The plugin sits beside this Python, which need not be on PATH.
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")
    arguments = ["protoc", f"-I{PROJECT / 'proto'}", f"-I{files('grpc_tools') / '_proto'}"]
    arguments += [f"--python_out={into}", f"--grpclib_python_out={into}", *map(str, protos)]
    if protoc.main(arguments) != 0:
        raise SystemExit("build.py: protoc failed, see above")
    stubs = {"__init__.py": b'"""The gRPC API of the daemon, generated from proto/ by build.py."""\n'}
    for path in sorted(into.rglob("*.py")):
        stubs[path.name] = relative_imports(path.read_text()).encode()
    return stubs


def relative_imports(source: str) -> str:
    """Turns the generated absolute imports of `overfit.v1` into ones relative to the package `api`.

    An extension's modules live under `bl_ext.REPOSITORY.overfit`, and nothing may be added to `sys.path`.
    """
    source = re.sub(r"^from overfit\.v1 import ", "from . import ", source, flags=re.MULTILINE)
    source = re.sub(r"^import overfit\.v1\.(\w+_pb2)$", r"from . import \1", source, flags=re.MULTILINE)
    return re.sub(r"\boverfit\.v1\.(\w+_pb2)\.", r"\1.", source)


def check_runtime(stubs: dict[str, bytes], wheels: list[Path]) -> None:
    """Stops if the generated code wants a newer protobuf than the one that is bundled."""
    text = b"".join(stubs.values()).decode()
    generated = max(tuple(map(int, v.split("."))) for v in re.findall(r"Protobuf Python Version: ([\d.]+)", text))
    bundled = next(wheel.name.split("-")[1] for wheel in wheels if wheel.name.startswith("protobuf-"))
    if generated > tuple(map(int, bundled.split("."))):
        wanted = ".".join(map(str, generated))
        raise SystemExit(f"build.py: the stubs need protobuf {wanted} or newer, wheels.txt has {bundled}")


def add_list(manifest: str, name: str, values: list[str]) -> str:
    """The manifest with one more list, before its table."""
    lines = "".join(f'  "{value}",\n' for value in values)
    extended = manifest.replace("[permissions]", f"{name} = [\n{lines}]\n\n[permissions]", 1)
    if tomllib.loads(extended).get(name) != values:
        raise SystemExit("build.py: blender_manifest.toml needs its table [permissions] last")
    return extended


def blender_platform(wheel: Path) -> str:
    """The platform of a wheel with a program in it, in Blender's words: `linux-x64`, `macos-arm64`."""
    tag = re.search(rf"-({'|'.join(SYSTEMS)})\d*_(?:[\w.]*_)?({'|'.join(MACHINES)})\.whl$", wheel.name)
    if not tag:
        raise SystemExit(f"build.py: {wheel.name} is for a platform that Blender does not run on")
    return f"{SYSTEMS[tag[1]]}-{MACHINES[tag[2]]}"


def write_zip(contents: dict[str, bytes], target: Path) -> None:
    """Writes the archive in sorted order with fixed dates, and only then puts it in place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, contents[name])
    unfinished.replace(target)


def build(target: Path | None, wheel: Path | None) -> Path:
    """Builds the zip and returns its path."""
    manifest = (ADDON / "blender_manifest.toml").read_text()
    name = f"overfit_blender-{tomllib.loads(manifest)['version']}"
    if wheel:
        platform = blender_platform(wheel)
        manifest = add_list(manifest, "platforms", [platform])
        name += f"-{platform}"
    target = target or PROJECT / "dist" / f"{name}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        wheels_dir, stubs_dir = Path(scratch, "wheels"), Path(scratch, "stubs")
        wheels_dir.mkdir()
        stubs_dir.mkdir()
        wheels = download_wheels(wheels_dir)
        stubs = generate_stubs(stubs_dir)
        check_runtime(stubs, wheels)
        if wheel:
            wheels.append(wheel)
        modules = (path.relative_to(ADDON) for path in ADDON.rglob("*.py"))
        contents = {path.as_posix(): (ADDON / path).read_bytes() for path in modules if path.parts[0] not in BUILD_ONLY}
        contents["LICENSE"] = (ADDON / "LICENSE").read_bytes()
        manifest = add_list(manifest, "wheels", [f"./wheels/{wheel.name}" for wheel in wheels])
        contents["blender_manifest.toml"] = manifest.encode()
        contents |= {f"api/{name}": text for name, text in stubs.items()}
        contents |= {f"wheels/{wheel.name}": wheel.read_bytes() for wheel in wheels}
        write_zip(contents, target)
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="where the zip goes (default: dist/ of the project)")
    parser.add_argument("--wheel", type=Path, help="the wheel that has the program: builds the full zip")
    arguments = parser.parse_args()
    print(build(arguments.output, arguments.wheel))
