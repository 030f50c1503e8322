"""What is learned from, and what comes of it: samples of integers in words, and recipes of gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.circuit import Builder, Circuit
from circuits.rewrite import without_dead_gates
from circuits.values import simulate_values
from circuits.wires import BIT, Word

Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Recipe = Callable[[Builder, Sequence[int]], int]
"""``recipe(builder, wires)``: adds gates that read the wires of the variables, and returns the wire of the result."""


class Samples(NamedTuple):
    """Values of variables, and of the one function of them that is wanted.

    Attributes:
        x: int64 (samples, variables).
        y: int64 (samples,).
        types: of the variables, which hold every x.
        word: the type of y, which holds every y.
        declared: the result is of this type and wraps or saturates; else the type is only the narrowest that holds the
            samples, and a result over the integers may be wider.
        names: of the variables.
    """

    x: Integers
    y: Integers
    types: tuple[Word, ...]
    word: Word
    declared: bool = True
    names: tuple[str, ...] = ()

    def at(self, rows: NDArray | slice) -> Samples:
        """Return some of the samples, chosen by indices, a mask or a slice."""
        return self._replace(x=self.x[rows], y=self.y[rows])

    def name(self, variable: int) -> str:
        """Return the name of a variable."""
        return self.names[variable] if self.names else f"x{variable}"


class Learned(NamedTuple):
    """A function that was learned.

    Attributes:
        form: which kind it is.
        text: the function as a formula.
        recipe: its gates.
    """

    form: str
    text: str
    recipe: Recipe


def stored(b: Builder, wire: int, word: Word) -> int:
    """Return a wire's value on a wire of a type: modulo 2**bits, or the nearest where the type saturates."""
    plain = word._replace(saturate=False)
    if b.type_of(wire) == plain:
        return wire
    if word.saturate:
        wire = b.add("clip", wire, params=(word.lo, word.hi))
    return b.add("slice", wire, params=(0,), type=plain)


def result(b: Builder, wire: int, samples: Samples) -> int:
    """Return an exact result as the samples ask for it: of the declared type, else as wide as it is."""
    return stored(b, wire, samples.word) if samples.declared else wire


def constant(b: Builder, value: int, word: Word) -> int:
    """Return a constant of a type."""
    return b.add("const", params=(value,), type=word)


def bits_of(b: Builder, wire: int) -> list[int]:
    """Return the bits that store a word, the least significant first. No gates of bits."""
    word = b.type_of(wire)
    return [wire] if word == BIT else [b.add("slice", wire, params=(k,), type=BIT) for k in range(word.bits)]


def word_of(b: Builder, bits: Sequence[int], word: Word) -> int:
    """Undo :func:`bits_of`."""
    return bits[0] if word == BIT else stored(b, b.add("pack", *bits), word)


def bit_columns(x: Integers, types: Sequence[Word]) -> Bools:
    """Return the bits that store some words: int64 (samples, words) to bool (samples, bits)."""
    return np.stack([(column >> k & 1).astype(bool) for column, word in zip(x.T, types, strict=True)
                     for k in range(word.bits)], axis=1)  # fmt: skip


def circuit_of(recipes: dict[str, Recipe], names: Sequence[str], types: Sequence[Word], name: str) -> Circuit:
    """Build the circuit of recipes, an output each; they share equal gates."""
    b = Builder(names, name=name, types=types)
    return without_dead_gates(b.circuit({out: recipe(b, b.inputs) for out, recipe in recipes.items()}))


def answers(learned: Learned, samples: Samples) -> Integers:
    """Return what the circuit of a learned function says for samples: int64 (samples,)."""
    names = [samples.name(i) for i in range(len(samples.types))]
    return simulate_values(circuit_of({"y": learned.recipe}, names, samples.types, "learned"), samples.x.T)[0]


def as_sum(weights: Sequence[int], bias: int, names: Sequence[str]) -> str:
    """Spell a linear form, as in ``3*a - b + 7``."""
    parts = [(w, f"{abs(w)}*{n}" if abs(w) != 1 else n) for w, n in zip(weights, names, strict=True) if w]
    parts += [(bias, str(abs(bias)))] * bool(bias or not parts)
    text = " ".join(f"{'-' if value < 0 else '+'} {part}" for value, part in parts)
    return text.removeprefix("+ ").replace("- ", "-", 1) if text.startswith("- ") else text.removeprefix("+ ")
