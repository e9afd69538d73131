"""How far a fit is, as data and as a bar."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias

from overfit.answers import Metrics
from overfit.v1 import fit_pb2

Listener: TypeAlias = Callable[["Progress"], object] | bool | None
"""`True`: a bar. `None`: a bar in notebooks and on terminals. `False`: nothing. Anything else is called with each
`Progress`.
"""

_PHASES = {
    fit_pb2.PHASE_PREPARE: "preparing",
    fit_pb2.PHASE_COMPILE: "compiling",
    fit_pb2.PHASE_TRAIN: "training",
    fit_pb2.PHASE_EVALUATE: "measuring",
    fit_pb2.PHASE_SAVE: "saving",
}


@dataclass(frozen=True)
class Progress:
    """How far a fit is."""

    phase: str
    """`waiting`, `preparing`, `compiling`, `training`, `measuring` or `saving`."""
    fraction: float
    """Share of the budget that is used, 0 to 1."""
    step: int
    """Training steps so far."""
    loss: float
    """Mean loss of the latest steps; lengths in the unit frame (longest side 1.8)."""
    samples_per_second: float
    elapsed_seconds: float
    remaining_seconds: float | None
    """An estimate; `None` while unknown."""
    metrics: Metrics | None
    """The newest figures on fresh points, if some were taken."""

    @staticmethod
    def of(message: fit_pb2.Progress) -> "Progress":
        """From the API's message."""
        return Progress(
            _PHASES.get(message.phase, "waiting"),
            message.fraction,
            message.step,
            message.loss,
            message.samples_per_second,
            message.elapsed_seconds,
            message.remaining_seconds if message.HasField("remaining_seconds") else None,
            Metrics.of(message.quality) if message.HasField("quality") else None,
        )


WAITING = Progress("waiting", 0.0, 0, 0.0, 0.0, 0.0, None, None)


class Display:
    """Shows progress as a listener wants it. A context manager: the bar goes no further at its end."""

    def __init__(self, listener: Listener, name: str) -> None:
        self._name, self._call = name, listener if callable(listener) else None
        self._bar: Any = None
        if not callable(listener) and listener is not False:
            self._bar = _bar(name, listener)

    def show(self, progress: Progress) -> None:
        """The newest progress."""
        if self._call is not None:
            self._call(progress)
        if self._bar is not None:
            words = [f"step {progress.step}", f"loss {progress.loss:.2e}"] if progress.step else []
            if progress.metrics is not None:
                words.append(f"near error {progress.metrics.near_mae:.1e}")
            self._bar.set_description_str(f"{self._name}: {progress.phase}", refresh=False)
            self._bar.set_postfix_str(", ".join(words), refresh=False)
            self._bar.n = max(self._bar.n, round(min(1.0, progress.fraction), 3))
            self._bar.refresh()

    def complete(self) -> None:
        """The fit has succeeded."""
        if self._bar is not None:
            self._bar.n = 1.0
            self._bar.set_description_str(f"{self._name}: done", refresh=False)
            self._bar.refresh()

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(name: str, wanted: bool | None) -> Any:
    """tqdm's bar: that of notebooks in one that can show it, else text, which a file or pipe gets only if it is asked
    for.
    """
    from tqdm.std import tqdm as text

    kind: Any = text
    if _in_notebook():
        try:
            import ipywidgets  # noqa: F401
            from tqdm.notebook import tqdm as widget

            kind, wanted = widget, True
        except ImportError:
            wanted = True
    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed} {postfix}"
    return kind(total=1.0, desc=name, bar_format=form, disable=False if wanted else None, leave=True, ascii=_plain())


def _in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this."""
    if "IPython" not in sys.modules:
        return False
    shell: Any = sys.modules["IPython"].get_ipython()
    return shell is not None and shell.has_trait("kernel")


def _plain() -> bool | None:
    return True if os.environ.get("TERM") == "dumb" else None
