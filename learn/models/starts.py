"""Circuits that compute a complete table, to be made small: each row of STARTS looks for one structure.

Every start is exact by construction. The one of fewest AND nodes is not always the one that shrinks most, so the search
draws from several (see :func:`ranked`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from heapq import nsmallest
from itertools import chain
from itertools import count as endless
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits import library
from circuits.aig import Literals, to_literals
from circuits.circuit import Builder
from circuits.library import COMPRESSORS
from circuits.rewrite import without_dead_gates
from circuits.table import TruthTable, complete_table
from circuits.words import unpack
from learn.keys import Key
from learn.models import blocks, cubes, fields
from learn.models.linear import parities, structures
from learn.models.structure import OPERATORS, tree_of

Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Start = Callable[[TruthTable, Key], Iterator[Literals]]

SIFTED_VALUES = 1 << 22
"""Output values that are sifted in all, over the diagrams made; at least one is."""
MOST_DIAGRAMS = 16
MAX_INPUTS = 16
"""Tables of more inputs are looked at for no sum and no operator."""
MAX_CODE = 8
"""Outputs that are read as one natural at most."""
SCALE = 20
"""Weights are first found as multiples of 2**-SCALE of the step between two codes."""
MARGIN = 1 << 10
RELAXATIONS = 4000
RELAXED_PATTERNS = 1 << 24
"""Rounds of relaxation times patterns, at most."""
FAR = 1 << 50
SHIFTS = 12
"""Bits below the step between two codes that a sum has at most."""
MATCHES = 10_000
"""Inputs that are told apart by trying, at most."""
REACH = 8
"""How far a weight may move to have fewer signed digits."""
FIELD_BITS = (4, 8)
"""Bits of the fields whose inversion is looked for."""
MOST_TOWERS = 16
SPARSE = 1 / 8
"""Share of the rarer value in all outputs, at most, of tables that a sum of products is made for each output of."""
PATTERNS_A_VALUE = 32
"""Patterns for each value of the outputs, on average and at least, of tables that a sum is made for each value of."""


# --- Decision diagrams ------------------------------------------------------------------------------------------------


def diagram(b: Builder, rows: Bools, wires: Sequence[int]) -> list[int]:
    """Add the shared decision diagram of truth tables, complements shared.

    Node f = [x ? h : l] is l XOR x where h is the complement of l, l OR (x AND h) where l implies h, h OR (NOT x AND l)
    the other way round, and a multiplexer, one AND more, otherwise (Bryant 1986, doi 10.1109/TC.1986.1676819).

    Args:
        b: the builder.
        rows: bool (functions, 2**len(wires)): the tables.
        wires: what selects, from the bottom of the diagram (the lowest bit of an address) to its top.

    Returns:
        a wire for each row.
    """
    octets = np.packbits(rows, axis=1, bitorder="little")
    seen: dict[tuple[int, int], int] = {}

    def select(value: int, level: int) -> int:
        full = (1 << (1 << level)) - 1
        if value & 1:
            return b.add("not", select(value ^ full, level))
        if not value:
            return b.const(0)
        wire = seen.get((value, level))
        if wire is None:
            half = 1 << (level - 1)
            low, high = value & (1 << half) - 1, value >> half
            x = wires[level - 1]
            if low == high:
                wire = select(low, level - 1)
            elif low ^ high == (1 << half) - 1:
                wire = b.add("xor", x, select(low, level - 1))
            elif low & high == low:
                wire = b.add("or", select(low, level - 1), b.add("and", x, select(high, level - 1)))
            elif low & high == high:
                wire = b.add("or", select(high, level - 1), b.add("andnot", select(low, level - 1), x))
            else:
                wire = b.add("mux", x, select(low, level - 1), select(high, level - 1))
            seen[value, level] = wire
        return wire

    return [select(int.from_bytes(row.tobytes(), "little"), len(wires)) for row in octets]


def reordered(rows: Bools, order: Sequence[int]) -> Bools:
    """Return truth tables with bit i of an address being input ``order[i]``: bool (functions, patterns)."""
    n = len(order)
    axes = [0, *(n - i for i in reversed(order))]
    return np.ascontiguousarray(rows.reshape((-1, *[2] * n)).transpose(axes)).reshape(rows.shape)


def _finished(b: Builder, table: TruthTable, outputs: Sequence[int]) -> Literals:
    return to_literals(without_dead_gates(b.circuit(zip(table.output_names, outputs, strict=True))))


def diagrams(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield decision diagrams under sifted orders, each from another random order."""
    from learn.models.ordering import sifted

    rows = unpack(table.outputs, table.patterns)
    tries = min(max(SIFTED_VALUES // max(rows.size, 1), 1), MOST_DIAGRAMS)
    for turn in range(tries):
        _, order = sifted(table, key.fold(turn))
        b = Builder(table.input_names, name=table.name)
        yield _finished(b, table, diagram(b, reordered(rows, order), [b.inputs[i] for i in order]))


# --- Functions of a count ---------------------------------------------------------------------------------------------


def symmetric(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield the count of the ones and a diagram of it, where the outputs depend on nothing else."""
    n = table.num_inputs
    counts = np.bitwise_count(np.arange(table.patterns))
    rows = unpack(table.outputs, table.patterns)
    shown = np.stack([rows[:, (1 << ones) - 1] for ones in range(n + 1)], axis=1)
    if n < 2 or not np.array_equal(shown[:, counts], rows):
        return
    for compressor in COMPRESSORS.values():
        b = Builder(table.input_names, name=table.name)
        count = library.popcount(b, b.inputs, compressor=compressor)[: n.bit_length()]
        reached = np.minimum(np.arange(1 << len(count)), n)  # what no count reaches continues the last
        yield _finished(b, table, diagram(b, shown[:, reached], count))


# --- Quantised sums ---------------------------------------------------------------------------------------------------


def relaxed(columns: Integers, lo: Integers, hi: Integers, margin: int, rounds: int) -> Integers | None:
    """Find integer weights with lo <= weights @ columns <= hi, one inequality pair a pattern.

    In each round the weights move to just past the inequality that is violated most: the relaxation method of Agmon
    (1954) and of Motzkin and Schoenberg (1954), doi 10.4153/CJM-1954-038-x, in whole numbers.

    Args:
        columns: int64 (weights, patterns).
        lo: int64 (patterns,).
        hi: int64 (patterns,).
        margin: how far past; a solution keeps half of it.
        rounds: most rounds.

    Returns:
        int64 (weights,), or None where none was found.
    """
    weights = np.zeros(len(columns), np.int64)
    norms = (columns * columns).sum(axis=0)
    for _ in range(rounds):
        sums = weights @ columns
        low, high = int((lo - sums).argmax()), int((sums - hi).argmax())
        below, above = int(lo[low] - sums[low]), int(sums[high] - hi[high])
        if max(below, above) <= -(margin // 2):
            return weights
        at, step = (low, below + margin) if below >= above else (high, -above - margin)
        weights += step * columns[:, at] // norms[at]
    return None


class _Quantised(NamedTuple):
    """What the inequalities of a quantised sum are made of.

    Attributes:
        bits: int64 (inputs, patterns): the inputs' values.
        code: int64 (patterns,): the outputs as one natural.
        top: the greatest code the outputs have.
    """

    bits: Integers
    code: Integers
    top: int

    def bounds(self, shift: int) -> tuple[Integers, Integers]:
        """Return the least and the greatest sum of each pattern; the codes at both ends clip."""
        lo = np.where(self.code > 0, self.code << shift, -FAR)
        return lo, np.where(self.code < self.top, (self.code + 1 << shift) - 1, FAR)

    def biases(self, weights: Integers, shift: int) -> Integers:
        """Return the least and the greatest bias that fits weights (sets, inputs): int64 (2, sets)."""
        lo, hi = self.bounds(shift)
        sums = (row @ self.bits for row in weights)  # one set after the other: all at once can take a gigabyte
        return np.array([((lo - each).max(), (hi - each).min()) for each in sums], np.int64).reshape(-1, 2).T


def _digits(weights: Integers) -> int:
    return sum(len(library.signed_digits(w)) for w in weights.tolist())


def _rounded(table: _Quantised, weights: Integers, shift: int) -> Integers | None:
    """Round weights of scale 2**SCALE to 2**shift and mend them by steps of one or two weights, or return None."""
    found = (weights + (1 << SCALE - shift - 1)) >> SCALE - shift
    n = len(found)
    unit = np.eye(n, dtype=np.int64)
    steps = np.concatenate([unit, *(unit[:i] + s * unit[i] for i in range(n) for s in (1, -1))])
    steps = np.concatenate([steps, -steps])
    least, most = table.biases(found[None], shift)[:, 0]
    while least > most:
        lower, upper = table.biases(found + steps, shift)
        best = int((lower - upper).argmin())
        if lower[best] - upper[best] >= least - most:
            return None
        found, least, most = found + steps[best], lower[best], upper[best]
    return found


def _cheapened(table: _Quantised, weights: Integers, shift: int) -> Integers:
    """Move one weight after the other to the nearest one of fewer signed digits while a bias fits."""
    changed = True
    while changed:
        changed = False
        for i in range(len(weights)):
            tries = np.repeat(weights[None], 2 * REACH, axis=0)
            tries[:, i] += np.array(sorted((d for d in range(-REACH, REACH + 1) if d), key=abs))
            fewer = tries[[_digits(row) < _digits(weights) for row in tries]]
            least, most = table.biases(fewer, shift)
            if (fits := np.flatnonzero(least <= most)).size:
                weights, changed = fewer[fits[0]], True
    return weights


def quantised_sums(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield weighted sums whose high bits, clipped, are the outputs read as a natural: a quantised neuron.

    Output = clip((bias + sum of weight * input) >> shift, 0, 2**outputs - 1). The inputs' weights are free, or those of
    naturals of 2, 3, ... bits that lie side by side. The bits shifted out only carry.
    """
    n, o = table.num_inputs, table.num_outputs
    values = unpack(table.outputs, table.patterns)
    if not 0 < n <= MAX_INPUTS or not 0 < o <= MAX_CODE:
        return
    code = (values.T.astype(np.int64) << np.arange(o)).sum(axis=1)
    if not _unate(code, n):
        return
    bits = unpack(table.inputs, table.patterns).astype(np.int64)
    inequalities = _Quantised(bits, code, (1 << o) - 1)
    rounds = min(RELAXATIONS, RELAXED_PATTERNS // table.patterns)
    for width in (w for w in range(1, n) if n % w == 0):
        worth = np.tile(1 << np.arange(width), n // width)
        columns = np.add.reduceat(worth[:, None] * bits, np.arange(0, n, width))
        columns = np.concatenate([columns, np.full((1, table.patterns), 1 << width - 1)])
        words = relaxed(columns, *inequalities.bounds(SCALE), MARGIN, rounds)
        if words is None:
            continue
        free = worth * np.repeat(words[:-1], width)
        found = (_rounded(inequalities, free, shift) for shift in range(SHIFTS))
        shift, weights = next(((s, w) for s, w in enumerate(found) if w is not None), (0, None))
        if weights is None:
            continue
        weights = _cheapened(inequalities, weights, shift)
        least, most = inequalities.biases(weights[None], shift)[:, 0].tolist()
        for bias in range(least, min(most, least + 3) + 1):
            for compressor in COMPRESSORS.values():
                b = Builder(table.input_names, name=table.name)
                total = library.weighted_sum(
                    b, list(zip(b.inputs, weights.tolist(), strict=True)), bias, compressor=compressor
                )
                high, sign = total[shift:] or total[-1:], total[-1]
                over = tree_of(b, "or", high[o:-1])
                outputs = [b.add("andnot", b.add("or", wire, over), sign) for wire in library.resized(b, high, o + 1)]
                yield _finished(b, table, outputs[:o])


def _unate(code: Integers, inputs: int) -> bool:
    """Say whether each input only ever raises a code, or only ever lowers it."""
    for i in range(inputs):
        pairs = code.reshape(-1, 2, 1 << i)
        change = pairs[:, 1] - pairs[:, 0]
        if change.min() < 0 < change.max():
            return False
    return True


# --- Operators on words, their inputs in any order --------------------------------------------------------------------


def _changes(rows: Bools, *inputs: int) -> Integers:
    """Count the patterns on which the derivative by some inputs is 1: int64 (functions,)."""
    for i in sorted(inputs, reverse=True):
        pairs = rows.reshape(len(rows), -1, 2, 1 << i)
        rows = (pairs[:, :, 0] != pairs[:, :, 1]).reshape(len(rows), -1)
    return rows.sum(axis=1)


def _influences(rows: Bools) -> Integers:
    """Count the pairs of patterns that differ in one input and the value: int64 (functions, inputs)."""
    return np.stack([_changes(rows, i) for i in range(rows.shape[1].bit_length() - 1)], axis=1)


def matched(wanted: Bools, given: Bools) -> list[int] | None:
    """Find which input is which: the order under which functions are others, by what derivatives tell of inputs.

    First derivatives tell which inputs may be which, second ones which pairs; what they leave open is tried.

    Args:
        wanted: bool (functions, 2**inputs).
        given: bool (functions, 2**inputs).

    Returns:
        for each input of ``given`` the input of ``wanted`` it is; None where there is none, or it takes too long to
        find.
    """
    n = wanted.shape[1].bit_length() - 1
    first, second = (_influences(rows).T.tolist() for rows in (wanted, given))
    pairs: list[dict[tuple[int, int], list[int]]] = [{}, {}]

    def pair(side: int, i: int, j: int) -> list[int]:
        key = (min(i, j), max(i, j))
        if key not in pairs[side]:
            pairs[side][key] = _changes((wanted, given)[side], *key).tolist()
        return pairs[side][key]

    tries = 0

    def assign(order: list[int]) -> list[int] | None:
        nonlocal tries
        i = len(order)
        tries += 1
        if i == n:
            return order if np.array_equal(reordered(wanted, order), given) else None
        for j in range(n):
            fits = j not in order and first[j] == second[i]
            if fits and all(pair(0, j, order[k]) == pair(1, i, k) for k in range(i)):
                found = assign([*order, j])
                if found is not None or tries > MATCHES:
                    return found
        return None

    return assign([])


@lru_cache(maxsize=64)
def _operator_values(name: str, n: int) -> Bools:
    """Return the table of every bit of an operator on words of n bits: bool (bits, patterns)."""
    row = OPERATORS[name]
    width, patterns = row.width(n), 1 << n * row.words
    words = [[p >> n * k & (1 << n) - 1 for p in range(patterns)] for k in range(row.words)]
    results = np.array([int(row.value(n, *each)) % (1 << width) for each in zip(*words, strict=True)])
    return (results >> np.arange(width)[:, None] & 1).astype(bool)


def operators(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield operators on words of which all outputs are bits, whatever the order of the inputs and the outputs."""
    if not 0 < table.num_inputs <= MAX_INPUTS or not table.num_outputs:
        return
    rows = unpack(table.outputs, table.patterns)
    shapes = [(ones, sorted(row)) for ones, row in zip(rows.sum(axis=1), _influences(rows).tolist(), strict=True)]
    for name, operator in OPERATORS.items():
        if table.num_inputs % operator.words:
            continue
        n = table.num_inputs // operator.words
        values = _operator_values(name, n)
        counts = values.sum(axis=1).tolist()
        if not {ones for ones, _ in shapes} <= set(counts):
            continue
        known = [(ones, sorted(row)) for ones, row in zip(counts, _influences(values).tolist(), strict=True)]
        if any(shape not in known for shape in shapes):
            continue
        chosen = [known.index(shape) for shape in shapes]
        order = matched(rows, values[chosen])
        if order is None:
            continue
        b = Builder(table.input_names, name=table.name)
        words = [[b.inputs[i] for i in order[n * k : n * (k + 1)]] for k in range(operator.words)]
        yield _finished(b, table, [operator.build(b, words, bit, 0) for bit in chosen])


# --- Inversion in a finite field --------------------------------------------------------------------------------------


def inversions(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield inversions in a finite field between affine maps over towers of subfields, where the outputs are one."""
    n, o = table.num_inputs, table.num_outputs
    if n not in FIELD_BITS or not 0 < o <= n:
        return
    values = unpack(table.outputs, table.patterns)
    found = list(fields.inversions((values.T.astype(np.int64) << np.arange(o)).sum(axis=1)))
    for k in np.argsort(key.uniform(len(found)))[:MOST_TOWERS].tolist():
        b = Builder(table.input_names, name=table.name)
        yield _finished(b, table, fields.inversion(b, *found[k])[:o])


# --- Sums of products -------------------------------------------------------------------------------------------------


def products(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield sums of products, shared and factored, of each output, and of each value that the outputs have together."""
    from learn.models.ordering import sifted

    n, o = table.num_inputs, table.num_outputs
    if not (0 < n <= MAX_INPUTS and o):
        return
    rows = unpack(table.outputs, table.patterns)
    _, order = sifted(table, key)
    ones = rows.mean(axis=1)
    if np.minimum(ones, 1 - ones).mean() <= SPARSE:
        b = Builder(table.input_names, name=table.name)
        if outputs := _summed(b, rows, order):
            yield _finished(b, table, outputs)
    values, which, counts = np.unique(rows, axis=1, return_inverse=True, return_counts=True)
    if o < 2 or len(counts) * PATTERNS_A_VALUE > table.patterns:
        return
    common = int(counts.argmax())  # no gate finds out the most common value: it is there where no other is
    others = [value for value in range(len(counts)) if value != common]
    b = Builder(table.input_names, name=table.name)
    found = _summed(b, np.stack([which.ravel() == value for value in others]), order) if others else []
    differs = values[:, others] ^ values[:, [common]]
    sums = [[frozenset({2 * int(i)}) for i in np.flatnonzero(row)] for row in differs]
    if found or not others:
        outputs = cubes.build(b, found, cubes.extracted(len(others), sums))
        flips = values[:, common].tolist()
        yield _finished(b, table, [b.add("not", w) if flip else w for flip, w in zip(flips, outputs, strict=True)])


def _summed(b: Builder, rows: Bools, order: Sequence[int]) -> list[int]:
    """Add functions as sums of products; none where they have too many cubes."""
    covered = cubes.covers(rows, order)
    if covered is None:
        return []
    wires = cubes.build(b, b.inputs, cubes.extracted(len(b.inputs), [each for _, each in covered]))
    return [b.add("not", wire) if side else wire for (side, _), wire in zip(covered, wires, strict=True)]


# --- Functions of parities --------------------------------------------------------------------------------------------


def parity_functions(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield diagrams of parities of inputs, where an output has linear structures that are more than single inputs.

    Outputs of the same structures share a diagram.
    """
    n = table.num_inputs
    if not 0 < n <= MAX_INPUTS or not table.num_outputs:
        return
    rows = unpack(table.outputs, table.patterns)
    found = [structures(row) for row in rows]
    if not any(each.mixed for each in found):
        return
    b = Builder(table.input_names, name=table.name)
    outputs = [0] * table.num_outputs
    for basis in dict.fromkeys(each.basis for each in found):
        members = [o for o, each in enumerate(found) if each.basis == basis]
        stands, _ = parities(found[members[0]], n)
        at = np.zeros(1, np.int64)  # the addresses where all pivots are 0
        for j in stands:
            at = np.concatenate([at, at | 1 << j])
        wires = [tree_of(b, "xor", [b.inputs[i] for i in inputs]) for inputs in stands.values()]
        made = _sifted_diagram(b, rows[members][:, at], wires, key)
        for o, wire in zip(members, made, strict=True):
            outputs[o] = tree_of(b, "xor", [wire, *(b.inputs[i] for i in parities(found[o], n)[1])])
    yield _finished(b, table, outputs)


# --- Words under controls ---------------------------------------------------------------------------------------------


def recoders(table: TruthTable, key: Key) -> Iterator[Literals]:
    """Yield a recoder for each block of inputs that controls recode, and a diagram of what they lead to.

    The three classes of a block have the codes 00, 01 and 11, as kill, propagate and generate of a carry.
    """
    n = table.num_inputs
    if not n <= MAX_INPUTS or not table.num_outputs:
        return
    rows = unpack(table.outputs, table.patterns)
    cube = rows.reshape(-1, *[2] * n).transpose([0, *range(n, 0, -1)])
    for controls, pairs in blocks.controlled_pairs(cube):
        found = blocks.recoded(cube, controls, pairs)
        if found is None:
            continue
        middles = [0] * len(pairs)
        for k in range(len(pairs)):
            tries = [[*middles[:k], m, *middles[k + 1 :]] for m in range(blocks.CLASSES)]
            middles = min(tries, key=lambda each: _sifted(_coded(found, each), key)[0])
        b = Builder(table.input_names, name=table.name)
        wires = [b.inputs[i] for i in found.rest]
        for pair, classes, middle in zip(pairs, found.classes, middles, strict=True):
            low, high = (c for c in range(blocks.CLASSES) if c != middle)
            value = np.array([classes[s][v] for s in range(len(classes)) for v in range(4)])
            wires += _sifted_diagram(
                b, np.stack([value != low, value == high]), [b.inputs[i] for i in reversed((*controls, *pair))], key
            )
        yield _finished(b, table, _sifted_diagram(b, _coded(found, middles), wires, key))


def _coded(found: blocks.Recoding, middles: Sequence[int]) -> Bools:
    """Return functions of the inputs in no block and two bits a block: not the low class, the high class."""
    values = found.values
    for k, middle in enumerate(middles):
        low, high = (c for c in range(blocks.CLASSES) if c != middle)
        values = np.take(values, [low, middle, high, high], axis=k + 1)
    parts = len(found.blocks)
    axes = [0, *range(parts, 0, -1), *range(values.ndim - 1, parts, -1)]
    return values.transpose(axes).reshape(len(values), -1)


def _sifted(rows: Bools, key: Key) -> tuple[int, list[int]]:
    from learn.models.ordering import sifted

    return sifted(complete_table(rows, inputs=rows.shape[1].bit_length() - 1), key)


def _sifted_diagram(b: Builder, rows: Bools, wires: Sequence[int], key: Key) -> list[int]:
    _, order = _sifted(rows, key)
    return diagram(b, reordered(rows, order), [wires[i] for i in order])


# --- The table of starts ----------------------------------------------------------------------------------------------

STARTS: dict[str, Start] = {
    "symmetric": symmetric,
    "quantised sum": quantised_sums,
    "operator": operators,
    "inversion": inversions,
    "recoder": recoders,
    "parities": parity_functions,
    "products": products,
    "diagram": diagrams,
}
"""Name of a structure -> what yields circuits of it, none where the table has it not."""


def ranked(table: TruthTable, key: Key, count: int) -> Iterator[Literals]:
    """Yield starts of a complete table, fewest AND nodes first, then as many that are drawn anew, for ever.

    A row that gives nothing is not asked again.

    Args:
        table: a complete table; don't-cares count as 0.
        key: the source of all draws.
        count: how many a row gives at a time at most.
    """
    rows = STARTS
    for turn in endless():
        found = {
            name: nsmallest(count, start(table, key.fold(turn).fold(name)), key=_ands) for name, start in rows.items()
        }
        rows = {name: rows[name] for name, given in found.items() if given}
        yield from sorted(chain.from_iterable(found.values()), key=_ands)


def _ands(lits: Literals) -> int:
    return len(lits.ands)
