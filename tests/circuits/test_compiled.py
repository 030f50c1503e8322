"""Compiled circuits against the gate-by-gate oracle: every row, every shape, many threads, no leaks, the fallback."""

import gc
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import circuits, gates, words

from circuits import compiled
from circuits.circuit import Builder, Circuit
from circuits.compiled import compile_circuit
from circuits.errors import CircuitError, TableError
from circuits.gates import BIT_GATES, GATE
from circuits.simulate import simulate_oracle
from circuits.words import mask_words


def random_words(rows: int, count: int, seed: int = 0) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).integers(0, 2**64, (rows, count), np.uint64)


def random_circuit(num_inputs: int, num_gates: int, num_outputs: int, *, reach: int, seed: int = 0) -> Circuit:
    """Return a circuit over all rows whose gates read from the ``reach`` wires before them."""
    draw = np.random.Generator(np.random.Philox(seed))
    builder = Builder([f"x{i}" for i in range(num_inputs)], fold=False)
    for wire in range(num_inputs, num_inputs + num_gates):
        row = BIT_GATES[draw.integers(len(BIT_GATES))]
        fanin = draw.integers(max(0, wire - reach), wire, row.arity).tolist()
        builder.add(row.name, *fanin, params=draw.integers(0, 2, row.param_count).tolist())
    driven = draw.integers(0, num_inputs + num_gates, num_outputs).tolist()
    return builder.circuit({f"y{i}": wire for i, wire in enumerate(driven)})


def expected(circuit: Circuit, inputs: np.ndarray) -> np.ndarray:
    return simulate_oracle(circuit, inputs)[circuit.outputs]


@pytest.fixture
def short_functions(monkeypatch):
    """Cut even small circuits into many functions and modules, so that values wait in slots."""
    monkeypatch.setattr(compiled, "CHUNK", 3)
    monkeypatch.setattr(compiled, "PART", 2)


@settings(max_examples=25)
@given(circuits(max_gates=30, outputs=(0, 6)).flatmap(lambda c: st.tuples(st.just(c), words(c.num_inputs, (0, 20)))))
def test_compiled_equals_the_oracle(case):
    circuit, inputs = case
    function = compile_circuit(circuit)
    assert function.native
    assert np.array_equal(function(inputs), expected(circuit, inputs))


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 21])
def test_every_number_of_lanes_gives_the_same(lanes, count):
    circuit, inputs = random_circuit(9, 120, 30, reach=30, seed=lanes), random_words(9, count)
    function = compile_circuit(circuit, lanes=lanes)
    assert function.native
    assert np.array_equal(function(inputs), expected(circuit, inputs))


def test_other_numbers_of_lanes_are_refused():
    with pytest.raises(CircuitError, match="got 3 lanes, expected 1, 2, 4 or 8"):
        compile_circuit(random_circuit(3, 5, 3, reach=3), lanes=3)


@pytest.mark.parametrize("name", [row.name for row in BIT_GATES])
def test_every_row_and_all_its_parameters(name):
    row = GATE[name]
    draw = np.random.Generator(np.random.Philox(len(name)))
    all_params = {tuple(draw.integers(0, 2, row.param_count).tolist()) for _ in range(20)}
    all_params |= {(bit,) * row.param_count for bit in (0, 1)}
    builder = Builder([f"x{i}" for i in range(6)], fold=False)
    wires = [builder.add(name, *range(row.arity), params=params) for params in sorted(all_params)]
    circuit = builder.circuit({f"y{i}": wire for i, wire in enumerate(wires)})
    inputs = random_words(6, 9)
    function = compile_circuit(circuit)
    assert function.native
    assert np.array_equal(function(inputs), expected(circuit, inputs))


@pytest.mark.parametrize("reach", [4, 40, 10**6])
@pytest.mark.parametrize("seed", range(3))
def test_values_survive_between_functions(short_functions, reach, seed):
    circuit = random_circuit(7, 150, 40, reach=reach, seed=seed)
    inputs = random_words(7, 17, seed)
    function = compile_circuit(circuit)
    assert function.native
    assert np.array_equal(function(inputs), expected(circuit, inputs))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 16, 31])
def test_every_number_of_words(count):
    circuit = random_circuit(5, 300, 9, reach=50)
    inputs = random_words(5, count, count)
    function = compile_circuit(circuit)
    assert np.array_equal(function(inputs), expected(circuit, inputs))
    rows = np.repeat(inputs, 2, axis=0)[::2]
    assert np.array_equal(function(rows), expected(circuit, inputs))
    columns = np.repeat(inputs, 2, axis=1)[:, ::2]
    assert np.array_equal(function(columns), expected(circuit, inputs))


@pytest.mark.parametrize("count", [0, 1, 8, 9])
def test_circuits_without_inputs_outputs_or_gates(count):
    nothing = Builder([]).circuit({})
    assert compile_circuit(nothing)(np.zeros((0, count), np.uint64)).shape == (0, count)
    unread = Builder(["a", "b"]).circuit({})
    assert compile_circuit(unread)(random_words(2, count)).shape == (0, count)
    builder = Builder([])
    one = builder.circuit({"y": builder.const(1)})
    assert np.array_equal(compile_circuit(one)(np.zeros((0, count), np.uint64)), np.full((1, count), 2**64 - 1))
    crossed, inputs = Builder(["a", "b"]).circuit({"y": 1, "z": 0, "w": 1}), random_words(2, count)
    assert np.array_equal(compile_circuit(crossed)(inputs), inputs[[1, 0, 1]])


def test_patterns_clear_the_tail():
    circuit = random_circuit(5, 60, 4, reach=50)
    inputs = random_words(5, 3)
    outputs = compile_circuit(circuit)(inputs, patterns=130)
    assert np.array_equal(outputs, expected(circuit, inputs) & mask_words(130))


def test_bad_inputs_are_named():
    function = compile_circuit(Builder(["a", "b"]).circuit({"y": 0}))
    with pytest.raises(TableError, match=r"uint64 of shape \(2, words\)"):
        function(np.zeros((3, 1), np.uint64))
    with pytest.raises(TableError, match="got int64"):
        function(np.zeros((2, 1), np.int64))
    with pytest.raises(TableError, match="patterns=65"):
        function(np.zeros((2, 1), np.uint64), patterns=65)


def test_inputs_stay_as_they_are():
    circuit = random_circuit(5, 60, 4, reach=50)
    inputs = random_words(5, 9)
    inputs.flags.writeable = False
    before = inputs.copy()
    compile_circuit(circuit)(inputs)
    assert np.array_equal(inputs, before)


def test_the_code_is_the_same_every_time():
    circuit = random_circuit(5, 250, 9, reach=50)
    texts = [list(compiled._parts(compiled._plan(circuit))) for _ in range(2)]
    assert texts[0] == texts[1]


@given(st.lists(st.tuples(gates(), st.integers(0, 10**6)), max_size=40), st.integers(1, 4))
def test_only_needed_gates_run_each_after_its_fan_ins(drawn, inputs):
    builder = Builder([f"x{i}" for i in range(inputs)], fold=False)
    for wire, ((row, params), number) in enumerate(drawn, inputs):
        builder.add(row.name, *(number // 7**k % wire for k in range(row.arity)), params=params)
    circuit = builder.circuit({"y": inputs + len(drawn) - 1})
    run = [gate for chunk in compiled._plan(circuit).chunks for gate in chunk]
    done = set(range(inputs))
    for wire, pins, _ in run:
        assert done.issuperset(pins)
        done.add(wire)
    read = {pin for _, pins, _ in run for pin in pins} | set(circuit.outputs.tolist())
    assert {wire for wire, *_ in run} == read - set(range(inputs))


def test_a_narrow_circuit_takes_few_slots():
    builder = Builder(["a", "b"], fold=False)
    wire = 0
    for _ in range(20 * compiled.CHUNK):
        wire = builder.add("xor", wire, builder.add("and", wire, 1))
    plan = compiled._plan(builder.circuit({"y": wire}))
    assert len(plan.chunks) == 40
    assert plan.slots == 2  # the input that all read, and the chain, whose every link takes its forerunner's slot


def test_functions_are_short_and_the_text_grows_with_the_gates():
    lengths = []
    for gates_ in (2_000, 4_000):
        plan = compiled._plan(random_circuit(20, gates_, 500, reach=100))
        texts = [text for _, text in compiled._parts(plan)]
        weights = [[max(1, len(code.instructions)) for _, _, code in chunk] for chunk in plan.chunks]
        assert all(sum(w[:-1]) < compiled.CHUNK for w in weights)
        assert all(sum(w) >= compiled.CHUNK for w in weights[:-1])
        assert len(texts) == -(-len(plan.chunks) // compiled.PART)
        lengths.append(sum(map(len, texts)) / sum(map(len, plan.chunks)))
    assert 0.8 < lengths[1] / lengths[0] < 1.25


def test_many_threads_at_once(short_functions):
    circuit = random_circuit(9, 200, 20, reach=60)
    function = compile_circuit(circuit)
    cases = [random_words(9, count, count) for count in range(1, 41)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(function, cases * 5))
    for inputs, outputs in zip(cases * 5, answers, strict=True):
        assert np.array_equal(outputs, expected(circuit, inputs))
    assert 1 <= len(function._free) <= 8  # scratch arrays come back, one a thread at most


def test_circuits_compile_in_many_threads():
    sources = [random_circuit(6, 120, 5, reach=60, seed=seed) for seed in range(8)]
    inputs = random_words(6, 8)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda circuit: compile_circuit(circuit)(inputs), sources))
    for circuit, outputs in zip(sources, answers, strict=True):
        assert np.array_equal(outputs, expected(circuit, inputs))


def test_the_machine_code_goes_with_its_function():
    function = compile_circuit(random_circuit(5, 60, 4, reach=50))
    engine = weakref.ref(function._engine)
    assert engine() is not None
    del function
    gc.collect()
    assert engine() is None


def test_without_machine_code_the_simulator_answers(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no such\ntarget")

    monkeypatch.setattr(llvm.Target, "from_default_triple", refuse)
    circuit = random_circuit(5, 60, 4, reach=50)
    inputs = random_words(5, 9)
    function = compile_circuit(circuit)
    assert not function.native
    assert function.reason == "no machine code for this host: no such target"
    assert function.reason in repr(function)
    assert np.array_equal(function(inputs, patterns=570), expected(circuit, inputs) & mask_words(570))


def test_an_old_llvm_is_refused(monkeypatch):
    monkeypatch.setattr(llvm, "llvm_version_info", (15, 0, 7))
    function = compile_circuit(Builder(["a"]).circuit({"y": 0}))
    assert not function.native
    assert "LLVM 15 is older than 17" in function.reason


def test_vectors_of_narrow_machines(monkeypatch):
    """A processor without wide registers takes several for a vector; the plainest of this kind stands for it."""
    monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: "")
    monkeypatch.setattr(llvm, "get_host_cpu_features", llvm.FeatureMap)
    circuit = random_circuit(7, 250, 30, reach=60)
    inputs = random_words(7, 17)
    function = compile_circuit(circuit)
    assert function.native
    assert np.array_equal(function(inputs), expected(circuit, inputs))


def test_importing_is_light():
    code = "import circuits.compiled, sys; sys.exit(any(m in sys.modules for m in ('numba', 'llvmlite')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
