"""Every exception of ``learn``. Each message says what came, what was expected, where, and what to do."""

from __future__ import annotations

from circuits.errors import GatewrightError


class LearnError(GatewrightError, ValueError):
    """Base of the errors of ``learn``."""


class DrawError(LearnError):
    """A key has a bad name, or a draw was asked for that cannot be made."""


class SpaceError(LearnError):
    """A space is empty or malformed, or parameters or steps do not fit it."""


class RuleError(LearnError):
    """A rule has a bad setting, or a signal does not fit its parameters."""


class LossError(LearnError):
    """Outputs, wanted values or settings do not fit a loss."""


class DataError(LearnError):
    """A data set or generator is unknown, malformed or too large."""


class ModelError(LearnError):
    """A model has a bad setting, or data does not fit it."""


class TrainError(LearnError):
    """Training was asked for something it cannot do."""


class CheckpointError(LearnError):
    """A file of a training under way is damaged, or of another training."""


class ContestError(LearnError):
    """A contest, its files or a file of its results is unknown, malformed or of another run."""


class SearchError(LearnError):
    """A search was asked for something it cannot do."""


class CompareError(LearnError):
    """Rules that cannot be compared as asked."""


class ReportError(LearnError):
    """A log of a run is damaged, or something else."""


class NetError(LearnError):
    """A layer, a net or its optimizer has a bad setting, or asks for what it cannot do."""
