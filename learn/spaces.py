"""What values a parameter may take, and what a step does to it: no step can leave its space."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from learn.arrays import Array, cast, dtype_name, is_large, xp
from learn.errors import SpaceError
from learn.keys import Key, Shape

MAX_BOUND = (1 << 62) - 1
"""Bounds stay within this, so that a difference of two values fits 64 bits."""


class Space(Protocol):
    """Values of a parameter.

    Attributes:
        size: how many values there are.
    """

    @property
    def size(self) -> int:
        """How many values there are."""

    def init(self, shape: Shape, *, key: Key) -> NDArray[np.signedinteger]:
        """Draw parameters uniformly, in the smallest signed dtype that holds them."""

    def add(self, params: Array, steps: Array) -> Array:
        """Return the parameters after integer steps, in the dtype of ``params``."""

    def contains(self, params: Array) -> bool:
        """Tell whether every parameter is a value of the space."""


class Ordered:
    """The values lo, lo + stride, ..., hi; a step of +1 goes to the next."""

    lo: int
    hi: int
    stride: ClassVar[int] = 1

    @property
    def size(self) -> int:
        """How many values there are."""
        return (self.hi - self.lo) // self.stride + 1

    def init(self, shape: Shape, *, key: Key) -> NDArray[np.signedinteger]:
        """Draw parameters uniformly, in the smallest signed dtype that holds them."""
        return (self.lo + self.stride * key.integers(self.size, shape)).astype(smallest(self.lo, self.hi))

    def fit(self, params: Array, steps: Array) -> Array:
        """Return the part of the steps that stays in the space, int64: steps past an end stop at it."""
        at, library = cast(params, "int64"), xp(params)
        down, up = (self.lo - at) // self.stride, (self.hi - at) // self.stride
        return library.minimum(library.maximum(_steps(steps), down), up)

    def add(self, params: Array, steps: Array) -> Array:
        """Return the saturating sum, in the dtype of ``params``."""
        if is_large(params):
            from learn import rule_kernels

            _check_dtype(self, params)
            flat, moves = (np.ascontiguousarray(array).reshape(-1) for array in (params, _steps(steps)))
            return rule_kernels.added(flat, moves, self.lo, self.hi, self.stride - 1).reshape(params.shape)
        return _narrow(self, cast(params, "int64") + self.stride * self.fit(params, steps), params)

    def contains(self, params: Array) -> bool:
        """Tell whether every parameter is a value of the space."""
        at = cast(params, "int64")
        return bool(((at >= self.lo) & (at <= self.hi) & ((at - self.lo) % self.stride == 0)).all())


@dataclass(frozen=True)
class Bit(Ordered):
    """The values 0 and 1. A step is added modulo 2 (XOR of its parity); a fitted step only moves where it points."""

    lo: int = field(default=0, init=False, repr=False)
    hi: int = field(default=1, init=False, repr=False)

    def add(self, params: Array, steps: Array) -> Array:
        """Return ``params`` XOR the parity of ``steps``."""
        return cast(cast(params, "int64") ^ (_steps(steps) & 1), dtype_name(params))


@dataclass(frozen=True)
class Sign(Ordered):
    """The values -1 and +1. A positive step makes +1, a negative one -1."""

    lo: int = field(default=-1, init=False, repr=False)
    hi: int = field(default=1, init=False, repr=False)
    stride: ClassVar[int] = 2


@dataclass(frozen=True)
class Ternary(Ordered):
    """The values -1, 0 and +1 with saturating steps."""

    lo: int = field(default=-1, init=False, repr=False)
    hi: int = field(default=1, init=False, repr=False)


@dataclass(frozen=True)
class Int(Ordered):
    """The integers lo..hi with saturating steps.

    Raises:
        SpaceError: lo above hi, or a bound of 2**62 or past it.
    """

    lo: int
    hi: int

    def __post_init__(self) -> None:
        if not -MAX_BOUND <= self.lo <= self.hi <= MAX_BOUND:
            raise SpaceError(f"Int: got {self.lo}..{self.hi}, expected lo <= hi, both inside +-2**62")


@dataclass(frozen=True)
class Choice:
    """One of ``n`` unordered choices 0..n-1; a step is added modulo n.

    Raises:
        SpaceError: n below 1, or 2**62 and past it.
    """

    n: int

    def __post_init__(self) -> None:
        if not 1 <= self.n <= MAX_BOUND:
            raise SpaceError(f"Choice: got n = {self.n}, expected 1..2**62 - 1")

    @property
    def size(self) -> int:
        """How many choices there are."""
        return self.n

    def init(self, shape: Shape, *, key: Key) -> NDArray[np.signedinteger]:
        """Draw choices uniformly, in the smallest signed dtype that holds them."""
        return key.integers(self.n, shape).astype(smallest(0, self.n - 1))

    def add(self, params: Array, steps: Array) -> Array:
        """Return ``(params + steps) mod n``, in the dtype of ``params``."""
        # Reduced first, the sum of two choices cannot overflow.
        return _narrow(self, (cast(params, "int64") + _steps(steps) % self.n) % self.n, params)

    def contains(self, params: Array) -> bool:
        """Tell whether every parameter is a choice."""
        return bool(((params >= 0) & (params < self.n)).all())


@dataclass(frozen=True)
class Real:
    """The real numbers, as floats: for the methods that discrete ones are compared with."""

    @property
    def size(self) -> int:
        """How many values there are: more than can be counted.

        Raises:
            SpaceError: always.
        """
        raise SpaceError("Real: has no number of values")

    def init(self, shape: Shape, *, key: Key) -> NDArray[np.float64]:
        """Draw parameters uniformly in [-1, 1)."""
        return 2 * key.uniform(shape) - 1

    def fit(self, params: Array, steps: Array) -> Array:
        """Return the steps as they are."""
        return steps

    def add(self, params: Array, steps: Array) -> Array:
        """Return the sum, in the dtype of ``params``."""
        return cast(params + steps, dtype_name(params))

    def contains(self, params: Array) -> bool:
        """Tell whether every parameter is a finite float."""
        return "float" in dtype_name(params) and bool(xp(params).isfinite(params).all())


def space_of(lo: int, hi: int) -> Bit | Ternary | Int:
    """Return the space of the inclusive range ``lo..hi`` of a gate row's parameters."""
    named: dict[tuple[int, int], Bit | Ternary] = {(0, 1): Bit(), (-1, 1): Ternary()}
    return named.get((lo, hi)) or Int(lo, hi)


def smallest(lo: int, hi: int) -> type[np.signedinteger]:
    """Return the smallest signed integer dtype that holds ``lo..hi``."""
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= lo and hi <= np.iinfo(dtype).max:
            return dtype
    return np.int64


def _steps(steps: Array) -> Array:
    """Return steps as int64; a step that is no integer is an error, not a rounding."""
    if "int" not in dtype_name(steps):
        raise SpaceError(f"steps: got dtype {dtype_name(steps)}, expected integers")
    return cast(steps, "int64")


def _narrow(space: Space, values: Array, params: Array) -> Array:
    """Return new values in the dtype of the old ones, which must hold every value of the space."""
    return cast(values, _check_dtype(space, params))


def _check_dtype(space: Space, params: Array) -> str:
    """Return the name of the dtype of parameters, which must hold every value of the space."""
    name = dtype_name(params)
    lo, hi = (space.lo, space.hi) if isinstance(space, Ordered) else (0, space.size - 1)
    if not np.iinfo(name).min <= lo <= hi <= np.iinfo(name).max:
        raise SpaceError(f"params: dtype {name} cannot hold {space}; use {smallest(lo, hi).__name__}")
    return name
