"""The daemon on another computer: one of this computer, reached as another one is, by TLS and with a token."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bpy
from hand import click, move_over
from pictures import page_picture
from stage import PACKAGE, Stage, same_place, until

from .fit import fitted
from .panels import open_preferences

FAR = Path("/mnt/far")
"""The other computer's folder."""
TOKEN = "4fe21c0a9d7b83e65fa0"
CONNECT = (0.82, 0.80, 0.84, 0.78)
"""Where the button that looks for the daemon again is in the sidebar's width."""


def remote(stage: Stage) -> Iterator[float]:
    """A wrong token is said in words; with the right one a fit runs over there."""
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    connection = stage.addon.connection
    far = start_far_daemon()
    try:
        yield from until((FAR / "daemon.json").exists, "the far daemon")
        address = f"localhost:{json.loads((FAR / 'daemon.json').read_text())['port']}"
        preferences.location, preferences.address, preferences.token = "REMOTE", address, "not-the-token-over-there"
        preferences.certificate = str(FAR / "ca.pem")
        yield from click("overfit.connect", CONNECT)
        yield from until(lambda: "token" in connection.message, "words about the token")
        assert connection.state.name == "FAILED", f"a wrong token is taken: {connection.message}"
        yield from stage.settled()
        stage.picture("1-wrong-token")
        stage.figures["words"] = connection.message
        preferences.token = TOKEN
        yield from click("overfit.connect", CONNECT)
        yield from until(lambda: connection.state.name == "READY", "a connection after Connect")
        where = connection.peer.where
        assert where.endswith(address), f"connected to {where}"

        monkey, result = yield from fitted(stage)
        stage.picture("2-fitted")
        assert same_place(result, monkey), "the result does not stand where the original does"
        models = list((FAR / "models").glob("*.safetensors"))
        assert len(models) == 1, f"the far daemon has the models {models}"
        yield from move_over("PROPERTIES")  # no button there, whose description would lie over the page
        area = yield from open_preferences()
        stage.pictures.append(page_picture("preferences-remote", area))
    finally:
        preferences.location, preferences.address, preferences.token, preferences.certificate = "LOCAL", "", "", ""
        far.terminate()
    yield from until(
        lambda: connection.state.name == "READY" and connection.peer.where != where, "the daemon here, by itself"
    )


def start_far_daemon() -> subprocess.Popen:
    """A daemon that is reached as on another computer, with a certificate for this one."""
    FAR.mkdir()
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    authority = ["-addext", "keyUsage=critical,keyCertSign", "-subj", "/CN=Studio"]
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    named = ["-subj", "/CN=far", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    for command in (
        [*new, *authority, "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, *signed, *named, "-keyout", "far.key", "-out", "far.pem"],
    ):
        subprocess.run(["openssl", *command], cwd=FAR, check=True, capture_output=True)
    (FAR / "token").write_text(TOKEN)
    command = ["/mnt/overfit", "serve", "--listen", "127.0.0.1:0", "--data-dir", FAR, "--token-file", FAR / "token"]
    command += ["--tls-certificate", FAR / "far.pem", "--tls-key", FAR / "far.key"]
    with (FAR / "log").open("wb") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
