"""An asyncio loop that runs in slices on the main thread.

Blender does not support Python threads, so gRPC runs here in steps: a timer gives the loop a few milliseconds, and it
gives the thread back. Connect to IP literals only: asyncio resolves names in a thread.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine

from .time_slice import TimeSlice

# Hops from a socket event to the task that waits for it: future, wrapper, task, and some to spare.
QUIET_ROUNDS = 6


class _WatchedSelector(selectors.DefaultSelector):
    """A selector that remembers whether its last look found something."""

    found_something = False

    def select(self, timeout: float | None = None) -> list:
        events = super().select(timeout)
        self.found_something = bool(events)
        return events


class SteppedLoop:
    """Owns one asyncio loop and all its tasks."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` tells the time in seconds, by which slices end."""
        self.slice = TimeSlice(clock)
        """What is left of the slice that runs: long work asks it."""
        self._selector = _WatchedSelector()
        # Not the platform's default loop: Windows' proactor re-arms itself at every step.
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._tasks: set[asyncio.Task] = set()
        self.longest_step = 0.0
        """The longest slice so far, in seconds."""

    def start(self, coroutine: Coroutine) -> asyncio.Task:
        """Starts a task. It runs only within `run_for`."""
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)  # asyncio itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)
        return task

    def run_for(self, budget: float) -> bool:
        """Runs what is ready, for about `budget` seconds at most; returns whether there was more to do.

        Never waits: with nothing to do it takes some microseconds.
        """
        started = self.slice.clock()
        self.slice.begin(budget)
        quiet = 0
        while quiet < QUIET_ROUNDS and not self.slice.is_over:
            self._one_round()
            quiet = 0 if self._selector.found_something else quiet + 1
        self.slice.close()
        self.longest_step = max(self.longest_step, self.slice.clock() - started)
        return quiet < QUIET_ROUNDS

    def end_tasks(self) -> None:
        """Cancels every task and lets each clean up, within a few milliseconds."""
        for number in range(100):
            if not self._tasks:
                break
            # More than once: a task may await while it cleans up, or lose the cancel to an error of its connection.
            if number % 10 == 0:
                for task in list(self._tasks):
                    task.cancel()
            self._one_round()

    def close(self) -> None:
        """Closes the loop, after its tasks and transports."""
        for _ in range(QUIET_ROUNDS):
            self._one_round()  # transports say goodbye
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _one_round(self) -> None:
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()  # returns after one round, as the stop is queued already
