"""What can go wrong for a person, as a small tree of errors.

    FastNstError            anything a user can mend; the commands print it on one line and exit with code 2
    ├── ImageError          a picture that cannot be read, is too large, or cannot be written
    ├── ModelError          an `.onnx` file or a checkpoint that is missing, broken, or not ours
    ├── WeightsError        loss-network weights that are missing, partial or foreign
    ├── ConfigError         an option or a configuration value that makes no sense
    └── TrainingError       a run that cannot go on (no photographs, NaN)

A message says what was found, what was expected, and what to do next, in one line.
A programmer's mistake stays a `ValueError` or `TypeError`.
"""

import difflib
from collections.abc import Iterable


class FastNstError(Exception):
    """Base class of every error that a user can mend."""


class ImageError(FastNstError):
    """A picture cannot be read, is too large, or cannot be written."""


class ModelError(FastNstError):
    """A model file or checkpoint is missing, broken, foreign, or of another contract version."""


class WeightsError(FastNstError):
    """Loss-network weights are missing, lack a layer, or do not fit."""


class ConfigError(FastNstError):
    """An option or a configuration value makes no sense."""


class TrainingError(FastNstError):
    """A training run cannot start or cannot go on."""


def first_line(error: BaseException) -> str:
    """Return the first line of what `error` says, or its name where it says nothing (an `EOFError` often does)."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'great-wave'?"` for the nearest of `known`, or `""` when nothing is near."""
    nearest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""
