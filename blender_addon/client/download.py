"""Streams from the daemon: a header that says how much follows, then chunks."""

import asyncio
from collections.abc import Callable

from grpclib.client import UnaryStreamMethod

from .connection import Connection
from .problem import ConnectionLost


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
                await asyncio.sleep(0)  # several messages may be here at once: let the slice end between them
    if take is None:
        raise ConnectionLost("The daemon sent nothing. Try again")
