"""Look-up tables: the same function, of at most k inputs, of the depth and nearly the number that ABC finds."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import circuits
from test_verify import adder, multiplier, random_circuit

from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError
from circuits.formats import write
from circuits.gates import GATE
from circuits.mapping import lut_mapping
from circuits.order import depth
from circuits.simulate import truth_table
from circuits.verify import Proof, equivalent

ABC = next(filter(None, map(shutil.which, ("berkeley-abc", "abc", "yosys-abc"))), None)
SOME = {
    "ripple": lambda: adder(32, ripple=True),
    "select": lambda: adder(32, ripple=False),
    "multiplier": lambda: multiplier(8, last=True),
    "random": lambda: random_circuit(16, 600, seed=1),
}


@given(circuits(inputs=(0, 6), max_gates=25, outputs=(0, 4)), st.integers(2, 6))
def test_mapping_keeps_the_function(circuit, k):
    mapped = lut_mapping(circuit, k)
    assert truth_table(mapped) == truth_table(circuit)
    assert (mapped.input_names, mapped.output_names) == (circuit.input_names, circuit.output_names)
    assert {op for op, _, _ in mapped.gates()} <= {"const", *(f"lut{n}" for n in range(1, k + 1))}


@pytest.mark.parametrize("name", SOME)
def test_mapping_is_proved(name):
    assert isinstance(equivalent(SOME[name](), lut_mapping(SOME[name]())), Proof)


@pytest.mark.skipif(ABC is None, reason="ABC is not installed")
@pytest.mark.parametrize("name", SOME)
def test_mapping_is_as_deep_and_about_as_large_as_that_of_abc(name, tmp_path):
    circuit = SOME[name]()
    write(circuit, tmp_path / "x.aig")
    done = subprocess.run(
        [ABC, "-q", "read_aiger x.aig; strash; if -K 6; print_stats"], cwd=tmp_path, capture_output=True, text=True
    )
    tables, levels = map(int, re.search(r"nd\s*=\s*(\d+).*lev\s*=\s*(\d+)", done.stdout).groups())
    mapped = lut_mapping(circuit)
    assert depth(mapped) == levels
    assert mapped.num_gates <= 1.1 * tables


@pytest.mark.parametrize(("k", "tables", "levels"), [(2, 63, 6), (4, 21, 3)])
def test_a_tree_takes_the_fewest_tables(k, tables, levels):
    b = Builder([f"x{i}" for i in range(64)])
    layer = b.inputs
    while len(layer) > 1:
        layer = [b.add("and", *pair) for pair in zip(layer[::2], layer[1::2], strict=True)]
    mapped = lut_mapping(b.circuit({"y": layer[0]}), k)
    assert (mapped.num_gates, depth(mapped)) == (tables, levels)


def test_inverters_cost_nothing_unless_both_polarities_are_shown():
    b = Builder(["a", "b"])
    both = b.add("and", 0, 1)
    assert lut_mapping(b.circuit({"y": b.add("nand", 0, 1)})).num_gates == 1
    assert lut_mapping(b.circuit({"y": b.add("nand", 0, 1), "z": both})).num_gates == 2
    assert lut_mapping(b.circuit({"y": b.add("not", 0)})).num_gates == 1
    assert lut_mapping(b.circuit({"y": 0})).num_gates == 0


def chain(gates: int, inputs: int) -> Circuit:
    """Make a chain as deep as it has gates."""
    b = Builder([f"x{i}" for i in range(inputs)])
    wire = 0
    for g in range(gates):
        wire = b.add(("and", "or", "xor")[g % 3], wire, 1 + g % (inputs - 1))
    return b.circuit({"y": wire})


@pytest.mark.parametrize("inputs", [5, 1500])
def test_deep_circuits_are_mapped(inputs):
    circuit = chain(1500, inputs)
    mapped = lut_mapping(circuit)
    assert isinstance(equivalent(circuit, mapped), Proof)
    assert mapped.num_gates <= 500


def test_tables_have_two_to_six_inputs():
    circuit = chain(3, 4)
    for k in (1, 7):
        with pytest.raises(CircuitError, match=f"got tables of {k} inputs, expected 2..6"):
            lut_mapping(circuit, k)
    assert GATE["lut6"].arity == 6
    assert np.all(np.diff(lut_mapping(circuit, 2).fanin_start) <= 2)
