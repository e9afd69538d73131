"""The example of the README runs."""

import subprocess
import sys

from conftest import ROOT
from daemon import PATIENCE
from shapes import obj, sphere


def test_fit_over_grpc(daemon, tmp_path):
    ball = tmp_path / "ball.obj"
    ball.write_bytes(obj(sphere()))
    command = [sys.executable, "examples/fit_over_grpc.py", daemon.folder, ball, "0", "0", "0"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 0, result.stderr
    model, value = result.stdout.split()
    assert model.startswith("models/")
    assert abs(float(value) + 1.0) < 0.05, "the centre of the unit sphere lies one unit inside"
