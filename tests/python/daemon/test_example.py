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


def run(*command: object) -> str:
    """What an example prints."""
    command = [sys.executable, *map(str, command)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_measure_over_grpc(daemon, tmp_path):
    ball = tmp_path / "ball.obj"
    ball.write_bytes(obj(sphere()))
    model = run("examples/fit_over_grpc.py", daemon.folder, ball, 0, 0, 0).split()[0]
    lines = [line.split() for line in run("examples/measure_over_grpc.py", daemon.folder, model, 1, 0, 0).splitlines()]
    found = {words[0]: [float(word) for word in words[1:] if word != "±"] for words in lines}
    # At a corner of coarse facets: it bulges.
    assert abs(found["normal"][0] - 1.0) < 0.05 and found["mean-curvature"][0] > 0.5
    assert len(found["principal-directions"]) == 6
    assert abs(found["volume"][0] / 4.18879 - 1.0) < 0.05 and abs(found["area"][0] / 12.56637 - 1.0) < 0.05


def test_rays_over_grpc(daemon, tmp_path):
    ball = tmp_path / "ball.obj"
    ball.write_bytes(obj(sphere()))
    model = run("examples/fit_over_grpc.py", daemon.folder, ball, 0, 0, 0).split()[0]
    picture = tmp_path / "ball.png"
    ray = [3, 0, 0, -1, 0, 0]
    lines = run("examples/rays_over_grpc.py", daemon.folder, model, *ray, picture).splitlines()
    found = {words[0]: [float(word) for word in words[1:]] for words in (line.split() for line in lines[:3])}
    assert abs(found["distance"][0] - 2.0) < 0.05 and found["normal"][0] > 0.9
    assert abs(found["nearest"][0] - 1.0) < 0.05
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_export_over_grpc(daemon, tmp_path):
    ball, graph = tmp_path / "ball.obj", tmp_path / "ball.onnx"
    ball.write_bytes(obj(sphere()))
    model = run("examples/fit_over_grpc.py", daemon.folder, ball, 0, 0, 0).split()[0]
    formats = run("examples/export_over_grpc.py", daemon.folder, model, "onnx", graph)
    assert "glsl" in formats and graph.stat().st_size > 10_000


def test_combine_over_grpc(daemon, tmp_path):
    ball = tmp_path / "ball.obj"
    ball.write_bytes(obj(sphere(48)))
    model = run("examples/fit_over_grpc.py", daemon.folder, ball, 0, 0, 0).split()[0]
    lines = run("examples/combine_over_grpc.py", daemon.folder, model, 0, 0, 0, 0.3).splitlines()
    volume = float(lines[0].split()[1])
    assert 2.5 < volume < 4.0, "a ball with a hole through it"
    assert lines[1].startswith("model models/")
