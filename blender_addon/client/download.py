"""Streams from the daemon: a header that says how much follows, then chunks."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from grpclib.client import UnaryStreamMethod

from .connection import Connection
from .problem import ConnectionLost, Problem

Header = TypeVar("Header")


async def receive(
    connection: Connection,
    method: UnaryStreamMethod,
    request: object,
    begin: Callable[[object], Callable[[bytes], None]],
) -> None:
    """Hands the header to `begin`, and every chunk to what `begin` returned. Raises `Problem`."""
    take = None
    with connection.speaking():
        async with method.open() as call:
            await call.send_message(request, end=True)
            async for message in call:
                if message.WhichOneof("part") == "header":
                    take = begin(message.header)
                elif take is not None:
                    take(message.chunk)
                await connection.loop.slice.pause()  # several messages may be here at once
    if take is None:
        raise ConnectionLost("The daemon sent nothing. Try again")


async def receive_array(
    connection: Connection,
    method: UnaryStreamMethod,
    request: object,
    size: Callable[[Header], int],
    report: Callable[[float], None] = lambda _: None,
) -> tuple[Header, np.ndarray]:
    """The header, and all chunks as one array `[bytes] u8`, which may be shorter than the header said.

    `size` tells the bytes that a header announces, `report` is told the share that is here. Raises `Problem`.
    """
    header, data, filled = None, np.empty(0, np.uint8), 0

    def begin(said: Header) -> Callable[[bytes], None]:
        nonlocal header, data
        header, data = said, np.empty(size(said), np.uint8)
        return take

    def take(chunk: bytes) -> None:
        nonlocal filled
        if filled + len(chunk) > len(data):
            raise Problem("The daemon sent more than it said. Try again")
        data[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
        filled += len(chunk)
        report(filled / len(data))

    await receive(connection, method, request, begin)
    return header, data[:filled]
