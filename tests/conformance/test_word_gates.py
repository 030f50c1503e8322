"""Every word row of the gate table, every face of it: one test a property."""

from itertools import pairwise, product

import numpy as np
import pytest
from dual import Dual
from hypothesis import given
from hypothesis import strategies as st
from strategies import word_types

from circuits import library
from circuits.aig import from_aig, to_aig
from circuits.algebra import INTEGERS, INTERVALS, Algebra, Arrays, fitted, interval
from circuits.arithmetic import ANY, WORD_FACES, WordFace, reach
from circuits.circuit import Builder, Circuit, Terms
from circuits.errors import CircuitError
from circuits.gates import GATE, misfit
from circuits.rewrite import bit_blasted, folded
from circuits.simulate import evaluate, simulate
from circuits.values import from_bits, simulate_by_bits, simulate_values, to_bits
from circuits.verify import Proof, equivalent
from circuits.wires import BIT, Word, holding

every_row = pytest.mark.parametrize("name", WORD_FACES)
WIDTHS = range(1, 9)


def fanin_types(name: str, word: Word, other: Word, count: int = 3) -> list[Word]:
    """Return fan-in types of a row: words where it takes words, bits and addresses where it takes those."""
    arity = WORD_FACES[name].arity
    if name in ("popcount", "pack"):
        return [BIT] * min(word.bits, 8)
    if name == "table":
        return [Word(min(word.bits, 8), False)]
    if name == "mux":
        return [BIT, word, other]
    return [word, other, word][: count if arity == ANY else arity]


def some_params(name: str, types: list[Word], word: Word, salt: int = 0) -> tuple[int, ...]:
    """Return fixed parameters in range, of both signs."""
    face = WORD_FACES[name]
    lo, hi = face.space(types, word)
    few = max(lo, -11), min(hi, 13)
    draws = np.random.Generator(np.random.Philox(salt)).integers(*few, face.count(types), endpoint=True)
    return tuple(draws.tolist())


def single_gate(
    name: str, types: list[Word], word: Word | None, params: tuple[int, ...], *, fold: bool = True
) -> Circuit:
    builder = Builder([f"x{i}" for i in range(len(types))], types=types, fold=fold)
    return builder.circuit({"y": builder.add(name, *builder.inputs, params=params, type=word)})


def all_values(types: list[Word]) -> np.ndarray:
    """Return every combination of fan-in values: int64 (fan-ins, patterns)."""
    grids = np.meshgrid(*[np.arange(t.lo, t.hi + 1) for t in types], indexing="ij")
    return np.array([grid.ravel() for grid in grids] or np.zeros((0, 1)), np.int64)


@st.composite
def gates(draw: st.DrawFn, name: str, *, bits: tuple[int, int] = (1, 64)) -> tuple[list[Word], Word, tuple[int, ...]]:
    """Draw fan-in types, a type and parameters that fit the row."""
    types = fanin_types(name, *(draw(word_types(bits=bits, saturate=True)) for _ in range(2)), draw(st.integers(1, 3)))
    word = draw(word_types(bits=bits, saturate=name != "slice"))
    lo, hi = WORD_FACES[name].space(types, word)
    near = st.integers(max(lo, -20), max(lo, min(hi, 20)))
    count = WORD_FACES[name].count(types)
    return types, word, tuple(draw(st.lists(near | st.integers(lo, hi), min_size=count, max_size=count)))


def values_of(data: st.DataObject, types: list[Word]) -> list[int]:
    """Draw a value a type, its extremes often."""
    return [
        data.draw(st.sampled_from([t.lo, t.hi, max(t.lo, -1), min(t.hi, 1), 0]) | st.integers(t.lo, t.hi))
        for t in types
    ]


MEANING = {
    "const": lambda x, p: p[0],
    "add": lambda x, p: sum(x),
    "sub": lambda x, p: x[0] + -x[1],
    "neg": lambda x, p: 0 - x[0],
    "mul": lambda x, p: x[0] * x[1],
    "scale": lambda x, p: p[0] * x[0],
    "dot": lambda x, p: p[-1] + sum(a * w for a, w in zip(x, p, strict=False)),
    "shift": lambda x, p: x[0] * 2 ** p[0] if p[0] >= 0 else x[0] // 2 ** -p[0],
    "min": lambda x, p: min(x),
    "max": lambda x, p: max(x),
    "relu": lambda x, p: x[0] if x[0] > 0 else 0,
    "clip": lambda x, p: p[0] if p[0] > p[1] else sorted((p[0], x[0], p[1]))[1],
    "eq": lambda x, p: len(set(x)) == 1,
    "lt": lambda x, p: x[1] - x[0] > 0,
    "threshold": lambda x, p: x[0] >= p[0],
    "mux": lambda x, p: x[1 + x[0]],
    "table": lambda x, p: p[x[0]],
    "popcount": lambda x, p: x.count(1),
    "pack": lambda x, p: int("".join(map(str, reversed(x))), 2),
    "slice": lambda x, p: x[0] // 2 ** p[0],
    "argmax": lambda x, p: x.index(max(x)),
}


@every_row
@given(data=st.data())
def test_forward_means_what_its_name_says(name, data):
    types, word, params = data.draw(gates(name))
    x = values_of(data, types)
    exact = WORD_FACES[name].forward(x, params, INTEGERS)
    assert exact == MEANING[name](x, params)
    span = word.hi - word.lo + 1
    wanted = min(max(exact, word.lo), word.hi) if word.saturate else (exact - word.lo) % span + word.lo
    assert word.fit(exact) == fitted(exact, word, INTEGERS) == wanted
    assert evaluate(single_gate(name, types, word, params, fold=data.draw(st.booleans())), x) == (wanted,)


@every_row
@given(data=st.data())
def test_numpy_and_packed_bits_agree_with_integers_at_every_width(name, data):
    types, word, params = data.draw(gates(name))
    rows = [values_of(data, types) for _ in range(data.draw(st.integers(1, 5)))]
    circuit = single_gate(name, types, word, params, fold=data.draw(st.booleans()))
    wanted = [list(evaluate(circuit, x)) for x in rows]
    given_values = np.array(rows, np.int64).reshape(len(rows), len(types)).T
    assert simulate_values(circuit, given_values).T.tolist() == wanted
    assert simulate_by_bits(circuit, given_values).T.tolist() == wanted


@every_row
@given(data=st.data())
def test_torch_agrees_with_integers(name, data):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    types, word, params = data.draw(gates(name, bits=(1, 24)))
    few = (
        tuple(max(-999, min(999, p)) for p in params)
        if name not in ("shift", "slice")
        else tuple(p % 20 for p in params)
    )
    x = values_of(data, types)
    tensors = [torch.tensor([v]) for v in x]
    arrays = Arrays(torch)
    got = fitted(torch.as_tensor(WORD_FACES[name].forward(tensors, few, arrays)), word, arrays)
    assert got.tolist() in ([word.fit(MEANING[name](x, few))], word.fit(MEANING[name](x, few)))


@every_row
@given(data=st.data())
def test_the_range_holds_every_result_and_the_narrowest_type_is_exact(name, data):
    types, _, params = data.draw(gates(name, bits=(1, 20)))
    if name in ("shift", "slice"):
        params = tuple(p % 32 - (0 if name == "slice" else 16) for p in params)
    x = values_of(data, types)
    exact = WORD_FACES[name].forward(x, params, INTEGERS)
    bounds = interval(WORD_FACES[name].forward([interval(t) for t in types], params, INTERVALS))
    assert bounds.peak[0] <= bounds.lo <= exact <= bounds.hi <= bounds.peak[1]
    if name not in ("const", "table"):
        circuit = single_gate(name, types, None, params)
        assert evaluate(circuit, x) == (exact,)
        assert circuit.output_types[0] in (holding(bounds.lo, bounds.hi), BIT)


@every_row
@pytest.mark.parametrize("width", WIDTHS)
def test_the_bit_form_is_proved_equal_exhaustively(name, width):
    cases = 0
    for signs in product((True, False), repeat=2):
        for word in (Word(width, True), Word(width, False), Word(width, True, True), Word(width + 1, False, True)):
            types = fanin_types(name, Word(width, signs[0]), Word(width, signs[1]), 2 if width > 5 else 3)
            params = some_params(name, types, word, cases)
            if misfit(GATE[name], types, word, params):
                continue
            circuit = single_gate(name, types, word, params)
            values = all_values(types)
            wanted = simulate_values(circuit, values)
            assert np.array_equal(simulate_by_bits(circuit, values), wanted), (types, word, params)
            cases += 1
    assert cases


class Plain(Algebra):
    """Two's complement words of one width, by the plainest gates: what the bit forms are proved against."""

    def __init__(self, builder: Builder, width: int) -> None:
        self.builder, self.width = builder, width

    def of(self, value):
        if isinstance(value, Bits):
            return value
        return Bits(self, [self.builder.const(value >> k & 1) for k in range(self.width)])

    def truth(self, wire: int):
        return Bits(self, [wire, *[self.builder.const(0)] * (self.width - 1)])

    def less(self, x, y):
        return self.truth((self.of(x) - self.of(y)).wires[-1])  # the width is that of a difference too

    def equal(self, x, y):
        wrong = self.builder.const(0)
        for p, q in zip(self.of(x).wires, self.of(y).wires, strict=True):
            wrong = self.builder.add("or", wrong, self.builder.add("xor", p, q))
        return self.truth(self.builder.add("not", wrong))

    def where(self, condition, x, y):
        c, add = self.of(condition).wires[0], self.builder.add
        pairs = zip(self.of(x).wires, self.of(y).wires, strict=True)
        return Bits(self, [add("or", add("and", c, p), add("andnot", q, c)) for p, q in pairs])

    def take(self, entries, x):
        result = self.of(0)
        for v, entry in enumerate(entries):
            result = self.where(self.equal(x, v), entry, result)
        return result


class Bits:
    """A word of :class:`Plain`."""

    def __init__(self, plain: Plain, wires: list[int]) -> None:
        self.plain, self.wires = plain, wires

    def __add__(self, other):
        carry, total, add = self.plain.builder.const(0), [], self.plain.builder.add
        for p, q in zip(self.wires, self.plain.of(other).wires, strict=True):
            total.append(add("xor", add("xor", p, q), carry))
            carry = add("or", add("and", p, q), add("and", carry, add("or", p, q)))
        return Bits(self.plain, total)

    def __neg__(self):
        return Bits(self.plain, [self.plain.builder.add("not", w) for w in self.wires]) + 1

    def __sub__(self, other):
        return self + -self.plain.of(other)

    def __rsub__(self, other):
        return self.plain.of(other) - self

    def __lshift__(self, amount):
        zeros = [self.plain.builder.const(0)] * amount
        return Bits(self.plain, [*zeros, *self.wires][: self.plain.width])

    def __rshift__(self, amount):
        signs = [self.wires[-1]] * amount
        return Bits(self.plain, [*self.wires, *signs][amount:][: self.plain.width])

    def __mul__(self, other):
        other, total, add = self.plain.of(other), self.plain.of(0), self.plain.builder.add
        for k, wire in enumerate(other.wires):
            total = total + Bits(self.plain, [add("and", wire, w) for w in (self << k).wires])
        return total

    __radd__, __rmul__ = __add__, __mul__


class Unfolded(Builder):
    """A builder that keeps every gate as it comes, but for one constant of each kind and no AND with 0."""

    def __init__(self, names) -> None:
        super().__init__(names, fold=False)
        self.constants = [super(Unfolded, self).const(value) for value in (0, 1)]

    def const(self, value):
        return self.constants[value]

    def add(self, op, *fanin, params=(), type=None):
        if op == "and" and self.constants[0] in fanin:
            return self.constants[0]
        return super().add(op, *fanin, params=params, type=type)


BY_ALGEBRA = ("mul", "scale", "dot")
"""Sums of many addends, which SAT proves equal in no other order than their own: it compares what is shipped, folded
and of a type, with the operator's gates as they come, and test_products_are_proved_by_algebra proves those."""


def plain_circuit(name: str, types: list[Word], word: Word, params: tuple[int, ...]) -> Circuit:
    """Return the row's own forward by plain gates as a circuit of bits; BY_ALGEBRA the operator's gates, unfolded."""
    reference = bit_blasted(single_gate(name, types, word, params, fold=False))
    bounds = interval(WORD_FACES[name].forward([interval(t) for t in types], params, INTERVALS))
    width = 2 + max(holding(*bounds.peak).bits, *(t.bits for t in [*types, word]))
    builder = Unfolded(reference.input_names)
    plain, free = Plain(builder, width), iter(builder.inputs)
    x = []
    for t in types:
        wires = [next(free) for _ in range(t.bits)]
        x.append(Bits(plain, [*wires, *[wires[-1] if t.signed else builder.const(0)] * (width - t.bits)]))
    if name in BY_ALGEBRA:
        words = [v.wires[: t.bits + (not t.signed)] for v, t in zip(x, types, strict=True)]
        exact = Bits(plain, library.resized(builder, WORD_FACES[name].blast(builder, words, params), width))
    else:
        exact = plain.of(WORD_FACES[name].forward(x, params, plain))
    if word.saturate:
        exact = plain.minimum(plain.maximum(exact, word.lo), word.hi)
    return builder.circuit(zip(reference.output_names, exact.wires, strict=False))


@every_row
@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("word", [Word(16), Word(20, False, True), Word(33, True, True)], ids=str)
def test_the_bit_form_is_proved_equal_by_sat(name, width, word):
    types = fanin_types(name, Word(width), Word(width, False))
    if name in ("popcount", "pack"):
        types = [BIT] * width
    if name == "slice":
        word = word._replace(saturate=False)
    params = some_params(name, types, word)
    circuit = single_gate(name, types, word, params)
    verdict = equivalent(circuit, plain_circuit(name, types, word, params))
    assert isinstance(verdict, Proof), verdict


def weights_left(circuit: Circuit, adders: list[tuple[int, ...]], modulus: int) -> dict[tuple[int, ...], int]:
    """Return the outputs' value modulo a power of two as integers times products of inputs, without any pattern.

    The sum and carry of a full adder are x + y + z; that is put in for every adder, from the last to the first. What is
    left are inputs, ANDs of two of them, complements of these and constants.
    """
    left: dict[int, int] = {}
    for i, wire in enumerate(circuit.outputs.tolist()):
        left[wire] = left.get(wire, 0) + (1 << i)
    for total, carry, *parts in reversed(adders):
        weight = left.pop(total, 0)
        assert (left.pop(carry, 0) - 2 * weight) % modulus == 0
        for part in parts:
            left[part] = left.get(part, 0) + weight
    gates = list(circuit.gates())
    found: dict[tuple[int, ...], int] = {}

    def collect(wire: int, weight: int) -> None:
        op, fanin, params = gates[wire - circuit.num_inputs] if wire >= circuit.num_inputs else ("input", (wire,), ())
        if op == "not":
            collect(fanin[0], -weight)
        key = () if op in ("not", "const") else fanin
        found[key] = (found.get(key, 0) + weight * (params[0] if op == "const" else 1)) % modulus

    for wire, weight in left.items():
        collect(wire, weight)
    return {key: weight for key, weight in found.items() if weight}


@pytest.mark.parametrize("width", [*WIDTHS, 16, 32])
@pytest.mark.parametrize("signs", list(product((True, False), repeat=2)), ids=str)
@pytest.mark.parametrize("name", BY_ALGEBRA)
def test_products_are_proved_by_algebra(name, width, signs, monkeypatch):
    adders = []
    full_adder = library.full_adder

    def recorded(b, x, y, z):
        adders.append((*full_adder(b, x, y, z), x, y, z))
        return adders[-1][:2]

    monkeypatch.setattr(library, "full_adder", recorded)
    face, types = WORD_FACES[name], fanin_types(name, *(Word(width, signed) for signed in signs))
    lo, hi = face.space(types, Word(64))
    params = tuple((lo, hi, 12345, -777)[k] for k in range(face.count(types)))
    b = Unfolded([f"x{i}" for i in range(width * len(types))])
    groups = [b.inputs[width * k : width * k + width] for k in range(len(types))]
    words = [x if t.signed else [*x, b.const(0)] for x, t in zip(groups, types, strict=True)]
    exact = face.blast(b, words, params)
    circuit = b.circuit({f"y{i}": wire for i, wire in enumerate(exact)})
    pairs = [
        [(wire, (-1 if t.signed and i == width - 1 else 1) << i) for i, wire in enumerate(x)]
        for x, t in zip(groups, types, strict=True)
    ]
    if name == "mul":
        wanted = {(p, q): v * w for p, v in pairs[0] for q, w in pairs[1]}
    else:
        wanted = {(p,): v * weight for x, weight in zip(pairs, params, strict=False) for p, v in x}
        wanted[()] = params[-1] if name == "dot" else 0
    modulus = 1 << (circuit.num_outputs - (exact[-1] == b.const(0)))  # without a sign that is never set
    assert weights_left(circuit, adders, modulus) == {key: w % modulus for key, w in wanted.items() if w % modulus}


@every_row
@given(data=st.data())
def test_the_and_inverter_graph_agrees(name, data):
    types, word, params = data.draw(gates(name, bits=(1, 12)))
    circuit = single_gate(name, types, word, params)
    rows = np.array([values_of(data, types) for _ in range(4)], np.int64).reshape(4, len(types)).T
    blasted = bit_blasted(circuit)
    graph = from_aig(to_aig(circuit), blasted.input_names, blasted.output_names)
    got = from_bits(simulate(graph, to_bits(rows, types), patterns=4), [word], 4)
    assert np.array_equal(got, simulate_values(circuit, rows))


@every_row
@given(data=st.data())
def test_recording_the_forward_as_gates_gives_the_gate(name, data):
    types, _, params = data.draw(gates(name, bits=(1, 9)))
    if name in ("shift", "slice"):
        params = tuple(p % 20 - (0 if name == "slice" else 10) for p in params)
    params = tuple(max(-99, min(99, p)) for p in params)
    builder = Builder([f"x{i}" for i in range(len(types))], types=types)
    terms = Terms(builder)
    exact = terms.of(builder, WORD_FACES[name].forward([builder.term(w) for w in builder.inputs], params, terms))
    recorded = builder.circuit({"y": exact.wire})
    x = values_of(data, types)
    assert evaluate(recorded, x) == (MEANING[name](x, params),)


@every_row
@given(data=st.data())
def test_folding_keeps_the_function(name, data):
    types, word, params = data.draw(gates(name, bits=(1, 10)))
    builder = Builder(["a"], types=[Word(10)], fold=False)
    pins = []
    for t in types:
        value = data.draw(st.integers(t.lo, t.hi))
        read = data.draw(st.booleans())
        pins.append(
            builder.add("slice", 0, params=(0,), type=t._replace(saturate=False))
            if read
            else builder.add("const", params=(value,), type=t)
        )
    types = [builder.type_of(w) for w in pins]
    if misfit(GATE[name], types, word, params):
        return
    circuit = builder.circuit({"y": builder.add(name, *pins, params=params, type=word)})
    x = [data.draw(st.integers(-512, 511))]
    assert evaluate(folded(circuit), x) == evaluate(circuit, x)
    assert folded(circuit).num_gates <= circuit.num_gates


# --- derivatives ------------------------------------------------------------------------------------------------------


class Duals(Algebra):
    """The pieces of piecewise polynomials; comparisons are constant almost everywhere."""

    def less(self, x, y):
        return int(getattr(x, "a", x) < getattr(y, "a", y))

    def where(self, condition, x, y):
        if isinstance(condition, Dual):  # a mux of its select: y + c (x - y)
            return y + condition * (x - y)
        return x if condition else y


FLAT = {"eq", "lt", "threshold", "table", "argmax"}
"""Rows without a derivative with respect to their fan-ins."""


def derivative(name: str, x: list[int], params: tuple[int, ...], place: int, *, of_param: bool = False) -> int:
    moved = [Dual(v, int(i == place and not of_param)) for i, v in enumerate(x)]
    own = [Dual(v, int(i == place and of_param)) for i, v in enumerate(params)] if of_param else list(params)
    result = WORD_FACES[name].forward(moved, own, Duals())
    return result.b if isinstance(result, Dual) else 0


@every_row
@given(data=st.data())
def test_reverse_is_the_change_times_the_derivative(name, data):
    types, _, params = data.draw(gates(name, bits=(1, 12)))
    x, d = values_of(data, types), data.draw(st.integers(-9, 9))
    to_inputs, to_params = WORD_FACES[name].reverse(x, params, d, INTEGERS)
    assert (len(to_inputs), len(to_params)) == (len(x), len(params))
    flat = name in FLAT or (name == "shift" and params[0] < 0) or (name == "slice" and params[0] > 0)
    for i in range(len(x)):
        wanted = 0 if flat else d if name == "slice" else d * derivative(name, x, params, i)
        assert to_inputs[i] == wanted
    if name == "table":
        assert to_params == [d * (v == x[0]) for v in range(len(params))]
    elif name in ("shift", "slice", "threshold"):
        assert to_params == [0]
    elif name != "clip":
        for i in range(len(params)):
            assert to_params[i] == d * derivative(name, x, params, i, of_param=True)
    else:  # the parts sum up to the change: exactly one piece is taken
        assert to_inputs[0] + sum(to_params) == d


@every_row
@given(data=st.data())
def test_reverse_is_additive_in_the_change(name, data):
    types, _, params = data.draw(gates(name, bits=(1, 12)))
    x, d, e = values_of(data, types), data.draw(st.integers(-9, 9)), data.draw(st.integers(-9, 9))
    parts = [[*a, *b] for change in (d, e, d + e) for a, b in [WORD_FACES[name].reverse(x, params, change, INTEGERS)]]
    assert [a + b for a, b in zip(*parts[:2], strict=True)] == parts[2]


def stated_variation(name: str, face: WordFace, x: list[int], p: tuple[int, ...], d: int, near: int):
    """Return the variation as the module's text states it, for the rows that have one of their own."""
    round_to = lambda value, k: (value * 2 + 2**k) // 2 ** (k + 1)  # noqa: E731  (to the nearest, halves up)
    step = lambda q: MEANING[name](x, q)  # noqa: E731
    if name in ("shift", "slice"):
        amount = p[0] if name == "shift" else -p[0]
        more = x[0] * 2 ** (amount + 1) if amount >= 0 else x[0] // 2 ** (-amount - 1)
        if name == "slice":
            more = x[0] // 2 ** (p[0] + 1)
        return [d * 2**amount if amount >= 0 else round_to(d, -amount)], [d * (more - step(p))]
    if name == "table":
        ahead = x[0] if x[0] + 1 < len(p) else x[0] - 1
        return [d * (p[ahead + 1] - p[ahead])], [d * (v == x[0]) for v in range(len(p))]
    if name == "argmax":
        place = x.index(max(x))
        return [d * (i - place) * (max(x) - v <= near) for i, v in enumerate(x)], []
    first, second = (x[0], p[0]) if name == "threshold" else x
    seen = d * (abs(first - second) <= near)
    if name == "threshold":
        return [seen], [-seen]
    if name == "lt":
        return [-seen, seen], []
    towards = (first < second) - (first > second)  # eq
    return [seen * towards, -seen * towards], []


@every_row
@given(data=st.data())
def test_variation_is_as_stated(name, data):
    types, _, params = data.draw(gates(name, bits=(1, 6)))
    face, x, d, near = (
        WORD_FACES[name],
        values_of(data, types),
        data.draw(st.integers(-9, 9)),
        data.draw(st.integers(1, 9)),
    )
    got = face.variation(x, params, d, INTEGERS, near)
    if name in FLAT | {"shift", "slice"}:
        assert got == stated_variation(name, face, x, params, d, near)
    else:
        assert got == face.reverse(x, params, d, INTEGERS)


@given(word_types(bits=(1, 64), saturate=False))
def test_windows_have_the_area_of_bolds_weight(word):
    m = (word.hi - word.lo + 1) / 2
    alpha = np.pi / (2 * np.sqrt(3 * m))  # the area under 1 - tanh(alpha x)**2 is 2 / alpha
    assert abs(reach(word.lo, word.hi) - 1 / alpha) <= max(1, 1e-3 / alpha)


# --- rows as a table --------------------------------------------------------------------------------------------------


@every_row
def test_rows_say_what_they_take(name):
    face = WORD_FACES[name]
    assert GATE[name].word is face
    assert face.source
    assert face.arity == ANY or face.arity >= 0
    word = Word(8)
    types = fanin_types(name, word, word)
    params = some_params(name, types, word)
    assert not misfit(GATE[name], types, word, params)
    assert "parameters" in misfit(GATE[name], types, word, (*params, 0))
    lo, hi = face.space(types, word)
    for wrong in (lo - 1, hi + 1):
        if params:
            assert f"expected {lo}..{hi}" in misfit(GATE[name], types, word, (wrong, *params[1:]))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda b: b.add("add", 0), "got 1 fan-ins and 0 parameters, expected 2 and 0"),
        (lambda b: b.add("dot", params=(1,)), "expected one or more"),
        (lambda b: b.add("and", 0, 1), "expected bits"),
        (lambda b: b.add("mux", 0, 0, 1), "expected a bit as fan-in 0"),
        (lambda b: b.add("popcount", 0, 2), "expected bits as fan-ins"),
        (lambda b: b.add("table", 0, params=(1,) * 256), "expected an unsigned address"),
        (lambda b: b.add("slice", 0, params=(0,), type=Word(4, saturate=True)), "expected a type that wraps"),
        (lambda b: b.add("const", params=(128,), type=Word(8)), "parameter 128 is out of range, expected -128..127"),
        (lambda b: b.add("threshold", 0, params=(300,)), "parameter 300 is out of range, expected -128..128"),
        (lambda b: b.add("add", 0, 9), "fan-in 9 is not a wire yet"),
        (lambda b: b.add("add", 0, 1, type=Word(65)), "got 65 bits, expected 1..64 for signed words"),
        (lambda b: b.add("add", 0, 1, type=Word(64, False)), "got 64 bits, expected 1..63 for unsigned words"),
        (lambda b: b.add("shift", 0, params=(63,)), "got 71 bits"),
    ],
)
def test_wrong_word_gates_are_refused_in_one_line(call, said):
    builder = Builder(["a", "b", "s"], types=[Word(8), Word(4, False), BIT])
    with pytest.raises(CircuitError, match=said.replace("(", r"\(")) as caught:
        call(builder)
    assert "\n" not in str(caught.value)


def test_types_spell_themselves_and_have_codes():
    from circuits.wires import TYPES, parsed

    seen = [word for word in TYPES if word is not None]
    assert len(seen) == 2 * (64 + 63)
    for code, word in enumerate(TYPES):
        if word is not None:
            assert word.code == code
            assert parsed(str(word)) == word
    assert str(BIT) == "bit" and BIT.code == 0
    assert all(a != b for a, b in pairwise(map(str, seen)))
    for text in ("", "s", "s0", "s65", "u64", "x8", "s8sa", "s08", "8", "s1000000"):
        with pytest.raises(CircuitError, match="wire type"):
            parsed(text)
