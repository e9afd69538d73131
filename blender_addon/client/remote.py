"""Finding a daemon on another computer: its address, the permission to go there, its name, and whom to trust."""

import ipaddress
import urllib.parse
from dataclasses import dataclass

from .names import look_up
from .peer import RemotePeer
from .problem import Cure, Problem
from .target import RemoteTarget
from .time_slice import TimeSlice
from .trust import tls_context


@dataclass(frozen=True)
class Address:
    """`host:port`, taken apart."""

    host: str
    port: int

    @property
    def ip(self) -> str | None:
        """The host, if it is written as numbers."""
        try:
            return str(ipaddress.ip_address(self.host))
        except ValueError:
            return None

    @property
    def loopback(self) -> bool:
        """Whether it is this computer."""
        return self.host == "localhost" or (self.ip is not None and ipaddress.ip_address(self.ip).is_loopback)


async def find_remote(target: RemoteTarget, time: TimeSlice) -> list[RemotePeer]:
    """The daemon by each address that its name has. Raises `Problem`."""
    address = check(target)
    ips = [address.ip] if address.ip else await look_up(address.host)
    trust = await tls_context(target.certificate, time)
    return [RemotePeer(address.host, ip, address.port, target.token.strip(), trust) for ip in ips]


def check(target: RemoteTarget) -> Address:
    """What can be said before anything is sent. Raises `Problem`."""
    address = parse(target.address)
    if not target.online and not address.loopback:
        if target.online_forced:
            raise Problem(
                f"Blender was started with --offline-mode, and the daemon is on another computer ({address.host}). "
                "Start Blender without it"
            )
        raise Problem(
            f"Blender may not use the network, and the daemon is on another computer ({address.host}). "
            "Allow it in Preferences > System > Network > Allow Online Access",
            Cure.PREFERENCES,
        )
    token = target.token.strip()
    if not token:
        raise Problem("Enter the token of the daemon's token file in the extension's preferences", Cure.PREFERENCES)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Problem(
            "The token in the extension's preferences holds a space or a letter that no token has. Enter it again",
            Cure.PREFERENCES,
        )
    return address


def parse(text: str) -> Address:
    """`"farm.example:50051"`, `"192.0.2.7:50051"` or `"[2001:db8::7]:50051"`. Raises `Problem`."""
    text = text.strip()
    if not text:
        raise Problem("Enter the daemon's address in the extension's preferences, such as farm:50051", Cure.PREFERENCES)
    try:
        parts = urllib.parse.urlsplit(f"//{text.removeprefix('https://').removesuffix('/')}")
        host, port = parts.hostname, parts.port
        extra = parts.path or parts.query or parts.fragment or parts.username or "%" in (host or "")
    except ValueError:
        host, port, extra = None, None, ""
    if not host or not port or extra:
        raise Problem(
            f"'{text}' is not an address with a port. Write it like farm:50051 or 192.0.2.7:50051 in the extension's "
            "preferences",
            Cure.PREFERENCES,
        )
    return Address(host, port)
