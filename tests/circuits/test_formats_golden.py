"""One small circuit in all its written forms, byte for byte; the example files mean what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuits import formats
from circuits.circuit import Builder, Circuit
from circuits.formats import FORMATS, encode, read, read_circuit, read_table
from circuits.simulate import truth_table
from circuits.words import unpack

GOLDEN = Path(__file__).parents[1] / "golden"
DATA = Path(__file__).parents[2] / "examples" / "data"


def golden_circuit() -> Circuit:
    """A full adder, a choice between its sum and an input, and a look-up table."""
    builder = Builder(["a", "b", "cin"], name="golden", fold=False)
    half = builder.add("xor", 0, 1)
    total = builder.add("xor", half, 2)
    carry = builder.add("maj", 0, 1, 2)
    chosen = builder.add("mux", carry, total, 0)
    table = builder.add("lut3", 0, 1, chosen, params=(1, 0, 0, 1, 0, 1, 1, 1))
    zero = builder.const(0)
    return builder.circuit(
        {"sum": total, "carry": carry, "chosen": chosen, "and": builder.add("andnot", table, half), "off": zero, "b": 1}
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_written_form_is_the_golden_one(suffix: str) -> None:
    path = GOLDEN / f"golden{suffix}"
    assert encode(golden_circuit(), suffix) == path.read_bytes()
    if FORMATS[suffix].parse:
        assert np.array_equal(read_table(path).outputs, truth_table(golden_circuit()).outputs)


def test_the_test_bench_is_the_golden_one() -> None:
    assert formats.testbench(golden_circuit()) == (GOLDEN / "golden_tb.v").read_bytes()


def test_native_and_aiger_keep_the_structure() -> None:
    assert read(GOLDEN / "golden.json") == golden_circuit()
    found = read_circuit(GOLDEN / "golden.aig")
    assert read_circuit(GOLDEN / "golden.aag").num_gates == found.num_gates


SEGMENTS = ["abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg"]


def test_seven_segment_example() -> None:
    table = read_table(DATA / "seven_segment.pla")
    assert table.input_names == ("d0", "d1", "d2", "d3")
    assert table.output_names == tuple("abcdefg")
    wanted, care = unpack(table.outputs, 16), unpack(table.care, 16)
    assert care[:, :10].all() and not care[:, 10:].any()
    for digit, lit in enumerate(SEGMENTS):
        assert "".join(np.array(list("abcdefg"))[wanted[:, digit]]) == lit


def test_multiplier_example() -> None:
    table = read_table(DATA / "multiplier3.truth")
    assert (table.num_inputs, table.num_outputs, table.fully_specified) == (6, 6, True)
    products = (unpack(table.outputs, 64).T * 2 ** np.arange(6)).sum(axis=1)
    assert products.tolist() == [(v & 7) * (v >> 3) for v in range(64)]
