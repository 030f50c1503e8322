"""Circuits of one output learned by the structure they may have: counts of ones, polynomials over Z_2, words, trees.

Every learner takes samples, ``x`` bool (samples, inputs) and ``y`` bool (samples,), and returns a recipe: a function
that adds the gates to a builder, whose inputs are the wires of ``x``'s columns, and returns the wire of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from math import comb, isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits import library
from circuits.circuit import Builder
from circuits.words import Words as Packed
from circuits.words import pack, popcount
from learn.keys import Key

Bools = NDArray[np.bool_]
Recipe = Callable[[Builder], int]

SPARE = 64
"""Equations more than unknowns: a function that is no polynomial of the degree passes them with chance 2**-64."""
SCREENED = 256
"""Samples on which every bit of every operator is tried; only the best are tried on all."""
TRIED = 8
FRINGE_OPS = ("and", "andnot", "nor", "xor")
MOST_FRINGE = 4
"""Features made of two others, for each input."""


def tree_of(b: Builder, op: str, wires: Sequence[int], none: int = 0) -> int:
    """Join wires by an associative gate in a balanced tree; no wires give the constant ``none``."""
    row = list(wires) or [b.const(none)]
    while len(row) > 1:
        row = [b.add(op, *row[i : i + 2]) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
    return row[0]


# --- Functions of a count ---------------------------------------------------------------------------------------------


def _tallies(sums: NDArray[np.int64], y: Bools) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Return the least sum, and how many samples of each sum from there on are 0, and 1."""
    least = int(sums.min())
    size = int(sums.max()) - least + 1
    ones = np.bincount(sums[y] - least, minlength=size)
    return least, np.bincount(sums[~y] - least, minlength=size), ones


def symmetric(x: Bools, y: Bools, sweeps: int) -> Recipe:
    """Learn a function of a sum of inputs, each taken as it is, complemented or not at all; a majority for each sum.

    Args:
        x: the samples.
        y: what they should give.
        sweeps: how often every input's part in the sum is reconsidered; with 0 all are counted: a symmetric function.
    """
    parts = np.ones(x.shape[1], np.int64)
    columns = x.T.astype(np.int64)
    sums = columns.sum(axis=0)

    def right(sums: NDArray[np.int64]) -> int:
        _, zeros, ones = _tallies(sums, y)
        return int(np.maximum(zeros, ones).sum())

    best = right(sums)
    for _ in range(sweeps):
        before = best
        for i, column in enumerate(columns):
            for part in {-1, 0, 1} - {int(parts[i])}:
                changed = sums + (part - parts[i]) * column
                if (found := right(changed)) > best or (found == best and part == 0):
                    best, sums, parts[i] = found, changed, part
        if best == before:
            break
    least, zeros, ones = _tallies(sums, y)
    table = np.where(ones == zeros, 2, ones > zeros).tolist()
    for v in range(1, len(table)):  # what no sample says continues
        table[v] = table[v - 1] if table[v] == 2 else table[v]

    def recipe(b: Builder) -> int:
        wires = [b.add("not", i) if part < 0 else i for i, part in enumerate(parts.tolist()) if part]
        count = library.popcount(b, wires)[: len(wires).bit_length()] if wires else []
        shift = -least - int((parts < 0).sum())  # the count is the sum plus the number of complemented inputs
        entries = [table[min(max(v + shift, 0), len(table) - 1)] % 2 for v in range(1 << len(count))]
        return library.lookup(b, count, entries)[0] if any(entries) else b.const(0)

    return recipe


# --- Polynomials over Z_2 ---------------------------------------------------------------------------------------------


def monomials(inputs: int, degree: int) -> list[tuple[int, ...]]:
    """List the products of at most ``degree`` inputs, the empty one first."""
    return [each for d in range(degree + 1) for each in combinations(range(inputs), d)]


def solved(a: Bools, y: Bools) -> Bools | None:
    """Solve a system over Z_2 by Gauss-Jordan elimination on packed rows: a bool (equations, unknowns), y (equations,).

    Returns:
        bool (unknowns,), free unknowns 0; None where there is no solution.
    """
    unknowns = a.shape[1]
    rows = pack(np.column_stack([a, y]))
    pivots: list[int] = []
    for column in range(unknowns):
        word, bit = divmod(column, 64)
        has = (rows[:, word] >> np.uint64(bit) & np.uint64(1)).astype(bool)
        rank = len(pivots)
        below = np.flatnonzero(has[rank:])
        if not len(below):
            continue
        pivot = rank + int(below[0])
        rows[[rank, pivot]] = rows[[pivot, rank]]
        has[pivot] = has[rank]
        has[rank] = False
        rows[has] ^= rows[rank]
        pivots.append(column)
    word, bit = divmod(unknowns, 64)
    right = (rows[:, word] >> np.uint64(bit) & np.uint64(1)).astype(bool)
    if right[len(pivots) :].any():
        return None
    solution = np.zeros(unknowns, bool)
    solution[pivots] = right[: len(pivots)]
    return solution


def polynomial(x: Bools, y: Bools, degree: int) -> Recipe | None:
    """Find the polynomial over Z_2 of a degree that all samples obey: degree 1 is an affine function.

    Returns:
        None where there is none, or too few samples to tell.
    """
    inputs = x.shape[1]
    unknowns = sum(comb(inputs, d) for d in range(degree + 1))
    if unknowns + SPARE > len(x):
        return None
    some = x[: unknowns + SPARE]
    terms = monomials(inputs, degree)
    columns = np.stack([some[:, list(term)].all(axis=1) for term in terms], axis=1)
    found = solved(columns, y[: len(some)])
    if found is None:
        return None
    chosen = [term for term, kept in zip(terms, found.tolist(), strict=True) if kept]

    def recipe(b: Builder) -> int:
        return tree_of(b, "xor", [tree_of(b, "and", term, 1) for term in chosen])

    return recipe


# --- Operators on words -----------------------------------------------------------------------------------------------

Words = tuple[tuple[int, ...], ...]
"""Which inputs make up each word, least significant first."""


def layouts(inputs: int, words: int) -> Iterator[Words]:
    """Yield the ways in which inputs may be one word or two: one after the other or alternating, either end first."""
    whole = tuple(range(inputs))
    if words == 1:
        yield from ((whole,), (whole[::-1],))
    elif inputs and inputs % 2 == 0:
        half = inputs // 2
        for a, b in ((whole[:half], whole[half:]), (whole[::2], whole[1::2])):
            yield from ((a, b), (b, a), (a[::-1], b[::-1]), (b[::-1], a[::-1]))


def _numbers(x: Bools, word: tuple[int, ...]) -> list[int]:
    octets = np.packbits(x[:, list(word)], axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in octets]


def _bits(numbers: Sequence[int], width: int) -> Bools:
    """Return bits of naturals: bool (numbers, width)."""
    size = -(-width // 8)
    octets = np.frombuffer(b"".join(n.to_bytes(size, "little") for n in numbers), np.uint8).reshape(-1, size)
    return np.unpackbits(octets, axis=1, count=width, bitorder="little").astype(bool)


class Operator(NamedTuple):
    """One row of the table of operators.

    Attributes:
        words: how many it reads, naturals of one width n.
        width: ``width(n)``: bits of the result.
        value: ``value(n, *naturals)``: the result, taken modulo 2**width.
        build: ``build(builder, words, bit, cut)``: the wire of a bit of the result; what is cut saves gates, 0 nothing.
        cuts: ``cuts(n, bit)``: how far to cut, in order: from accurate to small.
    """

    words: int
    width: Callable[[int], int]
    value: Callable[..., int]
    build: Callable[[Builder, Sequence[library.Bits], int, int], int]
    cuts: Callable[[int, int], Sequence[int]] = lambda n, bit: ()


def _signed(n: int, value: int) -> int:
    return value - (value >> (n - 1) << n)


def _product(b: Builder, words: Sequence[library.Bits], bit: int, cut: int, *, signed: bool) -> int:
    """Sum the columns of partial products from ``cut`` on, up to the bit wanted; those below count by their mean."""
    n = len(words[0])

    def sign(i: int, j: int) -> int:
        return -1 if signed and (i == n - 1) != (j == n - 1) else 1

    kept = [(i, j) for i in range(n) for j in range(max(0, cut - i), min(n, bit - i + 1))]
    terms = [(b.add("and", words[0][i], words[1][j]), sign(i, j) << i + j) for i, j in kept]
    below = sum(n - abs(n - 1 - c) - 4 * (signed and n - 1 <= c < 2 * n - 2) << c for c in range(cut))
    return library.resized(b, library.weighted_sum(b, terms, below // 4 >> cut << cut), bit + 1)[bit]


def _division(b: Builder, words: Sequence[library.Bits], bit: int, cut: int, *, quotient: bool) -> int:
    """Divide; with a cut, only the ``cut`` low bits of the quotient are found, from the high 2 * cut bits of both."""
    x, y = words
    if not cut:
        return library.divide(b, x, y)[0 if quotient else 1][bit]
    high_x, high_y = x[-2 * cut :], y[-2 * cut :]
    rest: library.Bits = [*high_x[cut:], *library.constant(b, 0, cut)]
    digits: library.Bits = []
    for wire in reversed(high_x[:cut]):
        rest, digit = library.restored(b, [wire, *rest], high_y)
        rest = rest[: len(high_y)]
        digits.insert(0, digit)
    if quotient:
        return [*digits, *library.constant(b, 0, len(x) - cut)][bit]
    low, factor = y[: bit + 1], digits[: bit + 1]  # the remainder is x - quotient * y, and low bits need low bits alone
    terms = [(wire, 1 << i) for i, wire in enumerate(x[: bit + 1])]
    terms += [(b.add("and", p, q), -(1 << i + j)) for i, p in enumerate(factor) for j, q in enumerate(low)]
    return library.resized(b, library.weighted_sum(b, [t for t in terms if abs(t[1]) <= 1 << bit]), bit + 1)[bit]


def _root(b: Builder, words: Sequence[library.Bits], bit: int, cut: int) -> int:
    """Take the root digit by digit; with a cut, as many places of the rest as digits are to come are kept, and ``cut``.

    The digits to come hardly depend on the places below, so that about half of the gates of an exact root are saved.
    """
    if not cut:
        return library.square_root(b, words[0])[0][bit]
    pairs = [*words[0], *library.constant(b, 0, len(words[0]) % 2)]
    root: library.Bits = []
    rest: library.Bits = []  # from the place ``low`` on
    low = 0
    for i in reversed(range(2 * bit, len(pairs), 2)):
        rest = [*(library.constant(b, 0, 2) if low else pairs[i : i + 2]), *rest]
        least = max(low, len(root) + 2 - (i // 2 - bit) - cut)
        tested = [b.const(0), *library.constant(b, 1, 2), *root][least:]  # 4 root + 1, to be rounded at its first place
        rest, digit = library.restored(b, [b.const(0), *rest[least - low :]], tested)
        root, low = [digit, *root], least
        rest = rest[1 : max(2, len(root) + 2 - low)]
    return root[0]


COLUMNS = 16
"""Columns below the one wanted that a product is computed from at most, if any are cut."""


def _columns(n: int, bit: int) -> Sequence[int]:
    return range(max(1, bit - COLUMNS), bit + 1)


def _digits(n: int, bit: int) -> Sequence[int]:
    return [cut for cut in (14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1) if 2 * cut < n]


OPERATORS: dict[str, Operator] = {
    "sum": Operator(
        2, lambda n: n + 1, lambda n, x, y: x + y,
        lambda b, w, bit, cut: [*(s := library.ripple(b, w[0], w[1]))[0], s[1]][bit],
    ),
    "difference": Operator(  # its highest bit is [x < y]
        2, lambda n: n + 1, lambda n, x, y: x - y,
        lambda b, w, bit, cut: [*(s := library.difference(b, *w))[0], s[1]][bit],
    ),
    "signed sum": Operator(
        2, lambda n: n + 1, lambda n, x, y: _signed(n, x) + _signed(n, y),
        lambda b, w, bit, cut: library.add(b, *w)[bit],
    ),
    "signed less": Operator(
        2, lambda n: 1, lambda n, x, y: _signed(n, x) < _signed(n, y), lambda b, w, bit, cut: library.less_than(b, *w)
    ),
    "equal": Operator(2, lambda n: 1, lambda n, x, y: x == y, lambda b, w, bit, cut: library.equal(b, *w)),
    "product": Operator(
        2, lambda n: 2 * n, lambda n, x, y: x * y, partial(_product, signed=False), _columns,
    ),
    "signed product": Operator(
        2, lambda n: 2 * n, lambda n, x, y: _signed(n, x) * _signed(n, y), partial(_product, signed=True),
        _columns,
    ),
    "quotient": Operator(
        2, lambda n: n, lambda n, x, y: x // y if y else -1, partial(_division, quotient=True), _digits
    ),
    "remainder": Operator(
        2, lambda n: n, lambda n, x, y: x % y if y else x, partial(_division, quotient=False), _digits
    ),
    "quotient or 0": Operator(
        2, lambda n: n, lambda n, x, y: x // y if y else 0,
        lambda b, w, bit, cut: b.add("and", _division(b, w, bit, cut, quotient=True), tree_of(b, "or", w[1])),
    ),
    "remainder or 0": Operator(
        2, lambda n: n, lambda n, x, y: x % y if y else 0,
        lambda b, w, bit, cut: b.add("and", _division(b, w, bit, cut, quotient=False), tree_of(b, "or", w[1])),
    ),
    "root": Operator(
        1, lambda n: -(-n // 2), lambda n, x: isqrt(x), _root, lambda n, bit: range(8, 0, -1),
    ),
    "square": Operator(
        1, lambda n: 2 * n, lambda n, x: x * x,
        lambda b, w, bit, cut: _product(b, [w[0], w[0]], bit, cut, signed=False), _columns,
    ),
}  # fmt: skip


class WordBit(NamedTuple):
    """A bit of an operator on inputs laid out as words, or its complement, and how many samples it gets right."""

    right: int
    operator: str
    words: Words
    bit: int
    complement: bool

    def recipe(self, cut: int) -> Recipe:
        """Return the recipe, with so much cut from it."""

        def build(b: Builder) -> int:
            wire = OPERATORS[self.operator].build(b, [list(word) for word in self.words], self.bit, cut)
            return b.add("not", wire) if self.complement else wire

        return build


def _bits_right(x: Bools, y: Bools, name: str, words: Words) -> NDArray[np.int64]:
    """Count the samples that each bit of an operator gets right: int64 (bits,)."""
    row, n = OPERATORS[name], len(words[0])
    width = row.width(n)
    results = [int(row.value(n, *each)) % (1 << width) for each in zip(*(_numbers(x, w) for w in words), strict=True)]
    return (_bits(results, width) == y[:, None]).sum(axis=0)


def word_bit(x: Bools, y: Bools) -> WordBit | None:
    """Return the bit of an operator on words that gets most samples right; of equals, that of the first row."""
    some = min(SCREENED, len(x))
    screened: list[tuple[int, int, str, Words]] = []
    for name, row in OPERATORS.items():
        for words in layouts(x.shape[1], row.words):
            right = _bits_right(x[:some], y[:some], name, words)
            best = int(np.abs(2 * right - some).argmax())
            screened.append((-abs(2 * int(right[best]) - some), len(screened), name, words))
    found = []
    for _, _, name, words in sorted(screened)[:TRIED]:
        right = _bits_right(x, y, name, words)
        bit = int(np.abs(2 * right - len(x)).argmax())
        complement = 2 * int(right[bit]) < len(x)
        count = len(x) - int(right[bit]) if complement else int(right[bit])
        found.append(WordBit(count, name, words, bit, complement))
    order = list(OPERATORS)
    return max(found, key=lambda each: (each.right, -order.index(each.operator)), default=None)


# --- Trees ------------------------------------------------------------------------------------------------------------

Node = bool | tuple[int, "Node", "Node"]
"""A leaf's answer, or a feature and the nodes for 0 and for 1."""


class Trees(NamedTuple):
    """Trees that vote, by features: the inputs, then those made of two earlier ones by a gate."""

    made: tuple[tuple[str, int, int], ...]
    trees: tuple[Node, ...]

    def recipe(self, b: Builder) -> int:
        """Add the gates: multiplexers, and the majority of the trees."""
        features = list(b.inputs)
        for op, f, g in self.made:
            features.append(b.add(op, features[f], features[g]))

        def wire(node: Node) -> int:
            if isinstance(node, bool):
                return b.const(node)
            return b.add("mux", features[node[0]], wire(node[1]), wire(node[2]))

        votes = [wire(node) for node in self.trees]
        return votes[0] if len(votes) == 1 else library.threshold(b, library.popcount(b, votes), len(votes) // 2 + 1)


def grown(x: Bools, y: Bools, weights: NDArray[np.int64], depth: int, least: int, allowed: Bools) -> Node:
    """Grow a decision tree by the Gini index (Breiman et al. 1984), samples weighted by integers.

    Args:
        x: bool (samples, features).
        y: bool (samples,).
        weights: int64 (samples,).
        depth: at most.
        least: samples that each side of a split needs.
        allowed: bool (features,), those that splits may use.
    """
    values = x.astype(np.float32)

    def node(rows: NDArray[np.intp], depth: int) -> Node:
        wanted, share = y[rows], weights[rows]
        ones, total = int(share[wanted].sum()), int(share.sum())
        answer = 2 * ones > total
        if depth == 0 or ones in (0, total) or len(rows) < 2 * least:
            return answer
        per_row = np.stack([np.ones(len(rows)), share, share * wanted]).astype(np.float32)
        count, high, high_ones = (per_row @ values[rows]).astype(np.float64)  # exact: integers below 2**24
        low, low_ones = total - high, ones - high_ones
        usable = allowed & (count >= least) & (len(rows) - count >= least)
        if not usable.any():
            return answer
        with np.errstate(divide="ignore", invalid="ignore"):
            purity = (high_ones**2 + (high - high_ones) ** 2) / high + (low_ones**2 + (low - low_ones) ** 2) / low
        split = int(np.where(usable & np.isfinite(purity), purity, -1.0).argmax())
        at = x[rows, split]
        below, above = node(rows[~at], depth - 1), node(rows[at], depth - 1)
        return below if below == above else (split, below, above)

    return node(np.arange(len(x)), depth)


def answers(tree: Node, x: Bools) -> Bools:
    """Return what a tree answers: bool (samples,)."""
    if isinstance(tree, bool):
        return np.full(len(x), tree)
    return np.where(x[:, tree[0]], answers(tree[2], x), answers(tree[1], x))


def _fringe(tree: Node) -> Iterator[tuple[int, int]]:
    """Yield the features of each lowest split and of the one above it."""
    if isinstance(tree, bool):
        return
    for child in tree[1:]:
        if not isinstance(child, bool):
            if all(isinstance(leaf, bool) for leaf in child[1:]):
                yield (min(tree[0], child[0]), max(tree[0], child[0]))
            yield from _fringe(child)


def forest(x: Bools, y: Bools, key: Key, *, trees: int, depth: int, fringes: int = 0) -> Trees:
    """Learn trees that vote: each weights samples by how many trees before got them wrong, m, as 1 + m**4.

    Arcing, arc-x4 of Breiman 1998, doi 10.1214/aos/1024691079; features are made by FRINGE (Pagallo and Haussler 1990,
    doi 10.1023/A:1022611825350): what the lowest two splits of a branch test becomes a feature of the next round.

    Args:
        x: the samples.
        y: what they should give.
        key: decides which features a tree may use where there are several trees.
        trees: how many, an odd number.
        depth: of a tree, at most.
        fringes: rounds of making features before.
    """
    inputs, made = x.shape[1], list[tuple[str, int, int]]()
    least = 2 if trees == 1 else 1
    for _ in range(fringes):
        tree = grown(x, y, np.ones(len(x), np.int64), depth, least, np.ones(x.shape[1], bool))
        new = [(op, *pair) for pair in sorted(set(_fringe(tree))) for op in FRINGE_OPS]
        new = [each for each in new if each not in made][: MOST_FRINGE * inputs - len(made)]
        gates = {"and": lambda p, q: p & q, "andnot": lambda p, q: p & ~q, "nor": lambda p, q: ~(p | q),
                 "xor": lambda p, q: p ^ q}  # fmt: skip
        if new:
            x = np.column_stack([x, *(gates[op](x[:, f], x[:, g]) for op, f, g in new)])
        made += new
    wrong, found = np.zeros(len(x), np.int64), []
    for t in range(trees):
        some = np.ones(x.shape[1], bool) if trees == 1 else key.fold(t).uniform(x.shape[1]) < 0.7
        weights = 1 + np.minimum(wrong, 6) ** 4  # at most 1297 each, so that sums stay exact
        found.append(grown(x, y, weights, depth, least, some))
        wrong += answers(found[-1], x) != y
    return Trees(tuple(made), tuple(found))


# --- Decision lists ---------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """One rule of a decision list.

    Attributes:
        cube: (input, value) pairs that all have to hold.
        answer: what is answered then.
    """

    cube: tuple[tuple[int, bool], ...]
    answer: bool


class DecisionList(NamedTuple):
    """Rules, of which the first that holds answers, and what is answered where none does.

    Rivest 1987, doi 10.1023/A:1022607331053.
    """

    rules: tuple[Rule, ...]
    default: bool

    def recipe(self, b: Builder) -> int:
        """Add the list: the last rule first, each before it decides whether to look further."""
        wire = b.const(int(self.default))
        for cube, answer in reversed(self.rules):
            holds = tree_of(b, "and", [b.inputs[i] if v else b.add("not", b.inputs[i]) for i, v in cube], 1)
            wire = b.add("or", wire, holds) if answer else b.add("andnot", wire, holds)
        return wire


DRAWN_IN = 8
"""Samples of the usual mix that a rule's are added to before it is judged: rules of few samples are not trusted."""


def decision_list(x: Bools, y: Bools, *, literals: int, rules: int) -> DecisionList:
    """Learn a decision list, rule after rule from the samples that no rule before holds for.

    A rule grows by the literal that makes its answer surest, as CN2 does with a beam of one (Clark and Niblett 1989,
    doi 10.1007/BF00116835), the surest by the m-estimate of Cestnik (1990).

    Args:
        x: the samples.
        y: what they should give.
        literals: of a rule at most.
        rules: at most.
    """
    columns, ones = pack(x.T), pack(y[None])[0]
    left = pack(np.ones((1, len(x)), bool))[0]
    found: list[Rule] = []

    def grown_rule(answer: bool) -> tuple[float, Rule, Packed]:
        wanted = ones if answer else ~ones
        rows, cube = left, list[tuple[int, bool]]()
        count, right = int(popcount(rows)), int(popcount(rows & wanted))
        usual = right / count
        score = usual
        while len(cube) < literals:
            high, high_right = (popcount(columns & rows & mask) for mask in (rows, wanted))
            counts, rights = (np.stack([n - h, h]) for n, h in ((count, high), (right, high_right)))
            scores = (rights + DRAWN_IN * usual) / (counts + DRAWN_IN)
            value, i = divmod(int(scores.argmax()), len(columns))
            if scores[value, i] <= score:
                break
            score, count, right = float(scores[value, i]), int(counts[value, i]), int(rights[value, i])
            cube.append((i, bool(value)))
            rows = rows & (columns[i] if value else ~columns[i])
        return score if cube else 0.0, Rule(tuple(cube), answer), rows

    while len(found) < rules and 0 < popcount(left & ones) < popcount(left):
        _, rule, rows = max((grown_rule(answer) for answer in (False, True)), key=lambda each: each[0])
        if not rule.cube:
            break
        found.append(rule)
        left = left & ~rows
    rest = left if left.any() else pack(np.ones((1, len(x)), bool))[0]
    return DecisionList(tuple(found), bool(2 * popcount(rest & ones) > popcount(rest)))
