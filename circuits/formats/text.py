"""What the text readers share: decoding, and numbers that cannot promise too much."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from circuits.errors import FormatError

MAX_LINES = 1 << 24
"""A file of more lines is refused unread: a line takes time, however short it is."""


def bounded(data: bytes) -> BytesIO:
    """Return the lines of a file, raw, one by one: a file of empty lines takes no memory.

    Raises:
        FormatError: too many of them.
    """
    if (count := data.count(b"\n")) > MAX_LINES:
        raise FormatError(f"got {count} lines, expected at most {MAX_LINES}")
    return BytesIO(data)


def lines(data: bytes, first: int = 1) -> Iterator[tuple[int, str]]:
    """Yield (line number, text without its end) one by one.

    Raises:
        FormatError: the bytes are not UTF-8, or the lines too many.
    """
    for line, raw in enumerate(bounded(data), first):
        try:
            yield line, raw.decode("utf-8-sig" if line == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise FormatError(f"got byte 0x{raw[error.start]:02x}, expected UTF-8 text", line=line) from None


def decode(data: bytes) -> str:
    """Return the text of a file, line ends as one line feed.

    Raises:
        FormatError: the bytes are not UTF-8.
    """
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(f"got byte 0x{data[error.start]:02x}, expected UTF-8 text", line=line) from None


def number(token: str, what: str, limit: int, *, line: int | None = None) -> int:
    """Return a decimal number of the file.

    Args:
        token: what stands there.
        what: what it means, for the message.
        limit: the largest value that makes sense.
        line: 1-based line number.

    Raises:
        FormatError: not decimal digits, or past the limit.
    """
    if not (token.isascii() and token.isdigit()):
        raise FormatError(f"{what}: got {shown(token)}, expected a number", line=line)
    digits = token.lstrip("0") or "0"
    if len(digits) > len(str(limit)) or int(digits) > limit:
        raise FormatError(f"{what}: got {shown(token)}, expected at most {limit}", line=line)
    return int(digits)


def shown(token: str) -> str:
    """Return a piece of the file fit for an error message."""
    return repr(token if len(token) <= 40 else token[:37] + "...")
