"""Pictures: every format with every engine, hard names, empty circuits, honest failures."""

from __future__ import annotations

import os
import pathlib
import random
import re
import struct
import sys
import time
import xml.etree.ElementTree as ElementTree
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import draw as drawing
from circuits.algebra import INTEGERS
from circuits.arithmetic import ANY, WORD_FACES
from circuits.circuit import Builder, Circuit
from circuits.draw import (
    ENGINES,
    FORMATS,
    OVERVIEW,
    SYMBOLS,
    View,
    bundled,
    draw,
    engine,
    overview,
    render,
    source,
)
from circuits.draw.heat import classes
from circuits.draw.marks import Marks, marked
from circuits.draw.paint import WRITERS
from circuits.draw.scene import ACCENT, FAINT, INK, Path, Text, text_width
from circuits.draw.schematic import SMALL, Net, assign_tracks, folded, settle
from circuits.draw.shapes import LOOKS, body, lettering, lettering_width, look
from circuits.errors import FormatError, ToolError
from circuits.gates import BIT_GATES, GATE, GATES, on_words, param_space
from circuits.order import fanin_cone
from circuits.rewrite import cone_of
from circuits.simulate import evaluate, trace
from circuits.wires import BIT, Word, parsed

HARD_NAMES = ['q"uo\\te', "<a&b>", "αβ_Σ", "日本", "\\", "n" * 200, '\\"', "\\n\\N\\l", "]]>", "--", "&amp;", "(x)"]


def full_adder() -> Circuit:
    b = Builder(["a", "b", "cin"], name="full adder")
    half = b.add("xor", 0, 1)
    carries = b.add("and", 0, 1), b.add("and", half, 2)
    return b.circuit({"sum": b.add("xor", half, 2), "carry": b.add("or", *carries)})


def every_row() -> Circuit:
    """One gate of every row of the table, each with its own output."""
    b = Builder([f"i{k}" for k in range(6)], name="every row", fold=False)
    wires = {
        row.name: b.add(row.name, *range(row.arity), params=[k % 3 == 1 for k in range(row.param_count)])
        for row in BIT_GATES
    }
    return b.circuit({f"{name}_out": wire for name, wire in wires.items()})


def random_circuit(gates: int, inputs: int = 12, seed: int = 0, span: int = 40) -> Circuit:
    r = random.Random(seed)
    b = Builder([f"x{k}" for k in range(inputs)], name=f"random {gates}", fold=False)
    rows = ("and", "or", "xor", "nand", "not", "mux", "andnot")
    for wire in range(inputs, inputs + gates):
        row = BIT_GATES[[g.name for g in BIT_GATES].index(r.choice(rows))]
        b.add(row.name, *r.sample(range(max(0, wire - span), wire), row.arity))
    return b.circuit({f"y{k}": inputs + gates - 1 - k for k in range(min(8, gates))})


S8, U4 = parsed("s8"), parsed("u4")
WORD_PINS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "const": ((), (42,)), "neg": ((0,), ()), "scale": ((0,), (-3,)), "dot": ((0, 1, 2), (3, -1, 12, 7)),
    "shift": ((0,), (-2,)), "relu": ((0,), ()), "clip": ((0,), (-8, 7)), "threshold": ((1,), (-5,)),
    "mux": ((3, 0, 1), ()), "table": ((2,), tuple(k * k % 16 for k in range(16))), "popcount": ((3, 4), ()),
    "pack": ((3, 4, 3), ()), "slice": ((0,), (4,)), "argmax": ((0, 1, 2), ()),
}  # fmt: skip
"""Word row -> what it reads and its parameters; all others read the wires 0 and 1."""


def every_word_row() -> Circuit:
    """One gate of every row of the table that has a word face, each with its own output."""
    b = Builder(["a", "b", "u", "s", "t"], name="every word row", fold=False, types=[S8, S8, U4, BIT, BIT])
    wires = {}
    for name in WORD_FACES:
        fanin, params = WORD_PINS.get(name, ((0, 1), ()))
        wires[name] = b.add(name, *fanin, params=params, type=S8 if name in ("const", "slice") else None)
    return b.circuit({f"{name}_out": wire for name, wire in wires.items()})


def random_words(gates: int, seed: int = 0) -> Circuit:
    """Gates of any rows on any earlier wires, about half of them bits."""
    r = random.Random(seed)
    some = (BIT, BIT, BIT, S8, U4, parsed("s5sat"), parsed("u2"))
    types = [BIT, S8, *r.choices(some, k=4)]
    b = Builder([f"x{k}" for k in range(len(types))], name=f"random words {gates}", fold=False, types=types)
    while gates:
        row, word = r.choice(GATES), r.choice(some)
        fanin = r.choices(range(len(types)), k=r.randint(1, 7) if row.arity == ANY else row.arity)
        reads = [types[f] for f in fanin]
        face = row.word if on_words(row, reads, word) else None
        if (face is None) == on_words(row, reads, word) or (face and face.accepts(reads, word)):
            continue
        lo, hi = param_space(row, reads, word)
        count = face.count(reads) if face else row.param_count
        b.add(row.name, *fanin, params=[r.randint(max(lo, -9), min(hi, 9)) for _ in range(count)], type=word)
        types.append(word)
        gates -= 1
    return b.circuit({f"y{k}": r.randrange(len(types)) for k in range(r.randint(0, 5))})


def classifier() -> Circuit:
    b = Builder([f"x{k}" for k in range(4)], name="classifier", types=[S8] * 4)
    rows = ((3, 4, -8, -1, 7), (6, 3, 0, 6, 2), (9, -3, 7, -5, 0))
    dots = [b.add("dot", *b.inputs, params=row, type=parsed("s12sat")) for row in rows]
    return b.circuit({"class": b.add("argmax", *(b.add("relu", wire) for wire in dots))})


def hard_names() -> Circuit:
    b = Builder(HARD_NAMES, name='a "title" <&> \\\n\x00\ud800 end')
    gates = [b.add("nand", k, k + 1) for k in range(len(HARD_NAMES) - 1)]
    return b.circuit({f"o{name}": wire for name, wire in zip(HARD_NAMES, [0, *gates], strict=True)})


def wide() -> Circuit:
    b = Builder([f"in{k}" for k in range(300)], name="wide")
    layer = list(range(300))
    while len(layer) > 1:
        layer = [b.add("xor", *layer[k : k + 2]) for k in range(0, len(layer) - 1, 2)] + layer[len(layer) & ~1 :]
    return b.circuit({"parity": layer[0]})


def constants() -> Circuit:
    b = Builder([])
    return b.circuit({"zero": b.const(0), "one": b.const(1)})


def no_outputs() -> Circuit:
    b = Builder(["a", "b"])
    b.add("and", 0, 1)
    return b.circuit({})


CASES = {
    "full adder": full_adder,
    "every row": every_row,
    "random 60": lambda: random_circuit(60),
    "hard names": hard_names,
    "nothing": lambda: Builder([]).circuit({}),
    "only inputs": lambda: Builder(["a", "b"]).circuit({}),
    "no outputs": no_outputs,
    "constants": constants,
    "wires": lambda: Builder(["a", "b"]).circuit({"x": 0, "y": 0, "z": 1}),
    "overview": lambda: random_circuit(OVERVIEW + 1),
    "every word row": every_word_row,
    "classifier": classifier,
    "random words": lambda: random_words(50),
    "blocks": lambda: random_circuit(SYMBOLS + 1),
    "blocks of words": lambda: random_words(SYMBOLS + 20),
    "overview of words": lambda: random_words(OVERVIEW + 20),
}


@pytest.fixture(params=ENGINES)
def program(request: pytest.FixtureRequest) -> str:
    if engine.find(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


def check_svg(data: bytes) -> None:
    assert ElementTree.fromstring(data).tag.endswith("svg")


def check_png(data: bytes) -> None:
    """Walk the chunks: signature, sizes and checksums, first and last chunk."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, kinds = 8, []
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kinds.append(data[at + 4 : at + 8])
        assert zlib.crc32(data[at + 4 : at + 8 + size]) == struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0]
        at += 12 + size
    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")


def check_pdf(data: bytes) -> None:
    """Every offset of the cross-reference table points at its object; the page's stream unpacks."""
    assert data.startswith(b"%PDF-1.4") and data.endswith(b"%%EOF\n")
    start = int(data.split(b"startxref\n")[1].split()[0])
    offsets = [int(m) for m in re.findall(rb"(\d{10}) 00000 n", data[start:])]
    assert all(data[offset:].startswith(f"{k} 0 obj".encode()) for k, offset in enumerate(offsets, 1))
    size, stream = re.search(rb"/Length (\d+)[^>]*>>stream\n", data), data.index(b">>stream\n") + 9
    assert size is not None and b" Tf " in zlib.decompress(data[stream : stream + int(size[1])])


def check_dot(data: bytes) -> None:
    assert data.startswith(b"digraph ") and data.rstrip().endswith(b"}")


def check_html(data: bytes) -> None:
    page = data.decode()
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    check_svg(page[page.index('aria-label="the circuit') :].split(">", 1)[1].split("</svg>")[0].encode() + b"</svg>")


CHECKS = {"svg": check_svg, "png": check_png, "pdf": check_pdf, "dot": check_dot, "html": check_html}


def shown(data: bytes) -> str:
    return "\n".join(ElementTree.fromstring(data).itertext())


@pytest.mark.parametrize("case", CASES)
def test_every_case_in_every_format(case: str, program: str) -> None:
    circuit = CASES[case]()
    for name in FORMATS:
        CHECKS[name](render(circuit, name, engine=program))


@pytest.mark.parametrize("case", [*CASES, "wide"])
def test_all_names_are_in_the_svg(case: str, program: str) -> None:
    circuit = {**CASES, "wide": wide}[case]()
    text = shown(render(circuit, "svg", engine=program))
    for name in (*circuit.input_names, *circuit.output_names):
        assert name in text


def test_inputs_and_outputs_are_in_order(program: str) -> None:
    circuit = random_circuit(60)
    root = ElementTree.fromstring(render(circuit, "svg", engine=program))
    place = {t.text: (float(t.get("x", "")), float(t.get("y", ""))) for t in root.iter() if t.tag.endswith("text")}
    for names in (circuit.input_names, circuit.output_names):
        heights = [place[name][1] for name in names]
        assert heights == sorted(heights) and min(b - a for a, b in pairwise(heights)) > 10
    assert max(place[name][0] for name in circuit.input_names) < min(place[name][0] for name in circuit.output_names)


def extent(item: Path | Text) -> list[tuple[float, float]]:
    if isinstance(item, Path):
        return list(item.points)
    wide = text_width(item.text, item.size, item.bold)
    left = item.x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor]
    return [(left, item.y - item.size), (left + wide, item.y + item.size / 4)]


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_cut_off(case: str) -> None:
    picture = drawing.scene(CASES[case]())
    for group in picture.groups:
        for item in group.items:
            assert all(0 <= x <= picture.width and 0 <= y <= picture.height for x, y in extent(item))


@pytest.mark.parametrize("name", FORMATS)
def test_same_circuit_same_bytes(name: str, program: str) -> None:
    first, second = (render(random_circuit(40), name, engine=program) for _ in range(2))
    assert first == second


def test_svg_says_name_counts_and_wires() -> None:
    text = shown(render(full_adder(), "svg"))
    assert "full adder: 3 inputs, 2 outputs, 5 gates, 3 levels" in text
    assert "g0 = xor(a, b)" in text and "output carry = g4" in text


def test_pictures_give_way_to_an_overview() -> None:
    below, above = (shown(render(random_circuit(n, span=300), "svg")) for n in (OVERVIEW, OVERVIEW + 1))
    assert "wires between levels" in above and "wires between levels" not in below


def chain(gates: int) -> Circuit:
    """A ripple: every wire passes many levels."""
    b = Builder([f"x{k}" for k in range(gates + 1)], name="chain")
    wire = 0
    for k in range(gates):
        wire = b.add("xor" if k % 2 else "and", wire, k + 1)
    return b.circuit({"y": wire})


def test_long_chains_give_way_to_an_overview() -> None:
    short, long = (shown(render(chain(n), "svg")) for n in (20, 300))
    assert "wires between levels" in long and "wires between levels" not in short
    assert source(chain(300)).count("shape=point") == 0


def test_wires_never_run_on_top_of_each_other() -> None:
    for circuit in (
        every_row(),
        random_circuit(60),
        random_circuit(150, seed=1),
        chain(20),
        every_word_row(),
        random_words(60),
    ):
        runs: dict[tuple[str, int], list[tuple[float, float, int]]] = {}
        for number, group in enumerate(g for g in drawing.scene(circuit).groups if g.kind == "net"):
            for item in group.items:
                assert isinstance(item, Path)
                for (x0, y0), (x1, y1) in pairwise(() if item.curved else item.points):
                    if abs(x0 - x1) < 0.01:
                        runs.setdefault(("x", round(x0)), []).append((min(y0, y1), max(y0, y1), number))
                    else:
                        runs.setdefault(("y", round(y0)), []).append((min(x0, x1), max(x0, x1), number))
        for run in runs.values():
            for (_, stop, a), (start, _, b) in pairwise(sorted(run)):
                assert a == b or start > stop - 0.5, circuit.name


def test_large_circuits_draw_in_time(program: str) -> None:
    circuits = random_circuit(300), random_circuit(10_000), chain(60)
    started = os.times()
    for circuit in circuits:
        render(circuit, "png", engine=program)
    spent = [end - begin for begin, end in zip(started[:4], os.times()[:4], strict=True)]  # its children's, too
    assert sum(spent) < 20


def test_inverters_become_bubbles() -> None:
    b = Builder(["a", "b"], fold=False)
    once = b.add("not", 0)
    twice = b.add("not", once)
    b.add("not", 1)  # nothing reads it: it stays a gate
    circuit = b.circuit({"x": b.add("and", once, 1), "y": twice})
    assert folded(circuit) == {once: (0, True), twice: (0, False)}
    kept, bubbled = (source(circuit, fold=fold) for fold in (False, True))
    assert (kept.count("arrowhead=odot"), bubbled.count("arrowhead=odot")) == (0, 1)


def test_dead_gates_are_grey() -> None:
    assert "reaches no output" in shown(render(no_outputs(), "svg"))
    assert "reaches no output" not in shown(render(full_adder(), "svg"))


def test_tables_of_small_pictures_are_written_out() -> None:
    b = Builder(["a", "b", "c"], fold=False)
    circuit = b.circuit({"y": b.add("lut3", 0, 1, 2, params=[0, 1, 1, 0, 1, 0, 0, 1])})
    text = shown(render(circuit, "svg")).split("\n")
    assert "0x96" in text and "110" in text and "LUT3" in text


def test_source_is_a_drawing_of_its_own(program: str) -> None:
    for case in ("hard names", "every row", "nothing"):
        check_svg(engine.run(source(CASES[case]()), "-Tsvg", engine=program))


def test_every_row_has_a_look() -> None:
    assert set(LOOKS) == set(GATE)
    assert body("a row of tomorrow", 0, 0, 30, 20)


def texts(circuit: Circuit) -> list[str]:
    """Everything that is written in a picture, the legend left out."""
    groups = drawing.scene(circuit).groups
    return [item.text for g in groups if g.kind != "legend" for item in g.items if isinstance(item, Text)]


def tips(circuit: Circuit) -> set[str]:
    return {group.tip for group in drawing.scene(circuit).groups}


def test_words_show_their_types() -> None:
    for circuit in (every_word_row(), classifier()):
        written, shown_tips = texts(circuit), tips(circuit)
        driven = [word for w in range(circuit.num_inputs, circuit.num_wires) if (word := circuit.type_of(w)) != BIT]
        for word in set(driven):
            assert written.count(str(word)) == driven.count(word)  # once a wire
        names = (*circuit.input_names, *circuit.output_names)
        for name, word in zip(names, circuit.input_types + circuit.output_types, strict=True):
            assert (name if word == BIT else f"{name} : {word}") in written
        for name, word in zip(circuit.input_names, circuit.input_types, strict=True):
            tip = f"input {name}"
            assert (tip if word == BIT else f"{tip} : {word}, {word.lo}..{word.hi}") in shown_tips


def test_buses_are_thicker_than_bits() -> None:
    circuit = every_word_row()
    widths: dict[str, set[float]] = {}
    for group in drawing.scene(circuit).groups:
        if group.kind == "net":
            lines = {item.width for item in group.items if isinstance(item, Path) and not item.curved}
            widths.setdefault("word" if " : " in group.tip else "bit", set()).update(lines)
    assert min(widths["word"]) >= 2 * max(widths["bit"])


def test_small_pictures_write_parameters_out() -> None:
    written = texts(every_word_row())
    for text in ("42", "-3", "\N{MULTIPLICATION SIGN}-1", "» 2", "clip -8…7", "-5", "table of 16", "{11:4}"):
        assert text in written
    crowded = Builder(["a", "u"], types=[S8, U4], fold=False)
    for k in range(SMALL + 1):
        crowded.add("clip", 0, params=(-k, k))
    written = texts(crowded.circuit({}))
    assert written.count("clip") == SMALL + 1
    assert "g3 = clip [-3 3](a) : s3, -4..3" in tips(crowded.circuit({}))


def test_long_parameter_lists_are_cut() -> None:
    b = Builder(["u"], types=[Word(9, signed=False)])
    (tip,) = (t for t in tips(b.circuit({"y": b.add("table", 0, params=range(512))})) if t.startswith("g0 "))
    assert " … of 512](u)" in tip and len(tip) < 400


def test_pins_without_order_are_those_of_commutative_rows() -> None:
    for name, face in WORD_FACES.items():
        if face.arity in (2, ANY) and look(name).pin is None:
            pairs = [(x, y) for x in range(2) for y in range(2)]
            results = [face.forward(pair, (1, 2, 3), INTEGERS) for pair in pairs]
            swapped = [face.forward(pair[::-1], (1, 2, 3), INTEGERS) for pair in pairs]
            assert look(name).commutes == (results == swapped), name


def test_pins_of_ordered_rows_keep_their_order() -> None:
    b = Builder(["a", "b", "c"], types=[S8] * 3)
    circuit = b.circuit({"y": b.add("sub", 2, 0), "z": b.add("lt", 1, 0)})
    p = drawing.schematic.plan(circuit, fold=False)
    drawing.schematic.place(p, source(circuit), None, 60)
    drawing.schematic.straighten(p)
    for node in p.nodes:
        assert [q.offset for q in node.pins] == sorted(q.offset for q in node.pins)


def test_lettering_is_as_wide_as_it_says() -> None:
    for text in ("Σ +5", "≥ -12", "argmax", "+", " ", ""):
        items = lettering(text, 0, 0, 10)
        half = lettering_width(text, 10) / 2 + 1e-9
        assert all(-half <= x <= half for item in items for x, _ in extent(item))
        assert all(item.text.strip() for item in items if isinstance(item, Text))


def test_printed_pages_spell_every_symbol() -> None:
    for circuit in (every_word_row(), classifier(), random_words(60)):
        data = render(circuit, "pdf")
        page = zlib.decompress(data[data.index(b">>stream\n") + 9 :])
        assert rb"\u" not in page and rb"\x" not in page


def test_a_row_without_a_look_is_a_box_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LOOKS, "popcount")
    assert "POPCOUNT" in texts(every_word_row())
    assert "POPCOUNT" in source(every_word_row())


def test_wide_sums_give_way_to_an_overview() -> None:
    b = Builder([f"x{k}" for k in range(200)], types=[S8] * 200)
    dots = [b.add("dot", *b.inputs, params=[k] * 201) for k in range(1, 11)]
    assert "wires, bundled" in shown(render(b.circuit({"y": b.add("argmax", *dots)}), "svg"))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40), st.integers(0, 1 << 30))
def test_random_words_draw(gates: int, seed: int) -> None:
    circuit = random_words(gates, seed)
    for name in ("svg", "pdf", "dot"):
        CHECKS[name](render(circuit, name))


FULL_ADDER = """digraph "full adder" {
  graph [rankdir=LR nodesep=0.110 ranksep=0.5 tooltip="full adder"];
  node [shape=box style=filled fillcolor=white fontname="Helvetica" fontsize=10 margin="0.05,0.02"];
  edge [arrowhead=none arrowsize=0.6 headport=w tailport=e];
  n0 [label="a" tooltip="input a" width=0.143 height=0.250 shape=plain];
  n1 [label="b" tooltip="input b" width=0.143 height=0.250 shape=plain];
  n2 [label="cin" tooltip="input cin" width=0.257 height=0.250 shape=plain];
  n3 [label="=1" tooltip="g0 = xor(a, b)" width=0.500 height=0.403 fillcolor="#dff2ea"];
  n4 [label="&amp;" tooltip="g1 = and(a, b)" width=0.500 height=0.403 fillcolor="#dcebf7"];
  n5 [label="&amp;" tooltip="g2 = and(cin, g0)" width=0.500 height=0.403 fillcolor="#dcebf7"];
  n6 [label="=1" tooltip="g3 = xor(cin, g0)" width=0.500 height=0.403 fillcolor="#dff2ea"];
  n7 [label="≥1" tooltip="g4 = or(g1, g2)" width=0.500 height=0.403 fillcolor="#fdeccf"];
  n8 [label="sum" tooltip="output sum = g3" width=0.353 height=0.250 shape=plain];
  n9 [label="carry" tooltip="output carry = g4" width=0.405 height=0.250 shape=plain];
  n10 [shape=point width=0.01 height=0.01 label=""];
  n11 [shape=point width=0.01 height=0.01 label=""];
  n12 [shape=point width=0.01 height=0.01 label=""];
  { rank=same; n0; n1; n2; }
  { rank=same; n3; n4; n10; }
  { rank=same; n5; n6; n11; }
  { rank=same; n7; n12; }
  { rank=same; n8; n9; }
  n0 -> n1 -> n2 [style=invis headport=_ tailport=_];
  n8 -> n9 [style=invis headport=_ tailport=_];
  n0 -> n3 [weight=2];
  n1 -> n3 [weight=2];
  n0 -> n4 [weight=2];
  n1 -> n4 [weight=2];
  n10 -> n5 [weight=2];
  n3 -> n5 [weight=2];
  n10 -> n6 [weight=2];
  n3 -> n6 [weight=2];
  n11 -> n7 [weight=2];
  n5 -> n7 [weight=2];
  n12 -> n8 [weight=2];
  n7 -> n9 [weight=2];
  n2 -> n10 [weight=2];
  n4 -> n11 [weight=2];
  n6 -> n12 [weight=2];
}
"""


def test_pictures_of_bits_know_no_words() -> None:
    assert source(full_adder()) == FULL_ADDER
    for circuit in (every_row(), random_circuit(60), hard_names(), chain(20)):
        nets = [item for g in drawing.scene(circuit).groups if g.kind == "net" for item in g.items]
        assert {item.width for item in nets if isinstance(item, Path) and not item.curved} <= {0.8, 1.0}
        assert not any(" : " in text for text in texts(circuit))
        assert "penwidth" not in source(circuit)


def test_settle_keeps_order_and_distance() -> None:
    assert settle([0, 0, 100], [10, 10], [1, 5, 1]) == [-10, 0, 100]
    assert settle([], [], []) == []
    assert settle([5, 1], [3], [1, 9]) == [-2, 1]


def test_tracks_turn_before_they_would_touch() -> None:
    # The first net leaves where the second comes in: the second has to turn further left.
    first, second, flat = Net(0, 0.0, [50.0]), Net(1, 50.0, [90.0]), Net(2, 200.0, [200.0])
    assert assign_tracks([first, second, flat]) == 2
    assert second.track < first.track and flat.track == -1


@pytest.mark.parametrize("name", FORMATS)
def test_draw_writes_whole_files(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / f"picture.{name.upper()}"
    path.write_text("old")
    draw(full_adder(), path)
    assert path.read_bytes() == render(full_adder(), name)
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_suffix(tmp_path: pathlib.Path) -> None:
    for name in ("picture.gif", "picture"):
        with pytest.raises(FormatError, match=r"\.svg, \.pdf, \.png, \.dot"):
            draw(full_adder(), tmp_path / name)
    with pytest.raises(FormatError, match="svg, pdf, png, dot"):
        render(full_adder(), "gif")


def test_unwritable_place(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FormatError, match="cannot be written"):
        draw(full_adder(), tmp_path / "missing" / "picture.svg")


def fake_engine(folder: pathlib.Path, script: str) -> str:
    path = folder / "engine"
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(0o755)
    return str(path)


FAILURES = {
    "import sys; sys.stderr.write('out of\\nluck'); sys.exit(3)": r"failed with status 3 \(out of luck\)",
    "import time; time.sleep(30)": "took longer than",
    "pass": "it wrote nothing",
    "print('{\"objects\": [1]}')": "layout that cannot be read",
    "print('no json')": "layout that cannot be read",
}


@pytest.mark.skipif(sys.platform == "win32", reason="the fake engine is a script")
@pytest.mark.parametrize("script", FAILURES)
def test_a_failing_engine_is_one_line(script: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_engine(tmp_path, script)
    monkeypatch.setattr(engine, "find", lambda name: program)
    target = tmp_path / "picture.png"
    with pytest.raises(ToolError, match=FAILURES[script]) as caught:
        draw(full_adder(), target, timeout=0.5)
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["engine"]


def test_no_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find", lambda name: None)
    with pytest.raises(ToolError, match="pip install graphviz-pure"):
        render(full_adder(), "svg")


def test_the_second_engine_steps_in(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    working = next((path for name in ENGINES if (path := engine.find(name))), None)
    if working is None:
        pytest.skip("no engine is installed")
    broken = fake_engine(tmp_path, "import sys; sys.exit(1)")
    monkeypatch.setattr(engine, "find", lambda name: broken if name == ENGINES[0] else working)
    check_png(render(full_adder(), "png"))


def test_formats_and_writers_agree() -> None:
    assert set(FORMATS) == {*WRITERS, "dot", "html"} == set(CHECKS)


def test_values_and_derivatives_stand_on_the_wires() -> None:
    circuit = full_adder()
    text = shown(render(circuit, "svg", view=View(pattern="101", derivative=True))).split("\n")
    assert {"sum = 0", "carry = 1"} <= set(text) and "changes an output" in text
    cone = shown(render(circuit, "svg", view=View(cone="carry", pattern="100", derivative=True))).split("\n")
    # At a = 1, b = c = 0 the carry rises with b, c and what they feed; a alone changes nothing.
    assert {"carry = 0", "0 +", "1"} <= set(cone) and "1 +" not in cone and "sum = 1" not in cone
    falling = Builder(["a", "b"])
    nor = falling.circuit({"y": falling.add("nor", 0, 1)})
    assert "0 \N{MINUS SIGN}" in shown(render(nor, "svg", view=View(pattern="00", derivative=True)))


def slopes_by_brute_force(circuit: Circuit, pattern: list[int]) -> list[int]:
    """Invert each wire in turn by driving its readers from a constant."""
    plain = evaluate(circuit, pattern)[0]
    found = []
    for wire, step in enumerate(trace(circuit, pattern)):
        values = list(pattern)
        for w in range(circuit.num_wires):
            if w >= circuit.num_inputs:
                op, fanin, params = list(circuit.gates())[w - circuit.num_inputs]
                values.append(GATE[op].forward([values[f] for f in fanin], params, 0) & 1)
            if w == wire:
                values[w] ^= 1
        out = values[circuit.outputs[0]]
        found.append((out - plain) * (1 if step.value == 0 else -1))
    return found


@given(st.integers(0, 99), st.integers(0, 255))
@settings(max_examples=20, deadline=None)
def test_slopes_equal_flipping_each_wire(seed: int, pattern: int) -> None:
    circuit = cone_of(random_circuit(25, 8, seed), "y0")
    bits = [pattern >> k & 1 for k in range(circuit.num_inputs)]
    _, marks = marked(circuit, View(pattern=",".join(map(str, bits)), derivative=True))
    assert marks.slopes == slopes_by_brute_force(circuit, bits)
    assert marks.values == [step.value for step in trace(circuit, bits)]


@given(st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_cone_computes_the_same_output(seed: int) -> None:
    circuit = random_words(30, seed)
    for k, name in enumerate(circuit.output_names):
        cone = cone_of(circuit, name)
        whole = {n: (word.lo + word.hi) // 3 for n, word in zip(circuit.input_names, circuit.input_types, strict=True)}
        assert evaluate(cone, [whole[n] for n in cone.input_names]) == (evaluate(circuit, list(whole.values()))[k],)
        assert fanin_cone(cone, cone.outputs).all()


def test_a_highlight_fades_all_else() -> None:
    picture = drawing.scene(full_adder(), view=View(highlight=("carry",)))
    colours = {g.wire: {p.stroke for p in g.items if isinstance(p, Path)} for g in picture.groups if g.kind == "net"}
    total = full_adder().outputs[0]
    assert colours.pop(int(total)) == {FAINT}
    assert all(ACCENT in strokes and FAINT not in strokes for strokes in colours.values())


@pytest.mark.parametrize("gates", [30, SYMBOLS + 5, OVERVIEW + 1])
def test_dark_pictures_are_light_on_dark(gates: int) -> None:
    circuit = random_circuit(gates)
    light, dark = drawing.scene(circuit), drawing.scene(circuit, view=View(dark=True))
    assert len(light.groups) == len(dark.groups)
    assert int(light.paper[1:3], 16) > 250 and int(dark.paper[1:3], 16) < 40
    for a, b in zip(light.groups, dark.groups, strict=True):
        for item in (i for g in (a,) for i in g.items if isinstance(i, Text) and i.color == INK):
            twin = b.items[a.items.index(item)]
            assert isinstance(twin, Text) and int(twin.color[1:3], 16) > 150
    for name in FORMATS:
        CHECKS[name](render(circuit, name, view=View(dark=True)))


@pytest.mark.parametrize(
    ("view", "what"),
    [
        (View(cone="nothing"), "has no output"),
        (View(highlight=("nothing",)), "has no wire"),
        (View(pattern="10"), "expected 3 digits"),
        (View(pattern="1 0"), "expected 3 digits"),
        (View(pattern="102"), "0 or 1"),
        (View(derivative=True), "expected a pattern"),
    ],
)
def test_views_of_what_is_not_there_are_refused(view: View, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        render(full_adder(), "svg", view=view)


def test_counts_show_no_values() -> None:
    circuit = random_circuit(OVERVIEW + 1, span=300)
    with pytest.raises(ValueError, match=r"too large for values.*2,001 gates"):
        render(circuit, "svg", view=View(pattern="0" * circuit.num_inputs))
    check_html(render(circuit, "html"))


def test_2000_gates_are_drawn_in_blocks_within_seconds() -> None:
    circuit = random_circuit(OVERVIEW, 40, span=300)
    start = time.process_time()
    picture = drawing.scene(circuit)
    assert time.process_time() - start < 10
    gates = {group.wire for group in picture.groups if group.kind == "gate"}
    assert gates == set(range(circuit.num_inputs, circuit.num_wires))
    assert "wires, bundled" in shown(drawing.WRITERS["svg"](picture, None))


def test_bundled_wires_join_what_the_circuit_joins() -> None:
    circuit = random_circuit(SYMBOLS + 5)
    picture = drawing.scene(circuit)
    middles = {}
    for group in picture.groups:
        if group.kind == "gate":
            xs = [x for item in group.items if isinstance(item, Path) for x, _ in item.points]
            ys = [y for item in group.items if isinstance(item, Path) for _, y in item.points]
            middles[group.wire] = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    ends = {
        group.wire: {item.points[-1] for item in group.items if isinstance(item, Path)}
        for group in picture.groups
        if group.kind == "net"
    }
    for wire, (_, fanin, _) in enumerate(circuit.gates(), circuit.num_inputs):
        x, y = middles[wire]
        for f in fanin:
            assert any(abs(ey - y) < 1 and -9 < ex - x < 0 for ex, ey in ends[f]), (f, wire)


def test_inputs_that_are_an_image_are_drawn_as_one() -> None:
    b = Builder([f"p{k}" for k in range(64)], types=[U4] * 64)
    scores = [b.add("dot", *range(8 * k, 8 * k + 8), params=[1] * 9, type=parsed("s12")) for k in range(8)]
    circuit = b.circuit({"class": b.add("argmax", *scores)})
    for k, (name, read) in enumerate(classes(circuit)):
        assert name == f"class {k}" and read.nonzero()[0].tolist() == list(range(8 * k, 8 * k + 8))
    picture = overview.compose(circuit)
    assert sum("looks at" in group.tip for group in picture.groups) == 8
    squares = [group for group in bundled.compose(circuit, Marks()).groups if group.kind == "input"]
    assert len(squares) == 64 and all("read 1 times" in group.tip for group in squares)


@pytest.mark.parametrize(("inputs", "named"), [(101, True), (401, False)])
def test_names_are_written_where_there_is_room(inputs: int, named: bool) -> None:
    b = Builder([f"in{k}" for k in range(inputs)])
    total = 0
    for k in range(1, inputs):
        total = b.add("xor", total, k)
    picture = bundled.compose(b.circuit({"out0": total}), Marks())
    texts = {item.text for group in picture.groups for item in group.items if isinstance(item, Text)}
    assert all((f"in{k}" in texts) is named for k in range(inputs)) and "out0" in texts
