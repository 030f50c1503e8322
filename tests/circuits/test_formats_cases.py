"""What each format means, case by case."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from circuits.circuit import Builder, Circuit
from circuits.errors import FormatError
from circuits.formats import FORMATS, encode, read, read_circuit, read_table, write
from circuits.formats.netlist import evaluation_order
from circuits.names import completed, distinct, internal, legal
from circuits.rewrite import without_dead_gates
from circuits.simulate import evaluate, simulate, truth_table
from circuits.table import TruthTable, sampled_table
from circuits.words import unpack


def parsed(suffix: str, text: str | bytes) -> Circuit | TruthTable:
    parse = FORMATS[suffix].parse
    assert parse
    return parse(text.encode() if isinstance(text, str) else text, f"case{suffix}")


def circuit_of(suffix: str, text: str | bytes) -> Circuit:
    found = parsed(suffix, text)
    assert isinstance(found, Circuit)
    return found


def spelled(table: TruthTable) -> list[str]:
    """One string per output, pattern 0 first, ``-`` where there is no care."""
    wanted, care = unpack(table.outputs, table.patterns), unpack(table.care, table.patterns)
    return [
        "".join("-" if not c else "1" if w else "0" for w, c in zip(*row, strict=True))
        for row in zip(wanted, care, strict=True)
    ]


def table_of(suffix: str, text: str) -> TruthTable:
    found = parsed(suffix, text)
    assert isinstance(found, TruthTable)
    return found


# truth


def test_truth_reads_the_last_pattern_first() -> None:
    table = table_of(".truth", "# and, or, hex\n\n1000\n1110 # or\n0x6\n1--0\n")
    assert spelled(table) == ["0001", "0111", "0110", "0--1"]
    assert table.input_names == ("x0", "x1")
    assert table.output_names == ("y0", "y1", "y2", "y3")


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("1000\n100\n", 2, "got 3 patterns, expected 4"),
        ("100\n", 1, "power of two"),
        ("10x0\n", 1, "'x'"),
        ("0xg\n", 1, "'g'"),
        ("0x\n", 1, "no digits"),
        ("1" * (1 << 21) + "\n", 1, "at most"),
    ],
)
def test_truth_says_what_is_wrong(text: str, line: int, part: str) -> None:
    with pytest.raises(FormatError, match=part) as caught:
        parsed(".truth", text)
    assert caught.value.line == line


# pla

HEAD = ".i 2\n.o 2\n"
ROWS = "10 1-\n01 01\n0- ~0\n"


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [  # patterns 00, 10, 01, 11 (input 0 first)
        ("f", ["0100", "0010"]),
        ("fd", ["0100", "0-10"]),
    ],
)
def test_pla_types_with_a_listed_rest(kind: str, wanted: list[str]) -> None:
    table = table_of(".pla", f"{HEAD}.type {kind}\n{ROWS}.e\n")
    assert table.complete
    assert spelled(table) == wanted


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("fr", ["-10-", "1-0-"]), ("fdr", ["-10-", "1-0-"])],
)
def test_pla_types_that_list_the_off_set(kind: str, wanted: list[str]) -> None:
    table = table_of(".pla", f"{HEAD}.type {kind}\n10 1-\n01 00\n00 ~1\n-1 ~~\n01 ~0\n.e\n")
    assert table.complete
    assert spelled(table) == wanted


def test_pla_default_type_is_fd_and_dont_cares_win() -> None:
    assert spelled(table_of(".pla", ".i 1\n.o 1\n- 1\n1 -\n")) == ["1-"]


def test_pla_spellings_and_separators() -> None:
    plain = table_of(".pla", ".i 2\n.o 2\n.type fdr\n1- 10\n01 -~\n")
    assert table_of(".pla", ".i 2 # two\r\n.o 2\r\n.type fdr\r\n12|43\r\n\t0 1 2 ~\r\n.end\r\nrubbish") == plain


def test_pla_samples_keep_their_rows() -> None:
    table = table_of(".pla", ".i 3\n.o 1\n.type fr\n.p 4\n111 1\n000 0\n111 0\n111 1\n")
    assert not table.complete
    assert table.patterns == 4
    assert spelled(table) == ["1001"]
    assert unpack(table.inputs, 4).T.astype(int).tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 1], [1, 1, 1]]


def test_pla_of_all_patterns_once_is_complete() -> None:
    table = table_of(".pla", ".i 2\n.o 1\n.type fr\n11 1\n10 0\n01 0\n00 -\n")
    assert table.complete
    assert spelled(table) == ["-001"]
    assert not table_of(".pla", ".i 2\n.o 1\n.type fr\n11 1\n10 0\n01 0\n01 0\n").complete


def test_pla_contradictory_cubes_are_counted() -> None:
    with pytest.raises(FormatError, match=r"2 patterns are both .* the first is 100"):
        parsed(".pla", ".i 3\n.o 2\n.type fr\n1-- 1~\n10- 0~\n0-- 00\n")


def test_pla_cubes_equal_brute_force() -> None:
    rng = np.random.default_rng(4)
    for inputs in (1, 5, 9):
        cubes = rng.choice(np.array(list("01-")), (60, inputs))
        members = rng.choice(np.array(list("01")), (60, 11), p=[0.9, 0.1])
        rows = "".join(f"{''.join(c)} {''.join(m)}\n" for c, m in zip(cubes, members, strict=True))
        table = table_of(".pla", f".i {inputs}\n.o 11\n.type f\n{rows}")
        found = unpack(table.outputs, 1 << inputs)
        for v in range(1 << inputs):
            bits = np.array([str(v >> k & 1) for k in range(inputs)])
            inside = np.all((cubes == "-") | (cubes == bits), axis=1)
            assert found[:, v].tolist() == np.any(members[inside] == "1", axis=0).tolist()


def test_pla_of_many_inputs_is_a_sum_of_products() -> None:
    row = ["-"] * 24
    row[0], row[23] = "1", "0"
    text = f".i 24\n.o 3\n.type fd\n{''.join(row)} 1-0\n{'-' * 24} 0-0\n{'1' * 24} 100\n.e\n"
    circuit = circuit_of(".pla", text)
    assert evaluate(circuit, [1] + [0] * 23) == (1, 0, 0)
    assert evaluate(circuit, [1] * 24) == (1, 0, 0)
    assert evaluate(circuit, [0] + [1] * 23) == (0, 0, 0)
    with pytest.raises(FormatError, match="at most 20"):
        parsed(".pla", text.replace("fd", "fr"))


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        (".o 1\n1 1\n", None, r"no \.i"),
        (".i 1\n.i 2\n.o 1\n", 2, "twice"),
        (".i x\n.o 1\n", 1, "a number"),
        (".i 2\n.o 1\n11 1\n1 1\n", 4, "row of 2 values, expected 3"),
        (".i 2\n.o 1\n1x 1\n", 3, "'x' for an input"),
        (".i 2\n.o 1\n11 5\n", 3, "'5' for an output"),
        (".i 2\n.o 1\n.type r\n", 3, "expected one of f fd fr fdr"),
        (".i 2\n.o 1\n.p 2\n11 1\n", 3, "promises '2' rows, got 1"),
        (".i 2\n.o 1\n.ilb a\n", 3, "got 1 names, expected 2"),
        (".i 2\n.o 1\n.mv 3 2 2\n", 3, r"'\.mv'"),
    ],
)
def test_pla_says_what_is_wrong(text: str, line: int | None, part: str) -> None:
    with pytest.raises(FormatError, match=part) as caught:
        parsed(".pla", text)
    assert caught.value.line == line


def test_pla_writes_samples_as_they_are() -> None:
    rng = np.random.default_rng(1)
    table = sampled_table(rng.random((50, 30)) < 0.5, rng.random((50, 2)) < 0.5, care=rng.random((50, 2)) < 0.7)
    found = table_of(".pla", encode(table, ".pla").decode())
    assert found == table


# aiger


def test_aiger_keeps_ands_one_gate_each() -> None:
    text = b"aag 9 3 0 4 4\n2\n4\n6\n8\n11\n1\n0\n10 3 5\n8 2 5\n14 8 10\n18 3 14\ni0 a b\ni2 i1\no1 o0\nc\n\xff any\n"
    circuit = circuit_of(".aag", text)
    assert [op for op, _, _ in circuit.gates() if op not in ("const", "not")] == ["nor", "andnot", "and", "andnot"]
    assert circuit.input_names == ("a_b", "i1_1", "i1")
    assert circuit.output_names == ("o0_1", "o0", "o2", "o3")
    assert evaluate(circuit, [1, 0, 0]) == (1, 1, 1, 0)


def test_aiger_binary_and_ascii_agree() -> None:
    rng = np.random.default_rng(6)
    builder = Builder([f"i{k}" for k in range(300)], fold=False)
    for wire in range(300, 1300):
        builder.add(("and", "andnot", "nor")[wire % 3], *rng.choice(wire, 2, replace=False).tolist())
    circuit = without_dead_gates(builder.circuit([(f"o{k}", 1299 - k) for k in range(5)]))
    assert parsed(".aag", encode(circuit, ".aag")) == circuit
    binary = circuit_of(".aig", encode(circuit, ".aig"))
    assert sorted(binary.op.tolist()) == sorted(circuit.op.tolist())
    words = rng.integers(0, 1 << 64, (300, 4), np.uint64)
    assert np.array_equal(simulate(binary, words), simulate(circuit, words))


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("aag 1 0 1 0 0\n2 3\n", 1, "combinational"),
        ("aag 1 1 0 0 0 1\n2\n", 1, "combinational"),
        ("aag 2 1 0 1 1\n2\n4\n4 2 6\n", 4, "literal 6, expected at most 5"),
        ("aag 4 1 0 1 1\n2\n4\n4 2 6\n", 4, "literal 6, which nothing defines"),
        ("aag 3 1 0 1 2\n2\n4\n4 2 6\n6 4 2\n", None, "depends on itself"),
        ("aag 2 2 0 0 0\n2\n2\n", 3, "defined twice"),
        ("aag 2 2 0 0 0\n2\n5\n", 3, "even literal"),
        ("aag 2 1 0 0 1\n2\n4 2\n2 \n", 3, "three numbers"),
        ("aag 1 1 0 0 0\n2\ni0 a\ni0 b\n", 4, "second or needless name"),
        ("aag 1 1 0 0 0\n2\nl0 a\n", 3, "expected a symbol"),
        ("aig 2 2 0 0 1\n", 1, "M = I"),
    ],
)
def test_aiger_says_what_is_wrong(text: str, line: int | None, part: str) -> None:
    with pytest.raises(FormatError, match=part) as caught:
        parsed(".aag", text)
    assert line is None or caught.value.line == line


# blif


def test_blif_reads_covers_as_rows() -> None:
    text = """# a comment
.model demo
.inputs a b \\
  c
.outputs y z one zero n
.names t c y   # before t is defined
11 1
.names a b t
01 1
10 1
.names a b c z
000 0
.names one
 1
.names zero
.names a n
0 1
.end
"""
    circuit = circuit_of(".blif", text)
    assert circuit.name == "demo"
    kinds = [op for op, _, _ in circuit.gates()]
    assert kinds.count("xor") == kinds.count("and") == kinds.count("lut3") == kinds.count("not") == 1
    assert kinds.count("const") == 2
    for v in range(8):
        a, b, c = (v >> k & 1 for k in range(3))
        assert evaluate(circuit, [a, b, c]) == ((a ^ b) & c, a | b | c, 1, 0, 1 - a)


def test_blif_every_named_row_comes_back_as_itself() -> None:
    builder = Builder(["a", "b", "c"], fold=False)
    rows = ["and", "or", "xor", "nand", "nor", "xnor", "andnot", "ornot"]
    wires = [builder.add(row, 0, 1) for row in rows] + [builder.add("mux", 0, 1, 2), builder.add("maj", 0, 1, 2)]
    circuit = builder.circuit([(f"y{k}", wire) for k, wire in enumerate(wires)])
    assert parsed(".blif", encode(circuit, ".blif")) == circuit
    two_input = builder.circuit([(f"y{k}", wire) for k, wire in enumerate(wires[:8])])
    found = circuit_of(".v", encode(two_input, ".v"))
    assert [op for op, _, _ in found.gates()][:8] == rows


def test_blif_wide_covers() -> None:
    rng = np.random.default_rng(9)
    for value in "01":
        cubes = rng.choice(np.array(list("01-")), (12, 9)).tolist()
        rows = "".join(f"{''.join(cube)} {value}\n" for cube in cubes)
        names = " ".join(f"x{k}" for k in range(9))
        circuit = circuit_of(".blif", f".model w\n.inputs {names}\n.outputs y\n.names {names} y\n{rows}.end\n")
        found = unpack(truth_table(circuit).outputs, 512)[0]
        for v in range(512):
            inside = any(all(c in ("-", str(v >> k & 1)) for k, c in enumerate(cube)) for cube in cubes)
            assert found[v] == (inside == (value == "1"))


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        (".model m\n.inputs a\n.outputs y\n.latch a y 0\n", 4, "a latch"),
        (".model m\n.gate inv a=x\n", 2, "a library cell"),
        (".model m\n.outputs y\n", None, "output 'y' is not driven"),
        (".model m\n.outputs y\n.names q y\n1 1\n", 3, "'q' is read but nothing drives it"),
        (".model m\n.inputs a\n.outputs y\n.names a y\n1 1\n.names a y\n0 1\n", 6, "driven twice"),
        (".model m\n.inputs a a\n", 2, "driven twice"),
        (".model m\n.outputs y\n.names z y\n1 1\n.names y z\n0 1\n", None, "depends on itself"),
        (".model m\n.outputs y\n.names y y\n1 1\n", 3, "depends on itself"),
        (".model m\n.inputs a\n.names a y\n1 1\n0 0\n", 3, "a cover of one of them"),
        (".model m\n.inputs a\n.names a y\n11 1\n", 3, "expected 1 of 0 1 -"),
        (".model m\n.bogus\n", 2, "'.bogus'"),
        ("hello\n", 1, "'hello'"),
    ],
)
def test_blif_says_what_is_wrong(text: str, line: int | None, part: str) -> None:
    with pytest.raises(FormatError, match=part) as caught:
        parsed(".blif", text)
    assert line is None or caught.value.line == line


# verilog


def verilog(body: str, ports: str = "input a, b, c, output y") -> Circuit:
    return circuit_of(".v", f"module m({ports});\n{body}\nendmodule\n")


@pytest.mark.parametrize(
    ("expression", "function"),
    [
        ("a | b & c", lambda a, b, c: a | (b & c)),
        ("a ^ b & c", lambda a, b, c: a ^ (b & c)),
        ("a | b ^ c", lambda a, b, c: a | (b ^ c)),
        ("a && b || c", lambda a, b, c: (a & b) | c),
        ("a || b && !c", lambda a, b, c: a | (b & (1 - c))),
        ("~a ~^ b", lambda a, b, c: a ^ b),
        ("a ^~ b ^ c", lambda a, b, c: 1 - (a ^ b ^ c)),
        ("a ? b : c", lambda a, b, c: b if a else c),
        ("a ? b : c ? a : ~b", lambda a, b, c: b if a else a if c else 1 - b),
        ("a ? b ? c : 1'b0 : c", lambda a, b, c: (c if b else 0) if a else c),
        ("~(~(a) & ~~b) /* // */ | 1'b0", lambda a, b, c: 1 - ((1 - a) & b)),
        ("(a & ~a) | c", lambda a, b, c: c),
        ("1'h1", lambda a, b, c: 1),
    ],
)
def test_verilog_expressions(expression: str, function) -> None:
    circuit = verilog(f"assign y = {expression};")
    for v in range(8):
        bits = [v >> k & 1 for k in range(3)]
        assert evaluate(circuit, bits) == (function(*bits),)


@pytest.mark.parametrize(
    ("primitive", "function"),
    [
        ("and", lambda x: int(all(x))),
        ("nand", lambda x: int(not all(x))),
        ("or", lambda x: int(any(x))),
        ("nor", lambda x: int(not any(x))),
        ("xor", lambda x: sum(x) % 2),
        ("xnor", lambda x: 1 - sum(x) % 2),
    ],
)
def test_verilog_primitives(primitive: str, function) -> None:
    circuit = verilog(
        f"{primitive} g1(y, a, b, c), (z, a, b); {primitive} (w, a);", "input a, b, c, output y, output z, w"
    )
    for v in range(8):
        bits = [v >> k & 1 for k in range(3)]
        assert evaluate(circuit, bits) == (function(bits), function(bits[:2]), function(bits[:1]))


def test_verilog_inverters_vectors_and_order() -> None:
    text = """`timescale 1ns / 1ps
(* top = 1 *) module \\odd-name (p, q, r);
  output r; input [0:1] q; input [1:0] p;
  output [1:0] s_unused;
endmodule
"""
    with pytest.raises(FormatError, match="not in the module's port list"):
        parsed(".v", text)
    circuit = circuit_of(
        ".v",
        text.replace(
            "output [1:0] s_unused;", "wire [1:0] w; not n (w[1], w[0], p[0]); buf (r, k); wire k = w[1] & q[0];"
        ),
    )
    assert circuit.name == "odd-name"
    assert circuit.input_names == ("p[0]", "p[1]", "q[1]", "q[0]")
    assert evaluate(circuit, [0, 0, 0, 1]) == (1,)
    assert evaluate(circuit, [1, 0, 0, 1]) == (0,)


@pytest.mark.parametrize(
    ("body", "line", "part"),
    [
        ("assign y = a + b;", 2, r"'\+"),
        ("always @(posedge a) y = b;", 2, "'always'"),
        ("cell u1(a, y);", 2, "'cell'"),
        ("assign y = q;", 2, "'q' is read but nothing drives it"),
        ("assign y = a;\nassign y = b;", 3, "driven twice, it is already driven on line 2"),
        ("assign a = b;", 2, "already an input"),
        ("wire w = w2;\nwire w2 = ~w; assign y = w;", None, "depends on itself"),
        ("wire [3:0] w; assign y = w;", 2, "got 4 bits for 1, expected equal widths"),
        ("wire [3:0] w; assign y = w[4];", 2, r"expected an index within \[3:0\]"),
        ("assign y = a[0];", 2, "got '\\['"),
        ("wire w; wire w;", 2, "declared twice"),
        ("assign y = (a;", 2, r"expected '\)'"),
        ("assign y = 2'b10;", 2, "got 2 bits for 1"),
        ("assign y = 1'b2;", 2, "1'b2"),
        ("assign y = 2'd4;", 2, "more than 2 bits"),
        ("assign y = 0'b0;", 2, "0'b0"),
        ("assign y = {a, b} & c;", 2, "got 2 and 1 bits"),
        ("assign y = !{a, b};", 2, "2 bits as operand of !"),
        ("assign y = {a, b} ? a : b;", 2, r"2 bits as operand of \?"),
        ("assign y = {a, b} && {a, b};", 2, "2 bits as operand of &&"),
        ("and (y, {a, b});", 2, "2 bits as operand of and"),
        ("wire [3:0] w; assign w[0:1] = {a, b};", 2, "expected the order"),
        ("wire [3:0] w; assign w[5:1] = {a, b};", 2, r"w\[5:1\], expected an index within \[3:0\]"),
        ("", None, "output 'y' is not driven"),
        ("and (y);", 2, "','"),
        ("and (~a, b);", 2, "a net as output"),
        ("assign y = a; endmodule module n; ", 2, "one flat module"),
        ("/* never closed", 2, "structural Verilog"),
    ],
)
def test_verilog_says_what_is_wrong(body: str, line: int | None, part: str) -> None:
    with pytest.raises(FormatError, match=part) as caught:
        verilog(body)
    assert line is None or caught.value.line == line


VECTORS = "input [3:0] a, input [0:3] b, input s, output [3:0] y"


@pytest.mark.parametrize(
    ("body", "function"),
    [
        ("assign y = a;", lambda a, b, s: a),
        ("assign y = b;", lambda a, b, s: b),
        ("assign y = ~a & b | 4'b1001;", lambda a, b, s: ~a & b | 9),
        ("assign y = s ? a : b ^ 4'hA;", lambda a, b, s: a if s else b ^ 10),
        ("assign y = {a[1:0], b[2:3]};", lambda a, b, s: (a & 3) << 2 | b & 3),
        ("assign {y[0], y[3:1]} = {s, 3'o5};", lambda a, b, s: 10 | s),
        ("assign y[3:2] = a[2:1], y[1:0] = {s, !s};", lambda a, b, s: (a & 6) << 1 | (2 if s else 1)),
        ("wire [3:0] t = {4'd12}; assign y = {{s, s}, 2'b0_1} ^~ t;", lambda a, b, s: ~((12 if s else 0) ^ 1 ^ 12)),
        ("wire [1:0] u; and g(u[0], a[3], b[0]); assign u[1] = s && a[0] || 1'b0; assign y = {2'b0, u};",
         lambda a, b, s: (a >> 3 & b >> 3) | (s & a & 1) << 1),
    ],
)  # fmt: skip
def test_verilog_vectors(body: str, function) -> None:
    circuit = verilog(body, VECTORS)
    for v in range(1 << 9):
        found = evaluate(circuit, [v >> k & 1 for k in range(9)])
        assert sum(bit << k for k, bit in enumerate(found)) == function(v & 15, v >> 4 & 15, v >> 8) & 15


def test_verilog_takes_short_statements_as_it_takes_them_word_by_word() -> None:
    builder = Builder([f"a{k}" for k in range(4)], name="short", fold=False)
    rows = ["and", "or", "xor", "nand", "nor", "xnor", "andnot", "ornot", "maj", "mux", "not"]
    for k in range(200):
        row = rows[k * k % len(rows)]
        builder.add(row, *[(k * 7 + j * 5) % (4 + k) for j in range({"maj": 3, "mux": 3, "not": 1}.get(row, 2))])
    text = encode(builder.circuit([("y", 203), ("z", 190)]), ".v").decode()
    assert circuit_of(".v", text) == circuit_of(".v", text.replace(" ", " /**/ "))
    for text, line in (("wire g;\n\nwire\ng;", 5), ("wire g;\nassign g = a & b;\n\nassign g = ~(a | b);", 5)):
        for spelled in (text, text.replace("wire ", "wire/**/ ").replace("assign ", "assign/**/ ")):
            with pytest.raises(FormatError, match="twice") as caught:
                verilog(spelled)
            assert caught.value.line == line


# bench


def test_bench_reads_gates_of_any_width_in_any_order() -> None:
    text = """# c17 and more
INPUT(1)
input( 2 )
INPUT(3)
OUTPUT(y)
OUTPUT(p)
OUTPUT(n)
OUTPUT(m)
OUTPUT(l)
OUTPUT(one)
OUTPUT(2)
y = NAND(t, 3)   # before t
t = and(1, 2)
p = XNOR ( 1,2, 3 )
n = NOR(1,2,3)
m = MUX(1, 2, 3)
l = LUT 0xB2 (1, 2, 3)
one = vdd
"""
    circuit = circuit_of(".bench", text)
    assert circuit.input_names == ("1", "2", "3")
    assert circuit.output_names == ("y", "p", "n", "m", "l", "one", "2")
    for v in range(8):
        a, b, c = (v >> k & 1 for k in range(3))
        wanted = (1 - (a & b & c), 1 - (a ^ b ^ c), 1 - (a | b | c), b if a else c, 0xB2 >> v & 1, 1, b)
        assert evaluate(circuit, [a, b, c]) == wanted


def test_bench_keeps_the_rows() -> None:
    builder = Builder(["a", "b", "c"], name="x", fold=False)
    rows = ["and", "or", "xor", "nand", "nor", "xnor", "andnot", "ornot", "mux", "maj", "not"]
    wires = [builder.add(row, *range({"mux": 3, "maj": 3, "not": 1}.get(row, 2))) for row in rows]
    circuit = builder.circuit([(f"y{k}", wire) for k, wire in enumerate(wires)])
    assert parsed(".bench", encode(circuit, ".bench")) == circuit


@pytest.mark.parametrize("inputs", [7, 9, 12])
def test_bench_wide_tables(inputs: int) -> None:
    table = int.from_bytes(np.random.default_rng(inputs).bytes((1 << inputs) // 8), "little")
    names = [f"x{k}" for k in range(inputs)]
    ports = "".join(f"INPUT({name})\n" for name in names)
    circuit = circuit_of(".bench", f"{ports}OUTPUT(y)\ny = LUT 0x{table:x} ({', '.join(names)})\n")
    bits = unpack(truth_table(circuit).outputs, 1 << inputs)[0]
    assert bits.tolist() == [bool(table >> v & 1) for v in range(1 << inputs)]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("INPUT(a)\nOUTPUT(y)\ny = DFF(a)\n", 3, "a flip-flop"),
        ("INPUT(a)\nOUTPUT(y)\ny = FOO(a)\n", 3, "'FOO', expected one of AND"),
        ("INPUT(a)\nOUTPUT(y)\ny = NOT(a, a)\n", 3, "NOT: got 2 inputs"),
        ("INPUT(a)\nOUTPUT(y)\ny = AND()\n", 3, "AND: got 0 inputs"),
        ("INPUT(a)\nOUTPUT(y)\ny = MUX(a, a)\n", 3, "MUX: got 2 inputs"),
        ("INPUT(a)\nOUTPUT(y)\ny = vdd(a)\n", 3, "VDD: got 1 inputs"),
        ("INPUT(a)\nOUTPUT(y)\ny = LUT 0x4 (a)\n", 3, "'0x4', expected 2 bits"),
        ("INPUT(a)\nOUTPUT(y)\ny = LUT (a)\n", 3, "expected a table"),
        ("INPUT(a)\nOUTPUT(y)\ny = AND 0x1 (a)\n", 3, "expected a table"),
        ("INPUT(a)\nOUTPUT(y)\ny = AND(a,,a)\n", 3, "commas between"),
        ("INPUT(a)\nOUTPUT(y)\ny = AND(a a)\n", 3, "commas between"),
        ("INPUT(a)\nOUTPUT(y)\ny AND(a)\n", 3, "expected INPUT"),
        ("INPUT(a)\nOUTPUT(y)\ny = AND(a, q)\n", 3, "'q' is read but nothing drives it"),
        ("INPUT(a)\nINPUT(a)\n", 2, "driven twice"),
        ("INPUT(a)\nOUTPUT(y)\n", None, "output 'y' is not driven"),
        ("INPUT(a)\nOUTPUT(y)\ny = NOT(z)\nz = NOT(y)\n", None, "depends on itself"),
        ("y = gnd\n", None, "no INPUT and no OUTPUT"),
        (f"INPUT(a)\ny = LUT 0x1 ({', '.join('a' * 13)})\n", 2, "at most 12"),
    ],
)
def test_bench_says_what_is_wrong(text: str, line: int | None, part: str) -> None:
    with pytest.raises(FormatError, match=part) as caught:
        parsed(".bench", text)
    assert line is None or caught.value.line == line


# json


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('"version": 1', '"version": 3', "got version '3', expected 1 or 2"),
        ('"version": 1', '"version": true', "got version"),
        ("gatewright-circuit", "other", "expected an object"),
        ('"name": "m",', "", "'name' is missing"),
        ('"name": "m"', '"nome": "m"', "is (missing|unknown)"),
        ('"name": "m"', '"name": 3', '"name"'),
        ('"op": ["and"]', '"op": ["AND"]', "got 'AND'"),
        ('"outputs": [2]', '"outputs": [3]', "outputs are wires"),
        ('"outputs": [2]', '"outputs": [2.0]', "a list of integers"),
        ('"outputs": [2]', '"outputs": [NaN]', "got NaN"),
        ('"outputs": [2]', '"outputs": [99999999999999999999]', "expected integers"),
        ('"fanin": [0, 1]', '"fanin": [0, 2]', "earlier wires"),
        ('"fanin_start": [0, 2]', '"fanin_start": [0, 3]', "fan-in slices"),
        ('"fanin_start": [0, 2]', '"fanin_start": [0]', "got 1 numbers, expected 2"),
        ('"input_names": ["a", "b"]', '"input_names": ["a", "a"]', "input names are distinct"),
        ("}", "", "not JSON"),
        ('"version": 1', '"version": 1, "version": 1', "twice"),
    ],
)
def test_json_says_what_is_wrong(old: str, new: str, part: str) -> None:
    builder = Builder(["a", "b"], name="m")
    text = encode(builder.circuit({"y": builder.add("and", 0, 1)}), ".json").decode()
    assert old in text
    with pytest.raises(FormatError, match=part):
        parsed(".json", text.replace(old, new))


# the door


def and_gate() -> Circuit:
    builder = Builder(["a", "b"], name="and gate")
    return builder.circuit({"y": builder.add("and", 0, 1)})


def test_errors_name_file_and_known_suffixes(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"x\.docx: got suffix '\.docx', expected one of \.truth \.pla .*\.dot"):
        read(tmp_path / "x.docx")
    with pytest.raises(FormatError, match="No such file"):
        read(tmp_path / "none.aig")
    (tmp_path / "folder.aig").mkdir()
    for action in (lambda p: read(p), lambda p: write(and_gate(), p)):
        with pytest.raises(FormatError, match="Is a directory"):
            action(tmp_path / "folder.aig")
    with pytest.raises(FormatError, match="No such file"):
        write(and_gate(), tmp_path / "missing" / "x.aig")
    bad = tmp_path / "bad.pla"
    bad.write_text(".i 2\n.o 1\n2x 1\n")
    with pytest.raises(FormatError) as caught:
        read(bad)
    assert str(caught.value).startswith(f"{bad}:3: got 'x'")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.truth"
    write(and_gate(), path)
    before = path.read_bytes()
    with pytest.raises(FormatError):
        write(Builder([f"i{k}" for k in range(21)]).circuit({"y": 0}), path)
    with pytest.raises(FormatError, match="cannot hold a truth table"):
        write(truth_table(and_gate()), tmp_path / "x.aig")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.truth"]


def test_writing_follows_links(tmp_path: Path) -> None:
    target, link = tmp_path / "real.aig", tmp_path / "link.aig"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write(and_gate(), link)
    assert link.is_symlink()
    assert read_circuit(target).num_gates == 1


def test_writing_to_a_device_does_not_replace_it(tmp_path: Path) -> None:
    link = tmp_path / "null.aig"
    link.symlink_to(os.devnull)
    write(and_gate(), link)
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("packing", [".gz", ".xz"])
def test_damaged_packings_are_refused(packing: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.aig{packing}"
    write(and_gate(), path)
    data = path.read_bytes()
    for broken in (data[:-9], data[: len(data) // 2], b"", b"not packed at all", data[:12] + b"\0\xff" + data[14:]):
        path.write_bytes(broken)
        with pytest.raises(FormatError):
            read(path)


@pytest.mark.parametrize("packing", [".gz", ".xz"])
def test_bombs_are_refused(packing: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.blif{packing}"
    block = b"\n" * (1 << 20)
    pack = {".gz": gzip.compress, ".xz": lzma.compress}[packing]
    path.write_bytes(pack(block) * 70)  # members and streams may follow one another
    with pytest.raises(FormatError, match="more than 64 MiB"):
        read(path)


def test_several_streams_are_one_file(tmp_path: Path) -> None:
    data = encode(and_gate(), ".blif")
    for packing, pack in ((".gz", gzip.compress), (".xz", lzma.compress)):
        path = tmp_path / f"x.blif{packing}"
        path.write_bytes(pack(data[:30]) + pack(data[30:]))
        assert read(path) == and_gate()


def test_circuits_and_tables_change_into_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    write(and_gate(), tmp_path / "x.truth")
    assert evaluate(read_circuit(tmp_path / "x.truth"), [1, 1]) == (1,)
    write(and_gate(), tmp_path / "x.aig")
    assert read_table(tmp_path / "x.aig").fully_specified
    write(sampled_table(rng.random((9, 3)) < 0.5, rng.random((9, 1)) < 0.5), tmp_path / "s.pla")
    with pytest.raises(FormatError, match="9 sampled patterns"):
        read_circuit(tmp_path / "s.pla")
    write(Builder([f"i{k}" for k in range(21)]).circuit({"y": 0}), tmp_path / "wide.aig")
    with pytest.raises(FormatError, match="21 inputs"):
        read_table(tmp_path / "wide.aig")


def test_importing_formats_is_light() -> None:
    code = (
        "import sys, circuits.formats as f; f.FORMATS['.v'].parse(b'module m; endmodule', 'm.v');"
        "bad = {'numba', 'networkx', 'aigverse', 'graphviz', 'rich', 'torch'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# names and order


def test_names() -> None:
    assert legal("a b\tc#", "#") == "a_b_c_"
    assert legal("") == "_"
    assert distinct(["a", "a", "a_1", "a"]) == ("a", "a_2", "a_1", "a_3")
    assert distinct(["a", "b"], {"a"}) == ("a_1", "b")
    assert completed([None, "x0", None, "x0"], "x") == ("x0_2", "x0", "x2", "x0_1")
    assert internal("g", 2, {"g1", "g_0"}) == ["g__0", "g__1"]


def test_evaluation_order() -> None:
    start = np.array([0, 1, 2, 3])
    assert evaluation_order(start, np.array([-1, 0, 1])) == ([0, 1, 2], None)
    assert evaluation_order(start, np.array([2, -1, 1])) == ([1, 2, 0], None)
    _, cyclic = evaluation_order(start, np.array([1, 2, 0]))
    assert cyclic is not None
    assert evaluation_order(start, np.array([-1, 1, -1]))[1] == 1
