"""What a daemon's errors mean, as problems in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from .peer import LocalPeer, Peer
from .problem import ConnectionLost, Cure, NoRoom, NotFound, Problem

KINDS = {
    Status.NOT_FOUND: NotFound,
    Status.RESOURCE_EXHAUSTED: NoRoom,
    Status.UNAVAILABLE: ConnectionLost,  # it is about to end
}


def refusal(error: GRPCError, peer: Peer) -> Problem:
    """A daemon's error in words; its own message is written for users already."""
    if error.status is Status.UNAUTHENTICATED:
        return peer.wrong_token()
    if error.status is Status.UNIMPLEMENTED:
        cure = Cure.RESTART if isinstance(peer, LocalPeer) else Cure.NONE
        return Problem("The program that answers is not an Overfit daemon of this version. Update the daemon", cure)
    kind = KINDS.get(error.status, Problem)
    return kind(error.message or f"The daemon refused: {error.status.name.replace('_', ' ').lower()}")


@contextmanager
def greeting(peer: Peer) -> Iterator[None]:
    """Around a call of the handshake: turns what it raises into `Problem`s."""
    try:
        yield
    except GRPCError as error:
        raise refusal(error, peer) from error
    except TimeoutError:
        raise peer.silent() from None
    except (StreamTerminatedError, ProtocolError, OSError) as error:
        raise peer.nobody(error) from error
