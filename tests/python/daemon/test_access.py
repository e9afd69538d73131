"""Who may talk to the daemon: the token, the file that holds it, and the address."""

import os
import stat
import subprocess

import grpc
import pytest
from daemon import PATIENCE, Client, Daemon, server_pb2

INFO = server_pb2.GetServerInfoRequest()


def test_the_record_is_for_its_owner_only(daemon):
    path = daemon.folder / "daemon.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_uid == os.getuid()
    assert set(daemon.record) == {"address", "port", "pid", "version", "token"}
    assert daemon.record["address"] == "127.0.0.1"
    assert len(daemon.record["token"]) >= 32


@pytest.mark.parametrize("token", [None, "", "wrong", "another" * 8])
def test_without_the_token_nothing_is_answered(daemon, token):
    with Client(daemon.target, token) as client:
        with pytest.raises(grpc.RpcError) as refusal:
            client.server.GetServerInfo(INFO)
        assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert "daemon.json" in refusal.value.details()
        with pytest.raises(grpc.RpcError) as refusal:
            next(iter(client.watch("fits/any")))
        assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_every_start_has_a_token_of_its_own(binary, tmp_path):
    with Daemon(binary, tmp_path / "data") as first:
        old = first.record["token"]
    with Daemon(binary, tmp_path / "data") as second, Client(second.target, old) as client:
        assert second.record["token"] != old
        with pytest.raises(grpc.RpcError) as refusal:
            client.server.GetServerInfo(INFO)
        assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED


def serve(binary, folder, *options):
    """Runs a daemon that is expected to refuse to start."""
    command = [binary, "serve", "--data-dir", folder, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_a_taken_port_is_named(binary, daemon, tmp_path):
    result = serve(binary, tmp_path / "data", "--listen", daemon.target)
    assert result.returncode != 0
    assert str(daemon.record["port"]) in result.stderr
    assert not (tmp_path / "data" / "daemon.json").exists()


def test_the_network_is_refused_without_tls(binary, tmp_path):
    result = serve(binary, tmp_path / "data", "--listen", "0.0.0.0:0")
    assert result.returncode != 0
    assert "tls" in result.stderr.lower()
