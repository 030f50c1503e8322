"""Verilog-2005 out: a test bench that checks itself.

Every pattern is tried where the bits of all inputs are few; else fixed and well mixed patterns, for words with the
extremes among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuits.circuit import Circuit
from circuits.formats.verilog_text import identifier, typed
from circuits.simulate import simulate
from circuits.values import Values, from_bits, simulate_values, to_bits
from circuits.wires import BIT, Word
from circuits.words import Words, enumerate_inputs, mask_words, mixed_words, unpack, word_count

EXHAUSTIVE_INPUTS = 12
"""A test bench tries all patterns up to this many bits of input."""

MAX_BENCH_BITS = 1 << 26
"""Values in a test bench, 64 MiB of text; circuits of very many ports are tried on fewer patterns."""

_BENCH = """\
// Prints PASS, or FAIL with the first pattern that comes out wrong. Vectors: the first port is the rightmost bit.
module {bench};
  reg [{input_msb}:0] given;
  reg [{output_msb}:0] wanted;
  wire [{output_msb}:0] found;
  reg failed;
{spare}  {module} dut({pins});
  task check(input [{input_msb}:0] pattern, input [{output_msb}:0] expected);
    if (!failed) begin
      given = pattern;
      wanted = expected;
      #1;
      if (found !== wanted) begin
        failed = 1'b1;
        $display("FAIL inputs %b: got %b, expected %b", given, found, wanted);
      end
    end
  endtask
  initial begin
    failed = 1'b0;
{checks}    if (!failed) $display("PASS {patterns} patterns");
    $finish;
  end
endmodule
"""


_WORD_BENCH = """\
// Prints PASS, or FAIL with the first pattern that comes out wrong. Vectors: the first port is rightmost.
module {bench};
{nets}  reg failed;
  {module} dut({pins});
  task check(input [{input_msb}:0] pattern, input [{output_msb}:0] expected);
    if (!failed) begin
      {given} = pattern;
      {wanted} = expected;
      #1;
      if ({found} !== expected) begin
        failed = 1'b1;
        $display("FAIL inputs {given_text}: got {found_text}, expected {found_text}", {shown});
      end
    end
  endtask
  initial begin
    failed = 1'b0;
{checks}    if (!failed) $display("PASS {patterns} patterns");
    $finish;
  end
endmodule
"""


def _of_bits(circuit: Circuit) -> tuple[str, dict[str, str]]:
    """Return the text of a bench for a circuit of bits, and what stands in it."""
    pins = [f".{identifier(name)}(given[{k}])" for k, name in enumerate(circuit.input_names)]
    pins += [f".{identifier(name)}(found[{k}])" for k, name in enumerate(circuit.output_names)]
    spare = "" if circuit.num_outputs else "  assign found = 1'b0;\n"
    return _BENCH, {"pins": ", ".join(pins), "spare": spare}


def _of_words(circuit: Circuit) -> tuple[str, dict[str, str]]:
    """Return the text of a bench for a circuit of words, where every port is a vector of its own, likewise."""
    given = [(f"x{k}", word) for k, word in enumerate(circuit.input_types)]
    found = [(f"y{k}", word) for k, word in enumerate(circuit.output_types)]
    wanted = [(f"w{k}", word) for k, word in enumerate(circuit.output_types)]
    ports = zip([*circuit.input_names, *circuit.output_names], [*given, *found], strict=True)
    pins = ", ".join(f".{identifier(name)}({net})" for name, (net, _) in ports)
    shown = ", ".join(net for net, _ in [*given, *found, *wanted])
    # a circuit without inputs or without outputs has a bit of them
    given, found, wanted = given or [("x", BIT)], found or [("y = 1'b0", BIT)], wanted or [("w", BIT)]
    kinds = (("reg", given), ("wire", found), ("reg", wanted))

    def joined(nets: list[tuple[str, Word]]) -> str:
        return "{" + ", ".join(net.split()[0] for net, _ in reversed(nets)) + "}"

    return _WORD_BENCH, {
        "nets": "".join(f"  {typed(kind, word, net)};\n" for kind, nets in kinds for net, word in nets),
        "pins": pins,
        "given": joined(given),
        "found": joined(found),
        "wanted": joined(wanted),
        "given_text": " ".join(f"{_literal(name)}=%0d" for name in circuit.input_names),
        "found_text": " ".join(f"{_literal(name)}=%0d" for name in circuit.output_names),
        "shown": shown,
    }


def _literal(name: str) -> str:
    """Return a name as it stands in a format string."""
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _probing_values(types: Sequence[Word], patterns: int) -> Values:
    """Return fixed patterns: each extreme on all inputs at once, then mixed extremes, then mixed values.

    Returns:
        int64 (inputs, patterns).
    """
    bits = mixed_words(sum(word.bits for word in types), word_count(patterns)) & mask_words(patterns)
    values = from_bits(bits, types, patterns)
    choice = mixed_words(len(types), patterns, start=bits.size) % np.uint64(5)
    choice[:, :5] = np.arange(5)[:patterns]
    special = max(5, patterns // 2)
    for row, word, chosen in zip(values, types, choice, strict=True):
        extremes = np.array([word.lo, word.hi, 0, max(word.lo, -1), min(word.hi, 1)], np.int64)
        row[:special] = extremes[chosen[:special]]
    return values


def _patterns(circuit: Circuit, patterns: int) -> tuple[Words, Words, int]:
    """Return the bits of inputs and of wanted outputs, and how many patterns there are."""
    types, wanted = circuit.input_types, circuit.output_types
    n, m = sum(word.bits for word in types), sum(word.bits for word in wanted)
    if n <= EXHAUSTIVE_INPUTS:
        patterns = 1 << n
        words = enumerate_inputs(n)
    else:
        patterns = max(1, min(patterns, MAX_BENCH_BITS // (n + m)))
        words = mixed_words(n, word_count(patterns)) & mask_words(patterns)
        if circuit.has_words:
            words = to_bits(_probing_values(types, patterns), types)
    if not circuit.has_words:
        return words, simulate(circuit, words, patterns=patterns), patterns
    return words, to_bits(simulate_values(circuit, from_bits(words, types, patterns)), wanted), patterns


def testbench(circuit: Circuit, patterns: int) -> bytes:
    """Write a module that drives every pattern through the circuit's module and compares with what we simulate.

    Args:
        circuit: with the names the module has.
        patterns: how many patterns are tried where they are too many to try all.
    """
    words, wanted, patterns = _patterns(circuit, patterns)

    def spelled(rows: Words) -> list[str]:
        """Return a binary constant per pattern, the last row first."""
        bits = unpack(rows, patterns).T[:, ::-1] if len(rows) else np.zeros((patterns, 1), bool)
        characters = np.where(bits, ord("1"), ord("0")).astype(np.uint8)
        return [f"{len(row)}'b{row.tobytes().decode()}" for row in characters]

    text, parts = (_of_words if circuit.has_words else _of_bits)(circuit)
    return text.format(
        bench=identifier(f"{circuit.name}_tb"),
        module=identifier(circuit.name),
        input_msb=max(len(words), 1) - 1,
        output_msb=max(len(wanted), 1) - 1,
        checks="".join(f"    check({x}, {y});\n" for x, y in zip(spelled(words), spelled(wanted), strict=True)),
        patterns=patterns,
        **parts,
    ).encode()
