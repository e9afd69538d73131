"""Which versions of daemon and extension work together."""

from .problem import Cure, Problem


def same_version(daemon: str, extension: str, local: bool) -> None:
    """Raises `Problem` unless both have the same major and minor number. A `local` daemon can be restarted."""
    if numbers(daemon)[:2] != numbers(extension)[:2]:
        cure = (
            "Update this extension (Preferences, Get Extensions)"
            if numbers(daemon) > numbers(extension)
            else "Update the daemon and start it again"
        )
        raise Problem(
            f"The daemon is version {daemon} and this extension is version {extension}, "
            f"which do not work together. {cure}",
            Cure.RESTART if local else Cure.NONE,
        )


def numbers(version: str) -> tuple[int, ...]:
    """`"0.1.2-rc1"` → `(0, 1, 2)`; what is not a number counts as 0."""
    parts = version.split("-")[0].split(".")
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)
