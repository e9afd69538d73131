"""The file in which a running daemon says where it listens."""

import ipaddress
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .problem import Cure, Problem


@dataclass(frozen=True)
class DaemonFile:
    """What `daemon.json` holds, checked."""

    path: Path
    address: str
    """A loopback IP literal."""
    port: int
    pid: int
    version: str
    token: str


def default_data_dir() -> Path:
    """The daemon's data folder, by the same rule as the daemon's own."""
    if chosen := os.environ.get("OVERFIT_DATA_DIR"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "overfit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "overfit"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "overfit"


def read_daemon_file(data_dir: Path) -> DaemonFile:
    """Reads and checks `daemon.json`.

    Raises `Problem` if there is none, or if it cannot be used. That it is there does not mean that the daemon runs.
    """
    path = data_dir / "daemon.json"
    try:
        fields = json.loads(path.read_bytes())
        found = DaemonFile(
            path,
            address=str(fields["address"]),
            port=int(fields["port"]),
            pid=int(fields["pid"]),
            version=str(fields["version"]),
            token=str(fields["token"]),
        )
        loopback = ipaddress.ip_address(found.address).is_loopback
    except FileNotFoundError:
        raise Problem(
            f"The Overfit daemon is not running (there is no {path}). Press Start Daemon, or run: overfit serve",
            Cure.START,
        ) from None
    except OSError as error:
        raise Problem(f"Cannot read {path}: {error.strerror}. Start the daemon as the same user as Blender") from None
    except (ValueError, KeyError, TypeError):
        raise Problem(f"{path} is damaged. Delete it and start the daemon again", Cure.START) from None
    if not loopback or not 0 < found.port < 65536 or not found.token.isascii():
        raise Problem(
            f"{path} names {found.address}:{found.port}, which is not an address on this computer. "
            "Delete it and start the daemon again",
            Cure.START,
        )
    return found
