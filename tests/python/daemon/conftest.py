"""A daemon for the tests, and a client of it: the binary comes in `OVERFIT_BINARY`."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

from daemon import Daemon, mesh_pb2  # noqa: E402
from shapes import raw, sphere  # noqa: E402


@pytest.fixture(scope="session")
def binary() -> Path:
    """The program under test."""
    path = os.environ.get("OVERFIT_BINARY")
    assert path, "set OVERFIT_BINARY to the program to test, or run `make test`"
    return Path(path)


@pytest.fixture(scope="session")
def daemon(binary, tmp_path_factory):
    """One daemon that the tests share."""
    with Daemon(binary, tmp_path_factory.mktemp("daemon") / "data") as running:
        yield running


@pytest.fixture
def client(daemon):
    """A connection of the test's own. The daemon must be alive before and after."""
    assert daemon.process.poll() is None, f"the daemon has ended:\n{daemon.log.read_text()}"
    with daemon.client() as connection:
        yield connection
    assert daemon.process.poll() is None, f"the test ended the daemon:\n{daemon.log.read_text()}"


@pytest.fixture
def upload():
    """Uploads a shape in the RAW format."""

    def send(client, shape=None, name="mesh"):
        shape = sphere() if shape is None else shape
        counts = {"vertex_count": len(shape[0]), "triangle_count": len(shape[1])}
        return client.upload(raw(shape), mesh_pb2.MESH_FORMAT_RAW, name, **counts)

    return send
