"""Generators against plain Python arithmetic; loading and joining; the example that ships with the package."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from circuits.circuit import Builder
from circuits.errors import FormatError, GatewrightError, TableError
from circuits.formats import read_table, write
from circuits.table import MAX_COMPLETE_INPUTS
from circuits.words import unpack
from learn.data import EXAMPLES, GENERATORS, generate, load
from learn.errors import DataError
from learn.evaluate import score
from learn.keys import Key

ROOT = Path(__file__).resolve().parent.parent.parent
EVERY = pytest.mark.parametrize("name", GENERATORS)


def bits(value, n):
    return [value >> k & 1 for k in range(n)]


def ones(x):
    return x.bit_count()


# What each generator should say, bit by bit, in plain Python; None where it should not care.
ORACLES = {
    "adder": lambda n, a, b: bits(a + b, n + 1),
    "subtractor": lambda n, a, b: [*bits((a - b) % (1 << n), n), a < b],
    "multiplier": lambda n, a, b: bits(a * b, 2 * n),
    "divider": lambda n, a, b: bits(a // b, n) + bits(a % b, n) if b else [None] * (2 * n),
    "square": lambda n, x: bits(x * x, 2 * n),
    "square_root": lambda n, x: bits(math.isqrt(x), (n + 1) // 2),
    "comparator": lambda n, a, b: [a == b, a < b, a > b],
    "parity": lambda n, x: [ones(x) % 2],
    "majority": lambda n, x: [ones(x) > n / 2],
    "popcount": lambda n, x: bits(ones(x), n.bit_length()),
    "sorter": lambda n, x: [k < ones(x) for k in range(n)],
    "decoder": lambda n, x: [k == x for k in range(1 << n)],
    "multiplexer": lambda n, s, d: [d >> s & 1],
    "random": lambda n, x: [int(Key(0, ("random", n)).words(x // 64 + 1)[-1]) >> x % 64 & 1],
}


@EVERY
def test_generator_against_its_oracle(name):
    row = GENERATORS[name]
    for n in range(row.smallest, min(row.largest, 3) + 1):
        table = generate(name, n)
        assert table.complete
        wanted = unpack(table.outputs, table.patterns)
        cared = unpack(table.care, table.patterns)
        for pattern in range(table.patterns):
            operands, rest = [], pattern
            for width in row.operands(n).values():
                operands.append(rest & (1 << width) - 1)
                rest >>= width
            expected = ORACLES[name](n, *operands)
            got = [int(v) if c else None for v, c in zip(wanted[:, pattern], cared[:, pattern], strict=True)]
            assert got == [None if v is None else int(v) for v in expected], (n, pattern)


@EVERY
def test_generator_limits(name):
    row = GENERATORS[name]
    assert generate(name, row.largest).num_inputs <= MAX_COMPLETE_INPUTS
    assert sum(row.operands(row.largest + 1).values()) > MAX_COMPLETE_INPUTS or name == "decoder"
    for n in (row.smallest - 1, row.largest + 1, 10**12):
        with pytest.raises(DataError, match=f"{name}:{n}: expected a number in {row.smallest}..{row.largest}"):
            generate(name, n)


def test_square_roots_are_right_at_every_square():
    table = generate("square_root", 20)
    root = (unpack(table.outputs, table.patterns).astype(np.int64) << np.arange(10)[:, None]).sum(axis=0)
    assert root.tolist() == [math.isqrt(x) for x in range(1 << 20)]


def test_port_names_say_what_they_are():
    table = generate("adder", 2)
    assert table.input_names == ("a0", "a1", "b0", "b1")
    assert table.output_names == ("s0", "s1", "s2")
    assert generate("comparator", 6).output_names == ("eq", "lt", "gt")


def test_division_by_zero_is_free():
    table = generate("divider", 2)
    assert not table.fully_specified
    assert unpack(table.care, 16)[0].tolist() == [False] * 4 + [True] * 12


@pytest.mark.parametrize("given", ["adder", "adder:", "adder:x", "adder:-1", "adder:2.5", "adder:" + "9" * 5000])
def test_a_bad_argument_is_one_clear_line(given):
    with pytest.raises(DataError, match=r"expected (adder:N with N in|a number in) 1\.\.10") as caught:
        load([given])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", ["mnist", "iris", "nothing"])
def test_an_unknown_name_says_what_is_known(given):
    with pytest.raises(DataError, match=r"no such data set; expected a file .*seven_segment.*adder:N") as caught:
        load([given])
    assert "\n" not in str(caught.value)


def test_no_name():
    with pytest.raises(DataError, match="got no name"):
        load([])


def test_a_missing_file_and_an_unknown_suffix(tmp_path):
    with pytest.raises(FormatError, match="No such file"):
        load([str(tmp_path / "gone.pla")])
    with pytest.raises(GatewrightError, match="suffix"):
        load([str(tmp_path / "table.xyz")])


def test_files_of_one_function_are_joined_in_order(tmp_path):
    one, two = tmp_path / "one.pla", tmp_path / "two.pla.gz"
    one.write_text(".i 2\n.o 1\n.type fr\n00 1\n01 0\n.e\n")
    two.write_bytes(gzip.compress(b".i 2\n.o 1\n.type fr\n11 1\n00 1\n.e\n"))
    table = load([str(one), str(two)])
    assert unpack(table.inputs, table.patterns).T.astype(int).tolist() == [[0, 0], [0, 1], [1, 1], [0, 0]]
    assert unpack(table.outputs, table.patterns).astype(int).tolist() == [[1, 0, 1, 1]]
    with pytest.raises(TableError, match="join tables of one function only"):
        load([str(one), "adder:2"])


def test_a_circuit_is_tabulated(tmp_path):
    builder = Builder(["a", "b"])
    write(builder.circuit({"y": builder.add("and", 0, 1)}), tmp_path / "and.aag")
    table = load([str(tmp_path / "and.aag")])
    assert table.complete
    assert unpack(table.outputs, 4).astype(int).tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_ships_with_the_package_and_beside_it(name):
    file = EXAMPLES[name][0]
    assert (ROOT / "learn" / "data" / file).read_bytes() == (ROOT / "examples" / "data" / file).read_bytes()
    assert load([name]) == read_table(ROOT / "examples" / "data" / file)


def test_the_decoder_shows_digits():
    table = load(["seven_segment"])
    lit = {3: "abcdg", 8: "abcdefg", 1: "bc"}
    x, y = unpack(table.inputs, table.patterns), unpack(table.outputs, table.patterns)
    place = [table.input_names.index(f"d{k}") for k in range(4)]
    for digit, segments in lit.items():
        wanted = [name in segments for name in table.output_names]
        rows = [i for i in range(table.patterns) if [int(x[p, i]) for p in place] == bits(digit, 4)]
        assert [y[:, i].tolist() for i in rows] == [wanted]


def test_score_counts_rows_as_given():
    table = generate("adder", 1)
    builder = Builder(table.input_names)
    wrong_carry = builder.circuit({"s0": builder.add("xor", 0, 1), "s1": builder.const(0)})
    assert score(wrong_carry, table) == (0.75, 0.875, 4, 1)
    with pytest.raises(TableError, match="has 2 inputs and 2 outputs, expected 4 and 3"):
        score(wrong_carry, generate("adder", 2))
