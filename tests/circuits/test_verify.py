"""Proofs and counterexamples: each verdict against exhaustive simulation, each counterexample replayed."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import circuits, complete_tables, sampled_tables

from circuits import sweep, verify
from circuits.aig import and_count, optimised
from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError, TableError, ToolError
from circuits.gates import BIT_GATES, GATE
from circuits.rewrite import folded, from_table, to_and_not
from circuits.simulate import evaluate, simulate, truth_table
from circuits.sweep import decide, difference, joined, minimised, mixed, values
from circuits.table import TruthTable, complete_table, sampled_table
from circuits.verify import Counterexample, Proof, Unknown, equivalent, satisfies, simplified, tables_agree
from circuits.words import enumerate_inputs, unpack

WIDE = 20  # inputs: beyond exhaustive comparison
ROWS = ["and", "or", "xor", "nand", "nor", "andnot", "mux", "maj"]


def replayed(verdict: object, a: Circuit, b: Circuit) -> bool:
    """Tell whether a counterexample holds: exactly the outputs it names differ, with the values it gives."""
    assert isinstance(verdict, Counterexample), verdict
    assert tuple(verdict.inputs) == a.input_names
    bits = list(verdict.inputs.values())
    pairs = zip(a.output_names, zip(evaluate(a, bits), evaluate(b, bits), strict=True), strict=True)
    return verdict.outputs == {name: pair for name, pair in pairs if pair[0] != pair[1]} != {}


def point(pattern: int, inputs: int = WIDE) -> Circuit:
    """Make a circuit whose output p is 1 on one pattern only; its output q is input 0."""
    b = Builder([f"x{i}" for i in range(inputs)], name="point")
    wire = b.const(1)
    for i in b.inputs:
        wire = b.add("and" if pattern >> i & 1 else "andnot", wire, i)
    return b.circuit({"p": wire, "q": 0})


def never(inputs: int = WIDE) -> Circuit:
    b = Builder([f"x{i}" for i in range(inputs)], name="never")
    return b.circuit({"p": b.const(0), "q": 0})


def parity(order: list[int]) -> Circuit:
    b = Builder([f"x{i}" for i in range(len(order))])
    wire = order[0]
    for i in order[1:]:
        wire = b.add("xor", wire, i)
    return b.circuit({"y": wire})


def adder(bits: int, *, ripple: bool) -> Circuit:
    """Add two numbers; carries ripple, or blocks of four compute both carries and select."""
    b = Builder([f"{name}{i}" for name in "ab" for i in range(bits)])

    def block(at: int, stop: int, carry: int) -> list[int]:
        sums = []
        for i in range(at, stop):
            sums.append(b.add("xor", b.add("xor", i, bits + i), carry))
            carry = b.add("maj", i, bits + i, carry)
        return [*sums, carry]

    out = block(0, bits, b.const(0)) if ripple else [b.const(0)]
    for at in [] if ripple else range(0, bits, 4):
        carry = out.pop()
        out += [
            b.add("mux", carry, *pair) for pair in zip(*(block(at, at + 4, b.const(c)) for c in (0, 1)), strict=True)
        ]
    return b.circuit({f"s{i}": wire for i, wire in enumerate(out)})


def random_circuit(inputs: int, gates: int, seed: int) -> Circuit:
    r = random.Random(seed)
    b = Builder([f"x{i}" for i in range(inputs)], fold=False)
    for wire in range(inputs, inputs + gates):
        row = GATE[r.choice(ROWS)]
        b.add(row.name, *r.sample(range(max(0, wire - 60), wire), row.arity))
    return b.circuit({f"y{k}": inputs + gates - 1 - k for k in range(8)})


def mutant(circuit: Circuit, gate: int, row: str) -> Circuit:
    """Replace the row of one gate, keeping its fan-ins."""
    b = Builder(circuit.input_names, name="mutant", fold=False)
    for g, (op, fanin, params) in enumerate(circuit.gates()):
        b.add(row if g == gate else op, *fanin, params=params)
    return b.circuit(zip(circuit.output_names, circuit.outputs.tolist(), strict=True))


def multiplier(bits: int, last: bool) -> Circuit:
    """Multiply two numbers; columns are added from their last or their first partial product."""
    b = Builder([f"{name}{i}" for name in "ab" for i in range(bits)])
    columns: list[list[int]] = [[] for _ in range(2 * bits)]
    for i in range(bits):
        for j in range(bits):
            columns[i + j].append(b.add("and", i, bits + j))
    for k, column in enumerate(columns):
        while len(column) > 1:
            x, y = (column.pop(-last) for _ in range(2))
            z = column.pop(-last) if column else b.const(0)
            column.append(b.add("xor", b.add("xor", x, y), z))
            if k + 1 < len(columns):
                columns[k + 1].append(b.add("maj", x, y, z))
    return b.circuit({f"p{k}": column[0] for k, column in enumerate(columns) if column})


# --- circuits, every pattern tried ---


@given(circuits(outputs=(0, 3)))
def test_rewritten_circuits_are_proved_equal(circuit):
    assert equivalent(circuit, to_and_not(circuit)) == Proof("exhaustive", 1 << circuit.num_inputs)


@given(st.data(), st.integers(0, 5), st.integers(1, 3))
def test_small_circuits_are_compared_on_every_pattern(data, inputs, outputs):
    shape = {"inputs": (inputs, inputs), "outputs": (outputs, outputs), "max_gates": 3}
    a, b = (data.draw(circuits(rows=BIT_GATES[:5], **shape)) for _ in range(2))
    assume(a.num_outputs == b.num_outputs)
    verdict = equivalent(a, b)
    if truth_table(a) == truth_table(b):
        assert verdict == Proof("exhaustive", 1 << inputs)
    else:
        assert replayed(verdict, a, b)


@pytest.mark.parametrize("inputs", [0, 1, 6, 7, 16])
def test_a_difference_on_the_last_pattern_alone_is_found(inputs):
    last = (1 << inputs) - 1
    a, b = point(last, max(inputs, 1)), never(max(inputs, 1))
    if inputs == 0:
        a, b = (Builder([]) for _ in range(2))
        a, b = a.circuit({"p": a.const(1)}), b.circuit({"p": b.const(0)})
    ones = {f"x{i}": 1 for i in range(inputs)}
    assert equivalent(a, b) == Counterexample(ones, {"p": (1, 0)}, tuple(ones))


def test_sixteen_inputs_need_no_solver(monkeypatch):
    monkeypatch.setattr(verify, "decide", lambda *_, **__: pytest.fail("asked the solver"))
    assert equivalent(parity(list(range(16))), parity(list(range(16))[::-1])) == Proof("exhaustive", 1 << 16)


# --- circuits too wide for that ---


def test_wide_circuits_are_proved_by_the_solver():
    assert equivalent(parity(list(range(17))), parity(list(range(17))[::-1])) == Proof("sat", 0)
    assert equivalent(point(12345), to_and_not(point(12345))) == Proof("sat", 0)
    assert equivalent(Builder(point(0).input_names).circuit({}), Builder(point(0).input_names).circuit({})) == Proof(
        "sat", 0
    )


def test_simulation_finds_frequent_differences_without_the_solver(monkeypatch):
    monkeypatch.setattr(sweep._Sweep, "round", lambda *_: pytest.fail("asked the solver"))
    b = Builder([f"x{i}" for i in range(WIDE)])
    a, c = b.circuit({"y": b.add("and", 0, 19)}), b.circuit({"y": b.add("or", 0, 19)})
    assert replayed(equivalent(a, c), a, c)


@pytest.mark.parametrize("pattern", [0b10110011100011110000, 0b01111111111111111110, 0b00000000000000000001])
def test_the_solver_finds_the_one_differing_pattern(pattern):
    a, b = point(pattern), never()
    tried = values(joined(a, b), mixed(WIDE, sweep.PATTERNS), sweep.PATTERNS)
    assert difference(joined(a, b), tried, sweep.PATTERNS) == 0  # else the first simulation finds it
    verdict = equivalent(a, b)
    assert replayed(verdict, a, b)
    assert list(verdict.inputs.values()) == [pattern >> i & 1 for i in range(WIDE)]
    assert verdict.outputs == {"p": (1, 0)}
    assert equivalent(b, a).outputs == {"p": (0, 1)}


@pytest.mark.parametrize(("patterns", "mutants"), [(2048, 20), (64, 10)])
def test_mutants_are_decided_as_exhaustive_simulation_decides(monkeypatch, patterns, mutants):
    monkeypatch.setattr(sweep, "PATTERNS", patterns)  # the fewer, the more the solver has to find
    circuit = random_circuit(17, 300, seed=5)
    inputs = enumerate_inputs(17)
    right = simulate(circuit, inputs)
    r = random.Random(2)
    equal = []
    while len(equal) < mutants:
        gate = r.randrange(circuit.num_gates)
        row = r.choice(ROWS)
        op = BIT_GATES[circuit.op[gate]].name
        if row == op or GATE[row].arity != GATE[op].arity:
            continue
        other = mutant(circuit, gate, row)
        verdict = equivalent(circuit, other)
        equal.append(np.array_equal(simulate(other, inputs), right))
        assert verdict == Proof("sat", 0) if equal[-1] else replayed(verdict, circuit, other)
    assert 0 < sum(equal) < len(equal)  # both kinds occur


def test_a_hard_pair_stays_unknown_within_a_limit():
    a, b = multiplier(12, last=True), multiplier(12, last=False)
    verdict = equivalent(a, b, conflict_limit=1)
    assert verdict == Unknown("neither a proof nor a difference within 1 conflicts")
    assert str(verdict) == "unknown (neither a proof nor a difference within 1 conflicts)"
    start = time.monotonic()
    assert equivalent(a, b, seconds=0.3) == Unknown("neither a proof nor a difference within 0.3 seconds")
    assert time.monotonic() - start < 10
    with pytest.raises(CircuitError, match="got nan seconds, expected a number above 0"):
        equivalent(a, b, seconds=float("nan"))


def test_what_sweeping_makes_easy_is_proved():
    product = multiplier(12, last=True)
    assert equivalent(product, optimised(product)) == Proof("sat", 0)
    assert equivalent(adder(32, ripple=True), adder(32, ripple=False)) == Proof("sat", 0)


def test_adders_are_adders():
    for ripple in (True, False):
        table = truth_table(adder(4, ripple=ripple))
        bits = unpack(table.outputs, table.patterns)
        number = (bits << np.arange(len(bits))[:, None]).sum(axis=0)
        assert number.tolist() == [(v & 15) + (v >> 4) for v in range(256)]


@given(st.data(), st.integers(1, 5), st.integers(1, 3))
def test_sweeping_decides_as_exhaustive_simulation(data, inputs, outputs):
    shape = {"inputs": (inputs, inputs), "outputs": (outputs, outputs), "max_gates": 12}
    a = data.draw(circuits(**shape))
    b = data.draw(st.sampled_from([to_and_not(a), folded(a)]) | circuits(**shape))
    assume(a.num_outputs == b.num_outputs == outputs)
    joint = joined(a, b)
    found = decide(joint)
    if truth_table(a) == truth_table(b):
        assert found is True
    else:
        pattern, matter = minimised(joint, found)
        assert evaluate(a, pattern) != evaluate(b, pattern)
        assert all(evaluate(a, less) == evaluate(b, less) for less in lowered(pattern))
        wrong = [x != y for x, y in zip(evaluate(a, pattern), evaluate(b, pattern), strict=True)]
        for other in range(1 << inputs):
            bits = [bit if i in matter else other >> i & 1 for i, bit in enumerate(pattern)]
            now = [x != y for x, y in zip(evaluate(a, bits), evaluate(b, bits), strict=True)]
            assert all(n for n, w in zip(now, wrong, strict=True) if w)


def lowered(pattern: list[int]) -> list[list[int]]:
    """Return the patterns with one 1 less."""
    return [[*pattern[:i], 0, *pattern[i + 1 :]] for i, bit in enumerate(pattern) if bit]


def test_inputs_that_do_not_matter_are_said():
    b = Builder([f"x{i}" for i in range(WIDE)])
    chain = b.inputs[2]
    for i in range(3, WIDE):
        chain = b.add("xor", chain, i)
    a, c = b.circuit({"y": b.add("and", 0, 1), "z": chain}), b.circuit({"y": b.const(0), "z": chain})
    found = equivalent(a, c)
    assert found == Counterexample({f"x{i}": int(i < 2) for i in range(WIDE)}, {"y": (1, 0)}, ("x0", "x1"))
    assert (
        str(found)
        == "different at x0=1 x1=1, whatever the other 18 inputs are: y is 1 in the first and 0 in the second"
    )
    always = equivalent(b.circuit({"y": b.const(1)}), b.circuit({"y": b.const(0)}))
    assert str(always) == "different at any inputs: y is 1 in the first and 0 in the second"


def test_the_hard_pair_is_a_pair_of_multipliers():
    for last in (True, False):
        table = truth_table(multiplier(4, last))
        bits = unpack(table.outputs, table.patterns)
        number = (bits << np.arange(len(bits))[:, None]).sum(axis=0)
        assert number.tolist() == [(v & 15) * (v >> 4) for v in range(256)]


def test_a_solver_without_a_witness_is_not_believed(monkeypatch):
    monkeypatch.setattr(verify, "decide", lambda *_, **__: [0] * WIDE)
    assert equivalent(never(), never()) == Unknown("the pattern that the SAT solver gives shows no difference")


# --- circuit and table ---


@given(complete_tables(inputs=(0, 7), outputs=(0, 3)))
def test_a_circuit_satisfies_the_table_it_is_built_from(table):
    assert satisfies(from_table(table), table) == Proof("exhaustive", table.patterns)


def first_wrong(got: np.ndarray, wanted: np.ndarray, care: np.ndarray) -> int | None:
    """Return the first pattern with a wrong cared-for value; bits are (outputs, patterns)."""
    wrong = ((got != wanted) & care).any(axis=0)
    return int(wrong.argmax()) if wrong.any() else None


def expected(
    inputs: np.ndarray, got: np.ndarray, wanted: np.ndarray, care: np.ndarray, proof: Proof
) -> Proof | Counterexample:
    """Return the verdict bits call for, ports being named x0, x1, ... and y0, y1, ..."""
    p = first_wrong(got, wanted, care)
    if p is None:
        return proof
    return Counterexample(
        {f"x{i}": int(row[p]) for i, row in enumerate(inputs)},
        {
            f"y{o}": (int(got[o, p]), int(wanted[o, p]))
            for o in range(len(got))
            if care[o, p] and got[o, p] != wanted[o, p]
        },
    )


def bits_of(table: TruthTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(unpack(words, table.patterns) for words in (table.inputs, table.outputs, table.care))


@given(st.data(), complete_tables(inputs=(0, 4), outputs=(1, 3)) | sampled_tables(inputs=(0, 4), outputs=(1, 3)))
def test_tables_are_compared_where_they_care(data, table):
    n, m = table.num_inputs, table.num_outputs
    circuit = data.draw(circuits(inputs=(n, n), outputs=(m, m), max_gates=4))
    assume(circuit.num_outputs == m)
    inputs, wanted, care = bits_of(table)
    got = np.array([evaluate(circuit, column.astype(int).tolist()) for column in inputs.T], bool).reshape(-1, m).T
    proof = Proof("exhaustive" if table.complete else "all given patterns", table.patterns)
    assert satisfies(circuit, table) == expected(inputs, got, wanted, care, proof)


@given(st.data(), complete_tables(inputs=(1, 7), outputs=(1, 3), dont_cares=False))
def test_one_wrong_value_is_found_only_where_it_is_cared_for(data, table):
    p, o = data.draw(st.integers(0, table.patterns - 1)), data.draw(st.integers(0, table.num_outputs - 1))
    _, wanted, care = bits_of(table)
    wanted[o, p] ^= True
    wrong = complete_table(wanted, inputs=table.num_inputs)
    verdict = satisfies(from_table(table), wrong)
    assert verdict == Counterexample(
        {f"x{i}": p >> i & 1 for i in range(table.num_inputs)}, {f"y{o}": (int(not wanted[o, p]), int(wanted[o, p]))}
    )
    care[o, p] = False
    x = unpack(table.inputs, table.patterns).T
    sample = sampled_table(x, wanted.T, care=care.T)
    assert satisfies(from_table(table), sample) == Proof("all given patterns", table.patterns)


# --- two tables ---


@given(st.data(), st.integers(0, 4), st.integers(1, 2), st.booleans(), st.booleans())
def test_tables_agree_where_both_care(data, n, m, a_complete, b_complete):
    def table(complete: bool, like: TruthTable | None) -> TruthTable:
        if complete:
            return data.draw(complete_tables(inputs=(n, n), outputs=(m, m)))
        if like is None:
            return data.draw(sampled_tables(inputs=(n, n), outputs=(m, m), max_patterns=5))
        x = unpack(like.inputs, like.patterns).T
        y, care = (
            data.draw(st.lists(st.lists(st.booleans(), min_size=m, max_size=m), min_size=len(x), max_size=len(x)))
            for _ in range(2)
        )
        return sampled_table(x, np.reshape(y, (-1, m)), care=np.reshape(care, (-1, m)))

    a = table(a_complete, None)
    b = table(b_complete, None if a_complete else a)
    patterns = b if a_complete else a
    inputs = unpack(patterns.inputs, patterns.patterns)
    number = [sum(int(bit) << i for i, bit in enumerate(column)) for column in inputs.T]

    def on_patterns(t: TruthTable) -> list[np.ndarray]:
        return [rows[:, number] if t.complete else rows for rows in bits_of(t)[1:]]

    (first, a_care), (second, b_care) = on_patterns(a), on_patterns(b)
    proof = Proof("exhaustive" if a_complete and b_complete else "all given patterns", patterns.patterns)
    assert tables_agree(a, b) == expected(inputs, first, second, a_care & b_care, proof)


def test_samples_of_different_patterns_are_refused():
    a, b = sampled_table([[0, 1]], [[1]], name="a"), sampled_table([[1, 1]], [[1]], name="b")
    with pytest.raises(TableError) as error:
        tables_agree(a, b)
    assert str(error.value) == "verify: a and b sample different patterns; compare each with a circuit"
    with pytest.raises(TableError, match="sample different patterns"):
        tables_agree(a, sampled_table([[0, 1], [0, 1]], [[1], [1]]))


# --- what does not fit, and what people read ---


def test_port_counts_must_match():
    small, large = Builder(["a"], name="small"), Builder(["a", "b"], name="large")
    one, two = small.circuit({"y": 0}), large.circuit({"y": 0, "z": 1})
    counts = "has 1 inputs and 1 outputs, {} has 2 and 2; expected the same numbers"
    with pytest.raises(CircuitError) as error:
        equivalent(one, two)
    assert str(error.value) == "verify: small " + counts.format("large")
    table = complete_table([[0] * 4] * 2, inputs=2, name="wanted")
    with pytest.raises(TableError) as error:
        satisfies(one, table)
    assert str(error.value) == "verify: small " + counts.format("wanted")
    with pytest.raises(TableError) as error:
        tables_agree(complete_table([[0, 1]], inputs=1, name="given"), table)
    assert str(error.value) == "verify: given " + counts.format("wanted")
    with pytest.raises(CircuitError, match="expected the same numbers"):  # outputs alone
        equivalent(one, small.circuit({"y": 0, "z": 0}))
    with pytest.raises(TableError, match="expected the same numbers"):
        satisfies(two, complete_table([[0] * 4], inputs=2))


def test_verdicts_read_as_sentences():
    assert str(Proof("exhaustive", 4)) == "equal (exhaustive, 4 patterns)"
    assert str(Proof("sat", 0)) == "equal (sat)"
    found = Counterexample({"a": 1, "b": 0}, {"y": (1, 0), "z": (0, 1)})
    assert (
        str(found)
        == "different at a=1 b=0: y is 1 in the first and 0 in the second, z is 0 in the first and 1 in the second"
    )
    assert str(Counterexample({}, {"y": (1, 0)})) == "different at no inputs: y is 1 in the first and 0 in the second"


# --- simplified ---


@pytest.mark.parametrize("seed", range(4))
def test_simplified_circuits_are_equal_and_no_larger(seed):
    circuit = random_circuit(8, 40, seed)
    result, proof = simplified(circuit)
    assert truth_table(result) == truth_table(circuit)
    assert and_count(result) < and_count(circuit)  # dead gates and redundancy abound
    assert proof == Proof("exhaustive", 256)


def test_what_cannot_shrink_comes_back_unchanged():
    b = Builder(["a", "b"])
    circuit = b.circuit({"y": b.add("and", 0, 1)})
    result, proof = simplified(circuit)
    assert result is circuit
    assert proof == Proof("unchanged", 0)


@pytest.mark.parametrize("verdict", [None, Unknown("limit")])
def test_a_tool_is_not_believed_without_proof(monkeypatch, verdict):
    b = Builder(["a", "b", "c"], name="majority")
    circuit = b.circuit({"y": b.add("maj", 0, 1, 2)})
    if verdict:
        monkeypatch.setattr(verify, "equivalent", lambda *_: verdict)

    def wrong(_: Circuit) -> Circuit:
        return b.circuit({"y": 0})

    errors: list[ToolError] = []
    assert simplified(circuit, tools=[wrong], report=errors.append) == (circuit, Proof("unchanged", 0))
    said = verdict or "different at a=1 b=0 c=0: y is 0 in the first and 1 in the second"
    assert [str(error) for error in errors] == [f"wrong: its answer is not proved equal to majority: {said}"]
    assert simplified(circuit, tools=[wrong]) == (circuit, Proof("unchanged", 0))


def test_the_smaller_candidate_wins():
    b = Builder(["a", "b"], fold=False)
    a_and_b = b.add("and", 0, 1)
    absorbed = b.circuit({"y": b.add("or", 0, a_and_b)})
    result, proof = simplified(absorbed, tools=[lambda _: Builder(["a", "b"]).circuit({"y": 0})])
    assert (result.num_gates, proof) == (0, Proof("exhaustive", 4))
    buffered = Builder(["a"], fold=False)
    same_ands = buffered.circuit({"y": buffered.add("buf", buffered.add("buf", 0))})
    assert simplified(same_ands)[0].num_gates == 0  # no AND fewer, but gates
