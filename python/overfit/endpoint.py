"""Where a daemon listens, and what it takes to be let in."""

import ipaddress
import json
import os
import sys
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

from overfit.errors import ConnectionLost, OverfitError


@dataclass(frozen=True)
class Endpoint:
    """An address with its token."""

    address: str
    """`host:port`."""
    token: str = field(repr=False)
    encrypted: bool = False
    certificate: bytes | None = None
    """Whom to trust, PEM; `None` for whom this computer trusts."""


@dataclass(frozen=True)
class DaemonFile:
    """What a daemon says of itself in the `daemon.json` of its data folder."""

    endpoint: Endpoint
    pid: int
    version: str


def default_data_dir() -> Path:
    """The data folder of a daemon that was told none: the user's folder for the data of programs, or
    `OVERFIT_DATA_DIR`.
    """
    if chosen := os.environ.get("OVERFIT_DATA_DIR"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "overfit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "overfit"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "overfit"


def read_daemon_file(data_dir: Path) -> DaemonFile:
    """The `daemon.json` of a folder. Raises `ConnectionLost` if there is none: no daemon runs there."""
    path = data_dir / "daemon.json"
    try:
        found = json.loads(path.read_bytes())
        address = ipaddress.ip_address(found["address"])
        host = f"[{address}]" if address.version == 6 else str(address)
        endpoint = Endpoint(f"{host}:{int(found['port'])}", str(found["token"]))
        return DaemonFile(endpoint, int(found["pid"]), str(found["version"]))
    except FileNotFoundError:
        raise ConnectionLost(
            f"No daemon runs in {data_dir} (there is no daemon.json). Start one: overfit serve"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise OverfitError(f"{path} is damaged. Stop the daemon, delete the file, and start it again") from None


def parse_address(text: str) -> tuple[str, int]:
    """`farm:50051`, `192.0.2.7:50051` or `[2001:db8::7]:50051` as host and port. Raises `ValueError`."""
    try:
        parts = urllib.parse.urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port
        rest = parts.path or parts.query or parts.fragment or parts.username
    except ValueError:
        host, port, rest = None, None, ""
    if not host or not port or rest:
        raise ValueError(f"{text!r} is no address with a port: write it as farm:50051 or 192.0.2.7:50051")
    return host, port


def is_loopback(host: str) -> bool:
    """Whether a host is this computer, by its name or number."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def endpoint(address: str, token: str, certificate: str | os.PathLike[str] | None) -> Endpoint:
    """The endpoint that a user names: encrypted if it is elsewhere. Raises `ValueError` or `OSError`."""
    host, port = parse_address(address)
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("token is empty, or holds a character that no token has: copy it from the daemon's token file")
    trusted = None if certificate is None else Path(certificate).read_bytes()
    if trusted is not None and b"-----BEGIN CERTIFICATE-----" not in trusted:
        raise ValueError(f"certificate: {certificate} holds no certificate in PEM form")
    named = f"[{host}]" if ":" in host else host
    return Endpoint(f"{named}:{port}", token, certificate is not None or not is_loopback(host), trusted)
