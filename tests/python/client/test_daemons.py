"""Daemons that are found, started, ended, killed, of another version, or something else altogether."""

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import overfit
import pytest
from conftest import CENTER, MIDDLE, PATIENCE, RADIUS, big_ball, options, script
from overfit.endpoint import parse_address, read_daemon_file
from overfit.process import private_folder
from overfit.v1 import server_pb2


@pytest.fixture
def endpoint(daemon):
    """Address and token of the daemon."""
    found = daemon.connection().endpoint
    return found.address, found.token


def test_connect_by_address_and_by_folder(daemon, ball, endpoint):
    address, token = endpoint
    for connect in (
        lambda: overfit.connect(address, token=token),
        lambda: overfit.connect(address.replace("127.0.0.1", "localhost"), token=f" {token}\n"),
        lambda: overfit.connect(data_dir=daemon._process.data_dir),
    ):
        with connect() as other:
            assert not other.own and ball.name in {field.name for field in other.models()}
            again = other.model(ball.name)
            assert np.array_equal(again.distance(CENTER), ball.distance(CENTER))
            with pytest.raises(ValueError, match="lies with another daemon"):
                daemon.combine(again | ball)
        with pytest.raises(overfit.ConnectionLost, match="closed"):
            again.distance(CENTER)
    assert abs(ball.distance(CENTER) + RADIUS) < MIDDLE, "the daemon is another one's, and runs on"


def test_a_wrong_token(endpoint):
    address, _ = endpoint
    with pytest.raises(overfit.AccessDenied, match=address):
        overfit.connect(address, token="0" * 64)
    with pytest.raises(ValueError, match="holds no certificate in PEM form"):
        overfit.connect(address, token="x", certificate=__file__)
    for token in ("", "two words", "naïve", "a\nb"):
        with pytest.raises(ValueError, match="token"):
            overfit.connect(address, token=token)


def test_a_proxy_has_no_part_in_it(endpoint, monkeypatch):
    address, token = endpoint
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with overfit.connect(address, token=token) as other:
        assert other.models() is not None


def test_nobody_there(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    with pytest.raises(overfit.ConnectionLost, match=f"127.0.0.1:{free}"):
        overfit.connect(f"127.0.0.1:{free}", token="x")
    with pytest.raises(overfit.ConnectionLost, match="No daemon runs in"):
        overfit.connect(data_dir=tmp_path)
    (tmp_path / "daemon.json").write_text("{}")
    with pytest.raises(overfit.OverfitError, match="is damaged"):
        overfit.connect(data_dir=tmp_path)
    with pytest.raises(ValueError, match="token and certificate go with an address"):
        overfit.connect(token="x")


def test_something_else_has_the_port():
    """A server that answers in HTTP/1.1, as most do."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    other, _ = server.accept()
                except OSError:
                    return
                with other:
                    other.recv(4096)
                    other.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        port = server.getsockname()[1]
        with pytest.raises(overfit.OverfitError, match=f"127.0.0.1:{port}"):
            overfit.connect(f"127.0.0.1:{port}", token="x")
        server.shutdown(socket.SHUT_RDWR)


def test_another_version():
    class Answer(grpc.GenericRpcHandler):
        def service(self, details):
            info = server_pb2.GetServerInfoResponse(version="99.1.0").SerializeToString()
            return grpc.unary_unary_rpc_method_handler(lambda request, context: info)

    server = grpc.server(ThreadPoolExecutor(1), handlers=[Answer()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(overfit.VersionMismatch, match=r"is version 99\.1\.0 and this package is version \d"):
        overfit.connect(f"127.0.0.1:{port}", token="x")
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("farm:50051", ("farm", 50051)),
        ("[2001:db8::7]:1", ("2001:db8::7", 1)),
        *((text, None) for text in ("farm", ":1", "farm:0", "farm:99999", "farm:x", "http://farm:1", "a@farm:1", "")),
    ],
)
def test_addresses(text, parsed):
    if parsed:
        assert parse_address(text) == parsed
    else:
        with pytest.raises(ValueError, match="is no address with a port"):
            parse_address(text)


def test_no_program(monkeypatch, tmp_path):
    monkeypatch.setenv("OVERFIT_PROGRAM", str(tmp_path / "overfit"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(overfit.ProgramNotFound, match="OVERFIT_PROGRAM names"):
        overfit.launch()
    (tmp_path / "overfit").write_text("#!/bin/sh\necho 'it is broken' >&2\nexit 3\n")
    with pytest.raises(overfit.OverfitError, match="Cannot start"):
        overfit.launch()
    (tmp_path / "overfit").chmod(0o700)
    with pytest.raises(overfit.OverfitError, match=r"did not start: it ended with code 3\. it is broken"):
        overfit.launch()
    assert [path.name for path in tmp_path.iterdir()] == ["overfit"], "no folder is left"


def test_a_daemon_that_is_killed_is_started_again_with_its_models(binary):
    with overfit.launch() as daemon:
        field = daemon.fit(*big_ball(), **options(steps=20))
        bored = daemon.combine(field - overfit.sphere(1.0, CENTER))
        inside = field.distance(CENTER)
        kill(daemon)
        with pytest.warns(overfit.OverfitWarning, match="started again: signal 9 ended it"):
            assert field.distance(CENTER) == inside
        assert bored.distance(CENTER) > 0.9
        kill(daemon)
        with pytest.warns(overfit.OverfitWarning, match="started again"):
            assert bored.mesh(16).bodies == 2


def test_a_fit_goes_on_when_its_daemon_is_killed(binary):
    with overfit.launch() as daemon:
        killed = []

        def listen(progress):
            if progress.step and not killed:
                killed.append(kill(daemon))

        with pytest.warns(overfit.OverfitWarning, match="started again"):
            field = daemon.fit(*big_ball(), progress=listen, **options(steps=300))
        assert killed and field.steps == 300 and field.metrics.iou > 0.99


def kill(daemon) -> int:
    """Kills a daemon and waits until it has ended."""
    pid = daemon._process._process.pid
    os.kill(pid, signal.SIGKILL)
    assert daemon._process.ended_within(PATIENCE)
    return pid


OWN = """
import os, sys, overfit
from conftest import big_ball, options
field = overfit.fit(*big_ball(), **options(steps=20))
print(field.daemon._process._process.pid, field.daemon._process.data_dir)
sys.stdin.readline()
"""


@pytest.mark.parametrize("end", ["returns", "is killed"])
def test_no_daemon_outlives_its_process(binary, end):
    process = script(OWN, cwd=Path(__file__).parent)
    pid, folder = process.stdout.readline().split()
    assert read_daemon_file(Path(folder)).pid == int(pid)
    if end == "returns":
        process.communicate("\n", timeout=PATIENCE)
        assert process.returncode == 0 and not Path(folder).exists()
    else:
        process.kill()
        process.communicate()
    give_up = time.monotonic() + PATIENCE
    while (Path(folder) / "daemon.json").exists():  # the daemon removes it at its end
        assert time.monotonic() < give_up, f"the daemon (process {pid}) runs on"
        time.sleep(0.05)
    if end == "is killed":
        assert list(Path(folder, "models").glob("*.safetensors")), "what was fitted can still be had"
        shutil.rmtree(folder)


def test_what_processes_left_goes_after_a_day(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new, runs = (tmp_path / f"overfit-python-{name}" for name in ("old", "new", "runs"))
    for folder in (old, new, runs):
        folder.mkdir()
    (runs / "daemon.json").write_text("{}")
    for folder in (old, runs):
        os.utime(folder, (0, 0))
    made = private_folder()
    assert sorted(tmp_path.iterdir()) == sorted([new, runs, made])


def test_a_folder_keeps_what_was_fitted(binary, tmp_path):
    with overfit.launch(tmp_path / "fits") as daemon:
        name = daemon.fit(*big_ball(), **options(steps=20)).name
        with overfit.launch(tmp_path / "fits") as second:
            assert not second.own, "one daemon has a folder"
            assert [field.name for field in second.models()] == [name]
        assert daemon.models()
    with overfit.launch(tmp_path / "fits") as again:
        assert abs(again.model(name).distance(CENTER) + RADIUS) < MIDDLE


def test_threads_share_a_daemon(ball):
    points = CENTER + np.random.default_rng(3).uniform(-RADIUS, RADIUS, (8, 20_000, 3))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ball.distance, points))
    assert np.array_equal(np.stack(answers), ball.distance(points))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_process_is_told_what_to_do(binary):
    text = """
import os, overfit
from conftest import CENTER, big_ball, options
field = overfit.fit(*big_ball(), **options(steps=20))
if os.fork() == 0:
    try:
        field.distance(CENTER)
    except overfit.OverfitError as error:
        print("child:", error, flush=True)
    os._exit(0)
os.wait()
print("parent:", round(float(field.distance(CENTER))))
"""
    process = script(text, cwd=Path(__file__).parent)
    told, _ = process.communicate(timeout=PATIENCE)
    assert "child: This process was forked" in told and "parent: -4" in told
