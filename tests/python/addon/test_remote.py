"""A daemon on another computer: reached by TLS only, with leave to use the network, and every obstacle in words."""

import errno
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from conftest import PACKAGE, PATIENCE, part, pump_until, session

TOKEN = "a token of sixteen letters".replace(" ", "-")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority's certificate `ca.pem`, and certificates that it signed, each with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    authority = ["-addext", "keyUsage=critical,keyCertSign"]
    openssl(*new, *authority, "-subj", "/CN=Test Authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(*new, *authority, "-subj", "/CN=Another Authority", "-keyout", "other-ca.key", "-out", "other-ca.pem")
    for name, owner in {"local": "DNS:localhost,IP:127.0.0.1", "elsewhere": "DNS:elsewhere.example"}.items():
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        named = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={owner}"]
        openssl(*new, *signed, *named, "-keyout", f"{name}.key", "-out", f"{name}.pem")
    return folder


@pytest.fixture(autouse=True)
def remote(clean: None) -> Iterator[None]:
    """The preferences name another computer; whatever the test wrote there is gone after it."""
    preferences().token = TOKEN
    yield
    preferences().location, preferences().address, preferences().token = "LOCAL", "", ""
    preferences().certificate = ""


class TlsDaemon:
    """The real daemon with TLS, as on another computer."""

    def __init__(self, binary: str, folder: Path, certificate: Path) -> None:
        folder.mkdir()
        (folder / "token").write_text(TOKEN)
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--token-file", folder / "token"]
        command += ["--tls-certificate", certificate, "--tls-key", certificate.with_suffix(".key")]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not (folder / "daemon.json").exists():
            assert self.process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.02)
        self.port = json.loads((folder / "daemon.json").read_text())["port"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def binary() -> str:
    if "OVERFIT_BINARY" not in os.environ:
        pytest.skip("OVERFIT_BINARY is not set")
    return os.environ["OVERFIT_BINARY"]


@pytest.fixture(scope="module")
def far(authority: Path, binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsDaemon]:
    daemon = TlsDaemon(binary, tmp_path_factory.mktemp("far") / "data", authority / "local.pem")
    yield daemon
    daemon.stop()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def preferences():
    return bpy.context.preferences.addons[PACKAGE].preferences


def connection():
    return session().connection


def connect(address: str, certificate: Path | str = "") -> str:
    """Connects to the address; returns the panel's words."""
    preferences().location, preferences().address, preferences().certificate = "REMOTE", address, str(certificate)
    bpy.ops.overfit.connect()
    states = part("client.connection").ConnectionState
    pump_until(lambda: connection().state in (states.READY, states.FAILED))
    return connection().message


def target(**changes):
    given = {"address": "farm.example:50051", "token": TOKEN, "certificate": None}
    return part("client.target").RemoteTarget(**given | changes)


def check(**changes):
    return part("client.remote").check(target(**changes))


def problem():
    return part("client.problem").Problem


# It works.


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_fit_by_tls(suzanne, far, authority, by_steps, host):
    """By name, which is looked up without a thread, and by address; the certificate is for both."""
    by_steps(200)
    assert connect(f"{host}:{far.port}", authority / "ca.pem").startswith("Connected")
    bpy.ops.overfit.fit()
    job = session().jobs[-1]
    pump_until(lambda: not job.running)
    assert job.state is part("jobs.job").JobState.DONE, job.message
    assert threading.active_count() == 1


def test_the_certificate_itself_may_be_given(far, authority):
    assert connect(f"localhost:{far.port}", authority / "local.pem").startswith("Connected")


def test_another_target_is_connected_to_at_once(far, authority, monkeypatch):
    monkeypatch.setattr(part("client.connection"), "LOOK_SECONDS", 0.05)
    connect(f"127.0.0.1:{far.port}", authority / "other-ca.pem")
    preferences().certificate = str(authority / "ca.pem")  # no button pressed
    pump_until(lambda: connection().message.startswith("Connected"))
    preferences().location = "LOCAL"
    with pytest.raises(RuntimeError, match="not running"):
        bpy.ops.overfit.connect()
        pump_until(lambda: "not running" in connection().message)
        raise RuntimeError(connection().message)


@pytest.mark.parametrize("noticed_by", ["the heartbeat", "the list of fits"])
def test_it_is_found_again_when_it_comes_back(binary, authority, tmp_path, monkeypatch, noticed_by):
    by_list = noticed_by == "the list of fits"
    for name, seconds in {
        "HEARTBEAT_SECONDS": 2.0 if by_list else 0.1,
        "LOOK_SECONDS": 0.1,
        "AGAIN_SECONDS": 0.2,
    }.items():
        monkeypatch.setattr(part("client.connection"), name, seconds)
    daemon = TlsDaemon(binary, tmp_path / "data", authority / "local.pem")
    assert connect(f"127.0.0.1:{daemon.port}", authority / "ca.pem").startswith("Connected")
    connection()._may_come_back = False  # as after the failure of a daemon that was asked before
    daemon.process.kill()
    daemon.process.wait()
    look = session().loop.start(session().fit_list.keep_up()) if by_list else None
    pump_until(lambda: "refuses the connection" in connection().message)
    if look:
        look.cancel()
    # The same port again, as a daemon on another computer would have it.
    (tmp_path / "data" / "daemon.json").unlink()
    command = [binary, "serve", "--listen", f"127.0.0.1:{daemon.port}", "--data-dir", tmp_path / "data"]
    command += ["--tls-certificate", authority / "local.pem", "--tls-key", authority / "local.key"]
    command += ["--token-file", tmp_path / "data" / "token"]
    again = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def insist() -> None:
        """Another program may have the port for a moment."""
        nonlocal again
        if again.poll() is not None:
            again = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    try:
        pump_until(lambda: connection().message.startswith("Connected"), insist)
    finally:
        again.terminate()
        again.wait()


# Leave to use the network.


def test_nothing_leaves_this_computer_without_leave(suzanne, monkeypatch):
    """`bpy.app.online_access` is off in these tests, as it is in a fresh Blender."""
    assert not bpy.app.online_access

    async def never(*_arguments, **_options):
        raise AssertionError("it went out")

    monkeypatch.setattr(session().loop._loop, "create_connection", never)
    monkeypatch.setattr(part("client.remote"), "look_up", never)
    for address in ("192.0.2.7:50051", "farm.example:50051", "[2001:db8::7]:50051"):
        words = connect(address)
        assert "Preferences > System > Network > Allow Online Access" in words
        with pytest.raises(RuntimeError, match="Allow Online Access"):
            bpy.ops.overfit.fit()


def test_offline_by_command_line_is_told_apart():
    with pytest.raises(problem(), match="--offline-mode"):
        check(online=False, online_forced=True)
    assert check(online=True).host == "farm.example"
    assert check(online=False, address="localhost:5").port == check(online=False, address="[::1]:5").port == 5


# What the user wrote.


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (" farm:50051 ", "farm", 50051),
        ("https://farm.example:50051/", "farm.example", 50051),
        ("192.0.2.7:1", "192.0.2.7", 1),
        ("[2001:db8::7]:65535", "2001:db8::7", 65535),
    ],
)
def test_addresses(text, host, port):
    address = part("client.remote").parse(text)
    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize("text", ["farm", "farm:", ":50051", "farm:0", "farm:70000", "farm:port", "2001:db8::7"])
def test_addresses_that_are_none(text):
    with pytest.raises(problem(), match="not an address with a port"):
        part("client.remote").parse(text)


@pytest.mark.parametrize("text", ["me@farm:5", "http://farm:5", "farm:5/path", "[fe80::1%eth0]:5", "[::1:5"])
def test_addresses_with_too_much(text):
    with pytest.raises(problem(), match="not an address with a port"):
        part("client.remote").parse(text)


def test_missing_address_and_token_are_asked_for(suzanne):
    assert "Enter the daemon's address" in connect("")
    preferences().token = ""
    with pytest.raises(problem(), match="Enter the token"):
        check(token="  ")
    with pytest.raises(problem(), match="holds a space or a letter"):
        check(token="with a space in it")
    with pytest.raises(problem(), match="holds a space or a letter"):
        check(token="mit-Umlaut-ä-darin")
    assert "Enter the token" in connect("127.0.0.1:5")
    assert connection().cure is part("client.problem").Cure.PREFERENCES


# What stands in the way.


def test_wrong_token(far, authority):
    preferences().token = "another-word-than-the-right-one"
    assert "does not accept the token" in connect(f"127.0.0.1:{far.port}", authority / "ca.pem")


def test_certificate_that_is_not_trusted(far, authority):
    for chosen in ("", authority / "other-ca.pem"):
        words = connect(f"127.0.0.1:{far.port}", chosen)
        assert "is not trusted here" in words and "CA Certificate" in words


def test_certificate_for_another_name(binary, authority, tmp_path):
    daemon = TlsDaemon(binary, tmp_path / "data", authority / "elsewhere.pem")
    try:
        for host in ("localhost", "127.0.0.1"):
            words = connect(f"{host}:{daemon.port}", authority / "ca.pem")
            assert f"is for another name than '{host}'" in words
    finally:
        daemon.stop()


@pytest.mark.parametrize(("code", "words"), [(10, "has expired"), (9, "is not valid yet. Check the clocks")])
def test_certificate_out_of_its_time(code, words):
    peer = part("client.peer").RemotePeer("farm", "192.0.2.7", 5, TOKEN, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, ""
    assert words in str(peer.nobody(error))


def test_certificate_file_that_is_none(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    assert "holds no certificate" in connect("127.0.0.1:5", tmp_path / "ca.pem")
    assert "Cannot read" in connect("127.0.0.1:5", tmp_path / "missing.pem")


def test_a_daemon_without_tls(shared_daemon, authority):
    port = part("client.daemon_file").read_daemon_file(shared_daemon.data_dir).port
    assert "does not speak TLS" in connect(f"127.0.0.1:{port}", authority / "ca.pem")


def test_refused_connection(listener):
    port = listener.getsockname()[1]
    listener.close()
    words = connect(f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port} refuses the connection" in words and "firewall" in words


def test_no_answer(listener, monkeypatch):
    """As when a firewall on the way swallows everything."""
    monkeypatch.setattr(part("client.connection"), "HANDSHAKE_SECONDS", 0.3)
    words = connect(f"127.0.0.1:{listener.getsockname()[1]}")
    assert "does not answer" in words and "firewall" in words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EHOSTUNREACH, "There is no way to 127.0.0.1:5"),
        (errno.ENETUNREACH, "There is no way to 127.0.0.1:5"),
        (errno.EACCES, "A firewall on this computer does not let Blender connect"),
    ],
)
def test_no_way(monkeypatch, number, words):
    async def fails(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(session().loop._loop, "create_connection", fails)
    assert words in connect("127.0.0.1:5")


def test_unknown_name():
    look_up = session().loop.start(part("client.names").look_up("no-such-computer.invalid"))
    pump_until(look_up.done)
    assert "There is no computer of the name 'no-such-computer.invalid'" in str(look_up.exception())


def test_a_name_that_takes_for_ever_leaves_no_process(monkeypatch):
    names = part("client.names")
    monkeypatch.setattr(names, "LOOK_UP_SECONDS", 0.3)
    monkeypatch.setattr(names, "PROGRAM", "import time; time.sleep(600)")
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(names.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    look_up = session().loop.start(names.look_up("slow.example"))
    pump_until(look_up.done)
    assert "could not be looked up within" in str(look_up.exception())
    assert started[0].returncode not in (None, 0)


def test_every_address_of_a_name_is_tried(far, authority, monkeypatch):
    async def two(_host: str) -> list[str]:
        return ["::1", "127.0.0.1"]  # nothing listens on the first

    monkeypatch.setattr(part("client.remote"), "look_up", two)
    assert connect(f"localhost:{far.port}", authority / "ca.pem").startswith("Connected")


def test_a_daemon_there_is_not_started_or_stopped_from_here(far, authority):
    connect(f"127.0.0.1:{far.port}", authority / "ca.pem")
    for name in ("start_daemon", "stop_daemon", "restart_daemon", "show_log"):
        with pytest.raises(RuntimeError, match="on another computer"):
            getattr(bpy.ops.overfit, name)()
    task = session().loop.start(connection().stop_daemon(pause_fits=True))
    pump_until(task.done)
    assert far.process.poll() is None


def test_no_frozen_interface_while_connecting(far, authority, slices):
    """The look-up, reading all that the system trusts, and TLS: in slices, without a thread."""
    assert "is not trusted here" in connect(f"localhost:{far.port}")
    assert connect(f"localhost:{far.port}", authority / "ca.pem").startswith("Connected")
    slices.tell("a daemon on another computer")
    assert threading.active_count() == 1
