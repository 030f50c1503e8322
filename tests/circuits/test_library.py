"""The library of word operators against Python's integers: exhaustive where small, else SAT and patterns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from circuits import library as lib
from circuits.aig import and_count, and_levels
from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError
from circuits.library import ADDERS, COMPRESSORS, Bits
from circuits.simulate import evaluate, simulate
from circuits.verify import Proof, equivalent
from circuits.words import Words, enumerate_inputs, unpack

Numbers = NDArray[Any]  # int64 where results fit, else Python integers


def flat(result: object) -> list[int]:
    """Return every wire of a result: a wire, or sequences of them."""
    return [result] if isinstance(result, int) else [wire for part in result for wire in flat(part)]  # type: ignore[attr-defined]


def words_of(builder: Builder, widths: Sequence[int], signed: Sequence[bool] | None) -> list[Bits]:
    """Cut the inputs into words, or into naturals where ``signed`` is None."""
    wires = iter(builder.inputs)
    cut = [[next(wires) for _ in range(width)] for width in widths]
    return cut if signed is None else [x if s else lib.unsigned(builder, x) for x, s in zip(cut, signed, strict=True)]


def built(
    operator: Callable[..., object], widths: Sequence[int], signed: Sequence[bool] | bool | None = None
) -> Circuit:
    """Build an operator on inputs of these widths, naturals unless told their signedness."""
    builder = Builder([f"x{k}_{i}" for k, width in enumerate(widths) for i in range(width)])
    flags = [signed] * len(widths) if isinstance(signed, bool) else signed
    outputs = flat(operator(builder, *words_of(builder, widths, flags)))
    return builder.circuit({f"y{i}": wire for i, wire in enumerate(outputs)})


def read(bits: NDArray[np.bool_], signed: bool, kind: Any = np.int64) -> Numbers:
    """Read rows of bits, least significant first, as numbers."""
    zero = np.zeros(bits.shape[1], kind)
    weights = [(-1 if signed and i + 1 == len(bits) else 1) << i for i in range(len(bits))]
    return sum((row.astype(kind) * w for row, w in zip(bits, weights, strict=True)), start=zero)


class Operator(NamedTuple):
    """One operator of words: how to build it, and what it computes; a wire is read as 0 or 1."""

    words: int
    build: Callable[..., Bits | int]
    value: Callable[..., Numbers]


def first_greatest(*words: Numbers) -> Numbers:
    return np.argmax(np.stack(words), axis=0)


OPERATORS: dict[str, Operator] = {
    "add": Operator(2, lib.add, lambda x, y: x + y),
    "subtract": Operator(2, lib.subtract, lambda x, y: x - y),
    "negate": Operator(1, lib.negate, lambda x: -x),
    "absolute": Operator(1, lib.absolute, abs),
    "multiply": Operator(2, lib.multiply, lambda x, y: x * y),
    "multiply by chains": Operator(
        2, lambda b, x, y: lib.multiply(b, x, y, compressor=lib.chain), lambda x, y: x * y
    ),
    "square": Operator(1, lambda b, x: lib.multiply(b, x, x), lambda x: x * x),
    **{
        f"scale by {factor}": Operator(1, lambda b, x, f=factor: lib.scale(b, x, f), lambda x, f=factor: f * x)
        for factor in (0, 1, -1, 2, 3, 7, -11, 100)
    },
    "dot": Operator(2, lambda b, x, y: lib.dot(b, [x, y, x], [5, -3, -1], -9), lambda x, y: 4 * x - 3 * y - 9),
    **{
        f"shift by {amount}": Operator(
            1, lambda b, x, a=amount: lib.shift(b, x, a), lambda x, a=amount: x << a if a >= 0 else x >> -a
        )
        for amount in (0, 1, 3, -1, -3, -20)
    },
    "equal": Operator(2, lib.equal, lambda x, y: x == y),
    "less_than": Operator(2, lib.less_than, lambda x, y: x < y),
    "less_equal": Operator(2, lib.less_equal, lambda x, y: x <= y),
    **{
        f"threshold {level}": Operator(
            1, lambda b, x, t=level: lib.threshold(b, x, t), lambda x, t=level: x >= t
        )
        for level in (-1000, -5, -1, 0, 1, 6, 1000)
    },
    "minimum": Operator(2, lib.minimum, np.minimum),
    "maximum": Operator(2, lib.maximum, np.maximum),
    "relu": Operator(1, lib.relu, lambda x: np.maximum(x, 0)),
    **{
        f"clip to {lo}..{hi}": Operator(
            1,
            lambda b, x, lo=lo, hi=hi: lib.clip(b, x, lo, hi),
            lambda x, lo=lo, hi=hi: np.minimum(np.maximum(x, lo), hi),
        )
        for lo, hi in ((-3, 5), (0, 3), (2, 2), (20, 30), (-30, -20))
    },
    "argmax of three": Operator(3, lambda b, *x: lib.argmax(b, x), first_greatest),
    "argmax of one": Operator(1, lambda b, x: lib.argmax(b, [x]), lambda x: 0 * x),
}  # fmt: skip
every_operator = pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)


def agrees(operator: Operator, widths: Sequence[int], signed: Sequence[bool], patterns: int, inputs: Words) -> None:
    """Check an operator's circuit on packed input patterns against its value on numbers."""
    circuit = built(operator.build, widths, signed)
    kind = np.int64 if sum(widths) < 30 else object
    given_bits = np.split(unpack(inputs, patterns), np.cumsum(widths)[:-1])
    numbers = [read(bits, s, kind) for bits, s in zip(given_bits, signed, strict=True)]
    wanted = np.asarray(operator.value(*numbers))
    got = read(unpack(simulate(circuit, inputs, patterns=patterns), patterns), wanted.dtype != bool, kind)
    assert circuit.num_outputs == 1 or wanted.dtype != bool
    assert np.array_equal(got, wanted), f"widths {widths}, signed {signed}"


def exhaustively(operator: Operator, widths: Sequence[int], signed: Sequence[bool]) -> None:
    agrees(operator, widths, signed, 1 << sum(widths), enumerate_inputs(sum(widths)))


@every_operator
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_operators_at_every_width(operator, signed):
    for width in range(1, 1 + min(8, 16 // operator.words)):
        exhaustively(operator, [width] * operator.words, [signed] * operator.words)


@pytest.mark.parametrize("operator", [o for o in OPERATORS.values() if o.words > 1])
def test_operators_on_mixed_widths_and_signs(operator):
    for widths in product((1, 2, 5, 8), repeat=operator.words):
        if sum(widths) > 13:
            continue
        for signed in product((False, True), repeat=operator.words):
            exhaustively(operator, widths, signed)


@every_operator
@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_operators_on_random_words(operator, width, signed):
    random = np.random.Generator(np.random.Philox(width))
    inputs = random.integers(0, 2**64, (operator.words * width, 157), np.uint64)
    inputs[width - 1 :: width, :20] |= np.uint64(2**64 - 1)  # some words of highest bits all ones
    agrees(operator, [width] * operator.words, [signed] * operator.words, 10_048, inputs)


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("into_signed", [False, True], ids=["into unsigned", "into signed"])
@pytest.mark.parametrize("saturate", [False, True], ids=["wrap", "saturate"])
def test_results_are_fitted_to_every_width(signed, into_signed, saturate):
    for width, into in product(range(1, 9), range(1, 11)):
        lo, hi = (-(1 << (into - 1)), (1 << (into - 1)) - 1) if into_signed else (0, (1 << into) - 1)

        def fit(b, x, into=into):
            y = lib.fitted(b, x, into, signed=into_signed, saturate=saturate)
            assert len(y) == into
            return y if into_signed else lib.unsigned(b, y)

        def value(x, lo=lo, hi=hi):
            return np.minimum(np.maximum(x, lo), hi) if saturate else (x - lo) % (hi - lo + 1) + lo

        exhaustively(Operator(1, fit, value), [width], [signed])


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_a_saturated_sum_is_an_exact_sum_fitted(signed):
    lo, hi = (-8, 7) if signed else (0, 15)

    def build(b, x, y):
        total = lib.saturated(b, lib.add(b, x, y), 4, signed=signed)
        return total if signed else lib.unsigned(b, total)

    exhaustively(Operator(2, build, lambda x, y: np.clip(x + y, lo, hi)), [4, 4], [signed] * 2)


@given(st.integers(-(2**70), 2**70), st.integers(0, 80))
def test_constants(value, width):
    builder = Builder([])

    def number(wires, signed=True):
        total = sum((wire == builder.const(1)) << i for i, wire in enumerate(wires))
        return total - (1 << len(wires)) * (signed and wires[-1] == builder.const(1))

    narrow = lib.constant(builder, value)
    assert number(narrow) == value
    assert len(narrow) == lib.width_of(value, value)
    assert len(narrow) == 1 or narrow[-1] != narrow[-2], "one bit less does it too"
    wrapped = lib.constant(builder, value, width)
    assert len(wrapped) == width
    assert number(wrapped, signed=False) == value % (1 << width)


@given(st.integers(-(2**40), 2**40))
def test_signed_digits_are_the_number_and_as_few_as_can_be(value):
    digits = lib.signed_digits(value)
    assert sum(digit << position for position, digit in digits) == value
    assert len({position for position, _ in digits}) == len(digits)
    fewest = (3 * abs(value) ^ abs(value)).bit_count()  # the weight of the non-adjacent form (Prodinger 2000)
    assert len(digits) == fewest


# Naturals


@pytest.mark.parametrize("adder", ADDERS.values(), ids=ADDERS)
def test_adders(adder):
    for width in range(8):

        def with_carry(b, x, y, c):
            return adder(b, x, y, c[0])

        circuit = built(with_carry, [width, width, 1])
        n = np.arange(1 << circuit.num_inputs)
        x, y, c = n % (1 << width), n >> width & (1 << width) - 1, n >> 2 * width
        outputs = unpack(simulate(circuit, enumerate_inputs(circuit.num_inputs), patterns=len(n)), len(n))
        assert np.array_equal(read(outputs, False), x + y + c)
    circuit = built(adder, [8, 8])
    n = np.arange(1 << 16)
    outputs = unpack(simulate(circuit, enumerate_inputs(16)), len(n))
    assert np.array_equal(read(outputs, False), n % 256 + (n >> 8))


def test_differences():
    for width in range(1, 9):
        circuit = built(lib.difference, [width, width])
        n = np.arange(1 << 2 * width)
        x, y = n % (1 << width), n >> width
        outputs = unpack(simulate(circuit, enumerate_inputs(2 * width), patterns=len(n)), len(n))
        assert np.array_equal(read(outputs[:-1], False), (x - y) % (1 << width))
        assert np.array_equal(outputs[-1], x < y)


@pytest.mark.parametrize("compressor", COMPRESSORS.values(), ids=COMPRESSORS)
def test_popcounts(compressor):
    for width in range(17):
        circuit = built(lambda b, x: lib.popcount(b, x, compressor=compressor), [width])
        patterns = 1 << width
        outputs = unpack(simulate(circuit, enumerate_inputs(width), patterns=patterns), patterns)
        assert np.array_equal(read(outputs, True), np.bitwise_count(np.arange(patterns)))
        assert circuit.num_outputs == 1 + width.bit_length()


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(-40, 40)), max_size=12),
    st.integers(-100, 100),
    st.sampled_from(sorted(COMPRESSORS)),
    st.sampled_from(sorted(ADDERS)),
)
def test_weighted_sums(terms, bias, compressor, adder):
    def build(b, x):
        wires = [*x, b.const(0), b.const(1)]
        chosen = [(wires[i], weight) for i, weight in terms]
        return lib.weighted_sum(b, chosen, bias, compressor=COMPRESSORS[compressor], adder=ADDERS[adder])

    circuit = built(build, [7])
    n = np.arange(1 << 7)
    bits = [*(n >> i & 1 for i in range(7)), 0, 1]
    outputs = unpack(simulate(circuit, enumerate_inputs(7)), len(n))
    assert np.array_equal(read(outputs, True), sum((w * bits[i] for i, w in terms), start=bias + 0 * n))


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_shifts_by_a_natural(left):
    for width, bits in product(range(1, 9), range(4)):
        circuit = built(lambda b, x, a: lib.shift_by(b, x, a, left=left), [width, bits])
        n = np.arange(1 << (width + bits))
        x, amount = (n % (1 << width) ^ 1 << (width - 1)) - (1 << (width - 1)), n >> width
        outputs = unpack(simulate(circuit, enumerate_inputs(width + bits), patterns=len(n)), len(n))
        wanted = x << amount if left else x >> amount
        assert np.array_equal(read(outputs, False), wanted % (1 << width))


def test_selects_and_amounts_may_be_wide():
    shifted = built(lambda b, x, a: lib.shift_by(b, x, a, left=True), [3, 50])
    assert evaluate(shifted, [1, 1, 1, 1, *[0] * 49]) == (0, 1, 1)
    assert evaluate(shifted, [1, 1, 1, *[0] * 49, 1]) == (0, 0, 0)
    chosen = built(lambda b, s, x, y: lib.mux_tree(b, s, [x, y]), [50, 2, 2])
    assert chosen.num_gates == 48 + 4
    assert and_count(chosen) == 48 + 4 * 3


def test_multiplexers_choose_the_last_word_past_the_end():
    for bits, count in product(range(4), range(1, 10)):
        circuit = built(lambda b, s, *x: lib.mux_tree(b, s, x), [bits, *[1] * count], True)
        patterns = 1 << circuit.num_inputs
        n = np.arange(patterns)
        outputs = unpack(simulate(circuit, enumerate_inputs(circuit.num_inputs), patterns=patterns), patterns)
        chosen = np.minimum(n % (1 << bits), count - 1)
        assert np.array_equal(outputs[0], (n >> bits + chosen) & 1)


def test_multiplexers_extend_narrow_words():
    exhaustively(
        Operator(3, lambda b, s, x, y: lib.mux(b, s[0], x, y), lambda s, x, y: np.where(s, y, x)),
        [1, 2, 5], [False, True, False],
    )  # fmt: skip


@given(st.data())
def test_tables(data):
    address = data.draw(st.integers(0, 6))
    numbers = data.draw(st.sampled_from([st.integers(0, 3), st.integers(-300, 300), st.integers(-(2**60), -(2**59))]))
    entries = data.draw(st.lists(numbers, min_size=1 << address, max_size=1 << address))
    circuit = built(lambda b, x: lib.lookup(b, x, entries), [address])
    outputs = unpack(simulate(circuit, enumerate_inputs(address), patterns=1 << address), 1 << address)
    assert read(outputs, True).tolist() == entries
    assert circuit.num_outputs == lib.width_of(min(entries), max(entries))


def test_a_table_shares_subtables_and_their_complements():
    circuit = built(lambda b, x: lib.lookup(b, x, [n.bit_count() % 2 for n in range(1 << 10)])[0], [10])
    assert and_count(circuit) == 3 * 9


def test_decoders():
    for bits in range(8):
        circuit = built(lib.decoder, [bits])
        patterns = 1 << bits
        outputs = unpack(simulate(circuit, enumerate_inputs(bits), patterns=patterns), patterns)
        assert np.array_equal(outputs, np.eye(patterns, dtype=bool))


def test_divisions():
    for n, m in product(range(1, 9), repeat=2):
        circuit = built(lib.divide, [n, m])
        patterns = np.arange(1 << (n + m))
        outputs = unpack(simulate(circuit, enumerate_inputs(n + m), patterns=len(patterns)), len(patterns))
        x, y = patterns % (1 << n), patterns >> n
        divisor = np.maximum(y, 1)
        assert np.array_equal(read(outputs[:n], False), np.where(y, x // divisor, (1 << n) - 1))
        assert np.array_equal(read(outputs[n:], False), np.where(y, x % divisor, x % (1 << m)))


def test_square_roots():
    for n in range(17):
        circuit = built(lib.square_root, [n])
        outputs = unpack(simulate(circuit, enumerate_inputs(n), patterns=1 << n), 1 << n)
        half = -(-n // 2)
        roots = np.array([math.isqrt(x) for x in range(1 << n)])
        assert np.array_equal(read(outputs[:half], False), roots)
        assert np.array_equal(read(outputs[half:], False), np.arange(1 << n) - roots**2)
        assert circuit.num_outputs == 2 * half + 1


# Two constructions of one function, proved equal


def same(first: Callable[..., object], second: Callable[..., object], *widths: int) -> None:
    verdict = equivalent(built(first, widths, True), built(second, widths, True))
    assert isinstance(verdict, Proof), verdict


@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("adder", [adder for adder in ADDERS.values() if adder is not lib.ripple])
def test_adders_are_equal(adder, width):
    same(lambda b, x, y, c: lib.ripple(b, x, y, c[0]), lambda b, x, y, c: adder(b, x, y, c[0]), width, width, 1)
    same(lib.difference, lambda b, x, y: lib.difference(b, x, y, adder=adder), width, width)


IDENTITIES: dict[str, tuple[Callable[..., object], Callable[..., object]]] = {
    "x < y is the sign of x - y": (lib.less_than, lambda b, x, y: lib.subtract(b, x, y)[-1]),
    "x <= y is not y < x": (
        lib.less_equal, lambda b, x, y: b.add("not", lib.subtract(b, y, x, adder=ADDERS["sklansky"])[-1]),
    ),
    "x = y is neither less": (
        lib.equal, lambda b, x, y: b.add("nor", lib.less_than(b, x, y), lib.less_than(b, y, x)),
    ),
    "min(x, y) is the other than max(x, y)": (
        lib.minimum,
        lambda b, x, y: [
            b.add("xor", b.add("xor", p, q), r) for p, q, r in zip(x, y, lib.maximum(b, y, x), strict=True)
        ],
    ),
    "x + y as a dot product": (lib.add, lambda b, x, y: lib.dot(b, [x, y], [1, 1])),
    "x - y as a dot product": (lib.subtract, lambda b, x, y: lib.resized(b, lib.dot(b, [x, y], [1, -1]), len(x) + 1)),
    "relu(x) is the maximum with 0": (
        lambda b, x, y: lib.relu(b, x), lambda b, x, y: lib.maximum(b, x, lib.constant(b, 0)),
    ),
    "|x| is the maximum with -x": (
        lambda b, x, y: lib.absolute(b, x), lambda b, x, y: lib.maximum(b, x, lib.negate(b, x)),
    ),
    "7 x is x + x + x + x + x + x + x": (
        lambda b, x, y: lib.scale(b, x, 7)[: len(x)],
        lambda b, x, y: reduce(partial(lib.add, b), [x] * 7)[: len(x)],
    ),
    "x >= 1234 is not x < 1234": (
        lambda b, x, y: lib.threshold(b, x, 1234),
        lambda b, x, y: b.add("not", lib.subtract(b, x, lib.constant(b, 1234))[-1]),
    ),
    "clip by comparing": (
        lambda b, x, y: lib.clip(b, x, -100, 99),
        lambda b, x, y: lib.mux(
            b, lib.threshold(b, x, -100), lib.constant(b, -100, 8),
            lib.mux(b, lib.threshold(b, x, 99), x[:8], lib.constant(b, 99, 8)),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_identities(identity, width):
    same(*identity, width, width)


def test_popcounts_are_equal():
    same(lib.popcount, lambda b, x: lib.popcount(b, x, compressor=lib.tree), 24)
    same(lib.popcount, lambda b, x: lib.popcount(b, x, compressor=lib.chain), 24)


def test_multipliers_are_equal():
    for widths in ((16, 3), (32, 2)):  # both free to be wide is beyond SAT
        same(
            lib.multiply, lambda b, x, y: lib.multiply(b, y, x, compressor=lib.chain, adder=ADDERS["sklansky"]), *widths
        )


# Sizes


SIZES: dict[str, tuple[Callable[..., object], int, Callable[[int], int]]] = {
    "add": (lib.add, 2, lambda n: 7 * n - 4),
    "subtract": (lib.subtract, 2, lambda n: 7 * n - 4),
    "negate": (lib.negate, 1, lambda n: 3 * n - 3),
    "multiply": (lib.multiply, 2, lambda n: 8 * n * n - 11 * n),
    "equal": (lib.equal, 2, lambda n: 4 * n - 1),
    "less_than": (lib.less_than, 2, lambda n: 4 * n - 3),
    "less_equal": (lib.less_equal, 2, lambda n: 4 * n - 3),
    "minimum": (lib.minimum, 2, lambda n: 7 * n - 3),
    "maximum": (lib.maximum, 2, lambda n: 7 * n - 3),
    "threshold": (lambda b, x: lib.threshold(b, x, 1), 1, lambda n: n - 1),
    "shift": (lambda b, x: lib.shift(b, x, 3), 1, lambda n: 0),
}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("width", [2, 4, 8, 16, 32])
def test_sizes(name, width):
    operator, words, ands = SIZES[name]
    assert and_count(built(operator, [width] * words, False)) == ands(width)


@pytest.mark.parametrize("width", [1, 2, 8, 32])
def test_a_full_adder_takes_seven_ands(width):
    assert and_count(built(lambda b, x, y, c: lib.ripple(b, x, y, c[0]), [width, width, 1])) == 7 * width


@pytest.mark.parametrize("width", [3, 7, 8, 15, 16, 31, 32, 63, 64])
def test_popcounts_take_as_few_full_adders_as_can_be(width):
    full = width - width.bit_length()
    half = width.bit_length() - (width + 1 == 1 << width.bit_length()) * width.bit_length()
    size = and_count(built(lib.popcount, [width]))
    assert 7 * full <= size <= 7 * full + 3 * half


def test_fast_adders_are_shallow():
    levels = {name: and_levels(built(adder, [32, 32])) for name, adder in ADDERS.items()}
    assert levels["ripple"] == 64
    assert max(levels["sklansky"], levels["kogge_stone"]) <= 14
    assert max(levels["brent_kung"], levels["carry_select"]) <= 24


def test_a_tree_of_full_adders_is_shallow():
    fast = built(lambda b, x, y: lib.multiply(b, x, y, adder=ADDERS["sklansky"]), [32, 32], False)
    assert and_levels(fast) < 50


# Complaints


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: lib.ripple(b, [0], [0, 1]), "1 and 2 wires"),
        (lambda b: ADDERS["sklansky"](b, [0], []), "1 and 0 wires"),
        (lambda b: lib.carry_select(b, [0, 1], [0]), "2 and 1 wires"),
        (lambda b: lib.resized(b, [], 3), "no wires"),
        (lambda b: lib.add(b, [], [0]), "no wires"),
        (lambda b: lib.dot(b, [[0], [1]], [1]), "2 words and 1 weights"),
        (lambda b: lib.clip(b, [0, 1], 3, 2), "lo=3 and hi=2"),
        (lambda b: lib.mux_tree(b, [0], []), "no words"),
        (lambda b: lib.argmax(b, []), "no words"),
        (lambda b: lib.lookup(b, [0, 1], [1, 2, 3]), "3 entries, expected 4"),
        (lambda b: lib.constant(b, 1, 10**12), "1000000000000 wires"),
        (lambda b: lib.resized(b, [0], -1), "-1 wires"),
        (lambda b: lib.saturated(b, [0], 0, signed=True), "-1 wires"),
        (lambda b: lib.shift(b, [0], 10**12), "1000000000000 wires"),
        (lambda b: lib.decoder(b, [0] * 40), "1099511627776 wires"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(call, message):
    with pytest.raises(CircuitError, match=message) as caught:
        call(Builder(["x", "y"]))
    assert "\n" not in str(caught.value)
