"""Every exception of ``learn``. Each message says what came, what was expected, where, and what to do."""

from __future__ import annotations

from circuits.errors import GatewrightError


class DrawError(GatewrightError, ValueError):
    """A key has a bad name, or a draw was asked for that cannot be made."""


class SpaceError(GatewrightError, ValueError):
    """A space is empty or malformed, or parameters or steps do not fit it."""


class RuleError(GatewrightError, ValueError):
    """A rule has a bad setting, or a signal does not fit its parameters."""


class LossError(GatewrightError, ValueError):
    """Outputs, wanted values or settings do not fit a loss."""


class DataError(GatewrightError, ValueError):
    """A data set or generator is unknown, malformed or too large."""


class SearchError(GatewrightError, ValueError):
    """A search was asked for something it cannot do."""
