"""Every row of FORMATS: what is written reads back as the same function, names and all."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from circuits.circuit import Builder, Circuit
from circuits.errors import FormatError
from circuits.formats import FORMATS, Format, encode, read, write
from circuits.gates import BIT_GATES
from circuits.simulate import simulate, truth_table
from circuits.table import TruthTable
from circuits.words import enumerate_inputs, mask_words, pack, unpack

READABLE = {suffix: row for suffix, row in FORMATS.items() if row.parse and row.write}
WEIRD = ("module", "a.b", "x[3]", "1st", "é", 'say"so"', "back\\slash", "$up", "#hash", "wire", "-", "i0", "o0", "g0")


def every_gate() -> Circuit:
    """A circuit with every row of the gate table, each with several parameters."""
    rng = np.random.default_rng(7)
    builder = Builder([f"in{k}" for k in range(6)], name="every_gate", fold=False)
    outputs = []
    for gate in BIT_GATES:
        for trial in range(3 if gate.param_count else 1):
            params = np.full(gate.param_count, trial) if trial < 2 else rng.integers(0, 2, gate.param_count)
            fanin = rng.permutation(6)[: gate.arity].tolist()
            outputs.append((f"{gate.name}_{trial}", builder.add(gate.name, *fanin, params=params.tolist())))
    return builder.circuit(outputs)


def random_circuit(inputs: int, gates: int, seed: int) -> Circuit:
    rng = np.random.default_rng(seed)
    builder = Builder([f"a{k}" for k in range(inputs)], name=f"random{seed}", fold=False)
    for wire in range(inputs, inputs + gates):
        gate = BIT_GATES[int(rng.integers(len(BIT_GATES)))]
        fanin = rng.integers(0, wire, gate.arity).tolist()
        builder.add(gate.name, *fanin, params=rng.integers(0, 2, gate.param_count).tolist())
    wires = rng.integers(0, inputs + gates, 7).tolist()
    return builder.circuit([(f"y{k}", wire) for k, wire in enumerate(wires)])


def small(inputs: list[str], outputs: list[tuple[str, int]]) -> Circuit:
    """Inputs, then the constants 0 and 1, then the AND of the first and the last input."""
    builder = Builder(inputs, fold=False)
    builder.add("const", params=(0,))
    builder.add("const", params=(1,))
    if inputs:
        builder.add("and", 0, len(inputs) - 1)
    return builder.circuit(outputs)


CASES = {
    "every_gate": every_gate(),
    "random": random_circuit(9, 200, 1),
    "wide": random_circuit(40, 300, 2),
    "no_inputs": small([], [("zero", 0), ("one", 1)]),
    "no_outputs": small(["a", "b"], []),
    "nothing": Builder([]).circuit([]),
    "constants": small(["a", "b", "c"], [("zero", 3), ("one", 4)]),
    "output_is_input": small(["a", "b"], [("p", 1), ("q", 0), ("r", 1)]),
    "two_outputs_on_one_wire": small(["a", "b"], [("p", 4), ("q", 4), ("r", 4)]),
    "names_in_both": small(["a", "b"], [("b", 4), ("a", 0), ("a_1", 1)]),
    "weird_names": small(list(WEIRD), [(name + "'", len(WEIRD) + 2) for name in WEIRD]),
    "names_of_gates": small(["g0", "g_1"], [("g1", 4), ("g2", 2), ("G0", 3)]),
}


def outputs_of(found: Circuit | TruthTable, like: Circuit) -> np.ndarray:
    """All patterns where they are few, else 10,000 random ones."""
    if isinstance(found, TruthTable):
        assert found.fully_specified
        return found.outputs
    if like.num_inputs <= 14:
        return truth_table(found).outputs
    words = np.random.default_rng(3).integers(0, 1 << 64, (like.num_inputs, 157), np.uint64)
    return simulate(found, words)


def refuses(row: Format, circuit: Circuit) -> bool:
    """Tables cannot hold more than 20 inputs; lines per output cannot hold no output; lists of ports hold a port."""
    if row.name == "BENCH":
        return circuit.num_inputs + circuit.num_outputs == 0
    return row.write_table is not None and (
        circuit.num_inputs > 20 or (row.naming is None and circuit.num_outputs == 0)
    )


@pytest.mark.parametrize("suffix", READABLE)
@pytest.mark.parametrize("case", CASES)
def test_round_trip(suffix: str, case: str, tmp_path) -> None:
    circuit, row = CASES[case], READABLE[suffix]
    path = tmp_path / f"thing{suffix}"
    if refuses(row, circuit):
        with pytest.raises(FormatError):
            write(circuit, path)
        assert not list(tmp_path.iterdir())
        return
    write(circuit, path)
    found = read(path)
    assert (found.num_inputs, found.num_outputs) == (circuit.num_inputs, circuit.num_outputs)
    assert np.array_equal(outputs_of(found, circuit), outputs_of(circuit, circuit))
    if row.naming is None:
        return
    kept = [not set(name) & set(row.naming.reserved) for name in circuit.input_names]
    assert [n for n, k in zip(found.input_names, kept, strict=True) if k] == [
        n for n, k in zip(circuit.input_names, kept, strict=True) if k
    ]
    shared = set(found.input_names) if row.naming.shared else set()
    for before, after in zip(circuit.output_names, found.output_names, strict=True):
        if not set(before) & set(row.naming.reserved) and before not in shared:
            assert after == before
    assert not shared & set(found.output_names)
    assert len(set(found.output_names)) == circuit.num_outputs


@pytest.mark.parametrize("suffix", READABLE)
def test_reading_what_was_read_changes_nothing(suffix: str) -> None:
    row = READABLE[suffix]
    assert row.parse is not None
    once = row.parse(encode(CASES["every_gate"], suffix), f"x{suffix}")
    twice = row.parse(encode(once, suffix), f"x{suffix}")
    assert twice.output_names == once.output_names
    like = CASES["every_gate"]
    assert np.array_equal(outputs_of(twice, like), outputs_of(once, like))


@pytest.mark.parametrize("suffix", READABLE)
@pytest.mark.parametrize("packing", ["", ".gz", ".xz"])
def test_packed_files_are_deterministic(suffix: str, packing: str, tmp_path) -> None:
    circuit = CASES["random"]
    paths = [tmp_path / f"{k}{suffix}{packing}" for k in range(2)]
    for path in paths:
        write(circuit, path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert np.array_equal(outputs_of(read(paths[0]), circuit), outputs_of(circuit, circuit))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)


@pytest.mark.parametrize("suffix", [s for s, row in FORMATS.items() if row.write_table])
def test_tables_round_trip(suffix: str) -> None:
    rng = np.random.default_rng(11)
    row = FORMATS[suffix]
    assert row.parse and row.write_table
    for inputs in (0, 1, 3, 7):
        patterns = 1 << inputs
        care = rng.integers(0, 1 << 64, (3, -(-patterns // 64)), np.uint64) & mask_words(patterns)
        wanted = rng.integers(0, 1 << 64, care.shape, np.uint64) & care
        names = tuple(f"x{k}" for k in range(inputs)), ("y0", "y1", "y2")
        table = TruthTable(enumerate_inputs(inputs), wanted, care, patterns, True, *names)
        assert row.parse(row.write_table(table), f"t{suffix}") == table


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_row_says_what_it_is(suffix: str) -> None:
    row = FORMATS[suffix]
    assert suffix in row.suffixes and row.name and row.description
    assert row.write is not None


def test_dot_draws_every_wire() -> None:
    circuit = CASES["every_gate"]
    text = encode(circuit, ".dot").decode()
    assert all(f"  w{k} [label=" in text for k in range(circuit.num_inputs, circuit.num_wires))
    assert text.count("->") == len(circuit.fanin) + circuit.num_outputs
    with pytest.raises(FormatError, match="never read"):
        read("x.dot")


GCC = shutil.which("gcc") or shutil.which("cc")
needs_gcc = pytest.mark.skipif(GCC is None, reason="no gcc or cc on PATH")


def compiled(circuit: Circuit, folder: Path) -> Path:
    """The test program of a circuit, made by a compiler that objects to nothing in it, with or without the main."""
    assert GCC
    source, program = folder / "circuit.c", folder / "circuit"
    write(circuit, source)
    strict = [GCC, "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", source]
    subprocess.run([*strict, "-c", "-o", folder / "circuit.o"], check=True, timeout=120)
    subprocess.run([*strict, "-DGATEWRIGHT_TEST_MAIN", "-o", program], check=True, timeout=120)
    return program


@needs_gcc
@pytest.mark.parametrize("case", CASES)
def test_c_computes_the_same(case: str, tmp_path: Path) -> None:
    circuit = CASES[case]
    program = compiled(circuit, tmp_path)
    n, m = circuit.num_inputs, circuit.num_outputs
    patterns = 1 << n if n <= 14 else 10_000
    words = enumerate_inputs(n) if n <= 14 else pack(np.random.default_rng(5).random((n, patterns)) < 0.5)
    given = unpack(words, patterns).T.astype(int)
    text = "".join("".join(map(str, row)) + "\n" for row in given.tolist())
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True, timeout=60)
    wanted = unpack(simulate(circuit, words, patterns=patterns), patterns).T.astype(int)
    assert done.stdout == "".join("".join(map(str, row)) + "\n" for row in wanted.tolist())
    assert len(done.stdout) == patterns * (m + 1)


@needs_gcc
def test_c_refuses_patterns_that_are_none(tmp_path: Path) -> None:
    program = compiled(small(["a", "b"], [("y", 4)]), tmp_path)
    for text, complaint in (
        ("01\n011\n", "line 2: got 3 values, expected 2\n"),
        ("01\n0\n", "line 2: got 1 values, expected 2\n"),
        ("01\n0x\n", f"line 2: got character {ord('x')}, expected 0 or 1\n"),
    ):
        done = subprocess.run([program], input=text, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (1, complaint)
    unended = subprocess.run([program], input="10\n11", capture_output=True, text=True, check=True, timeout=60)
    assert unended.stdout == "0\n1\n"


def test_c_parts_stay_short() -> None:
    functions = encode(random_circuit(20, 3000, 4), ".c").decode().split("\nstatic void ")[1:]
    assert len(functions) > 5
    assert max(function.count("const uint64_t g") for function in functions) <= 128
