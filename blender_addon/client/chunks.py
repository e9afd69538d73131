"""Data on its way to the daemon, in messages of a size that keeps slices short."""

from collections.abc import Callable

from grpclib.client import Stream

from .time_slice import TimeSlice

CHUNK_BYTES = 64 * 1024
"""Bytes a message: some tenths of a millisecond of work, on a slow machine, too."""


async def send_chunks(
    call: Stream, request: type, data: bytes | bytearray, report: Callable[[float], None], time: TimeSlice
) -> None:
    """Sends the data as messages `request(chunk=...)` and ends the sending. `report` is told the share that is sent."""
    view = memoryview(data)
    for start in range(0, len(view), CHUNK_BYTES):
        await call.send_message(request(chunk=bytes(view[start : start + CHUNK_BYTES])))
        report(start / len(view))
        await time.pause()  # a free connection never makes the sender wait
    await call.end()
