"""Files of a training under way: one .npz of plain arrays, with a digest, put in its place whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn.errors import CheckpointError

Arrays = Mapping[str, NDArray[Any]]
_ABOUT, _DIGEST = "about", "digest"


def save(path: Path, state: Arrays, *, about: str) -> None:
    """Write a state to a file; one that is there already stays until the new one is whole.

    Args:
        path: the file.
        state: arrays of numbers, by name.
        about: which training it is of, in words of the caller's.

    Raises:
        CheckpointError: the file cannot be written.
    """
    arrays = {_ABOUT: np.frombuffer(about.encode(), np.uint8), **state}
    place = Path(os.path.realpath(path))
    try:
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".gatewright-") as folder:
            made = Path(folder) / "state.npz"
            np.savez(made, allow_pickle=False, **{_DIGEST: _digest(arrays)}, **arrays)
            made.replace(place)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written: {error.strerror or error}") from None


def load(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """Read a file that :func:`save` wrote: the state, and what it is about.

    Whether a state fits a training is for ``learn.train.fit`` to tell.

    Raises:
        CheckpointError: the file cannot be read, or is not exactly what was written.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        digest, about = arrays.pop(_DIGEST), arrays[_ABOUT].tobytes().decode()
        whole = np.array_equal(digest, _digest(arrays))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception:  # readers of zip files and headers fail in dozens of ways where bytes are wrong
        whole = False
    if not whole:
        raise CheckpointError(f"{path}: is damaged or no checkpoint; delete it to start anew")
    return {name: array for name, array in arrays.items() if name != _ABOUT}, about


def _digest(arrays: Arrays) -> NDArray[np.uint8]:
    """Return a digest of names, types, shapes and bytes: uint8 (16,)."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape};".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
