"""Warnings that point at the user's line."""

import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from overfit.errors import OverfitWarning

_PACKAGE = str(Path(__file__).resolve().parent)


def warn(sentences: Iterable[str]) -> None:
    """Gives each sentence as an `OverfitWarning` of the first line outside this package."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, depth = frame.f_back, depth + 1
    for sentence in dict.fromkeys(sentences):
        warnings.warn(sentence, OverfitWarning, stacklevel=depth)
