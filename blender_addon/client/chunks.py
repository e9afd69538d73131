"""Data on its way to the daemon, in messages of a size that keeps slices short."""

import asyncio
from collections.abc import Callable

from grpclib.client import Stream

CHUNK_BYTES = 256 * 1024
"""Bytes a message: some tenths of a millisecond of work."""


async def send_chunks(call: Stream, request: type, data: bytes, report: Callable[[float], None]) -> None:
    """Sends the data as messages `request(chunk=...)` and ends the sending. `report` is told the share that is sent."""
    view = memoryview(data)
    for start in range(0, len(view), CHUNK_BYTES):
        await call.send_message(request(chunk=bytes(view[start : start + CHUNK_BYTES])))
        report(start / len(view))
        await asyncio.sleep(0)  # a free connection never makes the sender wait: let the slice end here
    await call.end()
