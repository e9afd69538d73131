"""The daemon's fits that nobody here follows: of an earlier session, of another Blender, of another program."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ..api.fit_pb2 import FIT_STATE_QUEUED, FIT_STATE_RUNNING, FIT_STATE_SUCCEEDED
from ..client.connection import Connection
from ..client.connection_state import ConnectionState
from ..client.problem import Problem
from ..scene.waiting import stop_waiting, waiting_objects

LOOK_SECONDS = 3.0
STATES = {FIT_STATE_QUEUED: "waits", FIT_STATE_RUNNING: "runs", FIT_STATE_SUCCEEDED: "finished"}


@dataclass(frozen=True)
class LeftFit:
    """A fit that could be picked up."""

    name: str
    """`fits/{id}`"""
    display_name: str
    state: str
    """In a word."""
    fraction: float
    """How far it is, 0 to 1."""
    here: bool
    """Whether an object of this file waits for it."""


class FitList:
    """What the panel lists under In the Daemon, looked up again every few seconds."""

    def __init__(self, connection: Connection, followed: Callable[[], set[str]]) -> None:
        """`followed` gives the names of the fits that jobs here follow."""
        self.left: list[LeftFit] = []
        self._connection, self._followed = connection, followed

    def display_name(self, fit: str) -> str:
        """What a fit of the list is called; empty if it is not there."""
        return next((left.display_name for left in self.left if left.name == fit), "")

    def cancel(self, fit: str) -> None:
        """Stops a fit in the daemon, as soon as that is there."""
        self._connection.loop.start(self._cancel(fit))

    async def keep_up(self) -> None:
        """Runs for ever."""
        while True:
            if self._connection.state is ConnectionState.READY:
                with suppress(Problem):
                    await self.look()
            else:
                self.left = []
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Asks the daemon now. Raises `Problem`."""
        listed = await self._connection.list_fits()
        waiting = {fit: obj.name for obj, fit in waiting_objects() if fit}
        followed = self._followed()
        left = []
        for fit in listed:
            unfinished = fit.state in (FIT_STATE_QUEUED, FIT_STATE_RUNNING)
            here = fit.name in waiting
            if fit.name not in followed and (unfinished or (here and fit.state == FIT_STATE_SUCCEEDED)):
                name = waiting.get(fit.name) or fit.display_name or fit.name
                left.append(LeftFit(fit.name, name, STATES[fit.state], fit.progress.fraction, here))
        # A daemon forgets old fits that have ended, but not their models.
        known = {fit.name for fit in listed} | followed
        left += [LeftFit(fit, name, "ended", 1.0, True) for fit, name in waiting.items() if fit not in known]
        self.left = sorted(left, key=lambda fit: not fit.here)

    async def _cancel(self, fit: str) -> None:
        with suppress(Problem):
            await self._connection.cancel_fit(fit)
            for uid in [obj.session_uid for obj, waits_for in waiting_objects() if waits_for == fit]:
                stop_waiting(uid)
            await self.look()
