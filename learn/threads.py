"""Threads that share pieces of work of well below a millisecond.

Who waits looks again and again for a while before it sleeps: to be woken takes some 40 microseconds, as long as a piece
of work may last. Importing this module imports numba.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from learn.lut_kernels import intrinsic

LOOKS = 100_000
"""Times that who waits looks before it sleeps; of some 1 to 2 nanoseconds."""
LINE = 8
"""Words of a cache line."""


@intrinsic
def _loaded(typing: Any, words: Any, at: Any) -> Any:
    """Return a word as it is in memory now."""
    signature = types.int64(words, types.int64)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = builder.gep(context.make_array(sig.args[0])(context, builder, args[0]).data, [args[1]])
        return builder.load_atomic(place, "acquire", 8)

    return signature, generate


@njit(cache=True, nogil=True)
def _watch(counts: NDArray[np.int64], at: int, before: int, looks: int) -> bool:
    """Return whether a count was seen to differ from what it was, within so many looks."""
    left = looks
    while left > 0 and _loaded(counts, at) == before:
        left -= 1
    return left > 0


class Team:
    """The calling thread and others that wait for its word.

    Attributes:
        size: how many, the calling one among them.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._given: list[SimpleQueue[Callable[[int], Any] | None]] = [SimpleQueue() for _ in range(size - 1)]
        self._done: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._handed = np.zeros(size * LINE, np.int64)  # pieces of work, counted, a line a thread
        self._ended = np.zeros(size * LINE, np.int64)
        self._runs = 0
        self._threads = [Thread(target=self._serve, args=each, daemon=True) for each in enumerate(self._given, 1)]
        for thread in self._threads:
            thread.start()

    def share(self, member: int, parts: int) -> tuple[int, int]:
        """Return the first of a member's share of so many parts, and what is behind the last."""
        return parts * member // self.size, parts * (member + 1) // self.size

    def run(self, work: Callable[[int], Any]) -> list[Any]:
        """Call ``work(member)`` on every thread, 0 on this one; return what came of it, in no particular order.

        What a member raises is raised here; then no more work may be given.
        """
        for other in range(1, self.size):
            self._hand(other, work)
        found = [work(0)]
        for other in range(1, self.size):
            _watch(self._ended, other * LINE, self._runs, LOOKS)
        self._runs += 1
        for _ in self._threads:
            result, error = self._done.get()
            if error is not None:
                raise error
            found.append(result)
        return found

    def post(self, work: Callable[[int, int], Any], parts: int) -> None:
        """Let the other threads share ``work(first, last)`` while this one goes on.

        It is done when the next :meth:`run` comes back, and must not fail.
        """
        for other in range(1, self.size):
            edges = (parts * (other - 1 + k) // (self.size - 1) for k in range(2))
            self._hand(other, partial(_posted, work, *edges))

    def close(self) -> None:
        """End the threads."""
        for other in range(1, self.size):
            self._hand(other, None)
        for thread in self._threads:
            thread.join()

    def _hand(self, member: int, work: Callable[[int], Any] | None) -> None:
        self._given[member - 1].put(work)
        self._handed[member * LINE] += 1

    def _serve(self, member: int, given: SimpleQueue[Callable[[int], Any] | None]) -> None:
        for count in itertools.count():
            _watch(self._handed, member * LINE, count, LOOKS)
            work = given.get()
            if work is None:
                return
            try:
                found = work(member)
                if found is POSTED:
                    continue
                self._done.put((found, None))
            except BaseException as error:  # it is raised where the work came from
                self._done.put((None, error))
            self._ended[member * LINE] += 1


POSTED = object()
"""What nobody waits for."""


def _posted(work: Callable[[int, int], Any], first: int, last: int, member: int) -> object:
    work(first, last)
    return POSTED


ALONE = Team(1)
"""The calling thread."""
