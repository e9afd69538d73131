"""A daemon that belongs to this process: started when it is needed, ended with it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overfit.endpoint import DaemonFile, read_daemon_file
from overfit.errors import ConnectionLost, OverfitError

START_SECONDS = 30.0
STOP_SECONDS = 20.0
IDLE_SECONDS = 2
"""A daemon whose process was killed ends when so long nobody was connected and no fit ran."""
KEPT_SECONDS = 86_400.0
"""So long the folder of a process that was killed is left alone: what it had fitted is in there."""
_PREFIX = "overfit-python-"
_FOLDER_IS_TAKEN = "already uses the data folder"


class DaemonProcess:
    """A running `overfit serve`."""

    def __init__(self, program: Path, data_dir: Path, threads: int | None, temporary: bool) -> None:
        self.data_dir, self.log = data_dir, data_dir / "daemon.log"
        self.temporary = temporary
        """Whether the folder goes with it."""
        self._owner = os.getpid()
        command = [str(program), "serve", "--data-dir", str(data_dir), "--exit-when-idle", str(IDLE_SECONDS)]
        command += [] if threads is None else ["--threads", str(threads)]
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with self.log.open("ab") as log:
                self._begin = log.tell()
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Ctrl C is for this process alone: the daemon finishes the fit then.
                    start_new_session=sys.platform != "win32",
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
                    | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                )
        except OSError as error:
            raise OverfitError(f"Cannot start {program}: {error.strerror}") from error

    def wait_until_it_listens(self) -> DaemonFile | None:
        """Where it listens; `None` if another daemon has the folder. Raises `OverfitError`."""
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                if _FOLDER_IS_TAKEN in self._said():
                    return None
                raise OverfitError(f"The daemon did not start: {self.obituary()}")
            try:
                found = read_daemon_file(self.data_dir)
            except OverfitError:
                found = None  # not there yet, or what a daemon left that was killed
            if found is not None and found.pid == self._process.pid:
                return found
            time.sleep(0.01)
        self.stop()
        raise OverfitError(f"The daemon did not start to listen within {START_SECONDS:.0f} s. Its log is {self.log}")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def ended_within(self, seconds: float) -> bool:
        """Whether it has ended, or does so soon."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def obituary(self) -> str:
        """How it ended, with its last words."""
        code = self._process.poll()
        if code is None:
            return "it still runs"
        how = f"it ended with code {code}" if code >= 0 else f"signal {-code} ended it"
        if code == -signal.SIGABRT or (sys.platform != "win32" and code == -signal.SIGKILL):
            how += ", perhaps for want of memory"
        last = self._said().strip().splitlines()[-1:]
        return f"{how}. {last[0][:300]}" if last else how

    def stop(self) -> None:
        """Ends it, and waits until it has ended. Nothing happens in a process that was forked from its owner."""
        if self._owner != os.getpid():
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self.temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def _said(self) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(max(self._begin, log.seek(0, os.SEEK_END) - (1 << 14)))
                return log.read().decode(errors="replace")
        except OSError:
            return ""


def start(
    program: Path, data_dir: Path, threads: int | None, temporary: bool
) -> tuple[DaemonProcess | None, DaemonFile]:
    """A daemon in a folder: one that is started, or one that is there already (`None`). Raises `OverfitError`."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        process = DaemonProcess(program, data_dir, threads, temporary)
        found = process.wait_until_it_listens()
        if found is not None:
            return process, found
        try:
            return None, read_daemon_file(data_dir)  # somebody else was faster
        except ConnectionLost:
            time.sleep(0.1)  # it is about to end
    raise OverfitError(f"Another daemon uses the data folder {data_dir}, and does not listen. Stop it")


def private_folder() -> Path:
    """A new folder for the daemon of a process. Those that processes left a day ago are removed."""
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{_PREFIX}*"):
        try:
            old = time.time() - left.stat().st_mtime > KEPT_SECONDS
        except OSError:
            continue
        # A daemon that ended by itself has removed the file; one that was killed has not written to its log for long.
        if old and not (left / "daemon.json").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX))
