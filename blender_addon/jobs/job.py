"""A job: work that goes on while the user works on, with its state in words."""

import asyncio
import enum
import itertools
import math
import traceback
from collections.abc import Callable

from ..client.connection import Connection
from ..client.problem import Problem

WITHDRAW_SECONDS = 5.0
"""So long a daemon has to hear that a result is not wanted any more."""
_numbers = itertools.count(1)


class JobState(enum.Enum):
    """Where a job stands."""

    RUNNING = enum.auto()
    ARRIVED = enum.auto()
    """The result is here and waits for the main thread to build it."""
    DONE = enum.auto()
    FAILED = enum.auto()
    CANCELLED = enum.auto()


class Job:
    """Work in two parts: `work` talks to the daemon in slices, then `place` builds the result in one go."""

    undo_name = "Overfit"
    """What Edit > Undo History calls the step that placed the result; empty if it changes nothing in the file."""

    def __init__(self, title: str, connection: Connection) -> None:
        self.id = next(_numbers)
        self.placed_by_operator = False
        """Whether an operator waits for the result to place it itself: it is then one step with that operator."""
        self.patience = math.inf
        """So many seconds it waits for a daemon that went away. A user sees that it waits, and can cancel it."""
        self.title = title
        """What the panel calls it."""
        self.connection = connection
        self.state = JobState.RUNNING
        self.step = "Connecting"
        """What it does now, in words."""
        self.fraction = 0.0
        """How far the step is, 0 to 1."""
        self.message = ""
        """How it ended, in words."""
        self.notes: list[str] = []
        """What the user should know about the result."""
        self.result_name = ""
        """The object that came out."""
        self._task: asyncio.Task | None = None
        self._cancel_wanted = False

    async def work(self) -> None:
        """Talks to the daemon; raises `Problem`. Touches nothing of Blender's data."""
        raise NotImplementedError

    def place(self) -> None:
        """Builds the result in Blender; raises `Problem`."""
        raise NotImplementedError

    async def withdraw(self) -> None:
        """Tells the daemon that the result is not wanted any more. Called after a cancel."""

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in (JobState.RUNNING, JobState.ARRIVED)

    def show_fraction(self, fraction: float) -> None:
        """How far the step is, 0 to 1."""
        self.fraction = fraction

    def start(self) -> None:
        """Starts `work`; it goes on with every slice of the loop."""
        self._task = self.connection.loop.start(self._run())

    def cancel(self) -> None:
        """Ends the job now, and the daemon's part of it as soon as it listens."""
        if self.running:
            self._cancel_wanted = True
            self._end(JobState.CANCELLED, "Cancelled")
            self._task.cancel()

    def let_go(self) -> None:
        """Ends the job here, because its file or this extension is closed. What the daemon does goes on there."""
        if self.running:
            self._end(JobState.CANCELLED, "Left to the daemon")
            self._task.cancel()

    def stop_if_ended(self) -> None:
        """Raises `CancelledError` if the job has ended; for before a second try."""
        if not self.running:
            raise asyncio.CancelledError

    def finish(self) -> None:
        """Builds the result that has arrived."""
        self._guard(self.place)
        if self.state is JobState.ARRIVED:
            self.state = JobState.DONE

    async def _run(self) -> None:
        try:
            await self.work()
        except asyncio.CancelledError:
            self._end(JobState.CANCELLED, "Cancelled")
        except Exception as error:  # a job must end in words, whatever happens
            self._fail(error)
        else:
            self.state = JobState.ARRIVED if self.running else self.state
        # Not under `except`: when the connection breaks at the same moment, that error comes in place of the cancel.
        if self._cancel_wanted:
            await self._withdraw_in_time()

    async def _withdraw_in_time(self) -> None:
        try:
            async with asyncio.timeout(WITHDRAW_SECONDS):
                await self.withdraw()
        except (Problem, TimeoutError):
            pass  # a daemon that cannot be told is gone, and the work with it; fits are cancelled when it is back

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, Problem):
            self._end(JobState.FAILED, str(error))
        else:
            traceback.print_exception(error)
            self._end(JobState.FAILED, f"Unexpected error: {error!r}. The console has the details; please report it")

    def _end(self, state: JobState, message: str) -> None:
        if self.running:
            self.state, self.message = state, message
