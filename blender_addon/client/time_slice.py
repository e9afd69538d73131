"""How long work may hold the main thread: until its slice is over, by the clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

PIECE_SECONDS = 0.001
"""What a piece of a large array should take: a slice ends at most one piece late."""
FIRST_PIECE = 256
"""Items of the first piece, before it is known how fast this machine is."""
LEAST_PIECE = 16
MOST_PIECE = 1 << 18


class TimeSlice:
    """The time until the main thread is given back. One for all tasks of a loop, which begins it anew at each turn.

    Work asks it after every small step, so that a slice ends at its time on a slow machine, too, and a fast one gets
    more done in it. Out of any slice, it is over: work then pauses after each step.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` tells the time in seconds, from whenever."""
        self.clock = clock
        self._end = float("-inf")

    def begin(self, budget: float) -> None:
        """From now on `budget` seconds are left."""
        self._end = self.clock() + budget

    def close(self) -> None:
        """No time is left."""
        self._end = float("-inf")

    @property
    def is_over(self) -> bool:
        """Whether the main thread is to be given back."""
        return self.clock() >= self._end

    async def pause(self) -> None:
        """Gives the main thread back if the slice is over."""
        if self.is_over:
            await asyncio.sleep(0)

    async def pieces(self, count: int) -> AsyncIterator[slice]:
        """Cuts `count` items into pieces, with a pause after each.

        A piece is as large as this machine works through in about a millisecond, by what the last one took.
        """
        start, size = 0, FIRST_PIECE
        while start < count:
            began = self.clock()
            yield slice(start, min(start + size, count))
            took = self.clock() - began
            start += size
            if took > PIECE_SECONDS:
                size = max(int(size * PIECE_SECONDS / took), size // 8, LEAST_PIECE)
            elif took < PIECE_SECONDS / 2.0:
                size = min(2 * size, MOST_PIECE)
            await self.pause()
