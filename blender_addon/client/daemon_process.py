"""Starting a daemon from Blender.

A daemon that was started here ends with this Blender, or when the extension is switched off: nothing is left running
that nobody asked for. To keep one for several programs, start it outside: `overfit serve`.
"""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from .daemon_file import read_daemon_file
from .problem import Problem

START_SECONDS = 20.0


class DaemonProcess:
    """At most one daemon, started on request only: one that fails is never started again by itself."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    @property
    def alive(self) -> bool:
        """Whether the daemon that was started here runs."""
        return self._process is not None and self._process.poll() is None

    async def start(self, program: str, data_dir: Path, log: Path) -> None:
        """Starts `program serve` and waits until it listens. Raises `Problem`."""
        if self.alive:
            raise Problem(f"The daemon is starting already (process {self._process.pid})")
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    [program, "serve", "--data-dir", str(data_dir)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # Ctrl C in Blender's console is not meant for the daemon; on Windows, no console window.
                    start_new_session=sys.platform != "win32",
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            raise Problem(f"Cannot start {program}: {error.strerror}. Check the path in the preferences") from error
        for _ in range(int(START_SECONDS / 0.1)):
            if (code := self._process.poll()) is not None:
                raise Problem(f"The daemon {exit_in_words(code)}. {last_line(log)}".strip())
            try:
                if read_daemon_file(data_dir).pid == self._process.pid:
                    return
            except Problem:
                pass  # not written yet
            await asyncio.sleep(0.1)
        raise Problem(f"The daemon did not start to listen within {START_SECONDS:.0f} s. Its log is {log}")

    def stop(self) -> None:
        """Asks the daemon that was started here to end; returns at once."""
        if self.alive:
            self._process.terminate()


def find_program(chosen: str) -> str:
    """The daemon's program: the chosen path, else `overfit` on PATH. Raises `Problem`."""
    if chosen:
        if not Path(chosen).is_file():
            raise Problem(f"There is no program {chosen}. Correct the path in the extension's preferences")
        return chosen
    if found := shutil.which("overfit"):
        return found
    raise Problem(
        "There is no program 'overfit' on the PATH. Install it, or set its path in the extension's preferences"
    )


def exit_in_words(code: int) -> str:
    """An exit code as the end of a sentence about the daemon."""
    if code == 0:
        return "ended at once, without an error"
    if code < 0:
        return f"was ended by signal {-code}"
    if sys.platform == "win32" and code >= 0xC0000000:
        return f"crashed (code {code:#x})"
    return f"could not start (exit code {code})"


def last_line(log: Path) -> str:
    """What the daemon said last, for people."""
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines else ""
