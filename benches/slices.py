#!/usr/bin/env python3
"""Measures how long the extension holds Blender's main thread at a time, by what it does in that time.

The scenarios are tests of the extension, with large meshes and files, in every Blender that fits. A frame has 16 ms at
60 Hz; a slice gets 4 of them, and ends one step later at most. Figures of a busy machine say little: the clock goes on
while other programs have the processor.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
TESTS = ROOT / "tests" / "python" / "addon"
SCENARIOS = (
    "test_main_thread.py",
    "test_daemon_care.py::test_no_frozen_interface_while_the_daemon_is_cared_for",
    "test_remote.py::test_no_frozen_interface_while_connecting",
)


def output_of(*command: str | Path) -> str:
    """What a script prints."""
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def measure(python: str, environment: dict[str, str]) -> list[dict]:
    """Plays the scenarios in one Blender; returns what they told."""
    with tempfile.TemporaryDirectory(prefix="overfit-slices-") as folder:
        told = Path(folder) / "told"
        more = {"OVERFIT_SLICES": str(told), "BLENDER_USER_RESOURCES": folder}
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(TESTS / name) for name in SCENARIOS)]
        subprocess.run(command, cwd=ROOT, env=environment | more, check=True)
        return [json.loads(line) for line in told.read_text().splitlines()]


def table(told: list[dict]) -> str:
    """The figures as Markdown."""
    lines = ["| Blender | scenario | while | longest slice, ms | of the processor, ms |", "|---|---|---|---:|---:|"]
    for one in told:
        start = f"| {one['blender']} | {one['what']} |"
        lines += [f"{start} {step} | {clock:.1f} | {processor:.1f} |" for step, processor, clock in one["steps"]]
        lines += [f"{start} in one go: {what} | {1e3 * took:.0f} | |" for what, took in one["others"].items()]
    return "\n".join(lines)


def main() -> None:
    """Parses the command line, measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the daemon's program")
    parser.add_argument("--addon", type=Path, required=True, help="the extension's zip")
    parser.add_argument("--out", type=Path, required=True, help="where the table goes")
    parser.add_argument("--only", default="", help="the Blenders whose versions begin so")
    arguments = parser.parse_args()
    environment = os.environ | {
        "OVERFIT_BINARY": str(arguments.binary.resolve()),
        "OVERFIT_ADDON_ZIP": str(arguments.addon.resolve()),
    }
    told = []
    for version in output_of(SCRIPTS / "python.sh", "bpy").split():
        if version.startswith(arguments.only):
            told += measure(f"{output_of(SCRIPTS / 'venv.sh', 'bpy', version)}/bin/python", environment)
    if not told:
        sys.exit("no scenario was measured")
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "slices.md").write_text(table(told) + "\n", encoding="utf-8")
    print(f"\n{table(told)}\n\nalso in {arguments.out / 'slices.md'}")


if __name__ == "__main__":
    main()
