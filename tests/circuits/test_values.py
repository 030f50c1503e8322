"""Words five ways: gate by gate in Python, by numpy, by the kernel, by their bits, as machine code."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import circuits, patterns_of, word_circuits

from circuits import compiled, value_kernels, values
from circuits.arithmetic import ANY
from circuits.circuit import Builder, Circuit
from circuits.compiled import compile_circuit
from circuits.errors import TableError
from circuits.gates import GATES, misfit, param_space
from circuits.instructions import INSTRUCTIONS, RING, Int64Error, bit_code, codes
from circuits.simulate import evaluate
from circuits.values import simulate_by_bits, simulate_values, wire_values
from circuits.wires import BIT, Word

EXTREMES = (*(-(1 << 63), -(1 << 62) - 1, -(1 << 32), -3, -1, 0, 1, 2), *(5, 1 << 31, (1 << 62) + 7, (1 << 63) - 1))


def as_array(patterns: list[list[int]], inputs: int) -> np.ndarray:
    return np.array(patterns, np.int64).reshape(-1, inputs).T


def with_work(work: int, function, circuit: Circuit, x: np.ndarray) -> np.ndarray:
    """Call a function with the least work that goes to the kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "KERNEL_WORK", work)
        return function(circuit, x)


def by_numpy(circuit: Circuit, x: np.ndarray) -> np.ndarray:
    return with_work(1 << 62, simulate_values, circuit, x)


def by_kernel(circuit: Circuit, x: np.ndarray) -> np.ndarray:
    program, x = value_kernels.outputs_program(circuit), np.ascontiguousarray(x)
    answers = np.full((circuit.num_outputs, x.shape[1]), 77, np.int64)
    value_kernels.run(program, x, answers)
    return answers


def is_exact(circuit: Circuit) -> bool:
    try:
        value_kernels.outputs_program(circuit)
    except Int64Error:
        return False
    return True


def has_code(circuit: Circuit, wire: int) -> bool:
    try:
        return bool(list(codes(circuit, [wire], packed=False)))
    except Int64Error:
        return False


def by_machine_code(circuit: Circuit, x: np.ndarray) -> np.ndarray:
    function = compile_circuit(circuit)
    assert function.native == is_exact(circuit)
    assert ("64 bits" in function.reason) == (not function.native)
    return function(x)


def assert_all_agree(circuit: Circuit, x: np.ndarray, *, bits: bool = True) -> None:
    expected = by_numpy(circuit, x)
    assert expected.dtype == np.int64
    assert [tuple(column) for column in expected.T.tolist()] == [evaluate(circuit, row) for row in x.T.tolist()]
    assert np.array_equal(with_work(0, simulate_values, circuit, x), expected)
    if is_exact(circuit):
        assert np.array_equal(by_kernel(circuit, x), expected)
    if circuit.has_words:
        assert np.array_equal(by_machine_code(circuit, x), expected)
    if bits:
        assert np.array_equal(simulate_by_bits(circuit, x), expected)
    wires = with_work(1 << 62, wire_values, circuit, x)
    assert np.array_equal(with_work(0, wire_values, circuit, x), wires)
    assert np.array_equal(wires[circuit.outputs], expected)


def patterns_for(circuits_: st.SearchStrategy[Circuit]) -> st.SearchStrategy[tuple[Circuit, np.ndarray]]:
    def of(circuit: Circuit) -> st.SearchStrategy[tuple[Circuit, np.ndarray]]:
        drawn = patterns_of(circuit.input_types, count=(0, 20))
        return drawn.map(lambda patterns: (circuit, as_array(patterns, circuit.num_inputs)))

    return circuits_.flatmap(of)


@settings(max_examples=100, deadline=None)
@given(patterns_for(word_circuits(bits=(1, 9), max_gates=12)))
def test_narrow_words_five_ways(case):
    assert_all_agree(*case)


@settings(max_examples=100, deadline=None)
@given(patterns_for(word_circuits(bits=(1, 64), max_gates=12)))
def test_all_widths_four_ways(case):
    assert_all_agree(*case, bits=False)


@settings(max_examples=50, deadline=None)
@given(patterns_for(word_circuits(bits=(63, 64), max_gates=6)))
def test_the_widest_words_four_ways(case):
    assert_all_agree(*case, bits=False)


@settings(max_examples=50, deadline=None)
@given(patterns_for(circuits(inputs=(1, 5), outputs=(1, 4), max_gates=30)))
def test_circuits_of_bits_as_numbers(case):
    assert_all_agree(*case)


@settings(max_examples=50, deadline=None)
@given(patterns_for(word_circuits(bits=(1, 64), max_gates=15)))
def test_values_wait_in_slots_between_functions(case):
    """Even small circuits cut into many functions and modules, long gates into many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "CHUNK", 2)
        patch.setattr(compiled, "PART", 2)
        assert_all_agree(*case, bits=False)


@settings(max_examples=30, deadline=None)
@given(patterns_for(word_circuits(bits=(1, 64), max_gates=15)))
def test_vectors_of_narrow_machines(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llvm, "get_host_cpu_name", lambda: "")
        patch.setattr(llvm, "get_host_cpu_features", llvm.FeatureMap)
        assert_all_agree(*case, bits=False)


TYPES = [Word(bits, signed, saturate) for bits in (1, 7, 63, 64) for signed in (0, 1) for saturate in (0, 1)]
TYPES = [word for word in TYPES if word.bits < 64 or word.signed]


def ends(word: Word) -> list[int]:
    return sorted({v for v in (word.lo, word.lo + 1, -1, 0, 1, word.hi - 1, word.hi) if word.lo <= v <= word.hi})


@pytest.mark.parametrize("row", [row for row in GATES if row.word], ids=lambda row: row.name)
def test_every_row_at_the_ends_of_every_range(row):
    """One circuit holds a gate of every type on fan-ins of every two types, its parameters extreme too."""
    random = np.random.Generator(np.random.Philox(len(row.name)))
    types = [BIT, *TYPES] * 3
    builder = Builder([f"x{i}" for i in range(len(types))], fold=False, types=types)
    every, bits = range(len(types) // 3), [k * len(types) // 3 for k in range(3)]
    two = [(i, j + len(every)) for i, j in product(every, every)]
    pins = {0: [()], 1: [(i,) for i in every], 2: two, 3: [(bits[2], *pair) for pair in two], ANY: two}[row.arity]
    for read, word in product([bits] if row.name in ("popcount", "pack") else pins, (BIT, *TYPES)):
        known = [types[k] for k in read]
        if row.has_bits and all(t == BIT for t in [*known, word]):
            continue
        count = row.word.count(known)
        lo, hi = param_space(row, known, word)
        extreme = [lo, hi, *random.integers(lo, hi, 2, endpoint=True).tolist()]
        params = [extreme[k] for k in random.integers(0, 4, count if count <= 1 << 7 else 0)]
        if not misfit(row, known, word, params):
            builder.add(row.name, *read, params=params, type=word)
    everything = builder.circuit({})
    gates = range(len(types), everything.num_wires)
    outputs = [wire for wire in gates if has_code(everything, wire)]
    circuit = replace(everything, outputs=outputs, output_names=tuple(f"y{wire}" for wire in outputs))
    x = np.array([random.choice(ends(word), 300) for word in types], np.int64)
    expected = by_numpy(circuit, x)
    assert len(expected) >= 8
    assert [evaluate(circuit, row) for row in x.T[:3].tolist()] == [tuple(column) for column in expected.T[:3].tolist()]
    assert np.array_equal(by_kernel(circuit, x), expected)
    function = compile_circuit(circuit)
    assert function.native
    assert np.array_equal(function(x), expected)
    whole = with_work(1 << 62, wire_values, everything, x)  # those beyond 64 bits among them
    assert np.array_equal(whole[outputs], expected)
    assert [whole[w, 0] for w in gates] == list(
        evaluate(replace(everything, outputs=list(gates), output_names=tuple(map(str, gates))), x[:, 0].tolist())
    )


def test_everything_knows_all_instructions():
    assert set(value_kernels.NUMBER) == set(compiled._form(8).text) == set(INSTRUCTIONS)


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instructions_mean_what_the_table_says(name):
    """Every instruction of the kernel on extremes, against the table's Python."""
    meaning = INSTRUCTIONS[name]
    shift, table = name in ("shl", "shr", "extend"), name == "take"
    arity = 3 if name in ("madd", "where") else 2
    columns = [(0, 1) if name == "where" and k == 0 else EXTREMES for k in range(arity)]
    entries = [9, -1, 4, 1 << 62]
    for amount in range(64) if shift else (0,):
        xs = [range(4)] if table else [EXTREMES] if shift else columns
        patterns = np.array(list(product(*xs)), np.int64).T
        program = value_kernels.Program(
            np.array([value_kernels.NUMBER[name]], np.uint8),
            np.array([len(xs)], np.int32),
            np.array([0], np.int32),
            np.array([~0 if shift or table else 1], np.int32),
            np.array([2 if arity == 3 else 0], np.int32),
            np.array([amount, 0], np.int64),
            np.array(entries, np.int64),
            np.array([len(xs)], np.int32),
            len(xs) + 1,
        )
        answers = np.empty((1, patterns.shape[1]), np.int64)
        value_kernels.run(program, np.ascontiguousarray(patterns), answers)
        last = [amount] if shift else [entries] if table else []
        assert answers[0].tolist() == [RING.fit(meaning(*column, *last)) for column in patterns.T.tolist()]


def mixed_circuit(gates: int, seed: int = 0) -> Circuit:
    """Return a circuit of sums, products and choices of words of 8 to 16 bits, with a table and a constant."""
    random = np.random.Generator(np.random.Philox(seed))
    types = [Word(8), Word(9, signed=False), Word(16, saturate=True), Word(4, signed=False), BIT]
    builder = Builder([f"x{i}" for i in range(5)], types=types)
    wires = builder.inputs[:4]
    wires.append(builder.add("table", 3, params=random.integers(-99, 99, 16).tolist()))
    wires.append(builder.add("const", params=[-5], type=Word(7)))
    for _ in range(gates):
        op = ["add", "sub", "mul", "min", "max", "lt", "eq"][random.integers(7)]
        word = BIT if op in ("lt", "eq") else Word(int(random.integers(8, 17)), True, bool(random.integers(2)))
        wires.append(builder.add(op, *(wires[k] for k in random.integers(0, len(wires), 2)), type=word))
    return builder.circuit({f"y{i}": wire for i, wire in enumerate([*wires[-20:], 0, 2, wires[5], wires[5]])})


def random_values(circuit: Circuit, patterns: int) -> np.ndarray:
    random = np.random.Generator(np.random.Philox(patterns))
    return np.array([random.integers(t.lo, t.hi, patterns, endpoint=True) for t in circuit.input_types], np.int64)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 31, 32, 33, 511, 512, 513, 1025, 5000])
def test_every_number_of_patterns(count):
    circuit = mixed_circuit(60)
    x = random_values(circuit, count)
    expected = by_numpy(circuit, x)
    assert np.array_equal(by_kernel(circuit, x), expected)
    function = compile_circuit(circuit)
    assert function.native
    assert np.array_equal(function(x), expected)
    assert np.array_equal(function(np.repeat(x, 2, axis=1)[:, ::2]), expected)
    assert np.array_equal(function(np.asfortranarray(x)), expected)


def test_the_kernel_answers_large_work_and_only_that(monkeypatch):
    circuit, calls = mixed_circuit(300), []
    kernel = value_kernels.run
    monkeypatch.setattr(value_kernels, "run", lambda *given: calls.append(1) or kernel(*given))
    few, many = random_values(circuit, 10), random_values(circuit, 20_000)
    for function in (simulate_values, wire_values):
        assert np.array_equal(function(circuit, few), with_work(0, function, circuit, few))
        assert len(calls) == 1
        assert np.array_equal(function(circuit, many), with_work(1 << 62, function, circuit, many))
        assert len(calls) == 2
        calls.clear()


def test_a_gate_beyond_64_bits_is_named_and_answered_all_the_same():
    wide = Word(64)
    builder = Builder(["a", "b"], types=[wide, wide])
    product_ = builder.add("mul", 0, 1, type=Word(64, saturate=True))
    circuit = builder.circuit({"y": product_})
    with pytest.raises(Int64Error, match=r"gate 0 \(mul\) of type s64sat needs more than 64 bits"):
        value_kernels.outputs_program(circuit)
    function = compile_circuit(circuit)
    assert not function.native
    assert function.reason == "no exact machine code: gate 0 (mul) of type s64sat needs more than 64 bits"
    assert function.reason in repr(function)
    x = as_array([[wide.lo, wide.lo], [wide.lo, wide.hi], [3, -4]], 2)
    assert function(x).tolist() == [[wide.hi, wide.lo, -12]]
    assert with_work(0, simulate_values, circuit, x).tolist() == [[wide.hi, wide.lo, -12]]
    ring = Builder(["a", "b"], types=[wide, wide])
    wrapping = compile_circuit(ring.circuit({"y": ring.add("mul", 0, 1, type=wide)}))
    assert wrapping.native  # modulo 2**64 is what machines do
    assert wrapping(x).tolist() == [[0, wide.lo, -12]]


def test_gates_that_nothing_needs_may_be_beyond_64_bits():
    builder = Builder(["a"], types=[Word(64)], fold=False)
    builder.add("mul", 0, 0, type=Word(64, saturate=True))
    circuit = builder.circuit({"y": builder.add("neg", 0, type=Word(64))})
    x = np.array([EXTREMES], np.int64)
    assert compile_circuit(circuit).native
    assert np.array_equal(compile_circuit(circuit)(x), by_kernel(circuit, x))
    assert np.array_equal(with_work(0, wire_values, circuit, x), with_work(1 << 62, wire_values, circuit, x))


def test_long_gates_and_large_tables():
    """Gates longer than a function, whose values wait in slots; tables of the widest address."""
    random = np.random.Generator(np.random.Philox(5))
    types = [Word(8)] * 700 + [Word(16, signed=False)]
    builder = Builder([f"x{i}" for i in range(701)], types=types)
    wires = [builder.add("dot", *range(700), params=random.integers(-9, 9, 701).tolist()) for _ in range(2)]
    wires.append(builder.add("argmax", *range(700)))
    wires.append(builder.add("table", 700, params=random.integers(-(1 << 40), 1 << 40, 1 << 16).tolist()))
    circuit = builder.circuit({f"y{i}": wire for i, wire in enumerate(wires)})
    x = random_values(circuit, 70)
    function = compile_circuit(circuit)
    assert function.native
    assert np.array_equal(function(x), by_numpy(circuit, x))
    assert np.array_equal(by_kernel(circuit, x), by_numpy(circuit, x))


def test_bits_packed_beyond_64_are_their_low_ones():
    builder = Builder([f"x{i}" for i in range(70)])
    circuit = builder.circuit({"y": builder.add("pack", *range(70), type=Word(64))})
    x = random_values(circuit, 9)
    assert np.array_equal(by_kernel(circuit, x), by_numpy(circuit, x))
    assert np.array_equal(compile_circuit(circuit)(x), by_numpy(circuit, x))


def test_circuits_without_gates():
    crossed = Builder(["a", "b"], types=[Word(8)] * 2).circuit({"y": 1, "z": 0, "w": 1})
    x = random_values(crossed, 9)
    assert np.array_equal(compile_circuit(crossed)(x), x[[1, 0, 1]])
    assert np.array_equal(by_kernel(crossed, x), x[[1, 0, 1]])
    builder = Builder([])
    constant = builder.circuit({"y": builder.add("const", params=[-7], type=Word(9))})
    for count in (0, 1, 9):
        x = np.zeros((0, count), np.int64)
        assert np.array_equal(by_kernel(constant, x), np.full((1, count), -7))
        assert np.array_equal(compile_circuit(constant)(x), np.full((1, count), -7))


def test_inputs_that_do_not_fit_are_named():
    function = compile_circuit(Builder(["a", "b"], types=[Word(8), BIT]).circuit({"y": 0}))
    assert function.native
    circuit = function.circuit
    for answer in (function, lambda x: simulate_values(circuit, x), lambda x: wire_values(circuit, x)):
        with pytest.raises(TableError, match="expected integers of shape"):
            answer(np.zeros((2, 3)))
        with pytest.raises(TableError, match="expected integers of shape"):
            answer(np.zeros((3, 3), np.int64))
        with pytest.raises(TableError, match=r"row 0 holds -129..127, expected -128..127 \(s8\)"):
            answer(np.array([[127, -129], [0, 1]]))
        with pytest.raises(TableError, match=r"row 1 holds 0..18446744073709551615, expected 0..1 \(bit\)"):
            answer(np.array([[0, 0], [0, 2**64 - 1]], np.uint64))
        assert answer(np.array([[True, False], [True, True]])).dtype == np.int64


def test_inputs_stay_as_they_are():
    circuit = mixed_circuit(60)
    x = random_values(circuit, 100)
    x.flags.writeable = False
    before = x.copy()
    compile_circuit(circuit)(x)
    by_kernel(circuit, x)
    assert np.array_equal(x, before)


def test_many_threads_at_once():
    circuit = mixed_circuit(200)
    function = compile_circuit(circuit)
    cases = [random_values(circuit, 30 * count) for count in range(1, 25)]
    expected = [by_numpy(circuit, x) for x in cases]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(8) as pool:
        patch.setattr(values, "KERNEL_WORK", 0)
        for answer in (function, lambda x: simulate_values(circuit, x)):
            found = list(pool.map(answer, cases * 3))
            assert all(np.array_equal(a, b) for a, b in zip(found, expected * 3, strict=True))
    assert 1 <= len(function._free) <= 8


@pytest.mark.parametrize("ones", [1, -1])
@pytest.mark.parametrize("row", [row for row in GATES if row.has_bits], ids=lambda row: row.name)
def test_bit_code_is_the_rows_forward(row, ones):
    random = np.random.Generator(np.random.Philox(row.param_count))
    for _ in range(10):
        params = tuple(random.integers(0, 2, row.param_count).tolist())
        instructions, result, literals = bit_code(GATES.index(row), params, ones)
        for x in product((0, ones), repeat=row.arity):
            held = [*x]
            for name, operands in instructions:
                held.append(INSTRUCTIONS[name](*(held[v] if v >= 0 else literals[~v] for v in operands)))
            found = held[result] if result >= 0 else literals[~result]
            assert found == ones * (row.forward([v & 1 for v in x], params, 0) & 1)


def test_a_sum_of_products_takes_an_instruction_each_and_no_fit():
    builder = Builder(["a", "b", "c", "d"], types=[Word(8)] * 4)
    circuit = builder.circuit({"y": builder.add("dot", 0, 1, 2, 3, params=[3, 4, 0, -1, 7])})
    ((_, _, code),) = codes(circuit, [4], packed=False)
    assert len(code.instructions) <= 5
    assert not {"and", "extend", "min", "max", "mul"} & {name for name, _ in code.instructions}


def test_rows_of_the_kernel_are_used_again():
    builder = Builder(["a", "b"], types=[Word(8)] * 2, fold=False)
    wire = 0
    for _ in range(500):
        wire = builder.add("add", wire, 1, type=Word(8))
    program = value_kernels.outputs_program(builder.circuit({"y": wire}))
    assert program.rows == 2


def test_importing_is_light():
    code = "import circuits.values, sys; sys.exit(any(m in sys.modules for m in ('numba', 'llvmlite')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
