"""The package `overfit` out of this folder's repository, with the program in `OVERFIT_BINARY`."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests" / "python" / "daemon")]

import generate  # noqa: E402

generate.generate()

import numpy as np  # noqa: E402
import overfit  # noqa: E402
from shapes import GOOD_FIT, sphere  # noqa: E402

# A shell that runs the tests in the background lets its children ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

PATIENCE = 600.0
"""Seconds after which what neither goes on nor ends is taken for one that hangs."""

CENTER, RADIUS = np.array([10.0, -20.0, 30.0]), 4.0
"""Of the ball that the tests ask."""

MIDDLE = 0.05 * RADIUS
"""How far off the distance may be in the ball's middle, where it has a kink."""


@pytest.fixture(scope="session", autouse=True)
def binary() -> Path:
    """The program under test, which the package takes, too."""
    path = os.environ.get("OVERFIT_BINARY")
    assert path, "set OVERFIT_BINARY to the program to test, or run `make test`"
    os.environ["OVERFIT_PROGRAM"] = path
    return Path(path)


@pytest.fixture(scope="session")
def daemon(binary):
    """One daemon that the tests share."""
    with overfit.launch() as running:
        yield running


@pytest.fixture(scope="session")
def ball(daemon):
    """A ball, off the origin, given in double precision."""
    return daemon.fit(*big_ball(), name="ball", **options())


def big_ball():
    """Vertices `[V, 3]` f64 and faces of a finely cut ball."""
    vertices, faces = sphere(48)
    return vertices.astype(np.float64) * RADIUS + CENTER, faces


def options(**more) -> dict:
    """Those of a fit of seconds that is good, the same each time."""
    return {
        "preset": GOOD_FIT["preset"],
        "steps": GOOD_FIT["steps"],
        "settings": {"optimizer.batch_size": GOOD_FIT["batch_size"]},
        **more,
    }


def script(text: str, *arguments: object, **more) -> subprocess.Popen:
    """A Python process of its own that has the package."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path[:2])} | more.pop("env", {})
    return subprocess.Popen(
        [sys.executable, "-u", "-c", text, *map(str, arguments)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip
