"""Which daemon the user wants: the preferences, as far as a connection needs them."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class LocalTarget:
    """The daemon of a data folder on this computer. How one is started does not make it another one."""

    data_dir: Path
    program: str = field(default="", compare=False)
    """The chosen program; empty: whichever is found."""
    start_when_needed: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class RemoteTarget:
    """A daemon on another computer. It is always reached by TLS."""

    address: str
    """`host:port`, as the user wrote it; the host may be a name."""
    token: str
    certificate: Path | None = None
    """PEM file of the authority that signed the daemon's certificate; `None`: those that the system trusts."""
    online: bool = True
    """Whether Blender's user allows access to the network."""
    online_forced: bool = False
    """Whether the command line has decided that."""


Target = LocalTarget | RemoteTarget
