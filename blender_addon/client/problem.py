"""Failures in words for the user."""

import enum


class Cure(enum.Enum):
    """What the user can press against a problem: the panel shows that button beside the words."""

    NONE = enum.auto()
    START = enum.auto()
    """Start the daemon on this computer."""
    RESTART = enum.auto()
    """Stop it and start it again: another program, or another version of it, takes its place."""
    PREFERENCES = enum.auto()
    """Correct a setting."""


class Problem(Exception):
    """Something that the user can act on; its text says what is wrong and what to do."""

    def __init__(self, words: str, cure: Cure = Cure.NONE) -> None:
        super().__init__(words)
        self.cure = cure


class ConnectionLost(Problem):
    """The daemon went away in the middle of a call. The call may be tried again on a new connection."""


class NotFound(Problem):
    """The daemon has nothing of that name (any more)."""


class NoRoom(Problem):
    """The daemon takes nothing more of the kind for now."""


class NobodyThere(Problem):
    """No daemon answers at an address. Another address of the same computer may do."""
