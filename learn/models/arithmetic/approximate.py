"""Named functions in fixed point by small circuits: tables with slack, sums of two tables, pieces of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.aig import and_count, optimised_together
from circuits.circuit import Builder, Circuit
from circuits.rewrite import bit_blasted, folded, without_dead_gates
from circuits.values import simulate_values
from circuits.verify import Proof, equivalent
from circuits.wires import Word, holding
from learn.errors import ModelError
from learn.models.arithmetic.forms import Integers, stored

Reals = NDArray[np.float64]
MOST_BITS = 12
NEAR = 3
"""Slopes this many steps from the rounded one are tried."""
MARGIN = 1.15
"""Simplification seldom shrinks a circuit by so much more than another."""
ROUNDS = 2
"""Of simplification: more save a few nodes in a thousand."""


class Function(NamedTuple):
    """A function from 0..1 to 0..1, and what it says."""

    about: str
    value: Callable[[Reals], Reals]


FUNCTIONS: dict[str, Function] = {
    "sqrt": Function("the square root of t", np.sqrt),
    "log2": Function("log2(1 + t)", lambda t: np.log2(1 + t)),
    "exp2": Function("2**t - 1", lambda t: np.exp2(t) - 1),
    "sin": Function("sin(pi t / 2)", lambda t: np.sin(np.pi / 2 * t)),
    "cos": Function("cos(pi t / 2)", lambda t: np.cos(np.pi / 2 * t)),
    "sigmoid": Function("1 / (1 + exp(8 - 16 t))", lambda t: 1 / (1 + np.exp(8 - 16 * t))),
    "tanh": Function("tanh(4 t)", lambda t: np.tanh(4 * t)),
    "reciprocal": Function("1 / (1 + t)", lambda t: 1 / (1 + t)),
    "square": Function("t * t", np.square),
}
"""Name -> function; t is the argument over 2**in_bits, and the value is in units of 1 / (2**out_bits - 1)."""

Recipe = Callable[[Builder, int], int]


class Candidate(NamedTuple):
    """One circuit that is near a function.

    Attributes:
        text: how it is made.
        circuit: from x to y.
        ands: its AND nodes.
        largest: the largest error over all arguments, in units of the last place of the value rounded exactly.
        mean: the mean error.
    """

    text: str
    circuit: Circuit
    ands: int
    largest: int
    mean: float


def wanted(name: str, in_bits: int, out_bits: int) -> Integers:
    """Return the value for every argument, rounded to integers: int64 (2**in_bits,).

    Raises:
        ModelError: an unknown name, or widths out of range.
    """
    if name not in FUNCTIONS:
        raise ModelError(f"--function: got {name[:40]!r}, expected one of {', '.join(FUNCTIONS)}")
    if not (2 <= in_bits <= MOST_BITS and 2 <= out_bits <= 16):
        raise ModelError(f"--in-bits, --out-bits: got {in_bits} and {out_bits}, expected 2..{MOST_BITS} and 2..16")
    t = np.arange(1 << in_bits) / (1 << in_bits)
    return np.rint(FUNCTIONS[name].value(t) * ((1 << out_bits) - 1)).astype(np.int64)


def candidate(text: str, recipe: Recipe, values: Integers, out_bits: int) -> Candidate:
    """Build a circuit and judge it on all arguments; what it gives beyond the output's range is clipped."""
    bits = (len(values) - 1).bit_length()
    b = Builder(["x"], name=text.split()[0], types=[Word(bits, False)])
    word = Word(out_bits, False)
    wire = recipe(b, 0)
    found = simulate_values(b.circuit({"y": wire}), np.arange(len(values))[None])[0]
    inside = word.lo <= int(found.min()) and int(found.max()) <= word.hi
    wire = stored(b, wire, word._replace(saturate=not inside))
    circuit = without_dead_gates(b.circuit({"y": wire}))
    error = np.abs(np.clip(found, word.lo, word.hi) - values)
    return Candidate(text, circuit, and_count(circuit), int(error.max()), float(error.mean()))


def _entries(b: Builder, address: int, entries: Sequence[int]) -> int:
    if len(set(entries)) == 1:
        value = int(entries[0])
        return b.add("const", params=(value,), type=holding(value, value))
    return b.add("table", address, params=[int(e) for e in entries])


def _part(b: Builder, wire: int, low: int, high: int) -> int:
    """Return bits low..high-1 of a word."""
    return b.add("slice", wire, params=(low,), type=Word(high - low, False))


def table(entries: Integers, address: Callable[[Builder, int], int] = lambda b, x: x) -> Recipe:
    """Return the recipe of a look-up table."""
    return lambda b, x: _entries(b, address(b, x), entries.tolist())


def roundest(lo: Integers, hi: Integers) -> Integers:
    """Return in each interval lo..hi the number with the most zeros at its end."""
    best = lo.copy()
    for k in range(1, 20):
        up = -(-lo >> k) << k
        best = np.where(up <= hi, up, best)
    return best


def slack_table(values: Integers, slack: int, top: int) -> Integers:
    """Return entries off by at most ``slack`` that are equal over the largest aligned blocks, and round numbers."""
    found = np.empty_like(values)

    def fill(lo: int, hi: int) -> None:
        part = values[lo:hi]
        least, most = int(part.max()) - slack, int(part.min()) + slack
        if least <= most:
            ends = np.array([max(least, 0)]), np.array([min(most, top)])
            found[lo:hi] = roundest(*ends)[0] if hi - lo < len(values) else (least + most) // 2
            return
        fill(lo, (lo + hi) // 2)
        fill((lo + hi) // 2, hi)

    fill(0, len(values))
    return found


def two_tables(values: Integers, high: int, shared: int, low: int, rounds: int = 20) -> tuple[Integers, Integers]:
    """Learn T0[high bits] + T1[shared highest bits, low bits] of least largest error.

    Each entry in turn takes the middle of what its arguments want (Das Sarma and Matula 1995, Muller 1999: bipartite
    tables; entries by alternation are ours).

    Args:
        values: for every argument of high + low bits.
        high: bits that address T0.
        shared: highest bits that address T1 too.
        low: lowest bits, which address T1 alone.
        rounds: of both tables.
    """
    x = np.arange(len(values))
    first, second = x >> low, (x >> (high + low - shared) << low) | (x & (1 << low) - 1)
    t0, t1 = np.zeros(1 << high, np.int64), np.zeros(1 << shared + low, np.int64)

    def middles(place: Integers, rest: Integers, size: int) -> Integers:
        lo, hi = np.full(size, 1 << 40), np.full(size, -(1 << 40))
        np.minimum.at(lo, place, rest)
        np.maximum.at(hi, place, rest)
        return (lo + hi) >> 1

    best, least = (t0, t1), None
    for _ in range(rounds):
        t0 = middles(first, values - t1[second], len(t0))
        t1 = middles(second, values - t0[first], len(t1))
        error = np.abs(t0[first] + t1[second] - values)
        rating = (int(error.max()), int(error.sum()))
        if least is None or rating < least:
            best, least = (t0, t1), rating
        else:
            break
    return best


def _two_tables(t0: Integers, t1: Integers, high: int, shared: int, low: int) -> Recipe:
    def recipe(b: Builder, x: int) -> int:
        top, bottom = _part(b, x, high + low - shared, high + low), _part(b, x, 0, low)
        place = b.add("add", b.add("shift", top, params=(low,)), bottom, type=Word(shared + low, False))
        return b.add("add", _entries(b, _part(b, x, low, high + low), t0.tolist()), _entries(b, place, t1.tolist()))

    return recipe


class Lines(NamedTuple):
    """Lines over segments: (offset[segment] + slope[segment] * (rest >> cut)) >> shift."""

    offsets: Integers
    slopes: Integers
    cut: int
    shift: int

    def recipe(self, b: Builder, x: int) -> int:
        """Add two tables, a product, a sum and a shift."""
        bits, segments = b.type_of(x).bits, (len(self.offsets) - 1).bit_length()
        segment, rest = _part(b, x, bits - segments, bits), _part(b, x, self.cut, bits - segments)
        slope = _entries(b, segment, self.slopes.tolist())
        if len(set(self.slopes.tolist())) == 1:
            product = b.add("scale", rest, params=(int(self.slopes[0]),))
        else:
            product = b.add("mul", slope, rest)
        total = b.add("add", product, _entries(b, segment, self.offsets.tolist()))
        return b.add("shift", total, params=(-self.shift,))


def rounded_lines(values: Integers, segments: int, cut: int, shift: int) -> Lines:
    """Return least-squares lines with their coefficients rounded."""
    parts = values.reshape(1 << segments, -1)
    rest = np.arange(parts.shape[1]) >> cut
    centred = rest - rest.mean()
    slopes = (parts @ centred) / max(1e-9, float(centred @ centred))
    offsets = parts.mean(axis=1) - slopes * rest.mean()
    half = (1 << shift) >> 1
    return Lines(
        np.rint(offsets * (1 << shift)).astype(np.int64) + half,
        np.rint(slopes * (1 << shift)).astype(np.int64),
        cut,
        shift,
    )


def learned_lines(values: Integers, start: Lines) -> Lines:
    """Step slopes and offsets of every segment to the least largest error, then mean error, then the roundest slope.

    The offset of a slope is known: the middle of what the arguments want.
    """
    parts = values.reshape(len(start.offsets), -1)
    rest = np.arange(parts.shape[1]) >> start.cut
    half = (1 << start.shift) >> 1
    tried = start.slopes[:, None] + np.arange(-NEAR, NEAR + 1)  # (segments, slopes)
    left = (parts[:, None, :] << start.shift) - tried[:, :, None] * rest
    offsets = ((left.max(axis=2) + left.min(axis=2)) >> 1) + half
    offsets = np.concatenate([offsets, np.repeat(start.offsets[:, None], 1, axis=1)], axis=1)
    slopes = np.concatenate([tried, start.slopes[:, None]], axis=1)
    error = np.abs((offsets[:, :, None] + slopes[:, :, None] * rest >> start.shift) - parts[:, None, :])
    round_off = np.where(slopes == 0, 20, np.log2(np.maximum(slopes & -slopes, 1)))
    rating = error.max(axis=2) * (1 << 20) + error.mean(axis=2) * 16 - round_off
    best = rating.argmin(axis=1)[:, None]
    return start._replace(
        offsets=np.take_along_axis(offsets, best, 1)[:, 0], slopes=np.take_along_axis(slopes, best, 1)[:, 0]
    )


def line_settings(in_bits: int) -> Iterator[tuple[int, int, int]]:
    """Yield segments, cut and shift of lines that are worth a try."""
    for segments in range(1, min(6, in_bits - 1)):
        for cut in range(0, max(1, in_bits - segments - 2), 2):
            for shift in sorted({0, 1, 2, 4, in_bits - segments - cut} & set(range(9))):
                yield segments, cut, shift


def plain(values: Integers, out_bits: int) -> Candidate:
    """Return the table itself."""
    return candidate("table", table(values), values, out_bits)


def rounded(values: Integers, in_bits: int, out_bits: int) -> Iterator[Candidate]:
    """Yield least-squares lines with rounded coefficients."""
    for segments, cut, shift in line_settings(in_bits):
        lines = rounded_lines(values, segments, cut, shift)
        yield candidate(f"lines: {1 << segments} segments, {shift} fraction bits", lines.recipe, values, out_bits)


def learned(values: Integers, in_bits: int, out_bits: int) -> Iterator[Candidate]:
    """Yield what is learned: tables with slack, two tables, lines."""
    top = (1 << out_bits) - 1
    yield plain(values, out_bits)
    for slack in sorted({0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64} & set(range(top // 8 + 1))):
        yield candidate(f"table: off by at most {slack}", table(slack_table(values, slack, top)), values, out_bits)
    for low in range(2, in_bits // 2 + 1):
        for shared in range(1, in_bits - low):
            if shared + low < in_bits - 1:
                pair = two_tables(values, in_bits - low, shared, low)
                recipe = _two_tables(*pair, in_bits - low, shared, low)
                yield candidate(f"two tables: {in_bits - low} and {shared + low} bits", recipe, values, out_bits)
    for segments, cut, shift in line_settings(in_bits):
        start = rounded_lines(values, segments, cut, shift)
        for lines in (start, learned_lines(values, start)):
            yield candidate(f"lines: {1 << segments} segments, {shift} fraction bits", lines.recipe, values, out_bits)


def front(candidates: Sequence[Candidate], error: Callable[[Candidate], float]) -> list[Candidate]:
    """Return those that no other one equals or beats in both size and error, the smallest first."""
    kept: list[Candidate] = []
    for each in sorted(candidates, key=lambda c: (c.ands, error(c))):
        if not kept or error(each) < error(kept[-1]):
            kept.append(each)
    return kept


def contenders(candidates: Sequence[Candidate], error: Callable[[Candidate], float]) -> list[Candidate]:
    """Return those that may be in front once all are simplified: no other as near is smaller by more than MARGIN."""
    different = {(c.ands, c.largest, c.mean): c for c in reversed(candidates)}.values()
    return [c for c in different if not any(error(o) <= error(c) and o.ands * MARGIN < c.ands for o in different)]


def shrunk(given: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates with their circuits simplified, and proved equal."""
    folded_ones = [folded(bit_blasted(each.circuit)) for each in given]
    small = []
    for each, circuit in zip(given, optimised_together(folded_ones, rounds=ROUNDS), strict=True):
        proof = equivalent(each.circuit, circuit)
        if not isinstance(proof, Proof):
            raise ModelError(f"approximate: {each.text} was simplified wrongly: {proof}")
        small.append(each._replace(circuit=circuit, ands=and_count(circuit)))
    return small
