"""Circuits of words in every format: what is written computes what ``evaluate`` does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from strategies import patterns_of, word_circuits

from circuits import formats
from circuits.algebra import INTERVALS, interval
from circuits.arithmetic import ANY, WORD_FACES, in_int64
from circuits.circuit import Builder, Circuit
from circuits.errors import FormatError
from circuits.formats import FORMATS, encode, read, read_circuit, read_table, write
from circuits.gates import GATE, misfit, param_space
from circuits.rewrite import bit_blasted
from circuits.simulate import evaluate, truth_table
from circuits.wires import BIT, Word, parsed

GCC = shutil.which("gcc")
IVERILOG, VVP, YOSYS = shutil.which("iverilog"), shutil.which("vvp"), shutil.which("yosys")
needs_gcc = pytest.mark.skipif(GCC is None, reason="no gcc on PATH")
needs_iverilog = pytest.mark.skipif(IVERILOG is None or VVP is None, reason="no iverilog and vvp on PATH")
needs_yosys = pytest.mark.skipif(YOSYS is None, reason="no yosys on PATH")

# compilers run: many circuits a run, few runs, and none to make a failing batch smaller
slow = settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

BITS_ONLY = [suffix for suffix, row in FORMATS.items() if not row.words]
WITH_WORDS = [suffix for suffix, row in FORMATS.items() if row.words]


# --- Circuits --------------------------------------------------------------------------------------------------------


def extremes(word: Word) -> list[int]:
    return sorted({v for v in (word.lo, word.lo + 1, -1, 0, 1, word.hi - 1, word.hi) if word.lo <= v <= word.hi})


def probing(types: Sequence[Word], count: int = 40) -> list[list[int]]:
    """Return patterns: every extreme on all inputs at once, then random choices of extremes and of values."""
    rng = np.random.default_rng(5)
    ends = [extremes(word) for word in types]
    most = max(map(len, ends), default=1)
    patterns = [[values[k % len(values)] for values in ends] for k in range(most)]
    for k in range(count):
        random = [int(rng.integers(word.lo, word.hi, endpoint=True)) for word in types]
        patterns.append([int(rng.choice(v)) for v in ends] if k % 2 else random)
    return patterns


def every_row(kinds: Sequence[Word], results: Sequence[Word], *, name: str, only_int64: bool = False) -> Circuit:
    """Return a circuit with every row of words that takes them, on words of ``kinds``, for every type of result.

    ``only_int64`` leaves out what 64 bits cannot compute.
    """
    rng = np.random.default_rng(3)
    types = [*kinds, kinds[0], BIT, BIT, Word(4, signed=False)]
    n = len(types)
    builder = Builder([f"x{k}" for k in range(n)], name=name, fold=False, types=types)
    outputs = {}
    for op, face in WORD_FACES.items():
        pins = {
            "mux": [n - 3, 0, len(kinds) - 1],
            "table": [n - 1],
            "popcount": [n - 3, n - 2, n - 3],
            "pack": [n - 2, n - 3, n - 3, n - 2],
        }.get(op, list(range(len(kinds) + 1))[: None if face.arity == ANY else face.arity])
        for word in results:
            reads = [types[w] for w in pins]
            lo, hi = param_space(GATE[op], reads, word)
            ends = sorted({lo, hi, *(v for v in (-3, 0, 1, 5) if lo <= v <= hi)})
            for trial in range(3 if face.count(reads) else 1):
                params = [int(rng.choice(ends)) for _ in range(face.count(reads))]
                if misfit(GATE[op], reads, word, params):
                    continue
                exact = interval(face.forward([interval(t) for t in reads], params, INTERVALS))
                if not only_int64 or in_int64(face, exact, word):
                    outputs[f"{op}_{word}_{trial}"] = builder.add(op, *pins, params=params, type=word)
    return builder.circuit(outputs)


KINDS = {
    "one bit": (["s1", "u1sat"], ["bit", "s1", "s1sat", "u1sat", "s8", "u3"]),
    "bits": (["bit", "bit"], ["bit", "s2", "u2sat", "s8"]),
    "unsigned": (["u8", "u5"], ["u8", "u8sat", "s8", "s8sat", "u12", "s20", "bit"]),
    "signed": (["s8", "s5"], ["u8", "u8sat", "s8", "s8sat", "u12", "s20", "bit"]),
    "mixed": (["u8", "s5"], ["u8", "u8sat", "s8", "s8sat", "u12sat", "s20", "bit"]),
    "32": (["s32", "u32"], ["s32", "s32sat", "u32", "u32sat", "s64", "s64sat", "u63", "u63sat"]),
    "64": (["s64", "u63"], ["s64", "s64sat", "u63", "u63sat", "s8", "s8sat", "u63", "u1sat"]),
}


def case(name: str, *, only_int64: bool = False) -> Circuit:
    kinds, results = KINDS[name]
    given_name = f"rows_{name.replace(' ', '_')}"
    return every_row([*map(parsed, kinds)], [*map(parsed, results)], name=given_name, only_int64=only_int64)


every_case = pytest.mark.parametrize("name", KINDS)


def test_the_cases_have_every_row() -> None:
    assert {op for name in KINDS for op, _, _ in case(name).gates()} >= set(WORD_FACES)


# --- Kept as they are ------------------------------------------------------------------------------------------------


def both(circuit: Circuit, again: Circuit) -> bool:
    return again == circuit and again.name == circuit.name


@given(word_circuits(bits=(1, 64)))
def test_native_keeps_everything(circuit: Circuit) -> None:
    data = encode(circuit, ".json")
    parse = FORMATS[".json"].parse
    assert parse
    assert both(circuit, parse(data, "c.json"))  # type: ignore[arg-type]
    assert (b'"version": 2' in data) == circuit.has_words == (b'"types"' in data)


@given(word_circuits(bits=(1, 64)))
def test_networkx_keeps_everything(circuit: Circuit) -> None:
    assert Circuit.from_networkx(circuit.to_networkx()) == circuit


@every_case
def test_every_row_is_kept(name: str, tmp_path: Path) -> None:
    circuit = case(name)
    write(circuit, tmp_path / "c.json.gz")
    assert both(circuit, read_circuit(tmp_path / "c.json.gz"))
    assert Circuit.from_networkx(circuit.to_networkx()) == circuit


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('"types": ["s8", ', '"types": ["s65", ', 'field "types": wire type: got 65 bits'),
        ('"types": ["s8", ', '"types": ["word", ', "got 'word', expected bit, or s or u and a width"),
        ('"types": ["s8", ', '"types": [8, ', 'field "types": expected a list of strings'),
        ('"types": ["s8", ', '"types": [', 'field "types": got 2 types, expected one a wire, 3'),
        ('"types": ["s8", "s8", "s9"]', '"types": "s8"', 'field "types": expected a list of strings'),
        ('"types": ["s8", ', '"types": ["s8", "s8", ', "got 4 types"),
        (',\n  "types": ["s8", "s8", "s9"]', "", "field 'types' is missing"),
        ('"version": 2', '"version": 1', "field 'types' is unknown"),
        ('"version": 2', '"version": 3', "got version '3', expected 1 or 2"),
        ('"add"', '"and"', "breaks the law 'word gates fit the types and parameters they have'"),
        ('"add"', '"adder"', "got 'adder', expected one of"),
    ],
)
def test_native_says_what_is_wrong(old: str, new: str, part: str) -> None:
    builder = Builder(["a", "b"], name="m", types=[Word(8), Word(8)])
    text = encode(builder.circuit({"y": builder.add("add", 0, 1)}), ".json").decode()
    assert old in text
    parse = FORMATS[".json"].parse
    assert parse
    with pytest.raises(FormatError) as caught:
        parse(text.replace(old, new).encode(), "c.json")
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_version_1_has_no_rows_of_words() -> None:
    builder = Builder(["a", "b"], fold=False)
    text = encode(builder.circuit({"y": builder.add("and", 0, 1)}), ".json").decode()
    parse = FORMATS[".json"].parse
    assert parse and '"version": 1' in text
    with pytest.raises(FormatError, match="got 'lt', expected one of const buf"):
        parse(text.replace('"and"', '"lt"').encode(), "c.json")


# --- The bits of words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", BITS_ONLY)
def test_formats_of_bits_are_given_the_bits(suffix: str, tmp_path: Path) -> None:
    builder = Builder(["a", "c"], types=[Word(4, signed=False), BIT])
    circuit = builder.circuit({"y": builder.add("add", 0, 1), "c2": builder.add("not", 1)})
    write(circuit, tmp_path / f"c{suffix}")
    found = read_table(tmp_path / f"c{suffix}")
    assert np.array_equal(found.outputs, truth_table(circuit).outputs)
    if FORMATS[suffix].naming:
        assert found.input_names == ("a[0]", "a[1]", "a[2]", "a[3]", "c")
        assert found.output_names == ("y[0]", "y[1]", "y[2]", "y[3]", "y[4]", "c2")


@settings(deadline=None)
@given(word_circuits(inputs=(1, 2), bits=(1, 4), max_gates=5), st.sampled_from(BITS_ONLY))
def test_the_bits_that_are_written_are_right(circuit: Circuit, suffix: str) -> None:
    parse = FORMATS[suffix].parse
    assert parse
    found, wanted = parse(encode(circuit, suffix), f"c{suffix}"), truth_table(circuit)
    table = truth_table(found) if isinstance(found, Circuit) else found
    assert np.array_equal(table.outputs, wanted.outputs)


def test_a_circuit_of_words_is_read_as_a_table(tmp_path: Path) -> None:
    builder = Builder(["a"], types=[Word(3)])
    circuit = builder.circuit({"y": builder.add("neg", 0)})
    write(circuit, tmp_path / "c.json")
    assert np.array_equal(read_table(tmp_path / "c.json").outputs, truth_table(bit_blasted(circuit)).outputs)


def test_names_stay_distinct_among_bits() -> None:
    builder = Builder(["a[0]", "a", "a 1".replace(" ", "_")], types=[BIT, Word(2), BIT])
    circuit = builder.circuit({"a": builder.add("add", 0, 1)})
    parse = FORMATS[".blif"].parse
    assert parse
    found = parse(encode(circuit, ".blif"), "c.blif")
    assert len({*found.input_names, *found.output_names}) == 4 + 3


# --- DOT -------------------------------------------------------------------------------------------------------------


def test_dot_shows_types_and_parameters() -> None:
    builder = Builder(["a", "b"], types=[Word(8), BIT], fold=False)
    outputs = {
        "dot": builder.add("dot", 0, 1, params=(3, -2, 7)),
        "table": builder.add("table", 1, params=(5, -6), type=Word(4, saturate=True)),
        "flip": builder.add("lut1", 1, params=(1, 0)),
    }
    long = builder.add("pack", 1, 1, 1, 1)
    outputs["long"] = builder.add("table", long, params=range(16))
    text = encode(builder.circuit(outputs), ".dot").decode()
    for label in ("a : s8", "b", "dot [3 -2 7] : s10", "table [5 -6] : s4sat", "lut1 01", "pack : u4"):
        assert f'[label="{label}"]' in text
    assert '[label="table [0 1 2 3 4 5 6 7 ... 16] : u4"]' in text


# --- C ---------------------------------------------------------------------------------------------------------------


def compile_c(text: bytes, folder: Path, *options: str) -> Path:
    assert GCC
    source, program = folder / "c.c", folder / "c.out"
    source.write_bytes(text)
    strict = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fno-sanitize-recover"]
    subprocess.run([GCC, *strict, *options, "-o", program, source], check=True, timeout=120)
    return program


def c_agrees(circuits: Sequence[tuple[Circuit, list[list[int]]]], folder: Path) -> None:
    """Compile many circuits in one run, all with their patterns, and compare with the oracle."""
    parts, calls, given_text, wanted = [], [], [], []
    for k, (circuit, patterns) in enumerate(circuits):
        named = circuit.renamed(name=f"c{k}")
        parts.append(encode(named, ".c"))
        n, m = circuit.num_inputs, circuit.num_outputs
        kind, read_one, show = ("int64_t", "PRId64", "%") if circuit.has_words else ("uint64_t", "PRIu64", "%")
        scan = read_one.replace("PRI", "SCN")
        shown = "out[j]" if circuit.has_words else "out[j] & 1"
        calls.append(
            f"  for (i = 0; i < {len(patterns)}; i++) {{ static {kind} in[{n + 1}], out[{m + 1}]; int j;\n"
            f'    for (j = 0; j < {n}; j++) if (scanf("{show}" {scan}, &in[j]) != 1) return 1;\n'
            f"    simulate_c{k}(in, out);\n"
            f'    for (j = 0; j < {m}; j++) printf("{show}" {read_one} " ", {shown});\n    putchar(10); }}\n'
        )
        given_text += [" ".join(map(str, pattern)) for pattern in patterns]
        wanted += [[*evaluate(circuit, pattern)] for pattern in patterns]
    main = (
        "#include <inttypes.h>\n#include <stdio.h>\nint main(void) {\n  int i;\n" + "".join(calls) + "  return 0;\n}\n"
    )
    program = compile_c(b"".join(parts) + main.encode(), folder)
    text = "\n".join(given_text)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert [[*map(int, line.split())] for line in done.stdout.splitlines()] == wanted


with_patterns = word_circuits(bits=(1, 8)).flatmap(lambda c: st.tuples(st.just(c), patterns_of(c.input_types)))
wide_with_patterns = word_circuits(bits=(8, 64), max_gates=5).flatmap(
    lambda c: st.tuples(st.just(c), patterns_of(c.input_types))
)


def can_be_c(circuit: Circuit) -> bool:
    try:
        encode(circuit, ".c")
    except FormatError:
        return False
    return True


@needs_gcc
@slow
@given(st.lists(with_patterns, min_size=5, max_size=12))
def test_c_computes_the_same(tmp_path_factory: pytest.TempPathFactory, drawn: list) -> None:
    c_agrees(drawn, tmp_path_factory.mktemp("c"))


@needs_gcc
@slow
@given(st.lists(wide_with_patterns.filter(lambda pair: can_be_c(pair[0])), min_size=4, max_size=8))
def test_c_computes_the_same_of_wide_words(tmp_path_factory: pytest.TempPathFactory, drawn: list) -> None:
    c_agrees(drawn, tmp_path_factory.mktemp("c"))


@needs_gcc
def test_c_computes_every_row(tmp_path: Path) -> None:
    circuits = [case(name, only_int64=True) for name in KINDS]
    c_agrees([(circuit, probing(circuit.input_types)) for circuit in circuits], tmp_path)


@pytest.mark.parametrize(
    ("op", "params", "kind", "result", "part"),
    [
        ("mul", (), "s64", "s64sat", "gate 0 (mul of s64, s64 to s64sat)"),
        ("add", (), "s64", "s8sat", "gate 0 (add of s64, s64 to s8sat)"),
        ("shift", (1,), "s64", "s64sat", "gate 0 (shift of s64 to s64sat)"),
    ],
)
def test_c_refuses_what_64_bits_cannot_compute(op: str, params: tuple, kind: str, result: str, part: str) -> None:
    builder = Builder(["a", "b"], types=[parsed(kind)] * 2)
    gate = builder.add(op, *range(GATE[op].arity), params=params, type=parsed(result))
    with pytest.raises(FormatError) as caught:
        encode(builder.circuit({"y": gate}), ".c")
    assert part in str(caught.value) and "expected 64 bits" in str(caught.value)


def test_what_folds_to_bits_is_still_a_function_of_integers() -> None:
    builder = Builder(["a"], types=[BIT], fold=False)
    one = builder.add("const", params=(1,), type=Word(5))
    circuit = builder.circuit({"y": builder.add("lt", one, one), "z": 0})
    assert circuit.has_words
    assert b"(const int64_t in[], int64_t out[])" in encode(circuit, ".c")


@needs_gcc
def test_c_says_nothing_of_what_ranges_make_needless(tmp_path: Path) -> None:
    builder = Builder(["a"], types=[Word(8)], name="needless")
    clipped = builder.add("clip", 0, params=(0, 3), type=Word(8))
    circuit = builder.circuit({"y": builder.add("scale", clipped, params=(0,), type=Word(8)), "z": 0})
    kept = Builder(["a"], types=[Word(8)], name="needless", fold=False)
    small = kept.add("relu", 0, type=Word(3, signed=False, saturate=True))
    decided = kept.circuit({"y": kept.add("max", 0, kept.add("table", small, params=[127, 126] * 4), type=Word(8))})
    c_agrees([(c, probing(c.input_types)) for c in (circuit, decided)], tmp_path)


@needs_gcc
def test_the_test_main_reads_integers(tmp_path: Path) -> None:
    builder = Builder(["a", "b"], types=[Word(8), Word(64)], name="sum")
    text = encode(builder.circuit({"y": builder.add("add", 0, 1, type=Word(64)), "z": 0}), ".c")
    program = compile_c(text, tmp_path, "-DGATEWRIGHT_TEST_MAIN")

    def ran(text: str) -> tuple[int, str]:
        done = subprocess.run([program], input=text, capture_output=True, text=True, check=False, timeout=20)
        return done.returncode, done.stdout + done.stderr

    least = -(1 << 63)
    assert ran(f"3 4\n -5\t{least}\r\n127 0") == (0, f"7 3\n{(1 << 63) - 5} -5\n127 127\n")
    assert ran("") == (0, "")
    assert ran("1 2\n128 0\n") == (1, "3 1\nline 2: got 128 as value 0, expected -128..127\n")
    assert ran("1\n") == (1, "line 1: got 1 values, expected 2\n")
    assert ran("1 2 3\n") == (1, "line 1: got 3 values, expected 2\n")
    assert ran("1 x\n") == (1, "line 1: got x, expected an integer\n")
    assert ran(f"1 {1 << 63}\n")[0] == 1
    assert ran(f"1 {'9' * 100}\n") == (1, f"line 1: got {'9' * 31}, expected an integer\n")


# --- Verilog ---------------------------------------------------------------------------------------------------------


def simulated(texts: Sequence[bytes], folder: Path) -> list[str]:
    assert IVERILOG and VVP
    source, program = folder / "all.v", folder / "all.vvp"
    source.write_bytes(b"".join(texts))
    done = subprocess.run(
        [IVERILOG, "-g2005", "-Wall", "-o", program, source], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    return subprocess.run(
        [VVP, "-n", program], capture_output=True, text=True, check=True, timeout=120
    ).stdout.splitlines()


def verilog_agrees(circuits: Sequence[Circuit], folder: Path, patterns: int = 200) -> None:
    """Run many modules with their test benches in one simulation: the last pattern of the longest ends it."""
    texts = []
    for k, circuit in enumerate(circuits):
        named = circuit.renamed(name=f"m{k}")
        texts += [encode(named, ".v"), formats.testbench(named, patterns).replace(b"    $finish;\n", b"")]
    found = simulated(texts, folder)
    assert len(found) == len(circuits) and all(line.startswith("PASS ") for line in found), found


@needs_iverilog
@slow
@given(st.lists(word_circuits(), min_size=5, max_size=15))
def test_verilog_computes_the_same(tmp_path_factory: pytest.TempPathFactory, drawn: list[Circuit]) -> None:
    verilog_agrees(drawn, tmp_path_factory.mktemp("v"))


@needs_iverilog
@slow
@given(st.lists(word_circuits(bits=(8, 64), max_gates=5), min_size=4, max_size=8))
def test_verilog_computes_the_same_of_wide_words(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Circuit]
) -> None:
    verilog_agrees(drawn, tmp_path_factory.mktemp("v"))


@needs_iverilog
def test_verilog_computes_every_row(tmp_path: Path) -> None:
    verilog_agrees([case(name) for name in KINDS], tmp_path, 500)


@needs_iverilog
def test_the_test_bench_names_the_ports_of_a_mismatch(tmp_path: Path) -> None:
    builders = [Builder(["a", 'odd"%'], types=[Word(8), Word(4, signed=False)], name="dut") for _ in range(2)]
    right, wrong = (
        b.circuit({"sum": b.add(op, 0, 1, type=Word(9))}) for b, op in zip(builders, ("add", "sub"), strict=True)
    )
    assert simulated([encode(right, ".v"), formats.testbench(right)], tmp_path) == ["PASS 4096 patterns"]
    assert simulated([encode(wrong, ".v"), formats.testbench(right)], tmp_path) == [
        'FAIL inputs a=0 odd"%=1: got sum=-1, expected sum=1'
    ]


def test_the_test_bench_tries_every_extreme() -> None:
    types = [Word(16), Word(9, signed=False), BIT]
    builder = Builder(["a", "b", "c"], types=types)
    text = formats.testbench(builder.circuit({"y": builder.add("dot", 0, 1, 2, params=(1, 1, 1, 0))}), 5).decode()
    calls = [line.split("'b")[1].split(",")[0] for line in text.splitlines() if line.startswith("    check(")]
    packed = [int(bits, 2) for bits in calls]
    values = [[types[0].fit(v & 0xFFFF), v >> 16 & 0x1FF, v >> 25] for v in packed]
    assert values == [[-32768, 0, 0], [32767, 511, 1], [0, 0, 0], [-1, 0, 0], [1, 1, 1]]


@needs_iverilog
def test_ports_without_words_and_circuits_without_ports(tmp_path: Path) -> None:
    constant = Builder([], name="constant")
    unread = Builder(["a"], types=[Word(5)], name="unread")
    named = Builder(["a[0]", "wire", "a_1"], types=[Word(3), Word(3), BIT], name="od'd", fold=False)
    outputs = {"a": named.add("add", 0, 1, type=Word(3, saturate=True)), "copy": 0}
    verilog_agrees(
        [
            constant.circuit({"y": constant.add("const", params=(-5,), type=Word(9))}),
            unread.circuit({}),
            named.circuit(outputs),
        ],
        tmp_path,
    )


def test_sums_are_written_as_sums() -> None:
    builder = Builder(["a", "b"], types=[Word(8)] * 2, name="adder")
    outputs = {"wide": builder.add("add", 0, 1), "wraps": builder.add("add", 0, 1, type=Word(8))}
    outputs["clamps"] = builder.add("add", 0, 1, type=Word(8, saturate=True))
    assert (
        encode(builder.circuit(outputs), ".v").decode()
        == """\
module adder(
  a,
  b,
  wide,
  wraps,
  clamps
);
  input signed [7:0] a;
  input signed [7:0] b;
  output signed [8:0] wide;
  output signed [7:0] wraps;
  output signed [7:0] clamps;
  assign wide = a + b;
  assign wraps = a + b;
  wire signed [8:0] clamps_1 = a + b;
  wire signed [8:0] clamps_2 = clamps_1 < -9'sd128 ? -9'sd128 : clamps_1;
  assign clamps = clamps_2 > 8'sd127 ? 8'sd127 : clamps_2;
endmodule
"""
    )


@needs_iverilog
def test_large_tables_are_read(tmp_path: Path) -> None:
    builder = Builder(["a"], types=[Word(12, signed=False)], name="square")
    table = builder.add("table", 0, params=[(k - 2048) * k for k in range(4096)])
    verilog_agrees([builder.circuit({"y": table})], tmp_path)


def wrapped_bits(circuit: Circuit, name: str) -> bytes:
    """Return the module of the circuit's bits, and one of vectors around it."""
    bits = bit_blasted(circuit).renamed(name=f"{name}_bits")
    lines, pins = [], []
    names = iter([*bits.input_names, *bits.output_names])
    sides = [
        ("input", circuit.input_names, circuit.input_types),
        ("output", circuit.output_names, circuit.output_types),
    ]
    for kind, ports, types in sides:
        for port, word in zip(ports, types, strict=True):
            lines.append(f"  {kind} {'' if word == BIT else f'[{word.bits - 1}:0]'} {port};\n")
            pins += [f".\\{next(names)} ({port}{'' if word == BIT else f'[{k}]'})" for k in range(word.bits)]
    head = f"module {name}({', '.join([*circuit.input_names, *circuit.output_names])});\n"
    around = "".join([head, *lines, f"  {name}_bits inside({', '.join(pins)});\nendmodule\n"])
    return encode(bits, ".v") + around.encode()


def yosys(script: str) -> subprocess.CompletedProcess[str]:
    assert YOSYS
    return subprocess.run([YOSYS, "-q", "-p", script], capture_output=True, text=True, check=False, timeout=300)


PROVE = "proc; flatten; opt -full; miter -equiv -flatten words bits miter; sat -verify -prove trigger 0 miter"
PROVED = {
    "one bit": KINDS["one bit"],
    "bits": KINDS["bits"],
    "unsigned": (["u3", "u2"], ["u4", "u3sat", "s3sat", "s7", "bit"]),
    "signed": (["s3", "s2"], ["u4", "u3sat", "s3sat", "s7", "bit"]),
    "mixed": (["u2", "s3"], ["u4", "u3sat", "s3sat", "s7", "bit"]),
}


@needs_yosys
@pytest.mark.parametrize("name", PROVED)
def test_yosys_proves_words_and_bits_equal(name: str, tmp_path: Path) -> None:
    kinds, results = ([*map(parsed, texts)] for texts in PROVED[name])
    circuit = every_row(kinds, results, name="words")
    file = tmp_path / "both.v"
    file.write_bytes(encode(circuit, ".v") + wrapped_bits(circuit, "bits"))
    done = yosys(f"read_verilog {file}; {PROVE}")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@needs_yosys
def test_yosys_sees_a_difference(tmp_path: Path) -> None:
    builders = [Builder(["a"], types=[Word(4)], name="words") for _ in range(2)]
    ops = ("neg", "relu")
    right, wrong = (b.circuit({"y": b.add(op, 0, type=Word(4))}) for b, op in zip(builders, ops, strict=True))
    file = tmp_path / "both.v"
    file.write_bytes(encode(right, ".v") + wrapped_bits(wrong, "bits"))
    done = yosys(f"read_verilog {file}; {PROVE}")
    assert done.returncode != 0 and "proof did fail" in done.stdout + done.stderr


# --- The command -----------------------------------------------------------------------------------------------------


@needs_iverilog
def test_convert_writes_modules_and_benches(tmp_path: Path) -> None:
    circuit = case("mixed", only_int64=True)
    write(circuit, tmp_path / "x.json")
    command = [sys.executable, "-m", "learn", "convert", "x.json", "y.v", "--testbench", "y_tb.v"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "wrote y.v and y_tb.v\n")
    texts = [(tmp_path / "y.v").read_bytes(), (tmp_path / "y_tb.v").read_bytes()]
    assert simulated(texts, tmp_path) == ["PASS 4096 patterns"]
    for suffix in (".c", ".blif", ".json"):
        again = [sys.executable, "-m", "learn", "convert", "x.json", f"z{suffix}"]
        assert subprocess.run(again, cwd=tmp_path, capture_output=True, check=False, timeout=60).returncode == 0
    assert read(tmp_path / "z.json") == circuit
