"""For those who run the daemon for others: figures, a look before the start, logs, and clients that take up room."""

import json
import socket
import subprocess
import urllib.error
import urllib.request

import grpc
import pytest
from daemon import PATIENCE, Daemon, model_pb2, server_pb2

SILENT = 60
"""Connections that say nothing."""


def log_lines(daemon: Daemon) -> list[dict]:
    """A log in JSON; the first line, for people, aside."""
    return [json.loads(line) for line in daemon.log.read_text().splitlines() if line.startswith("{")]


def page(address: str, name: str) -> str:
    with urllib.request.urlopen(f"http://{address}/{name}", timeout=PATIENCE) as answer:
        return answer.read().decode()


def test_monitors_find_figures(binary, tmp_path, upload):
    options = ("--metrics", "127.0.0.1:0", "--log-format", "json")
    with Daemon(binary, tmp_path / "data", *options) as daemon:
        address = next(
            line["fields"]["address"] for line in log_lines(daemon) if line["fields"]["message"] == "metrics"
        )
        assert page(address, "livez") == "lives\n" and page(address, "readyz") == "serves\n"
        with daemon.client() as client:
            mesh = upload(client)
            client.wait(client.fit(mesh.name, steps=5).name)
            with pytest.raises(grpc.RpcError):
                client.models.GetModel(model_pb2.GetModelRequest(name="models/no-such"))
            samples = dict(
                line.rsplit(" ", 1) for line in page(address, "metrics").splitlines() if not line.startswith("#")
            )
        assert samples['overfit_requests_total{method="MeshService/UploadMesh"}'] == "1"
        assert samples['overfit_refusals_total{code="NotFound"}'] == "1"
        assert samples['overfit_fits{state="succeeded"}'] == "1"
        assert samples["overfit_models"] == "1" and samples["overfit_models_unsaved"] == "0"
        assert samples["overfit_connections"] == "1"
        assert 0 < int(samples["overfit_mesh_bytes"]) <= int(samples["overfit_memory_bytes"])
        assert int(samples["overfit_memory_bytes"]) < int(samples["overfit_memory_bytes_limit"])
        with pytest.raises(urllib.error.HTTPError):
            page(address, "daemon.json")


def test_silent_connections_shut_nobody_out(binary, tmp_path):
    """They are closed, whether there is room for them or not, and meanwhile others are served."""
    with Daemon(binary, tmp_path / "data", "--max-connections", str(SILENT // 2)) as daemon:
        with daemon.client() as client:
            client.server.GetServerInfo(server_pb2.GetServerInfoRequest())
            address = (daemon.record["address"], daemon.record["port"])
            silent = [socket.create_connection(address, timeout=PATIENCE) for _ in range(SILENT)]
            client.server.GetServerInfo(server_pb2.GetServerInfoRequest())
            for connection in silent:
                with connection:
                    # HTTP/2 servers speak first; then nothing comes but the end.
                    try:
                        while connection.recv(4096):
                            pass
                    except ConnectionResetError:
                        pass
        with daemon.client() as client:
            client.server.GetServerInfo(server_pb2.GetServerInfoRequest())


def look(binary, folder, *options) -> subprocess.CompletedProcess:
    command = [binary, "serve", "--check", "--data-dir", folder, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_a_look_before_the_start(binary, tmp_path):
    with Daemon(binary, tmp_path / "data") as daemon:
        in_use = look(binary, tmp_path / "data")
        assert in_use.returncode == 1 and str(tmp_path / "data") in in_use.stderr
        taken = look(binary, tmp_path / "other", "--listen", daemon.target)
        assert taken.returncode == 1 and daemon.target in taken.stderr
    (tmp_path / "data" / "models" / "fit-1.safetensors").write_bytes(b"no model")
    free = look(binary, tmp_path / "data")
    assert free.returncode == 0, free.stderr
    assert "models: 1, of which 1 are damaged" in free.stdout and "device: cpu" in free.stdout
    # It only looked.
    assert not (tmp_path / "data" / "daemon.json").exists()
    open_to_all = look(binary, tmp_path / "data", "--listen", "0.0.0.0:0")
    assert open_to_all.returncode == 1 and "tls" in open_to_all.stderr.lower()


def test_a_token_that_others_can_read_is_warned_of(binary, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-word-that-nobody-guesses\n")
    token.chmod(0o644)
    assert "chmod 600" in look(binary, tmp_path / "data", "--token-file", token).stderr
    token.chmod(0o600)
    assert "chmod" not in look(binary, tmp_path / "data", "--token-file", token).stderr
