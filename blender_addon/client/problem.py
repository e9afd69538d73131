"""Failures in words for the user."""


class Problem(Exception):
    """Something that the user can act on; its text says what is wrong and what to do."""


class ConnectionLost(Problem):
    """The daemon went away in the middle of a call. The call may be tried again on a new connection."""


class NotFound(Problem):
    """The daemon has nothing of that name (any more)."""


class NoRoom(Problem):
    """The daemon takes nothing more of the kind for now."""
