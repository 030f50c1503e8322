"""Iterated cells: one learned look-up table with a state, repeated along a chain of positions.

Adders, comparators, parities, counters modulo a few and all that a small automaton tells about a word are such chains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from circuits.circuit import Builder
from circuits.wires import BIT
from learn.keys import Key
from learn.models.arithmetic.forms import Bools, Learned, Recipe, Samples, bit_columns, bits_of
from learn.models.structure import Words, layouts
from learn.rules import make_rule
from learn.spaces import Choice

FEW = 256
"""Samples that cells are learned from."""
SWEEPS = 12
Masks = list[int]  # Python integers as vectors of bits, one bit a sample


class Chain(NamedTuple):
    """A cell and how it is repeated.

    Attributes:
        table: the next state for state + states * address; the address's low bit is that of the first word.
        readout: the answer for state + states * address of the position ``length``; for the state alone where the
            chain is as long as the words.
        states: how many; 0 is the first.
        words: the inputs of each position, by word, in the order of the chain.
        length: positions that the cell is repeated along.
    """

    table: tuple[int, ...]
    readout: tuple[bool, ...]
    states: int
    words: Words
    length: int

    def recipe(self, b: Builder, wires: Sequence[int]) -> int:
        """Add the gates: a look-up table a position and bit of the state."""
        digits = max(1, (self.states - 1).bit_length())
        state = [b.const(0)] * digits
        pins = len(self.words)

        def looked_up(entries: Sequence[int], inputs: Sequence[int]) -> int:
            return b.add(f"lut{len(inputs)}", *inputs, params=entries)

        for i in range(self.length):
            inputs = [*state, *(wires[word[i]] for word in self.words)]
            following = self._spread(self.table, pins)
            state = [looked_up([entry >> k & 1 for entry in following], inputs) for k in range(digits)]
        last = pins if self.length < len(self.words[0]) else 0
        inputs = [*state, *(wires[word[self.length]] for word in self.words[:last])]
        return looked_up([int(entry) for entry in self._spread(self.readout, last)], inputs)

    def _spread(self, table: Sequence[int], pins: int) -> list[int]:
        """Return a table with an entry for each code of the state, used or not."""
        codes = 1 << max(1, (self.states - 1).bit_length())
        return [table[min(code, self.states - 1) + self.states * a] for a in range(1 << pins) for code in range(codes)]


def _as_number(bits: Bools) -> int:
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")


def minterms(x: Bools, words: Words) -> list[Masks]:
    """Return for every position which samples have each address there, as bits of a number."""
    columns = [_as_number(column) for column in x.T]
    every = (1 << len(x)) - 1
    found = []
    for position in zip(*words, strict=True):
        masks = [every]
        for i in position:
            masks = [m & ~columns[i] for m in masks] + [m & columns[i] for m in masks]
        found.append(masks)
    return found


def run(table: Sequence[int], states: int, addresses: list[Masks], every: int) -> Masks:
    """Return which samples end in each state."""
    at = [every, *[0] * (states - 1)]
    for masks in addresses:
        following = [0] * states
        for k, entry in enumerate(table):
            following[entry] |= at[k % states] & masks[k // states]
        at = following
    return at


def readout(at: Masks, last: Masks, wanted: int) -> tuple[int, list[bool]]:
    """Return how many samples the best readout gets right, and it: entries by state, then address."""
    right, entries = 0, []
    for mask in last:
        for state in at:
            here = state & mask
            ones, total = (here & wanted).bit_count(), here.bit_count()
            entries.append(2 * ones > total)
            right += max(ones, total - ones)
    return right, entries


def learned_cell(
    addresses: list[Masks], last: Masks, wanted: int, samples: int, states: int, *, key: Key, tries: int
) -> tuple[int, list[int], list[bool]]:
    """Learn a cell by its entries' own differences, one entry at a time.

    The signal of an entry is the loss with each other state in its place, less that now, found by trying, since the
    cell is shared along the chain; a cold heat bath chooses. Each try starts from a random cell.

    Returns:
        samples right, the table, and the readout.
    """
    every, entries = (1 << samples) - 1, states * len(addresses[0])
    rule, space = make_rule("heat_bath", Choice(states), temperature=0.5), Choice(states)
    best: tuple[int, list[int], list[bool]] = (-1, [], [])

    def loss(table: Sequence[int]) -> int:
        return samples - readout(run(table, states, addresses, every), last, wanted)[0]

    for trial in range(tries):
        own = key.fold(trial)
        table = space.init(entries, key=own).astype(np.int64)
        now = loss(table.tolist())
        for sweep in range(SWEEPS):
            before = now
            for place in np.argsort(own.fold("order", sweep).words(entries)).tolist():
                signal = np.zeros((1, states), np.int64)
                for choice in range(states):
                    if choice != table[place]:
                        signal[0, choice] = loss([*table[:place].tolist(), choice, *table[place + 1 :].tolist()]) - now
                held = table[place : place + 1]
                steps, _ = rule.update(signal, rule.init(held), held, key=own.fold(sweep, place))
                moved = space.add(held, steps)
                now += int(signal[0, moved[0]])
                table[place] = moved[0]
            if now == 0 or now == before:
                break
        if samples - now > best[0]:
            right, answer = readout(run(table.tolist(), states, addresses, every), last, wanted)
            best = (right, table.tolist(), answer)
        if now == 0:
            break
    return best


def quiet(table: Sequence[int], answer: Sequence[bool], states: int) -> Iterator[tuple[list[int], list[bool]]]:
    """Yield a cell begun in each state that zeros keep, states renamed: of a carry the one that begins without.

    After many positions samples seldom tell where a chain began.
    """
    for first in range(1, states):
        if table[first] == first:
            name = [*range(states)]
            name[0], name[first] = first, 0
            entries = range(0, len(table), states)
            moved = [name[table[start + name[state]]] for start in entries for state in range(states)]
            starts = range(0, len(answer), states)
            yield moved, [answer[start + name[state]] for start in starts for state in range(states)]


def chains(inputs: int) -> Iterator[Words]:
    """Yield how inputs may be positions of a chain: of one word or of two, from either end."""
    for words in (2, 1):
        seen = set()
        for layout in layouts(inputs, words):
            positions = tuple(frozenset(position) for position in zip(*layout, strict=True))
            if positions not in seen:  # whose words change places is the same chain
                seen.add(positions)
                yield layout


def cells(samples: Samples, *, key: Key, states: int = 2, tries: int = 4) -> Iterator[Learned | None]:
    """Learn one bit of bits by a cell along a chain, from some samples; None for each chain that cannot be it.

    Chains as long as the words, or one shorter, come first.
    """
    x = bit_columns(samples.x, samples.types)
    if samples.word != BIT or x.shape[1] < 4 or len(x) < FEW:
        return
    every = (1 << FEW) - 1
    wanted = _as_number(samples.y[:FEW].astype(bool))
    positions = [(words, minterms(x[:FEW], words)) for words in chains(x.shape[1])]
    longest = max(len(addresses) for _, addresses in positions)
    for shorter in range(longest):
        for number, (words, addresses) in enumerate(positions):
            m = len(addresses) - shorter
            if m < 1:
                continue
            last = addresses[m] if shorter else [every]
            own = key.fold(number, shorter)
            right, table, answer = learned_cell(addresses[:m], last, wanted, FEW, states, key=own, tries=tries)
            if right < FEW:
                yield None
                continue
            others = [] if table[0] == 0 else quiet(table, answer, states)
            for entries, said in (*others, (table, answer)):
                chain = Chain(tuple(entries), tuple(said), states, words, m)
                text = f"{m} times the cell {''.join(map(str, entries))} of {states} states"
                yield Learned("cell", text, _along(chain))


def _along(chain: Chain) -> Recipe:
    return lambda b, wires: chain.recipe(b, [bit for wire in wires for bit in bits_of(b, wire)])
