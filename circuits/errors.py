"""Every exception of the package. Each message says what came, what was expected, where, and what to do."""

from __future__ import annotations

from os import PathLike


class GatewrightError(Exception):
    """Base of all errors raised on purpose; ``str(error)`` is one line fit for a terminal."""


class CircuitError(GatewrightError, ValueError):
    """A circuit, gate, wire or parameter breaks a law of the representation."""


class TableError(GatewrightError, ValueError):
    """A truth table or a pattern set is malformed, or does not fit the circuit it is used with."""


class FormatError(GatewrightError, ValueError):
    """A file cannot be read as, or a circuit cannot be written in, the format asked for.

    Args:
        message: what came and what was expected.
        path: the file, if there is one.
        line: 1-based line number, if known.
    """

    def __init__(self, message: str, *, path: str | PathLike[str] | None = None, line: int | None = None) -> None:
        self.message, self.path, self.line = message, path, line
        where = "" if path is None else f"{path}:" if line is None else f"{path}:{line}:"
        super().__init__(f"{where} {message}" if where else message)


class ToolError(GatewrightError, RuntimeError):
    """An external program or library is missing, failed or timed out."""
