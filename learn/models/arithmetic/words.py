"""Bits taken together as words: which bits, in which order, signed or not, is searched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from circuits.circuit import Builder
from circuits.wires import BIT, Word
from learn.models.arithmetic.forms import Learned, Samples, word_of
from learn.models.structure import Words, layouts

MOST_BITS = 32
"""The low bits of longer words are left out: samples never tell what they do."""


def grouped(samples: Samples, words: Words, signed: bool) -> Samples:
    """Return samples of bits as samples of words."""
    word = Word(len(words[0]), signed)
    weights = np.array([1 << k for k in range(word.bits)], np.int64)
    weights[-1] *= -1 if signed else 1
    x = np.stack([samples.x[:, list(each)] @ weights for each in words], axis=1)
    names = tuple("{" + ",".join(samples.name(i) for i in reversed(each)) + "}" for each in words)
    return samples._replace(x=x, types=(word,) * len(words), names=names)


def on_words(learner: Callable[[Samples], Learned | None], samples: Samples) -> Iterator[Learned | None]:
    """Learn a function of words from a function of bits, for every way in which they may be one word or two."""
    if any(word != BIT for word in samples.types) or len(samples.types) < 4:
        return
    for count, signed in product((2, 1), (False, True)):
        for layout in layouts(len(samples.types), count):
            words = tuple(each[-MOST_BITS:] for each in layout)
            learned = learner(grouped(samples, words, signed))
            if learned is not None:
                yield learned._replace(recipe=_regrouped(learned, words, signed))


def _regrouped(learned: Learned, words: Words, signed: bool) -> Callable[[Builder, Sequence[int]], int]:
    word = Word(len(words[0]), signed)

    def recipe(b: Builder, wires: Sequence[int]) -> int:
        return learned.recipe(b, [word_of(b, [wires[i] for i in each], word) for each in words])

    return recipe
