"""Key: the only source of randomness.

A key is a value. The same key draws the same numbers, however often and on however many threads; children made by
:meth:`Key.fold` draw independent ones. Whoever needs two draws folds two names.
"""

from __future__ import annotations

import hashlib
import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import ArrayLike, NDArray

from learn.errors import DrawError

Shape = int | tuple[int, ...]
MAX_WORDS = 1 << 27
"""A single draw holds at most this many words (1 GiB)."""


class _Exactly:
    """Hand Philox its 128-bit key as it is; a plain ``Philox(key=...)`` asks the system for entropy first."""

    def __init__(self, key: NDArray[np.uint64]) -> None:
        self.key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> NDArray[np.uint64]:
        return self.key


ISeedSequence.register(_Exactly)


@dataclass(frozen=True, slots=True)
class Key:
    """A place in the tree of random numbers.

    Attributes:
        seed: any integer.
        path: the names folded in, integers and strings.

    Raises:
        DrawError: a seed that is no integer, or a name that is neither integer nor string.
    """

    seed: int
    path: tuple[int | str, ...] = ()

    def __post_init__(self) -> None:
        # Exact types make equal keys spell alike, and what they spell is hashed.
        if type(self.seed) is not int:
            object.__setattr__(self, "seed", _integer(self.seed, "seed"))
        if type(self.path) is not tuple or not all(type(name) in (int, str) for name in self.path):
            names = (str(name) if isinstance(name, str) else _integer(name, "name") for name in self.path)
            object.__setattr__(self, "path", tuple(names))

    def fold(self, *names: int | str) -> Key:
        """Return the child with these names; ``k.fold(a).fold(b) == k.fold(a, b)``."""
        return Key(self.seed, self.path + names)

    def philox_key(self) -> tuple[int, int]:
        """Return the two 64-bit halves (low, high) of the Philox key, for kernels that draw themselves.

        Word ``i`` of :meth:`words` is lane ``i % 4`` of Philox 4x64-10 at counter ``i // 4 + 1`` (Salmon et al. 2011,
        doi 10.1145/2063384.2063405); the counter starts at 1.
        """
        digest = self._digest()
        return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")

    def words(self, n: int) -> NDArray[np.uint64]:
        """Return the first ``n`` words of this key's stream: uint64 (n,). A longer draw begins with a shorter one.

        Raises:
            DrawError: ``n`` below 0 or above ``MAX_WORDS``.
        """
        if not 0 <= n <= MAX_WORDS:
            raise DrawError(f"draw: got {n} words, expected 0..{MAX_WORDS}; split the draw with fold")
        halves = np.frombuffer(self._digest(), "<u8").astype(np.uint64, copy=False)
        return np.random.Philox(_Exactly(halves)).random_raw(n)  # type: ignore[arg-type]

    def uniform(self, shape: Shape = ()) -> NDArray[np.float64]:
        """Draw doubles in [0, 1): multiples of 2**-53, each equally likely."""
        return np.multiply(self.words(_count(shape)) >> np.uint64(11), 2.0**-53, dtype=np.float64).reshape(shape)

    def integers(self, n: int, shape: Shape = ()) -> NDArray[np.int64]:
        """Draw integers in [0, n), each exactly equally likely: words past the last multiple of ``n`` are passed over.

        Raises:
            DrawError: ``n`` below 1 or above 2**63.
        """
        if not 1 <= n <= 1 << 63:
            raise DrawError(f"integers: got n = {n}, expected 1..2**63")
        count = _count(shape)
        last = np.uint64((1 << 64) - (1 << 64) % n - 1)
        drawn = count
        kept = self.words(drawn)
        while (kept := kept[kept <= last]).size < count:
            drawn = 2 * drawn + 8
            kept = self.words(drawn)
        return (kept[:count] % np.uint64(n)).astype(np.int64).reshape(shape)

    def bernoulli(self, p: ArrayLike) -> NDArray[np.bool_]:
        """Draw True with probability ``p``, one draw an entry of ``p``."""
        chances = np.asarray(p, np.float64)
        return self.uniform(chances.shape) < chances

    def multinomial(self, n: int, weights: ArrayLike) -> NDArray[np.int64]:
        """Throw ``n`` balls into cells with chances proportional to ``weights``, exactly, in O(n + d).

        Partial sums of n + 1 exponentials over their total are n sorted uniforms (Devroye 1986, Non-Uniform Random
        Variate Generation, chapter V); merged with the cumulative weights they fall into the cells. A cell of weight 0
        stays empty.

        Args:
            n: how many balls.
            weights: (d,), not negative, not all zero.

        Returns:
            int64 (d,): how many balls each cell holds.

        Raises:
            DrawError: no weights, a negative or infinite one, or a zero sum.
        """
        chances = np.asarray(weights, np.float64)
        if chances.ndim != 1 or not chances.size or chances.min() < 0:
            raise DrawError("multinomial: expected a vector of weights, none negative")
        edges = np.cumsum(chances)
        total = edges[-1]
        if not 0 < total < math.inf:
            raise DrawError(f"multinomial: the weights sum to {total}, expected a positive finite sum")
        sums = np.cumsum(self._exponential(n + 1))
        # Below 1, a ball times the total rounds to below the total: none misses the last edge.
        balls = np.minimum(sums[:-1] / sums[-1], np.nextafter(1.0, 0.0)) * total
        return np.bincount(np.searchsorted(edges, balls, side="right"), minlength=len(edges)).astype(np.int64)

    def gumbel(self, shape: Shape = ()) -> NDArray[np.float64]:
        """Draw standard Gumbel noise, always finite: argmax(logits + noise) is a draw from softmax(logits).

        Logarithms are the machine's: another kind of processor may differ in the last place.
        """
        return -np.log(self._exponential(_count(shape))).reshape(shape)

    def _exponential(self, n: int) -> NDArray[np.float64]:
        # 52 bits and a half keep the uniforms inside the open interval, so the logarithm is finite and not zero.
        return -np.log(((self.words(n) >> np.uint64(12)) + 0.5) * 2.0**-52)

    def _digest(self) -> bytes:
        spelled = ascii((self.seed, self.path)).encode()
        return hashlib.blake2b(spelled, digest_size=16).digest()


def _integer(value: object, what: str) -> int:
    try:
        return int(operator.index(value))  # type: ignore[arg-type]
    except TypeError:
        raise DrawError(f"key: got {what} {value!r}, expected an integer{' or text' * (what == 'name')}") from None


def _count(shape: Shape) -> int:
    return shape if isinstance(shape, int) else math.prod(shape)
