"""Files from the network, kept in a cache folder: complete and with the right checksum, or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from learn.errors import DataError

TIMEOUT = 30.0
"""Seconds without a byte after which a mirror is given up."""
MAX_FETCHED = 64 << 20
"""Bytes of a file, packed as it comes and unpacked."""


def cache_dir() -> Path:
    """Return the folder of what was fetched: ``gatewright`` in ``$XDG_CACHE_HOME``, by default in ``~/.cache``.

    As the XDG base directory specification asks, a relative ``$XDG_CACHE_HOME`` counts for nothing.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "gatewright"


def fetch(name: str, mirrors: Sequence[str], folder: Path, checksum: str) -> Path:
    """Get the file ``name``.gz from the first mirror that has the right one, unless the folder has it.

    It is written under a temporary name and renamed when it is complete.

    Args:
        name: of the file, unpacked.
        mirrors: addresses of folders, each with a slash at its end.
        folder: where it is put; made if missing.
        checksum: SHA-256 of the unpacked file, in hexadecimal.

    Returns:
        the path of the packed file.

    Raises:
        DataError: no mirror has it, or the folder cannot be written; what each one said.
    """
    place = folder / f"{name}.gz"
    said = []
    try:
        if place.is_file() and _fault(place.read_bytes(), checksum) == "":
            return place
        folder.mkdir(parents=True, exist_ok=True)
        for mirror in mirrors:
            data, fault = _answer(f"{mirror}{name}.gz")
            fault = fault or _fault(data, checksum)
            if not fault:
                _put(data, place)
                return place
            said.append(f"{mirror}{name}.gz: {fault}")
    except OSError as error:
        raise DataError(f"{place}: cannot be written: {error.strerror or error}") from None
    raise DataError(f"cannot fetch {name}: {'; '.join(said)}")


def _answer(address: str) -> tuple[bytes, str]:
    """Return what an address answers, and what is wrong with it."""
    import http.client  # both take as long to load as all other readers of data
    import urllib.request

    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as stream:
            data = stream.read(MAX_FETCHED + 1)
            length = stream.headers.get("Content-Length")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return b"", " ".join(str(getattr(error, "reason", None) or error or type(error).__name__).split())[:120]
    if length is not None and length.isdecimal() and len(data) < min(int(length), MAX_FETCHED + 1):
        return data, f"ended after {len(data)} of {length} bytes"
    return data, ""


def _fault(data: bytes, checksum: str) -> str:
    """Say what is wrong with a packed file, or nothing."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(data, MAX_FETCHED)
    except zlib.error as error:
        return f"is no gzip file: {error}"
    if len(data) > MAX_FETCHED or unpacker.unconsumed_tail:
        return f"holds more than {MAX_FETCHED >> 20} MiB"
    if not unpacker.eof:
        return "is truncated"
    found = hashlib.sha256(unpacked).hexdigest()
    return "" if found == checksum else f"has the SHA-256 {found[:12]}..., expected {checksum[:12]}..."


def _put(data: bytes, place: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".fetched-", delete=False) as file:
        try:
            file.write(data)
            file.close()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(place)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
