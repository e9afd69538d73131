#!/usr/bin/env python3
"""Presses the add-on's buttons in a real Blender window, scenario by scenario, and checks what comes of it.

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
MOST_SECONDS = 7200
"""When Blender is ended, whatever it does."""
TAIL = 4000
"""So many letters of a log's end are shown when something fails."""


def main() -> None:
    """Prepares the folder that the root sees as /mnt, runs the session and judges its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the program")
    parser.add_argument("--addon", type=Path, required=True, help="the extension's zip")
    parser.add_argument("--out", type=Path, required=True, help="where the pictures go")
    parser.add_argument("--docs", type=Path, help="where the pictures of panels go, too, if all went well")
    parser.add_argument("--only", nargs="*", default=[], help="names of scenarios; by default all")
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
        shutil.copytree(HERE, work / "window", ignore=shutil.ignore_patterns("__pycache__"))
        (work / "only.json").write_text(json.dumps(arguments.only))
        inside = ["bash", "/mnt/window/inside.sh", str(MOST_SECONDS)]
        ended = subprocess.run([SCRIPTS / "in-root.sh", root, work, *inside], check=False)
        shutil.copytree(work / "pictures", arguments.out, dirs_exist_ok=True)
        result = work / "result.json"
        failed = judge(json.loads(result.read_text()), Path(root).name) if result.exists() else ["the start of Blender"]
        if ended.returncode != 0 and not failed:
            failed.append(f"the end of Blender (status {ended.returncode})")
        if failed:
            show_logs(work)
    print(f"pictures in {arguments.out}")
    if failed:
        sys.exit(f"window-test: failed: {', '.join(failed)}")
    if arguments.docs:
        shutil.copytree(arguments.out / "panels", arguments.docs, dirs_exist_ok=True)
        print(f"pictures of panels in {arguments.docs}")


def judge(result: dict, root: str) -> list[str]:
    """Prints a table of the scenarios; returns the names of those that failed."""
    print(f"\nwindow-test: Blender {result['blender']} from {root}")
    played = {scenario["name"]: scenario for scenario in result["scenarios"]}
    failed = []
    for name in result["planned"]:
        scenario = played.get(name)
        if scenario is None:
            words = "Blender ended during it" if name == result["running"] else "not played"
            scenario = {"seconds": 0.0, "figures": {}, "error": words}
        verdict = "FAILED" if scenario["error"] else "passed"
        figures = "; ".join(f"{what} {value}" for what, value in scenario["figures"].items())
        print(f"  {verdict}  {name:16} {scenario['seconds']:5.1f} s  {figures}")
        if scenario["error"]:
            failed.append(name)
            print(f"          {scenario['error']}")
    return failed


def show_logs(work: Path) -> None:
    """Prints the ends of the logs. xvfb.log matters only when Blender did not come up: it is full of warnings."""
    blender_came = (work / "blender.log").exists()
    names = ("data/daemon.log", "crash.log", "blender.log" if blender_came else "xvfb.log")
    for path in (work / name for name in names):
        if path.exists() and path.stat().st_size:
            print(f"── {path.name}\n{path.read_text(errors='replace')[-TAIL:]}")


if __name__ == "__main__":
    main()
