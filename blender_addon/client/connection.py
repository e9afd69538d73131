"""The connection to the daemon: finding it, the handshake, and its state in words."""

import asyncio
import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grpclib.client import Channel
from grpclib.const import Status
from grpclib.events import SendRequest, listen
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from ..api.fit_grpc import FitServiceStub
from ..api.mesh_grpc import MeshServiceStub
from ..api.model_grpc import ModelServiceStub
from ..api.query_grpc import QueryServiceStub
from ..api.server_grpc import ServerServiceStub
from ..api.server_pb2 import GetServerInfoRequest, GetServerInfoResponse
from .daemon_file import DaemonFile, read_daemon_file
from .event_loop import SteppedLoop
from .problem import ConnectionLost, NoRoom, NotFound, Problem

HANDSHAKE_SECONDS = 5.0
"""How long a daemon may take to answer; a busy machine is slow, a dead port says so at once."""
HEARTBEAT_SECONDS = 5.0
KINDS = {Status.NOT_FOUND: NotFound, Status.RESOURCE_EXHAUSTED: NoRoom}
LOOK_SECONDS = 1.0
"""How often to look whether a daemon has appeared."""


class ConnectionState(enum.Enum):
    """Where the connection stands."""

    IDLE = enum.auto()
    CONNECTING = enum.auto()
    READY = enum.auto()
    FAILED = enum.auto()


class Connection:
    """One channel to one daemon, found again whenever it is needed."""

    def __init__(self, loop: SteppedLoop, data_dir: Callable[[], Path], version: str) -> None:
        self.loop = loop
        self.state = ConnectionState.IDLE
        self.message = "Not connected yet"
        """The state in words, for the panel."""
        self.server: GetServerInfoResponse | None = None
        """What the daemon said of itself, last time it was there."""
        self.daemon: DaemonFile | None = None
        self._data_dir = data_dir
        self._version = version
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()

    @property
    def meshes(self) -> MeshServiceStub:
        return MeshServiceStub(self._open_channel())

    @property
    def fits(self) -> FitServiceStub:
        return FitServiceStub(self._open_channel())

    @property
    def models(self) -> ModelServiceStub:
        return ModelServiceStub(self._open_channel())

    @property
    def queries(self) -> QueryServiceStub:
        return QueryServiceStub(self._open_channel())

    async def ensure(self) -> None:
        """Connects unless that is done; raises `Problem` if there is no daemon to work with."""
        async with self._lock:
            if self.state is not ConnectionState.READY or self._daemon_changed():
                await self._connect()

    async def try_ensure(self) -> None:
        """Connects unless that is done; `state` and `message` say how it went."""
        with suppress(Problem):
            await self.ensure()

    async def keep_watch(self, busy: Callable[[], bool]) -> None:
        """Runs for ever: connects when a daemon appears, and notices when it goes, while nothing else would."""
        seen: tuple[int, int] | bool | None = False  # unlike any stamp, so that the first look connects
        while True:
            if self.state is not ConnectionState.READY:
                if seen != (seen := self._file_stamp()):
                    await self.try_ensure()
                await asyncio.sleep(LOOK_SECONDS)
            else:
                seen = self._file_stamp()
                if self._daemon_changed():
                    await self.try_ensure()
                elif not busy():
                    with suppress(Problem):
                        async with self._lock:
                            await self._greet()
                await asyncio.sleep(HEARTBEAT_SECONDS)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Around calls: turns what they raise into `Problem`s, and remembers a lost connection."""
        try:
            yield
        except GRPCError as error:
            raise self._refusal(error) from error
        except (StreamTerminatedError, ProtocolError, OSError, TimeoutError) as error:
            lost = ConnectionLost("The connection to the Overfit daemon was lost")
            self._drop(ConnectionState.FAILED, f"{lost}. Is it still running?")
            raise lost from error

    def fail(self, message: str) -> None:
        """Shows why there is no connection."""
        self._drop(ConnectionState.FAILED, message)

    def close(self) -> None:
        """Lets the channel go."""
        self._drop(ConnectionState.IDLE, "Not connected")

    async def _connect(self) -> None:
        self._drop(ConnectionState.CONNECTING, "Looking for the daemon…")
        try:
            self.daemon = read_daemon_file(self._data_dir())
            self._channel = Channel(self.daemon.address, self.daemon.port)
            listen(self._channel, SendRequest, self._add_token)
            await self._greet()
        except Problem as problem:
            self._drop(ConnectionState.FAILED, str(problem))
            raise
        except asyncio.CancelledError:
            self._drop(ConnectionState.IDLE, "Not connected")
            raise
        self.state = ConnectionState.READY
        device = self.server.devices[0].description if self.server.devices else "unknown device"
        self.message = f"Connected: Overfit {self.server.version}, {device}"

    async def _greet(self) -> None:
        """Asks the daemon what it is; raises `Problem` unless it is one to work with."""
        daemon, stub = self.daemon, ServerServiceStub(self._open_channel())
        stale = (
            f"The Overfit daemon is no longer running (process {daemon.pid} left {daemon.path.name} behind). "
            "Press Start Daemon, or run: overfit serve"
        )
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                server = await stub.GetServerInfo(GetServerInfoRequest())
            same_version(server.version, self._version)
        except (GRPCError, Problem) as error:
            problem = self._refusal(error) if isinstance(error, GRPCError) else error
        except TimeoutError:
            problem = Problem(
                f"The program on {daemon.address}:{daemon.port} does not answer like an Overfit daemon. "
                f"Stop process {daemon.pid} if it hangs, and start the daemon again"
            )
        except (StreamTerminatedError, ProtocolError, OSError):
            problem = Problem(stale)
        else:
            self.server = server
            return
        self._drop(ConnectionState.FAILED, str(problem))
        raise problem

    async def _add_token(self, event: SendRequest) -> None:
        event.metadata["authorization"] = f"Bearer {self.daemon.token}"

    def _refusal(self, error: GRPCError) -> Problem:
        """A daemon's error in words; its own message is written for users already."""
        if error.status is Status.UNAUTHENTICATED:
            return Problem(
                f"The daemon does not accept the token in {self.daemon.path}. "
                "Is another daemon on its port? Stop it and start the daemon again"
            )
        if error.status is Status.UNIMPLEMENTED:
            return Problem("The program that answers is not an Overfit daemon of this version. Update the daemon")
        kind = KINDS.get(error.status, Problem)
        return kind(error.message or f"The daemon refused: {error.status.name.replace('_', ' ').lower()}")

    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise ConnectionLost("The connection to the Overfit daemon was lost")
        return self._channel

    def _daemon_changed(self) -> bool:
        try:
            return read_daemon_file(self._data_dir()) != self.daemon
        except Problem:
            return True

    def _file_stamp(self) -> tuple[int, int] | None:
        try:
            status = (self._data_dir() / "daemon.json").stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _drop(self, state: ConnectionState, message: str) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self.state, self.message = state, message


def same_version(daemon: str, extension: str) -> None:
    """Raises `Problem` unless both have the same major and minor number."""
    if numbers(daemon)[:2] != numbers(extension)[:2]:
        cure = (
            "Update this extension (Preferences, Get Extensions)"
            if numbers(daemon) > numbers(extension)
            else "Update the daemon and start it again"
        )
        raise Problem(
            f"The daemon is version {daemon} and this extension is version {extension}, "
            f"which do not work together. {cure}"
        )


def numbers(version: str) -> tuple[int, ...]:
    """`"0.1.2-rc1"` → `(0, 1, 2)`; what is not a number counts as 0."""
    parts = version.split("-")[0].split(".")
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)
