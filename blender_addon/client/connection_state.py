"""Where the connection stands, and what may be done about it."""

import enum


class ConnectionState(enum.Enum):
    """Where the connection stands."""

    IDLE = enum.auto()
    CONNECTING = enum.auto()
    READY = enum.auto()
    FAILED = enum.auto()


class Start(enum.Enum):
    """Whether a daemon that is not there is started."""

    NEVER = enum.auto()
    NEEDED = enum.auto()
    """As the preferences say, unless that went wrong before."""
    ASKED = enum.auto()
