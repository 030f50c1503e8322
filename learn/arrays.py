"""The few array functions rules use, so that one rule runs on numpy arrays and on torch tensors.

Arithmetic stays in the library its arrays come from (the names the two share: ``abs``, ``where``, ``argmin``, ...);
random numbers are drawn in numpy and carried over, so both draw the same ones. Torch is never imported here:
a tensor that comes in has brought it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = Any  # a numpy array or a torch tensor
LARGE = 4096
"""Numpy arrays of at least so many integers are stepped by kernels, which cost time to load and to call."""


def xp(array: Array) -> ModuleType:
    """Return the library of ``array``: numpy, or torch for tensors."""
    if type(array).__module__.partition(".")[0] == "torch":
        return sys.modules["torch"]  # loaded, or there were no tensor
    return np


def is_large(array: Array) -> bool:
    """Tell whether an array is stepped by kernels: of signed integers, in numpy, and worth it."""
    return xp(array) is np and array.dtype.kind == "i" and array.size >= LARGE


def to_numpy(array: Array) -> NDArray[Any]:
    """Return the values as a numpy array; without a copy where they lie in main memory."""
    return np.asarray(array) if xp(array) is np else array.detach().cpu().numpy()


def like(values: NDArray[Any], array: Array) -> Array:
    """Return numpy values in the library and on the device of ``array``, dtype kept."""
    library = xp(array)
    return values if library is np else library.from_numpy(values).to(array.device)


def sqrt(array: Array) -> Array:
    """Return the square root, rounded correctly: taken in numpy, since that of torch may miss the last bit."""
    return like(np.sqrt(to_numpy(array)), array)


def cast(array: Array, dtype: str) -> Array:
    """Return ``array`` as the dtype of this name (``"int64"``), without a copy where it is that already."""
    library = xp(array)
    if library is np:
        return np.asarray(array).astype(dtype, copy=False)
    return array.to(getattr(library, dtype))


def dtype_name(array: Array) -> str:
    """Return the dtype's name: ``"int8"``, ``"float32"``, ..."""
    return str(array.dtype).removeprefix("torch.")


def zeros(shape: tuple[int, ...], array: Array) -> Array:
    """Return int64 zeros where ``array`` lies."""
    return like(np.zeros(shape, np.int64), array)


def least(values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return where the least of some values stand, the first among equals."""
    if not count:
        return np.zeros(0, np.int64)
    limit = np.partition(values, count - 1)[count - 1]
    below = np.flatnonzero(values < limit)
    return np.concatenate([below, np.flatnonzero(values == limit)[: count - len(below)]])
