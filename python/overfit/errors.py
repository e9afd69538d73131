"""What goes wrong, as exceptions. Their words are the daemon's own, which are written for users."""

from collections.abc import Callable
from typing import Any

import grpc


class OverfitError(Exception):
    """Any of what follows."""


class ProgramNotFound(OverfitError, FileNotFoundError):
    """There is no program `overfit` to start."""


class ConnectionLost(OverfitError, ConnectionError):
    """No daemon answers: there is none, it has ended, or it cannot be reached."""


class VersionMismatch(OverfitError):
    """The daemon is of another version than this package."""


class AccessDenied(OverfitError, PermissionError):
    """The token is missing or wrong."""


class InvalidInput(OverfitError, ValueError):
    """The daemon cannot do anything with what was given: a mesh without a surface, a setting out of range."""


class NotFound(OverfitError, LookupError):
    """The daemon has no such model, fit or mesh, or has it no more."""


class LimitExceeded(OverfitError):
    """More than the daemon takes: see `Daemon.info`."""


class Refused(OverfitError):
    """What was asked for cannot be had of this field, or not now."""


class Cancelled(OverfitError):
    """The fit or call was cancelled, here or by somebody else."""


class FitFailed(OverfitError):
    """A fit ended without a model."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        """In one word, such as `OUT_OF_MEMORY`."""


class OverfitWarning(UserWarning):
    """What a user should know of a result: an open mesh, a wall that a grid has lost."""


_KINDS: dict[Any, type[OverfitError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInput,
    grpc.StatusCode.OUT_OF_RANGE: InvalidInput,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceeded,
    grpc.StatusCode.FAILED_PRECONDITION: Refused,
    grpc.StatusCode.ALREADY_EXISTS: Refused,
    grpc.StatusCode.UNAVAILABLE: ConnectionLost,
    grpc.StatusCode.DEADLINE_EXCEEDED: ConnectionLost,
    grpc.StatusCode.UNIMPLEMENTED: VersionMismatch,
    grpc.StatusCode.CANCELLED: Cancelled,
}


def translated(error: grpc.RpcError, address: str, explain: Callable[[], str]) -> OverfitError:
    """The exception for what a call to the daemon at `address` came to; `explain` tells what became of one that does
    not answer.
    """
    call: Any = error
    code, words = call.code(), call.details() or ""
    kind = _KINDS.get(code, OverfitError)
    if kind is AccessDenied:
        words = f"The daemon at {address} refused the token. {words}".rstrip()
    elif kind is ConnectionLost:
        words = f"No answer from the daemon at {address}: {explain() or words}"
    elif kind is VersionMismatch:
        words = f"What answers at {address} is no Overfit daemon of this version: {words}"
    return kind(words or f"The daemon refused: {code.name.replace('_', ' ').lower()}")
