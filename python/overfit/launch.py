"""Daemons that are found or started: by address, by folder, or one that belongs to this process."""

import os
import shutil
import threading
from pathlib import Path

from overfit.daemon import Daemon
from overfit.endpoint import Endpoint, default_data_dir, endpoint, read_daemon_file
from overfit.errors import ConnectionLost
from overfit.process import DaemonProcess, private_folder, start
from overfit.program import find_program


def connect(
    address: str | None = None,
    *,
    token: str = "",
    certificate: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> Daemon:
    """Connects to a daemon that runs.

    Args:
        address: `host:port`. Without one the daemon of a folder on this computer is looked for.
        token: that of the daemon's token file; with an address alone.
        certificate: a PEM file to trust instead of whom this computer trusts. Connections to other computers are always
            encrypted.
        data_dir: the daemon's data folder: that of this user unless given.

    Raises:
        ConnectionLost: no daemon answers there.
        AccessDenied: the token is wrong.
        VersionMismatch: the daemon is of another version.
    """
    if address is not None:
        if data_dir is not None:
            raise ValueError("data_dir is for daemons on this computer: give an address with its token, or a folder")
        return Daemon(endpoint(address, token, certificate))
    if token or certificate is not None:
        raise ValueError("token and certificate go with an address, such as overfit.connect('farm:50051', token=...)")
    return Daemon(read_daemon_file(default_data_dir() if data_dir is None else Path(data_dir)).endpoint)


def launch(data_dir: str | os.PathLike[str] | None = None, *, threads: int | None = None) -> Daemon:
    """Starts a daemon that ends with this process, or earlier with `Daemon.close`.

    Args:
        data_dir: a folder that keeps its models and goes on with its fits the next time. If a daemon has it already,
            that one is taken, and is not ended. Without one, all is kept in a folder for temporary files, and goes with
            the daemon: `Field.save` what is to stay.
        threads: how many it computes with; every core unless given.

    Raises:
        ProgramNotFound: the program is not installed.
        OverfitError: it did not start; its own words say why.
    """
    program, temporary = find_program(), data_dir is None
    folder = private_folder() if data_dir is None else Path(data_dir).absolute()
    if not temporary:
        try:
            return Daemon(read_daemon_file(folder).endpoint)
        except ConnectionLost:
            pass  # none runs
    try:
        process, found = start(program, folder, threads, temporary)
    except BaseException:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)
        raise

    def restart() -> tuple[DaemonProcess | None, Endpoint]:
        process, found = start(program, folder, threads, temporary)
        return process, found.endpoint

    return Daemon(found.endpoint, process, restart)


class _OwnDaemon:
    """The daemon of this process, started by whoever needs it first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._daemon: Daemon | None = None
        self._pid = 0

    def get(self) -> Daemon:
        """The daemon. A process that was forked has one of its own."""
        with self._lock:
            if self._daemon is None or self._daemon.closed or self._pid != os.getpid():
                self._daemon, self._pid = launch(), os.getpid()
            return self._daemon


own_daemon = _OwnDaemon().get
"""The daemon that `overfit.fit` and `overfit.load` ask: started when it is needed, ended with this process."""
