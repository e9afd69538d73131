"""A daemon that was found: how to open a channel to it, and the words when that fails."""

import errno
import ssl
from dataclasses import dataclass

from grpclib.client import Channel
from grpclib.config import Configuration

from .daemon_file import DaemonFile
from .problem import Cure, NobodyThere, Problem

FIREWALL = {errno.EACCES, errno.EPERM, 10013}
"""What the system says when it forbids a connection; 10013 is Windows'."""
NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, 10049, 10050, 10051, 10065}
OTHER_NAME = (62, 64)
"""OpenSSL's codes for a certificate that is good but for another host name or address."""
EXPIRED, NOT_YET_VALID = 10, 9


@dataclass(frozen=True)
class LocalPeer:
    """The daemon that a `daemon.json` names."""

    file: DaemonFile

    @property
    def where(self) -> str:
        return f"{self.file.address}:{self.file.port}"

    @property
    def token(self) -> str:
        return self.file.token

    def open_channel(self) -> Channel:
        """A channel that connects with its first call."""
        return Channel(self.file.address, self.file.port)

    def nobody(self, error: Exception) -> NobodyThere:
        """The connection failed, or ended at once."""
        if getattr(error, "errno", None) in FIREWALL:
            return NobodyThere(
                f"A firewall on this computer does not let Blender connect to {self.where}. "
                "Allow Blender connections to this computer itself (127.0.0.1) there"
            )
        return NobodyThere(
            f"The Overfit daemon is no longer running (process {self.file.pid} left {self.file.path.name} behind). "
            "Press Start Daemon, or run: overfit serve",
            Cure.START,
        )

    def silent(self) -> NobodyThere:
        """Nothing came back in time."""
        return NobodyThere(
            f"The program on {self.where} does not answer like an Overfit daemon. Stop process {self.file.pid} if it "
            "hangs, and start the daemon again; or a firewall on this computer blocks the way",
            Cure.START,
        )

    def wrong_token(self) -> Problem:
        """It does not accept the token."""
        return Problem(
            f"The daemon does not accept the token in {self.file.path}. "
            "Is another daemon on its port? Stop it and start the daemon again",
            Cure.START,
        )


@dataclass(frozen=True)
class RemotePeer:
    """A daemon on another computer, by one of the addresses of its name."""

    host: str
    """As the user wrote it: the certificate must be for this name."""
    ip: str
    port: int
    token: str
    trust: ssl.SSLContext

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"

    def open_channel(self) -> Channel:
        """A channel that connects with its first call."""
        # By its number, as asyncio looks names up in a thread.
        config = Configuration(ssl_target_name_override=self.host)
        return Channel(self.ip, self.port, ssl=self.trust, config=config)

    def nobody(self, error: Exception) -> NobodyThere:
        """The connection failed, or ended at once."""
        return NobodyThere(self._why(error), Cure.PREFERENCES)

    def _why(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._bad_certificate(error)
        if isinstance(error, ssl.SSLError):
            return (
                f"The program on {self.where} does not speak TLS, or not for Overfit. Check the port; the daemon there "
                "needs --tls-certificate and --tls-key"
            )
        number = getattr(error, "errno", None)
        if isinstance(error, ConnectionRefusedError):
            return (
                f"{self.where} refuses the connection. Check the port, that the daemon runs there "
                f"(overfit serve --listen 0.0.0.0:{self.port} …), and that no firewall there rejects it"
            )
        if number in FIREWALL:
            return (
                f"A firewall on this computer does not let Blender connect to {self.where}. Allow it for Blender there"
            )
        if number in NO_WAY:
            return f"There is no way to {self.where} ({error.strerror}). Check the address and this computer's network"
        return f"{self.where} ended the connection. Check the port, and that an Overfit daemon with TLS listens there"

    def _bad_certificate(self, error: ssl.SSLCertVerificationError) -> str:
        if error.verify_code in OTHER_NAME:
            return (
                f"The certificate of {self.where} is for another name than '{self.host}'. Write the address as the "
                "certificate has it, or give the daemon a certificate for this one"
            )
        if error.verify_code == EXPIRED:
            return f"The certificate of {self.where} has expired. Give the daemon a new one"
        if error.verify_code == NOT_YET_VALID:
            return f"The certificate of {self.where} is not valid yet. Check the clocks of both computers"
        return (
            f"The certificate of {self.where} is not trusted here ({error.verify_message}). If it is the daemon's own, "
            "choose its authority's file as CA Certificate in the extension's preferences"
        )

    def silent(self) -> NobodyThere:
        """Nothing came back in time."""
        return NobodyThere(
            f"{self.where} does not answer. Check the address, that the computer is on, and that no firewall on the "
            f"way blocks port {self.port}",
            Cure.PREFERENCES,
        )

    def wrong_token(self) -> Problem:
        """It does not accept the token."""
        return Problem(
            f"The daemon on {self.where} does not accept the token. Enter the one of its token file in the "
            "extension's preferences",
            Cure.PREFERENCES,
        )


Peer = LocalPeer | RemotePeer
