#!/usr/bin/env python3
"""Presses the add-on's buttons in a real Blender window, and checks what comes of it.

Blender comes in a Debian of its own (`scripts/blender-root.sh`), with an X server that has no screen. That needs root:
elsewhere the test says so and is skipped, except in CI, where it fails.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[1] / "scripts"


def main() -> None:
    """Prepares the folder that the root sees as /mnt, runs the session and judges its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the program")
    parser.add_argument("--addon", type=Path, required=True, help="the extension's zip")
    parser.add_argument("--out", type=Path, required=True, help="where the pictures go")
    arguments = parser.parse_args()

    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        print("window-test: skipped, it needs root on Linux to make a Debian with Blender", flush=True)
        sys.exit(1 if os.environ.get("CI") else 0)
    made = subprocess.run([SCRIPTS / "blender-root.sh"], stdout=subprocess.PIPE, text=True, check=False)
    if made.returncode != 0:
        sys.exit("window-test: no root with Blender: see the message above")
    root = made.stdout.strip()

    with tempfile.TemporaryDirectory(prefix="overfit-window-") as folder:
        work = Path(folder)
        shutil.copy(arguments.binary, work / "overfit")
        shutil.copy(arguments.addon, work / "addon.zip")
        for name in ("inside.sh", "session.py"):
            shutil.copy(HERE / name, work)
        ended = subprocess.run([SCRIPTS / "in-root.sh", root, work, "bash", "/mnt/inside.sh"], check=False)
        shutil.copytree(work / "pictures", arguments.out, dirs_exist_ok=True)
        if not (work / "result.json").exists():
            # xvfb.log matters only when Blender did not come up; it is full of harmless warnings.
            for name in ("daemon.log",) if (work / "blender.log").exists() else ("daemon.log", "xvfb.log"):
                print(f"── {name}\n{(work / name).read_text()[-4000:]}")
            sys.exit(f"window-test: failed (status {ended.returncode}); pictures in {arguments.out}")
        result = json.loads((work / "result.json").read_text())

    error = result["mean_distance"] / result["size"]
    checks = {
        "the mesh stands in the original's place": result["same_place"],
        "the mesh lies on the original (mean distance under 1% of the size)": error < 0.01,
        "the volume stands in the original's place": result["volume_in_place"],
        "the volume holds the grid `sdf`": result["grids"] == ["sdf"],
    }
    print(f"window-test: Blender {result['blender']} from {Path(root).name}: {json.dumps(result)}")
    for check, held in checks.items():
        print(f"  {'passed' if held else 'FAILED'}: {check}")
    print(f"pictures in {arguments.out}")
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
