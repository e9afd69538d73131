"""Starting a daemon from Blender, and ending one.

A daemon that was started here is shared and goes its own way: it outlives this Blender while fits run in it or another
Blender is connected, and ends by itself after that.
"""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from .daemon_file import DaemonFile, read_daemon_file
from .problem import Cure, Problem

START_SECONDS = 20.0
OTHER_SECONDS = 2.0
"""So long another daemon that has the folder may take to listen before it is thought to be about to end."""
STOP_SECONDS = 20.0
NICENESS = 5
"""How far the daemon stands back where both want the processor: the interface must not stutter for a fit."""
IDLE_SECONDS = 120
"""A daemon that was started here ends when so long nobody was connected and no fit ran."""
SHORT_LIFE_SECONDS = 30.0
"""A daemon that ends sooner by itself has something wrong with it."""
LOG_BYTES = 1 << 20
"""A log that has grown beyond this is begun anew."""
TAIL_BYTES = 1 << 14
"""So much of a log's end is looked at."""
LINES = 20
"""So many of its lines."""
FOLDER_IS_TAKEN = "already uses the data folder"
"""The daemon's words when another one has its folder."""


class DaemonProcess:
    """Starts a daemon at most once without being asked: one that fails or dies young is left alone after that."""

    def __init__(self) -> None:
        self.reluctance = ""
        """Why no daemon is started by itself any more, in words; empty if one may be."""
        self._process: subprocess.Popen | None = None
        self._started = 0.0

    @property
    def alive(self) -> bool:
        """Whether the daemon that was started here, and that clients can find, still runs."""
        return self._process is not None and self._process.poll() is None

    def look(self) -> None:
        """Notices a daemon that has ended soon after its start. Called often, as only then it knows how soon."""
        if self._process is None or (code := self._process.poll()) is None:
            return
        self._process = None
        lived = time.monotonic() - self._started
        if lived < SHORT_LIFE_SECONDS:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            self.reluctance = f"The daemon ended by itself {lived:.0f} s after its start ({how})"

    def forget(self) -> None:
        """The daemon is ended on request: nothing is wrong with it."""
        self._process = None

    async def start(self, program: str, data_dir: Path) -> None:
        """Starts `program serve` and waits until it listens, or another one in its place. Raises `Problem`."""
        self.reluctance = ""
        give_up = time.monotonic() + START_SECONDS
        try:
            # One that is about to end still has the folder for some seconds.
            while not await self._start(program, data_dir, log_path(data_dir)):
                if time.monotonic() > give_up:
                    raise Problem(
                        f"Another daemon uses the data folder {data_dir}, and does not listen. Stop it", Cure.START
                    )
        except Problem as problem:
            self.reluctance = str(problem)
            raise

    async def _start(self, program: str, data_dir: Path, log: Path) -> bool:
        """One try; returns whether a daemon listens. If none does, another one has the folder."""
        before = _file_if_any(data_dir)
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Appended to, as another Blender may start one at the same moment.
            full = log.exists() and log.stat().st_size > LOG_BYTES
            with log.open("wb" if full else "ab") as output:
                begin = output.tell()
                process = subprocess.Popen(
                    making_way([program, "serve", "--data-dir", str(data_dir), "--exit-when-idle", str(IDLE_SECONDS)]),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # Neither Ctrl C in Blender's console nor its end is meant for the daemon; no console on Windows.
                    start_new_session=sys.platform != "win32",
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
                    | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
                    | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
                )
        except OSError as error:
            if error.filename is not None and Path(error.filename) in (data_dir, log):
                words = (
                    f"Cannot write {error.filename}: {error.strerror}. Choose another data folder in the preferences"
                )
            else:
                words = f"Cannot start {program}: {error.strerror}. Check the path in the preferences"
            raise Problem(words, Cure.PREFERENCES) from error
        stand_back_as_session(process.pid)
        started = time.monotonic()
        for _ in range(int(START_SECONDS / 0.1)):
            if (code := process.poll()) is not None:
                said = last_lines(
                    log, LINES, begin
                )  # and with it what another one said that started at the same moment
                if any(FOLDER_IS_TAKEN in line for line in said):
                    return await self._other_listens(data_dir)
                words = said[-1][:300] if said else ""
                raise Problem(f"The daemon {exit_in_words(code)}. {words}".strip(), Cure.START)
            if (file := _file_if_any(data_dir)) is not None and file != before:
                # If it is not its own, another Blender's was faster, and ours is about to give way.
                self._process, self._started = (process, started) if file.pid == process.pid else (None, 0.0)
                return True
            await asyncio.sleep(0.1)
        raise Problem(f"The daemon did not start to listen within {START_SECONDS:.0f} s. Its log is {log}", Cure.START)

    async def _other_listens(self, data_dir: Path) -> bool:
        """Whether the daemon listens soon that was faster: another Blender's, or one that was there before."""
        for _ in range(int(OTHER_SECONDS / 0.1)):
            file = _file_if_any(data_dir)
            if file is not None and await _listens(file):
                return True
            await asyncio.sleep(0.1)
        return False


async def end_process(pid: int) -> None:
    """Asks the process to end, and waits until it has. Raises `Problem`."""
    try:
        os.kill(pid, signal.SIGTERM)  # on Windows it ends at once
    except ProcessLookupError:
        return
    except OSError as error:
        raise Problem(f"The daemon (process {pid}) cannot be stopped from here: {error.strerror}") from error
    if sys.platform == "win32":
        return
    for _ in range(int(STOP_SECONDS / 0.05)):
        if _has_ended(pid):
            return
        await asyncio.sleep(0.05)
    raise Problem(f"The daemon was asked to end and still runs (process {pid}). End that process yourself")


def log_path(data_dir: Path) -> Path:
    """Where a daemon that was started from Blender writes its log: one log for all Blenders that share the folder."""
    return data_dir / "daemon.log"


def exit_in_words(code: int) -> str:
    """An exit code as the end of a sentence about the daemon."""
    if code == 0:
        return "ended at once, without an error"
    if code < 0:
        return f"was ended by signal {-code}"
    if sys.platform == "win32" and code >= 0xC0000000:
        return f"crashed (code {code:#x})"
    return f"could not start (exit code {code})"


def last_lines(log: Path, count: int, begin: int = 0) -> list[str]:
    """The last lines of a log, from its byte `begin` on; none if there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(begin, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return text.strip().splitlines()[-count:]


def _file_if_any(data_dir: Path) -> DaemonFile | None:
    try:
        return read_daemon_file(data_dir)
    except Problem:
        return None


async def _listens(file: DaemonFile) -> bool:
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(file.address, file.port)
    except OSError:
        return False
    writer.close()
    return True


def _has_ended(pid: int) -> bool:
    with suppress(ChildProcessError):  # only one that was started here leaves something to pick up
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def making_way(command: list[str]) -> list[str]:
    """The command, run so that other programs come first. On Windows the start itself says so.

    `nice` becomes the program it runs, so the process is the daemon's own, and its threads stand back from the first
    on; to lower a process that runs already would miss the threads that it has. Raises `OSError` for a program that
    is not there or may not be run, as without `nice`.
    """
    if sys.platform == "win32" or (nice := shutil.which("nice")) is None:
        return command
    program = command[0]
    if shutil.which(program) is None:
        missing = errno.EACCES if Path(program).exists() else errno.ENOENT
        raise OSError(missing, os.strerror(missing), program)
    return [nice, "-n", str(NICENESS), *command]


def stand_back_as_session(pid: int) -> None:
    """Lets Blender's session come before that of the process, which leads one of its own.

    Most Linux systems share the processor out among sessions first (autogroup), and then `nice` only counts among the
    daemon's own threads. Elsewhere there is no such file.
    """
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))
