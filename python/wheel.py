"""Builds the wheel of the package `overfit` for this platform: the client in Python, and the program.

It is what `pip install` takes, and what the extension's full zip carries besides its pure wheels: there the program
alone is used. Needs cargo, grpcio-tools, and pip, which fetches the maturin that pyproject.toml names. Prints the
wheel's path.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from generate import PACKAGE, generate
from licences import third_party_licences

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent


def build(into: Path, profile: str, glibc: str | None) -> Path:
    """Builds the wheel in a folder of its own: licences and the page may not be named by paths that lead out of it."""
    generate()
    with tempfile.TemporaryDirectory(prefix="overfit-wheel-") as scratch:
        folder, made = Path(scratch, "project"), Path(scratch, "made")
        folder.mkdir()
        pyproject = (HERE / "pyproject.toml").read_text()
        pyproject = pyproject.replace("../Cargo.toml", (PROJECT / "Cargo.toml").as_posix())
        # `pypi` names the oldest C library that the program runs with in the wheel's tag, instead of none.
        options = f"--profile={profile} --locked --compatibility pypi"
        if glibc:
            # Zig knows older C libraries than this machine's, and links for them.
            pyproject = pyproject.replace("maturin==", "maturin[zig]==")
            options = f"--profile={profile} --locked --zig --compatibility manylinux_{glibc.replace('.', '_')}"
        (folder / "pyproject.toml").write_text(pyproject)
        shutil.copytree(PACKAGE, folder / "overfit", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "docs" / "python.md", folder / "README.md")
        for licence in PROJECT.glob("LICENSE-*"):
            shutil.copy(licence, folder)
        (folder / "THIRD-PARTY-LICENSES.txt").write_text(third_party_licences(PROJECT), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        environment = os.environ | {"MATURIN_PEP517_ARGS": options}
        subprocess.run(
            [*command, "--wheel-dir", str(made), str(folder)], env=environment, stdout=sys.stderr, check=True
        )
        (wheel,) = made.glob("*.whl")
        into.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, into))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=PROJECT / "dist" / "wheels", help="the folder that the wheel goes to"
    )
    parser.add_argument("--profile", default="release", help="cargo's profile (default: release)")
    parser.add_argument("--glibc", help="Linux: the oldest C library to run with (default: about this machine's)")
    arguments = parser.parse_args()
    print(build(arguments.output, arguments.profile, arguments.glibc))
