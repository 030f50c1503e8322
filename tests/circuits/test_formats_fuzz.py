"""Broken files: every reader parses or raises FormatError, quickly and in little memory."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest

from circuits.circuit import Builder, Circuit
from circuits.errors import FormatError
from circuits.formats import FORMATS, encode
from circuits.table import TruthTable
from circuits.wires import BIT, Word

MUTANTS = 2_000
SECONDS = 10.0

TEXTS = {
    ".truth": ["01-1\n1100\n", "# two\n0x8\n0xe\n", "0110100110010110\n"],
    ".pla": [
        ".i 3\n.o 2\n.ilb a b c\n.ob p q\n.type fdr\n1-0 1-\n001|01\n-11 ~0\n.e\n",
        ".i 2\n.o 1\n.type fr\n.p 3\n00 0\n01 1\n01 0\n.end\n",
        ".i 22\n.o 1\n.type f\n1--------------------0 1\n",
    ],
    ".aag": ["aag 7 2 0 2 3\n2\n4\n6\n12\n6 13 15\n12 2 4\n14 3 5\ni0 x\ni1 y\no0 s\no1 c\nc\nhalf adder\n"],
    ".aig": [],
    ".blif": [
        ".model m\n.inputs a b c \\\n d e f g\n.outputs y z\n.names n y\n0 1\n"
        ".names a b c d e f g n # wide\n11----- 1\n--0-1-1 1\n.names z\n1\n.end\n",
        ".model t\n.inputs a b c\n.outputs s k\n.subckt half x=a y=b s=h c=g\n.subckt half y=c x=h s=s c=f\n"
        ".subckt join x=g y=f z=k\n.end\n.model half\n.inputs x y\n.outputs s c\n.names x y s\n10 1\n01 1\n"
        ".names x y c\n11 1\n.end\n.model join\n.inputs x y\n.outputs z\n.subckt half x=x y=y s=z\n.end\n",
    ],
    ".bench": [
        "# all\nINPUT(a)\nINPUT( b )\nOUTPUT(y)\noutput(z)\nt = AND(a, b, y)\ny = LUT 0x96a5 ( a, b, n, k )\n"
        "n = not(a) # inverter\nk = vdd\nm = gnd\nz = MUX(t, n, m)\nu = NAND(z)\nw = XNOR(a, b, u, n, y)\n",
        "INPUT(a)\nOUTPUT(a)\nINPUT(b)\nOUTPUT(c)\nc = LUT 0xcafe01234567deadbeefcafe01234567 (a, b, d, e, f, g, h)\n"
        "d=BUFF(a)\ne=BUF(b)\nf=NOR(a,b)\ng=OR(d,e)\nh=XOR(a,b)\n",
    ],
    ".v": [
        "module v(input [3:0] a, input [0:1] b, output [3:0] y, output c);\nwire [3:0] t = {a[1:0], b} & 4'hb;\n"
        "assign {c, y[3:1]} = c0 ? ~t : a ^ {b[0:0], 3'd5};\nassign y[0] = a[0];\nwire c0;\nassign c0 = ~(b[1]);\n"
        "endmodule\n",
        "// all\nmodule m (a, b, y, z);\n input [1:0] a; input b; output y; output z;\n wire w = a[0] ~^ b;\n"
        " nand g1 (z, a[1], w, b), (\\q! , a[0], b);\n not (k, b);\n"
        " assign y = (a[0] ? ~w : a[1] & 1'b1) | (k ^ \\q! );\nendmodule\n",
    ],
    ".json": [],
}
WORDS = [b"0", b"1", b"-1", b"2", b"999999999999999999999999", b"4294967296", b"-", b"~", b".i", b".names", b"(", b")"]
WORDS += [
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"module",
    b"assign",
    b"NaN",
    b"1e9",
    b"\xff",
    b"\x00",
    b"\\",
    b"#",
    b"\n",
    b"|",
    b'"s8",',
    b'"u64"',
    b'"mul"',
]


def sample() -> Circuit:
    builder = Builder(["a", "b", "c"], name="sample", fold=False)
    gate = builder.add("maj", 0, 1, 2)
    table = builder.add("lut3", 0, gate, 2, params=(0, 1, 1, 0, 1, 0, 0, 0))
    builder.add("mux", 0, table, gate)
    return builder.circuit({"p": gate, "q": table, "r": table + 1})


def sample_of_words() -> Circuit:
    """A circuit of words for the formats that hold them."""
    s8, u2 = Word(8), Word(2, signed=False)
    builder = Builder(["a", "b", "c"], name="sample", fold=False, types=[s8, u2, BIT])
    total = builder.add("dot", 0, 1, 2, params=(3, -1, 7, -100), type=Word(9, saturate=True))
    table = builder.add("table", 1, params=(5, -5, 0, 120))
    chosen = builder.add("mux", 2, total, table)
    return builder.circuit({"p": total, "q": chosen, "r": builder.add("lt", chosen, 0)})


def mutated(seed: bytes, draw: random.Random) -> bytes:
    """Change a file in one to three places, each in one of the ways files break."""
    data = seed
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(data) + 1)
        kind = draw.randrange(8)
        if kind == 0 and data:
            octets = bytearray(data)
            octets[place % len(data)] ^= 1 << draw.randrange(8)
            data = bytes(octets)
        elif kind == 1:
            data = data[:place]
        elif kind == 2:
            lines = data.splitlines(keepends=True)
            draw.shuffle(lines)
            data = b"".join(lines)
        elif kind == 3:
            end = draw.randint(place, min(place + 20, len(data)))
            data = data[:end] + data[place:]
        elif kind == 4:
            data = data[:place] + data[place + draw.randint(1, 10) :]
        elif kind in (5, 6):
            words = data.split(b" ")
            at = draw.randrange(len(words))
            words[at : at + (kind == 5)] = [draw.choice(WORDS)]
            data = b" ".join(words)
        else:
            data = data[:place] + draw.choice(WORDS) + data[place:]
    return data


def seeds(suffix: str) -> list[bytes]:
    typed = [encode(sample_of_words(), suffix)] if suffix == ".json" else []
    return [text.encode() for text in TEXTS[suffix]] + [encode(sample(), suffix)] + typed


@pytest.mark.parametrize("suffix", [s for s, row in FORMATS.items() if row.parse])
def test_mutated_files_parse_or_raise_format_error(suffix: str) -> None:
    parse = FORMATS[suffix].parse
    assert parse
    good = seeds(suffix)
    for seed in good:
        assert isinstance(parse(seed, f"good{suffix}"), Circuit | TruthTable)
    draw = random.Random(f"mutants of {suffix}")
    parsed = refused = 0
    started = time.perf_counter()
    for k in range(MUTANTS):
        data = mutated(good[k % len(good)], draw)
        try:
            parse(data, f"bad{suffix}")
            parsed += 1
        except FormatError as error:
            assert "\n" not in str(error) and str(error).startswith(f"bad{suffix}:")
            refused += 1
    assert time.perf_counter() - started < SECONDS
    assert parsed >= 10 and refused > MUTANTS // 4


PROMISES = {
    ".truth": [b"0x" + b"f" * (1 << 19)],
    ".pla": [
        b".i 1000000000000\n.o 1\n",
        b".i 2\n.o 1000000000000\n11 1\n",
        b".i 20\n.o 1000000\n.type f\n",
        b".i 2\n.o 1\n.p 1000000000000\n11 1\n",
        b".i 2\n.o 1\n.p " + b"9" * 5000 + b"\n11 1\n",
    ],
    ".aag": [
        b"aag 1000000000000 1 0 1 999999999999\n2\n",
        b"aag 2000000000 0 0 0 4000000\n",
        b"aag 2000000000 2000000000 0 0 0\n2\n",
        b"aag 1 1 0 2000000000 0\n2\n",
        b"aag " + b"9" * 4000 + b" 1 0 1 0\n",
    ],
    ".aig": [
        b"aig 1000000000000 1 0 1 999999999999\n2\n",
        b"aig 4000001 1 0 1 4000000\n2\n\x01",
        b"aig 2000000000 2000000000 0 0 0\n",
        b"aig 1 1 0 2000000000 0\n2\n",
    ],
    ".blif": [
        b".model m\n.inputs a\n.outputs y\n.names a y\n" + b"1 1 1\n",
        b"".join(b".model m%d\n.subckt m%d\n.subckt m%d\n" % (k, k + 1, k + 1) for k in range(500)) + b".model m500\n",
        b"".join(b".model m%d\n" % k + b".subckt m%d\n" % (k + 1) * 1000 for k in range(3)) + b".model m3\n",
        b".model t\n.subckt m\n.model m\n"
        + b".subckt n\n" * 2048
        + b".model n\n"
        + b"".join(b".names n%d\n" % k for k in range(2048)),
    ],
    ".bench": [
        b"INPUT(a)\nOUTPUT(y)\ny = LUT 0x1" + b"0" * 100_000 + b" ( a )\n",
        b"INPUT(a)\nOUTPUT(y)\ny = LUT 0x8 (" + b"a," * 100_000 + b"a)\n",
    ],
    ".v": [
        b"module m (a); input [4000000:0] a; wire [4000000:0] b = a & a & a & a & a & a;",
        b"module m (y); output y; assign y = 1000000000000'b0; endmodule",
        b"module m (y); output y; assign y = 4000000'h" + b"f" * 1_000_000 + b"; endmodule",
        b"module m (a);\ninput [1000000000000:0] a;\nendmodule\n",
        b"module m (a);\ninput [4194304:0] a;\nendmodule\n",
        b"module m (a, y); input a; output y; assign y = " + b"(" * 100_000 + b"a" + b")" * 100_000 + b"; endmodule",
        b"module m (a, y); input a; output y; assign y = " + b"a ? (" * 100_000,
    ],
    ".json": [
        b"[" * 200_000,
        b'{"format": "gatewright-circuit", "version": 1' + b"0" * 5000 + b"}",
        b'{"format": "gatewright-circuit", "version": ' + b"1" * 5000 + b"}",
        encode(sample(), ".json").replace(b'"outputs": [3', b'"outputs": [1000000000000'),
        encode(sample(), ".json").replace(b'"fanin_start": [0, 3', b'"fanin_start": [0, 2000000000'),
    ],
}


@pytest.mark.parametrize(("suffix", "k"), [(s, k) for s, files in PROMISES.items() for k in range(len(files))])
def test_promises_are_refused_at_once(suffix: str, k: int) -> None:
    parse, data = FORMATS[suffix].parse, PROMISES[suffix][k]
    assert parse
    with pytest.raises(FormatError):
        parse(b"", f"x{suffix}")  # imports are not what is measured
    tracemalloc.start()
    try:
        started = time.perf_counter()
        with pytest.raises(FormatError):
            parse(data, f"x{suffix}")
        seconds, (_, peak) = time.perf_counter() - started, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * (1 << 20)
    assert seconds < 2


@pytest.mark.parametrize("suffix", [s for s, row in FORMATS.items() if row.parse])
@pytest.mark.parametrize("data", [b"", b"\n\n\n", b"\x00" * 100, b"\xff\xfe\x00", "Grüße".encode("latin-1"), b"#"])
def test_files_of_nothing(suffix: str, data: bytes) -> None:
    parse = FORMATS[suffix].parse
    assert parse
    with pytest.raises(FormatError):
        parse(data, f"x{suffix}")


def test_deep_circuits_need_no_deep_stack() -> None:
    depth = 100_000
    order = list(range(1, depth + 1))
    random.Random(5).shuffle(order)
    blif = ".model deep\n.inputs n0\n.outputs y\n" + "".join(f".names n{k - 1} n{k}\n0 1\n" for k in order)
    verilog = "module deep(input n0, output y);\n" + "".join(f"assign n{k} = ~n{k - 1};\n" for k in reversed(order))
    aag = f"aag {depth + 1} 1 0 1 {depth}\n2\n{2 * depth + 2}\n"
    files = {
        ".blif": blif + f".names n{depth} y\n1 1\n.end\n",
        ".v": verilog + f"assign y = n{depth};\nendmodule\n",
        ".aag": aag + "".join(f"{2 * k + 2} {2 * k} {2 * k}\n" for k in reversed(range(1, depth + 1))),
    }
    for suffix, text in files.items():
        parse = FORMATS[suffix].parse
        assert parse
        found = parse(text.encode(), f"deep{suffix}")
        assert isinstance(found, Circuit)
        assert found.num_gates == depth


def test_long_operator_chains_are_not_deep() -> None:
    names = [f"a{k}" for k in range(3000)]
    head = f"module m({', '.join(f'input {n}' for n in names)}, output y);\n"
    parse = FORMATS[".v"].parse
    assert parse
    for expression in (
        " ^ ".join(names),
        "~" * 3001 + "a0",
        " : ".join(f"a{k} ? a{k + 1}" for k in range(999)) + " : a0",
    ):
        assert isinstance(parse(f"{head}assign y = {expression};\nendmodule\n".encode(), "m.v"), Circuit)


def test_fuzz_seeds_cover_every_reader() -> None:
    assert set(TEXTS) == {s for s, row in FORMATS.items() if row.parse} == set(PROMISES)


@pytest.mark.parametrize("suffix", [".truth", ".pla", ".blif", ".bench"])
def test_files_of_many_short_lines_are_refused_at_once(suffix: str) -> None:
    parse = FORMATS[suffix].parse
    assert parse
    data = b"\n" * (1 << 25)
    started = time.perf_counter()
    with pytest.raises(FormatError, match="33554432 lines, expected at most"):
        parse(data, f"x{suffix}")
    assert time.perf_counter() - started < 2
