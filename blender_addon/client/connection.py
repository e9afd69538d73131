"""The connection to the daemon: finding it, the handshake, and its state in words."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from grpclib.client import Channel
from grpclib.const import Status
from grpclib.events import SendRequest, listen
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from ..api.combine_grpc import CombineServiceStub
from ..api.fit_grpc import FitServiceStub
from ..api.fit_pb2 import FIT_STATE_QUEUED, FIT_STATE_RUNNING, CancelFitRequest, Fit, ListFitsRequest
from ..api.mesh_grpc import MeshServiceStub
from ..api.model_grpc import ModelServiceStub
from ..api.query_grpc import QueryServiceStub
from ..api.server_grpc import ServerServiceStub
from ..api.server_pb2 import GetServerInfoRequest, GetServerInfoResponse
from .connection_state import ConnectionState, Start
from .daemon_file import read_daemon_file
from .daemon_process import DaemonProcess, end_process
from .event_loop import SteppedLoop
from .peer import LocalPeer, Peer
from .problem import ConnectionLost, Cure, NobodyThere, Problem
from .program import find_program
from .refusal import greeting, refusal
from .remote import check, find_remote
from .settings_schema import Setting, ask_for_settings
from .target import LocalTarget, RemoteTarget, Target
from .version import same_version

HANDSHAKE_SECONDS = 5.0
"""How long a daemon may take to answer; a busy machine is slow, a dead port says so at once."""
HEARTBEAT_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""How often to look whether a daemon has appeared."""
LISTED_FITS = 100
"""So many of the newest are looked at: those that wait or run are among them."""
AGAIN_SECONDS = 30.0
"""How often to try again where nobody was: a daemon on another computer cannot be seen to appear."""


class Connection:
    """One channel to one daemon, found again whenever it is needed."""

    def __init__(
        self, loop: SteppedLoop, target: Callable[[], Target], version: str, process: DaemonProcess | None = None
    ) -> None:
        self.loop = loop
        self.state = ConnectionState.IDLE
        self.message = "Not connected yet"
        """The state in words, for the panel."""
        self.cure = Cure.NONE
        """What the user can press about it."""
        self.server: GetServerInfoResponse | None = None
        """What the daemon said of itself, last time it was there."""
        self.settings: list[Setting] = []
        """All settings of a fit, as it told them."""
        self.fits_there = 0
        """Fits that wait or run in the daemon, whoever asked for them, when it was last asked."""
        self.peer: Peer | None = None
        """The daemon that was found last."""
        self.stopped = False
        """Whether the user has stopped the daemon, and none has been found since."""
        self._unwanted: list[str] = []
        """Fits to cancel as soon as the daemon is there: they would go on in it."""
        self._target = target
        self._reached: Target | None = None
        self._tried: object = None
        """The stamp of the last try."""
        self._tried_at = 0.0
        self._may_come_back = False
        """Whether the last try found nobody."""
        self._version = version
        self._process = process or DaemonProcess()
        self._channel: Channel | None = None
        self._lock = asyncio.Lock()
        self.uploads = asyncio.Semaphore(1)
        """Meshes go one after the other: the first is fitted while the next is sent."""

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
    def combine(self) -> CombineServiceStub:
        """Fields put together."""
        return CombineServiceStub(self._open_channel())

    @property
    def queries(self) -> QueryServiceStub:
        return QueryServiceStub(self._open_channel())

    def check_at_once(self) -> None:
        """Raises `Problem` if `ensure` is bound to fail, as far as that shows without waiting."""
        if self.state is ConnectionState.READY:
            return
        target = self._target()
        if isinstance(target, RemoteTarget):
            check(target)
            return
        try:
            read_daemon_file(target.data_dir)
        except Problem as absent:
            self._program_to_start(target, Start.NEEDED, absent)

    async def ensure(self, start: Start = Start.NEEDED) -> None:
        """Connects unless that is done, with a daemon that is started if need be; raises `Problem` if there is none."""
        async with self._lock:
            if self.state is not ConnectionState.READY or self._daemon_changed():
                await self._connect(start)

    async def try_ensure(self, start: Start = Start.NEVER) -> None:
        """Connects unless that is done; `state` and `message` say how it went."""
        with suppress(Problem):
            await self.ensure(start)

    async def stop_daemon(self, pause_fits: bool, start_again: bool = False) -> None:
        """Ends the daemon on this computer; `state` and `message` say how it went.

        While fits run or wait in it, which go on when it is started again, only with `pause_fits` or `start_again`.
        Only a process that has proven to be the daemon is ended.
        """
        async with self._lock:
            try:
                peer = await self._prove()
                if self.fits_there and not (pause_fits or start_again):
                    # Said without losing the connection: nothing is wrong.
                    self.message = f"{fits_in_words(self.fits_there)} in the daemon and would pause. Press again"
                    return
                self.stopped = True  # before whoever waits for its fit hears that the connection is gone
                self._drop(ConnectionState.CONNECTING, "Stopping the daemon…")
                self._process.forget()
                await end_process(peer.file.pid)
                self.fits_there = 0
                self._drop(ConnectionState.FAILED, "The Overfit daemon was stopped. Press Start Daemon", Cure.START)
                if start_again:
                    await self._connect(Start.ASKED)
            except Problem as problem:
                self._fail(problem)
            except asyncio.CancelledError:
                self._drop(ConnectionState.IDLE, "Not connected")
                raise

    async def cancel_fit(self, name: str) -> None:
        """Cancels a fit, which may have ended.

        Raises `Problem` if the daemon cannot be told now; then it is told as soon as it is there.
        """
        self._unwanted.append(name)
        with self.speaking():
            await self._cancel_unwanted()

    async def keep_watch(self, busy: Callable[[], bool]) -> None:
        """Runs for ever: connects when a daemon appears, and notices when it goes, while nothing else would."""
        while True:
            self._process.look()
            if self.state is not ConnectionState.READY:
                if not self._lock.locked() and self._worth_a_try():
                    await self.try_ensure()
                await asyncio.sleep(LOOK_SECONDS)
            else:
                if self._daemon_changed():
                    await self.try_ensure()
                elif not busy():
                    async with self._lock:
                        await self._beat()
                await asyncio.sleep(HEARTBEAT_SECONDS)

    async def list_fits(self) -> Sequence[Fit]:
        """The newest fits in the daemon, whoever asked for them, and `fits_there` is counted. Raises `Problem`."""
        with self.speaking():
            return await self._ask_for_fits()

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Around calls: turns what they raise into `Problem`s, and remembers a lost connection."""
        channel = self._channel
        try:
            yield
        except GRPCError as error:
            raise refusal(error, self.peer) from error
        except (StreamTerminatedError, ProtocolError, OSError, TimeoutError) as error:
            lost = ConnectionLost("The connection to the Overfit daemon was lost")
            cure = Cure.START if isinstance(self.peer, LocalPeer) else Cure.NONE
            if self._channel is channel:  # else there is a newer one, or the old one was closed on purpose
                # One on this computer is seen to appear; one on another is asked again.
                self._may_come_back = not isinstance(self.peer, LocalPeer)
                self._drop(ConnectionState.FAILED, f"{lost}. Is it still running?", cure)
            raise lost from error

    def close(self) -> None:
        """Lets the channel go."""
        self._drop(ConnectionState.IDLE, "Not connected")

    async def _connect(self, start: Start) -> None:
        self._drop(ConnectionState.CONNECTING, "Looking for the daemon…")
        try:
            try:
                await self._reach()
            except Problem as absent:
                target = self._target()
                if absent.cure is not Cure.START or isinstance(target, RemoteTarget):
                    raise
                program = self._program_to_start(target, start, absent)
                self._drop(ConnectionState.CONNECTING, "Starting the daemon…")
                await self._process.start(program, target.data_dir)
                await self._reach()
        except Problem as problem:
            self._fail(problem)
            raise
        except asyncio.CancelledError:
            self._drop(ConnectionState.IDLE, "Not connected")
            raise
        self.state, self.cure, self.stopped = ConnectionState.READY, Cure.NONE, False
        self._say_ready()

    def _say_ready(self) -> None:
        device = self.server.devices[0].description if self.server.devices else "unknown device"
        self.message = f"Connected: Overfit {self.server.version}, {device}"

    def _program_to_start(self, target: LocalTarget, start: Start, absent: Problem) -> str:
        """The program to start in the place of the absent daemon; raises `Problem` if none is to be started."""
        self._process.look()
        if start is Start.ASKED:
            return find_program(target.program)
        if start is Start.NEVER or not target.start_when_needed:
            raise absent
        if reluctance := self._process.reluctance:
            raise Problem(
                f"{reluctance.rstrip('.')}. It is not started again by itself: see its log, then press Start Daemon",
                Cure.START,
            )
        try:
            return find_program(target.program)
        except Problem:
            raise absent from None

    async def _reach(self) -> None:
        """Finds the daemon and greets it. Raises `Problem`."""
        target, self._tried = self._target(), self._stamp()
        self._tried_at = time.monotonic()
        peers = await self._find(target)
        for number, peer in enumerate(peers):
            self._use(peer)
            try:
                await self._greet()
                await self._learn_settings()
                await self._settle_fits()
            except NobodyThere:
                if number + 1 == len(peers):
                    raise
            else:
                self._reached = target
                return

    async def _find(self, target: Target) -> list[Peer]:
        if isinstance(target, RemoteTarget):
            return await find_remote(target, self.loop.slice)
        return [LocalPeer(read_daemon_file(target.data_dir))]

    def _use(self, peer: Peer) -> None:
        if self._channel is not None:
            self._channel.close()
        self.peer, self._channel = peer, peer.open_channel()
        listen(self._channel, SendRequest, self._add_token)

    async def _prove(self) -> LocalPeer:
        """The daemon on this computer, of whatever version, which has just shown that it knows its token."""
        target = self._target()
        if isinstance(target, RemoteTarget):
            raise Problem("The daemon runs on another computer: it is stopped there")
        peer = LocalPeer(read_daemon_file(target.data_dir))
        if peer != self.peer or self._channel is None:
            self._use(peer)
        self.server = await self._ask()
        await self._settle_fits()
        return peer

    async def _greet(self) -> None:
        """Asks the daemon what it is; raises `Problem` unless it is one to work with."""
        server = await self._ask()
        same_version(server.version, self._version, local=isinstance(self.peer, LocalPeer))
        self.server = server

    async def _beat(self) -> None:
        """Looks whether the daemon is still there."""
        try:
            await self._greet()
        except Problem as problem:
            self._fail(problem)
        else:
            self._say_ready()

    async def _ask(self) -> GetServerInfoResponse:
        with greeting(self.peer):
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                return await ServerServiceStub(self._open_channel()).GetServerInfo(GetServerInfoRequest())

    async def _learn_settings(self) -> None:
        with greeting(self.peer):
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                self.settings = await ask_for_settings(ServerServiceStub(self._open_channel()))

    async def _settle_fits(self) -> None:
        """Cancels what nobody wants any more, and counts the others."""
        with greeting(self.peer):
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await self._cancel_unwanted()
                await self._ask_for_fits()

    async def _cancel_unwanted(self) -> None:
        for name in tuple(self._unwanted):
            try:
                await self.fits.CancelFit(CancelFitRequest(name=name))
            except GRPCError as error:
                if error.status is not Status.NOT_FOUND:  # or else it is forgotten there
                    raise
            with suppress(ValueError):  # told by two at once
                self._unwanted.remove(name)

    async def _ask_for_fits(self) -> Sequence[Fit]:
        fits = (await self.fits.ListFits(ListFitsRequest(page_size=LISTED_FITS))).fits
        self.fits_there = sum(fit.state in (FIT_STATE_QUEUED, FIT_STATE_RUNNING) for fit in fits)
        return fits

    async def _add_token(self, event: SendRequest) -> None:
        event.metadata["authorization"] = f"Bearer {self.peer.token}"

    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise ConnectionLost("The connection to the Overfit daemon was lost")
        return self._channel

    def _daemon_changed(self) -> bool:
        target = self._target()
        if target != self._reached:
            return True
        if isinstance(target, RemoteTarget):
            return False
        try:
            return LocalPeer(read_daemon_file(target.data_dir)) != self.peer
        except Problem:
            return True

    def _worth_a_try(self) -> bool:
        if self._stamp() != self._tried:
            return True
        return self._may_come_back and time.monotonic() - self._tried_at > AGAIN_SECONDS

    def _stamp(self) -> object:
        """Something that changes when a daemon appears, or another one is wanted."""
        target = self._target()
        if isinstance(target, RemoteTarget):
            return target
        try:
            status = (target.data_dir / "daemon.json").stat()
        except OSError:
            return target.data_dir
        return target.data_dir, status.st_mtime_ns, status.st_ino

    def _fail(self, problem: Problem) -> None:
        self._may_come_back = isinstance(problem, NobodyThere | ConnectionLost)
        self._drop(ConnectionState.FAILED, str(problem), problem.cure)

    def _drop(self, state: ConnectionState, message: str, cure: Cure = Cure.NONE) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self.state, self.message, self.cure = state, message, cure


def fits_in_words(count: int) -> str:
    """`2` → `"2 fits run or wait"`."""
    return "A fit runs" if count == 1 else f"{count} fits run or wait"
