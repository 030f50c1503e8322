"""Operators on words, built from gates only: what the word rows of the gate table become when they are bit-blasted.

Two readings of a list of wires, least significant first, and no others:

word
    a two's complement number; its last wire is the sign. An unsigned number becomes a word by :func:`unsigned`, a
    constant 0 as its sign, which costs nothing: the builder folds what the constant makes trivial.
natural
    an unsigned number without a sign wire. Adders, selects, decoders, division and roots work on these.

Operators take words of any widths and return the exact result, as wide as it can need; :func:`fitted` then wraps or
saturates it to a declared width. Gates that only fed the bits cut off stay behind unread, until dead gates are dropped.
AND counts below are those of :func:`circuits.aig.and_count`, for naturals of n wires or words made of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, reduce
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from circuits.errors import CircuitError

if TYPE_CHECKING:
    from circuits.circuit import Builder

Bits = list[int]
Adder = Callable[..., tuple[Bits, int]]
"""``adder(b, x, y, carry_in=None) -> (sum, carry)``: naturals of one width n; sum of n wires, carry of weight 2**n."""
Compressor = Callable[["Builder", Sequence[Sequence[int]]], tuple[Bits, Bits]]
"""``compressor(b, columns) -> (x, y)``: wires by weight to two naturals of the same sum, modulo 2**len(columns)."""

MAX_WIDTH = 1 << 20
"""Wires a result may have; wider ones are refused before they are made."""


# Words and their widths


def width_of(lo: int, hi: int) -> int:
    """Return the fewest bits of a two's complement word that holds every number in lo..hi."""
    return 1 + max((hi if hi >= 0 else ~hi).bit_length(), (lo if lo >= 0 else ~lo).bit_length())


def constant(b: Builder, value: int, width: int | None = None) -> Bits:
    """Return a number as constant wires: modulo 2**width, or as the narrowest word. No AND nodes.

    Raises:
        CircuitError: a width that is negative or above a million.
    """
    size = width_of(value, value) if width is None else width
    return [b.const(value >> i & 1) for i in range(_possible(size))]


def unsigned(b: Builder, natural: Sequence[int]) -> Bits:
    """Return a natural as the word of the same value: one constant 0 more. No AND nodes."""
    return [*natural, b.const(0)]


def resized(b: Builder, x: Sequence[int], width: int) -> Bits:
    """Return a word modulo 2**width: sign-extended, or its high wires cut off. No AND nodes.

    Raises:
        CircuitError: a word without wires, or a width that is negative or above a million.
    """
    return [*x[: _possible(width)], *[_sign(x)] * (width - len(x))]


def saturated(b: Builder, x: Sequence[int], width: int, *, signed: bool) -> Bits:
    """Return a word clamped to what ``width`` bits hold, as a word (signed) or a natural (unsigned).

    2 AND nodes a bit kept and 1 a bit cut off if unsigned, 3 and 2 if signed.

    Raises:
        CircuitError: a word without wires, or a width that is too small or above a million.
    """
    sign = _sign(x)
    kept = _possible(width - signed)  # the wires below the sign of the result
    if signed:
        if len(x) <= width:
            return resized(b, x, width)
        beyond = b.add("andnot", _tree(b, "or", x[kept:]), _tree(b, "and", x[kept:]))  # not all like the sign
        return [*(b.add("mux", beyond, wire, b.add("not", sign)) for wire in x[:kept]), sign]
    beyond = _tree(b, "or", x[kept:-1])
    below = [*x[:-1], *[b.const(0)] * (width - len(x) + 1)][:width]
    return [b.add("andnot", b.add("or", wire, beyond), sign) for wire in below]


def fitted(b: Builder, x: Sequence[int], width: int, *, signed: bool, saturate: bool) -> Bits:
    """Return the ``width`` wires that store an exact result: wrapped modulo 2**width, or saturated.

    Args:
        b: the builder.
        x: a word.
        width: how many wires the result has.
        signed: whether they are read as a word or as a natural; wrapping is the same for both.
        saturate: the nearest number in range instead of the one congruent modulo 2**width.
    """
    return saturated(b, x, width, signed=signed) if saturate else resized(b, x, width)


def _possible(width: int) -> int:
    if not 0 <= width <= MAX_WIDTH:
        raise CircuitError(f"library: got a width of {width} wires, expected 0..{MAX_WIDTH}")
    return width


def _sign(x: Sequence[int]) -> int:
    if not x:
        raise CircuitError("library: got a word of no wires, expected at least its sign")
    return x[-1]


def _aligned(b: Builder, *words: Sequence[int]) -> list[Bits]:
    """Sign-extend words to the widest."""
    width = max(map(len, words))
    return [resized(b, x, width) for x in words]


def _pairs(x: Sequence[int], y: Sequence[int]) -> list[tuple[int, int]]:
    if len(x) != len(y):
        raise CircuitError(f"library: got {len(x)} and {len(y)} wires, expected two naturals of one width")
    return list(zip(x, y, strict=True))


def _inverted(b: Builder, x: Iterable[int]) -> Bits:
    return [b.add("not", wire) for wire in x]


def _tree(b: Builder, op: str, wires: Sequence[int]) -> int:
    """Join wires by ``and`` or ``or`` in a balanced tree; none give the operation's neutral value."""
    row = list(wires)
    while len(row) > 1:
        row = [b.add(op, *row[i : i + 2]) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
    return row[0] if row else b.const(op == "and")


# Adders of naturals


def full_adder(b: Builder, x: int, y: int, z: int) -> tuple[int, int]:
    """Add three bits: (sum, carry). 5 gates and 7 AND nodes; with a constant among them a half adder, 3 AND nodes."""
    half = b.add("xor", x, y)
    total = b.add("xor", half, z)
    if {x, y, z} & {b.const(0), b.const(1)}:
        return total, b.add("maj", x, y, z)  # folds to one gate
    return total, b.add("or", b.add("and", x, y), b.add("and", half, z))


def ripple(b: Builder, x: Sequence[int], y: Sequence[int], carry_in: int | None = None) -> tuple[Bits, int]:
    """Add two naturals by a chain of full adders: the fewest gates. 7n-4 AND nodes, 7n with a carry in."""
    carry = b.const(0) if carry_in is None else carry_in
    total = []
    for p, q in _pairs(x, y):
        bit, carry = full_adder(b, p, q, carry)
        total.append(bit)
    return total, carry


def carry_select(b: Builder, x: Sequence[int], y: Sequence[int], carry_in: int | None = None) -> tuple[Bits, int]:
    """Add two naturals in blocks of about sqrt(n), each for both carries that may come (Bedrij 1962)."""
    _pairs(x, y)
    carry = b.const(0) if carry_in is None else carry_in
    size = max(1, round(len(x) ** 0.5))
    total: Bits = []
    for start in range(0, len(x), size):
        block = x[start : start + size], y[start : start + size]
        (low, low_carry), (high, high_carry) = (ripple(b, *block, b.const(c)) for c in (0, 1))
        total += mux(b, carry, low, high)
        carry = b.add("mux", carry, low_carry, high_carry)
    return total, carry


_Span = tuple[int, int]  # (generates a carry, propagates one) of neighbouring bits
_Join = Callable[[_Span, _Span], _Span]


def _sklansky(join: _Join, spans: list[_Span]) -> list[_Span]:
    if len(spans) < 2:
        return spans
    half = (len(spans) + 1) // 2
    low, high = _sklansky(join, spans[:half]), _sklansky(join, spans[half:])
    return low + [join(low[-1], span) for span in high]


def _kogge_stone(join: _Join, spans: list[_Span]) -> list[_Span]:
    step = 1
    while step < len(spans):
        spans = spans[:step] + [join(spans[i - step], spans[i]) for i in range(step, len(spans))]
        step *= 2
    return spans


def _brent_kung(join: _Join, spans: list[_Span]) -> list[_Span]:
    if len(spans) < 2:
        return spans
    odd = _brent_kung(join, [join(low, high) for low, high in zip(spans[::2], spans[1::2], strict=False)])
    even = [join(low, high) for low, high in zip(odd, spans[2::2], strict=False)]
    joined = [spans[0]] + [span for pair in zip(odd, even, strict=False) for span in pair]
    return joined + odd[len(even) :]


def _prefix(scan: Callable[[_Join, list[_Span]], list[_Span]]) -> Adder:
    """Make an adder whose carries are all prefixes of an associative join: spans (0..i) for every i."""

    def adder(b: Builder, x: Sequence[int], y: Sequence[int], carry_in: int | None = None) -> tuple[Bits, int]:
        def join(low: _Span, high: _Span) -> _Span:
            return b.add("or", high[0], b.add("and", high[1], low[0])), b.add("and", high[1], low[1])

        pairs = _pairs(x, y)
        half = [b.add("xor", p, q) for p, q in pairs]
        incoming = b.const(0) if carry_in is None else carry_in
        spans = [(b.add("and", p, q), h) for (p, q), h in zip(pairs, half, strict=True)]
        carries = [generate for generate, _ in scan(join, [(incoming, b.const(0)), *spans])]
        return [b.add("xor", h, c) for h, c in zip(half, carries[:-1], strict=True)], carries[-1]

    return adder


ADDERS: dict[str, Adder] = {
    "ripple": ripple,
    "carry_select": carry_select,
    "sklansky": _prefix(_sklansky),  # Sklansky 1960: fewest levels, wide fan-out
    "kogge_stone": _prefix(_kogge_stone),  # Kogge and Stone 1973: fewest levels, fan-out 2, most gates
    "brent_kung": _prefix(_brent_kung),  # Brent and Kung 1982: twice the levels, about 2n joins
}
"""Adders that compute the same sum with different gates and levels."""


def difference(b: Builder, x: Sequence[int], y: Sequence[int], *, adder: Adder = ripple) -> tuple[Bits, int]:
    """Subtract naturals of one width: (x - y modulo 2**n, borrow = [x < y]). 7n-4 AND nodes by ripple."""
    total, carry = adder(b, x, _inverted(b, y), b.const(1))
    return total, b.add("not", carry)


# Exact arithmetic of words


def add(b: Builder, x: Sequence[int], y: Sequence[int], *, adder: Adder = ripple) -> Bits:
    """Return x + y, one bit wider than the wider of them. 7n-4 AND nodes for naturals by ripple."""
    width = 1 + max(len(x), len(y))
    return adder(b, resized(b, x, width), resized(b, y, width))[0]


def subtract(b: Builder, x: Sequence[int], y: Sequence[int], *, adder: Adder = ripple) -> Bits:
    """Return x - y, one bit wider than the wider of them. 7n-4 AND nodes for naturals by ripple."""
    width = 1 + max(len(x), len(y))
    return difference(b, resized(b, x, width), resized(b, y, width), adder=adder)[0]


def negate(b: Builder, x: Sequence[int], *, adder: Adder = ripple) -> Bits:
    """Return -x, one bit wider than x. 3n-3 AND nodes."""
    return subtract(b, constant(b, 0, 1), x, adder=adder)


def absolute(b: Builder, x: Sequence[int], *, adder: Adder = ripple) -> Bits:
    """Return |x|, one bit wider than x, so that the lowest number has one too.

    (x xor s) + s with the sign s: 6n-6 AND nodes.
    """
    sign = _sign(x)
    return unsigned(b, adder(b, [b.add("xor", wire, sign) for wire in x], constant(b, 0, len(x)), sign)[0])


@lru_cache(maxsize=1 << 12)
def signed_digits(value: int) -> tuple[tuple[int, int], ...]:
    """Return (position, digit) pairs, digit -1 or 1, that sum to the value, as few as there can be.

    The canonical signed digits: no two at neighbouring positions (Reitwiesner 1960).
    """
    digits, position = [], 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)  # leaves a multiple of 4
            digits.append((position, digit))
            value -= digit
        value >>= 1
        position += 1
    return tuple(digits)


def _rows(b: Builder, columns: Sequence[Sequence[int]]) -> tuple[Bits, Bits]:
    rows = [[*column, b.const(0), b.const(0)] for column in columns]
    return [row[0] for row in rows], [row[1] for row in rows]


def tree(b: Builder, columns: Sequence[Sequence[int]]) -> tuple[Bits, Bits]:
    """Lower all columns together to 2 wires through heights ..., 9, 6, 4, 3: few levels (Dadda 1965)."""
    heights = [2]
    while heights[-1] < max(map(len, columns), default=0):
        heights.append(heights[-1] * 3 // 2)
    for height in reversed(heights[:-1]):
        lowered: list[deque[int]] = []
        carries: Bits = []
        for column in columns:
            here, carries = deque([*column, *carries]), []
            while (excess := len(here) - height) > 0:
                third = here.popleft() if excess > 1 else b.const(0)
                bit, carry = full_adder(b, here.popleft(), here.popleft(), third)
                here.append(bit)
                carries.append(carry)
            lowered.append(here)
        columns = lowered
    return _rows(b, columns)


def _by_column(take: Callable[[deque[int]], int]) -> Compressor:
    """Make a compressor that finishes a column, full adders only, before the next; ``take`` chooses what it adds."""

    def compress(b: Builder, columns: Sequence[Sequence[int]]) -> tuple[Bits, Bits]:
        waiting = [*map(deque, columns), deque[int]()]  # the last takes the carries that vanish
        for here, above in pairwise(waiting):
            while len(here) > 2:
                bit, carry = full_adder(b, take(here), take(here), take(here))
                here.append(bit)
                above.append(carry)
        return _rows(b, waiting[:-1])

    return compress


queue = _by_column(deque.popleft)
chain = _by_column(deque.pop)
COMPRESSORS: dict[str, Compressor] = {
    "tree": tree,
    "queue": queue,  # oldest first: fewest half adders; few levels where most wires weigh the same
    "chain": chain,  # newest first: one long carry-save chain a column, as in array multipliers
}
"""Ways to add many bits with the same number of full adders."""


def weighted_sum(
    b: Builder,
    terms: Iterable[tuple[int, int]],
    bias: int = 0,
    *,
    compressor: Compressor = queue,
    adder: Adder = ripple,
) -> Bits:
    """Return a sum of bits times integers, plus an integer, as a word that holds every value it can take.

    A negative digit adds the complement of its bit and takes one from the constant, so nothing is sign-extended
    (the idea of Baugh and Wooley 1973); the weights of one wire are added first. About one full adder a digit.

    Args:
        b: the builder.
        terms: (wire, weight) pairs, any integer weights.
        bias: an integer to add.
        compressor: how columns are added down to two rows.
        adder: how the two rows are added.
    """
    weights: dict[int, int] = {}
    for wire, weight in terms:
        weights[wire] = weights.get(wire, 0) + weight
    weights.pop(b.const(0), 0)
    bias += weights.pop(b.const(1), 0)
    lo = bias + sum(weight for weight in weights.values() if weight < 0)
    hi = bias + sum(weight for weight in weights.values() if weight > 0)
    width = width_of(lo, hi) - (lo >= 0)  # the sign of a sum that is never negative is a constant
    columns: list[list[int]] = [[] for _ in range(width)]
    for wire, weight in weights.items():
        for position, digit in signed_digits(weight):
            if digit < 0:
                bias -= 1 << position
            if position < width:
                columns[position].append(wire if digit > 0 else b.add("not", wire))
    for position, column in enumerate(columns):
        if bias >> position & 1:
            column.append(b.const(1))
    total = adder(b, *compressor(b, columns))[0]
    return unsigned(b, total) if lo >= 0 else total


def _terms(x: Sequence[int], factor: int = 1) -> list[tuple[int, int]]:
    """Return a word times an integer as weighted bits; the sign weighs less than nothing."""
    _sign(x)
    return [(wire, factor << i if i + 1 < len(x) else -factor << i) for i, wire in enumerate(x)]


def dot(
    b: Builder,
    words: Sequence[Sequence[int]],
    weights: Sequence[int],
    bias: int = 0,
    *,
    compressor: Compressor = queue,
    adder: Adder = ripple,
) -> Bits:
    """Return bias + sum of weight * word for integer weights: shifts and adders, no multipliers.

    Raises:
        CircuitError: not one weight a word.
    """
    if len(words) != len(weights):
        raise CircuitError(f"library: dot got {len(words)} words and {len(weights)} weights, expected one for each")
    terms = [term for x, weight in zip(words, weights, strict=True) for term in _terms(x, weight)]
    return weighted_sum(b, terms, bias, compressor=compressor, adder=adder)


def scale(b: Builder, x: Sequence[int], factor: int, *, adder: Adder = ripple) -> Bits:
    """Return factor * x: one adder less than the factor has signed digits."""
    return dot(b, [x], [factor], adder=adder)


def multiply(
    b: Builder, x: Sequence[int], y: Sequence[int], *, compressor: Compressor = tree, adder: Adder = ripple
) -> Bits:
    """Return x * y, as wide as both together. 8n*n - 11n AND nodes for two naturals of n > 1 wires.

    Partial products of signs are negative weights of :func:`weighted_sum` (Baugh and Wooley 1973).
    """
    products = [(b.add("and", p, q), v * w) for p, v in _terms(x) for q, w in _terms(y)]
    return weighted_sum(b, products, compressor=compressor, adder=adder)


def popcount(b: Builder, wires: Sequence[int], *, compressor: Compressor = queue, adder: Adder = ripple) -> Bits:
    """Return how many wires are 1, as a word. n - bit_length(n) full adders and some half adders."""
    return weighted_sum(b, [(wire, 1) for wire in wires], compressor=compressor, adder=adder)


def shift(b: Builder, x: Sequence[int], amount: int) -> Bits:
    """Return x * 2**amount, rounded down: to the left, or to the right by a negative amount. No AND nodes."""
    if amount >= 0:
        return [*constant(b, 0, amount), *resized(b, x, len(x))]
    return list(x[-amount:]) or [_sign(x)]


def shift_by(b: Builder, x: Sequence[int], amount: Sequence[int], *, left: bool) -> Bits:
    """Return a word of the same width, shifted by a natural: to the right rounded down, to the left modulo 2**n.

    A layer of multiplexers a bit of the amount; 3n AND nodes each.
    """
    y = list(x)
    for i, wire in enumerate(amount):
        step = min(1 << i, len(x))
        y = mux(b, wire, y, resized(b, shift(b, y, step if left else -step), len(x)))
    return y


# Comparison and choice


def equal(b: Builder, x: Sequence[int], y: Sequence[int]) -> int:
    """Return the wire of [x = y]. 4n-1 AND nodes."""
    return _tree(b, "and", [b.add("xnor", p, q) for p, q in _pairs(*_aligned(b, x, y))])


def less_than(b: Builder, x: Sequence[int], y: Sequence[int]) -> int:
    """Return the wire of [x < y]: the borrow chain alone, from the lowest bit. 4n-3 AND nodes; n-1 with a constant."""
    x, y = _aligned(b, x, y)
    less = b.const(0)
    # Words compare as naturals do when their signs change places. All inverters come first, so that the borrow is the
    # newest wire: the last pin of the majority, which is the quickest.
    for p, q in _pairs(_inverted(b, [*x[:-1], y[-1]]), [*y[:-1], x[-1]]):
        less = b.add("maj", p, q, less)
    return less


def less_equal(b: Builder, x: Sequence[int], y: Sequence[int]) -> int:
    """Return the wire of [x <= y]. 4n-3 AND nodes."""
    return b.add("not", less_than(b, y, x))


def threshold(b: Builder, x: Sequence[int], level: int) -> int:
    """Return the wire of [x >= level] for an integer level, in or out of x's range. At most n-1 AND nodes."""
    return b.add("not", less_than(b, x, constant(b, level)))


def mux(b: Builder, select: int, x: Sequence[int], y: Sequence[int]) -> Bits:
    """Return x where the wire ``select`` is 0 and y where it is 1, as wide as the wider. 3n AND nodes."""
    return [b.add("mux", select, p, q) for p, q in _pairs(*_aligned(b, x, y))] if len(x) or len(y) else []


def minimum(b: Builder, x: Sequence[int], y: Sequence[int]) -> Bits:
    """Return the lesser word, as wide as the wider. About 7n AND nodes."""
    return mux(b, less_than(b, x, y), y, x)


def maximum(b: Builder, x: Sequence[int], y: Sequence[int]) -> Bits:
    """Return the greater word, as wide as the wider. About 7n AND nodes."""
    return mux(b, less_than(b, x, y), x, y)


def relu(b: Builder, x: Sequence[int]) -> Bits:
    """Return max(x, 0), as wide as x. One AND node a bit but the sign."""
    return [b.add("andnot", wire, _sign(x)) for wire in x]


def clip(b: Builder, x: Sequence[int], lo: int, hi: int) -> Bits:
    """Return x, but lo where it is less and hi where it is more, as the narrowest word for lo..hi.

    Raises:
        CircuitError: lo above hi.
    """
    if lo > hi:
        raise CircuitError(f"library: clip got lo={lo} and hi={hi}, expected lo <= hi")
    y = maximum(b, minimum(b, x, constant(b, hi)), constant(b, lo))
    return resized(b, y, width_of(lo, hi))


def mux_tree(b: Builder, select: Sequence[int], words: Sequence[Sequence[int]]) -> Bits:
    """Return the word whose position the natural ``select`` says; the last one if it points past the end.

    As wide as the widest. One multiplexer a bit for each word but one.

    Raises:
        CircuitError: no words.
    """
    if not words:
        raise CircuitError("library: a multiplexer got no words, expected at least one")
    needed = min(len(select), (len(words) - 1).bit_length())
    last = words[-1]
    layer: list[Sequence[int]] = [*words[: 1 << needed], *[last] * ((1 << needed) - len(words))]
    for wire in select[:needed]:
        layer = [mux(b, wire, x, y) for x, y in zip(layer[::2], layer[1::2], strict=True)]
    return mux(b, _tree(b, "or", select[needed:]), layer[0], last)


def lookup(b: Builder, address: Sequence[int], entries: Sequence[int]) -> Bits:
    """Return the integer entry a natural address points at, as the narrowest word for all of them.

    Multiplexers by Shannon's expansion from the highest wire of the address, equal and complementary subtables shared
    (Bryant 1986).

    Raises:
        CircuitError: not 2**len(address) entries.
    """
    if len(entries) != 1 << len(address):
        raise CircuitError(
            f"library: a table of {len(address)} address wires got {len(entries)} entries, expected {1 << len(address)}"
        )
    seen: dict[tuple[int, int], int] = {}

    def select(table: int, level: int) -> int:
        """Return the wire of the function of the first ``level`` wires with this truth table."""
        full = (1 << (1 << level)) - 1
        if table & 1:
            return b.add("not", select(table ^ full, level))
        if not table:
            return b.const(0)
        wire = seen.get((table, level))
        if wire is None:
            half = 1 << (level - 1)
            low, high = (select(part, level - 1) for part in (table & (1 << half) - 1, table >> half))
            wire = seen[table, level] = b.add("mux", address[level - 1], low, high)
        return wire

    width = width_of(min(entries), max(entries))
    tables = (int("".join(str(entry >> bit & 1) for entry in reversed(entries)), 2) for bit in range(width))
    return [select(table, len(address)) for table in tables]


def decoder(b: Builder, select: Sequence[int]) -> Bits:
    """Return 2**k wires of which exactly the one that the k-wire natural points at is 1.

    Each is one AND of two smaller decoders' outputs: 2**k AND nodes and those of the halves.

    Raises:
        CircuitError: more than a million outputs.
    """
    _possible(1 << min(len(select), 64))
    if len(select) < 2:
        return [*_inverted(b, select), *select] if select else [b.const(1)]
    low, high = decoder(b, select[: len(select) // 2]), decoder(b, select[len(select) // 2 :])
    return [b.add("and", p, q) for q in high for p in low]


def argmax(b: Builder, words: Sequence[Sequence[int]]) -> Bits:
    """Return the position of the greatest word, the first among equals, as a word. A tournament in a balanced tree.

    Raises:
        CircuitError: no words.
    """
    if not words:
        raise CircuitError("library: argmax got no words, expected at least one")

    def better(first: tuple[Bits, Bits], second: tuple[Bits, Bits]) -> tuple[Bits, Bits]:
        later = less_than(b, first[0], second[0])
        return mux(b, later, first[0], second[0]), mux(b, later, first[1], second[1])

    row = [(list(x), constant(b, i)) for i, x in enumerate(words)]
    while len(row) > 1:
        row = [reduce(better, row[i : i + 2]) for i in range(0, len(row), 2)]
    return row[0][1]


# Digit by digit


def restored(b: Builder, x: Sequence[int], y: Sequence[int], *, unless: int | None = None) -> tuple[Bits, int]:
    """Subtract naturals if that leaves one: (x - y or else x, [x >= y]), as wide as x. At most 9n-1 AND nodes.

    Where the wire ``unless`` is 1, x is less than y whatever these wires say. What a bit of x - y differs in from x,
    y xor borrow, shares its ANDs with the next borrow.
    """
    changes: Bits = []
    borrow = b.const(0)
    for p, q in zip(*_aligned(b, unsigned(b, x), unsigned(b, y)), strict=True):
        both, either = b.add("and", q, borrow), b.add("or", q, borrow)
        changes.append(b.add("andnot", either, both))
        borrow = b.add("or", both, b.add("andnot", either, p))
    digit = b.add("not", borrow if unless is None else b.add("or", borrow, unless))
    return [b.add("xor", p, b.add("and", change, digit)) for p, change in zip(x, changes, strict=False)], digit


def divide(b: Builder, x: Sequence[int], y: Sequence[int]) -> tuple[Bits, Bits]:
    """Divide naturals by restoring division: (quotient as wide as x, remainder as wide as y).

    A zero divisor gives a quotient of all ones and the dividend, modulo 2**len(y), as the remainder. One row of
    :func:`restored` a bit of x, as wide as the remainder can be so far: a divisor bit above it, if it is 1, makes the
    bit of the quotient 0.
    """
    above = list(accumulate(reversed(y), lambda p, q: b.add("or", p, q)))[::-1]  # bit i or a higher one is 1
    rest: Bits = []
    quotient: Bits = []
    for wire in reversed(x):
        tried = [wire, *rest]
        rest, digit = restored(b, tried, y[: len(tried)], unless=(above + [b.const(0)] * len(x))[len(tried)])
        rest = rest[: len(y)]
        quotient.insert(0, digit)
    return quotient, resized(b, unsigned(b, rest), len(y))


def square_root(b: Builder, x: Sequence[int]) -> tuple[Bits, Bits]:
    """Return the root of a natural of n wires, rounded down, and the rest x - root**2, digit by digit, restoring.

    The root has h = ceil(n / 2) wires, the rest h + 1.
    """
    pairs = [*x, *constant(b, 0, len(x) % 2)]
    root: Bits = []
    rest: Bits = []
    for i in reversed(range(0, len(pairs), 2)):
        rest, digit = restored(b, [*pairs[i : i + 2], *rest], [*constant(b, 1, 2), *root])  # 4 root + 1
        root = [digit, *root]
        rest = rest[: len(root) + 1]
    return root, resized(b, unsigned(b, rest), len(root) + 1)
