"""The wheel in an environment of its own: what a stranger does. OVERFIT_WHEEL names it; without, this is skipped."""

import os
import re
import subprocess
import sys

import pytest
from conftest import PATIENCE, ROOT, big_ball
from shapes import obj

pytestmark = pytest.mark.skipif("OVERFIT_WHEEL" not in os.environ, reason="OVERFIT_WHEEL is not set")


def test_the_lines_of_the_readme_run_where_nothing_but_the_wheel_is_installed(tmp_path):
    (tmp_path / "bunny.obj").write_bytes(obj(big_ball()))
    lines = re.search(r"```python\nimport overfit\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    lines = lines.replace("seconds=10", "steps=20")
    given = """
import numpy as np, overfit
points = np.zeros((4, 5, 3))
origins, directions = [20, -20, 30], [[-1, 0, 0]]
"""
    told = "print(field, distances.shape, hits.hit, bored, overfit.__file__, field.daemon.info.version, sep='|')"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=PATIENCE)
    python = tmp_path / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", os.environ["OVERFIT_WHEEL"]]
    subprocess.run(install, check=True, timeout=PATIENCE)
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("OVERFIT_", "PYTHON"))}
    done = subprocess.run(
        [python, "-W", "ignore", "-c", given + lines + told],
        cwd=tmp_path, env=clean | {"PATH": os.defpath}, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()[-1].split("|")
    assert told[1:3] == ["(4, 5)", "[ True]"] and str(tmp_path) in told[4]
    assert (tmp_path / "bunny.safetensors").exists()
