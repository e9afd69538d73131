#!/usr/bin/env python3
"""Runs every test suite, one after the other, and adds up what the runners say.

All suites run, even when one fails. The last line is `N passed, N failed`; the exit status is 0 when nothing failed.
A runner that crashes, or that ran no test, counts as a failure.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"


@dataclass
class Outcome:
    """What one suite came to."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def count_cargo(output: str) -> tuple[int, int, int]:
    """Passed, failed and ignored tests, over every `test result:` line."""
    rows = re.findall(r"^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored", output, re.MULTILINE)
    return tuple(sum(int(row[i]) for row in rows) for i in range(3)) if rows else (0, 0, 0)


def count_pytest(output: str) -> tuple[int, int, int]:
    """Passed, failed (or in error) and skipped tests, from pytest's last line."""
    counts = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
    summary = [line for line in output.splitlines() if re.search(r"\d+ \w+.* in [\d.]+s", line)]
    for number, word in re.findall(r"(\d+) (passed|failed|error|skipped)", summary[-1] if summary else ""):
        counts[word] += int(number)
    return counts["passed"], counts["failed"] + counts["error"], counts["skipped"]


def run(name: str, command: list[str], count, environment: dict[str, str]) -> Outcome:
    """Runs one suite, passing its output through as it comes."""
    print(f"\n━━ {name}: {' '.join(command)}", flush=True)
    start = time.monotonic()
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, errors="replace",
    ) as process:  # fmt: skip
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    passed, failed, skipped = count("".join(lines))
    if failed == 0 and (process.returncode != 0 or passed == 0):
        print(f"{name}: ended with status {process.returncode} after {passed} passed tests", flush=True)
        failed = 1
    return Outcome(name, passed, failed, skipped, time.monotonic() - start)


def output_of(*command: str | Path) -> str:
    """What a script prints; its own messages have told what is wrong when it fails."""
    result = subprocess.run([str(part) for part in command], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.exit(result.returncode)
    return result.stdout.strip()


def main() -> None:
    """Parses the command line, runs the suites and prints the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the program under test")
    parser.add_argument("--addon", type=Path, required=True, help="the extension's zip")
    parser.add_argument("--only", help="run the suites whose names contain this")
    arguments = parser.parse_args()

    environment = os.environ | {
        "OVERFIT_BINARY": str(arguments.binary.resolve()),
        "OVERFIT_ADDON_ZIP": str(arguments.addon.resolve()),
    }
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]
    suites = [("rust", ["cargo", "test", "--no-fail-fast"], count_cargo)]
    suites += [(name, [sys.executable, *pytest, f"tests/python/{name}"], count_pytest) for name in ("daemon", "client")]
    for version in output_of(SCRIPTS / "python.sh", "bpy").split():
        python = output_of(SCRIPTS / "venv.sh", "bpy", version) + "/bin/python"
        suites.append((f"addon {version}", [python, *pytest, "tests/python/addon"], count_pytest))

    outcomes = []
    for name, command, count in suites:
        if arguments.only and arguments.only not in name:
            continue
        # Each Blender has settings of its own, empty at first.
        with tempfile.TemporaryDirectory(prefix="overfit-test-") as folder:
            outcomes.append(run(name, command, count, environment | {"BLENDER_USER_RESOURCES": folder}))

    print(f"\n{'suite':<16}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for outcome in outcomes:
        print(f"{outcome.name:<16}{outcome.passed:>8}{outcome.failed:>8}{outcome.skipped:>9}{outcome.seconds:>9.0f}")
    failed = sum(outcome.failed for outcome in outcomes)
    print(f"\n{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
