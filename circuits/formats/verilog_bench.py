"""Verilog-2005 out: a test bench that checks itself.

Every pattern is tried where the bits of all inputs are few; else fixed and well mixed patterns, for words with the
extremes among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

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
{spare}{ports}  {module} dut({pins});
  task check(input [{input_msb}:0] pattern, input [{output_msb}:0] expected);
    if (!failed) begin
      given = pattern;
      wanted = expected;
      #1;
      if (found !== wanted) begin
        failed = 1'b1;
        $display({failure});
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


_BITS_FAILURE = '"FAIL inputs %b: got %b, expected %b", given, found, wanted'


class _Port(NamedTuple):
    """A port as the bench has it: its bits in the vector of all inputs or outputs, and a net of its type."""

    name: str
    word: Word
    start: int

    def part(self, vector: str) -> str:
        """Return the port's bits of a vector."""
        first = self.start
        return f"{vector}[{first}]" if self.word == BIT else f"{vector}[{first + self.word.bits - 1}:{first}]"


def _ports(names: Sequence[str], types: Sequence[Word]) -> list[_Port]:
    starts = accumulate((word.bits for word in types), initial=0)
    return [_Port(*port) for port in zip(names, types, starts, strict=False)]


def _shown_ports(inputs: list[_Port], outputs: list[_Port]) -> tuple[str, str]:
    """Return declarations of nets that show every port as a number, and what to display with them."""
    shown = [
        *((port, f"x{k}", "given") for k, port in enumerate(inputs)),
        *((port, f"y{k}", "found") for k, port in enumerate(outputs)),
        *((port, f"w{k}", "wanted") for k, port in enumerate(outputs)),
    ]
    declared = "".join(f"  {typed('wire', p.word, net)} = {p.part(vector)};\n" for p, net, vector in shown)
    groups = []
    for group in (shown[: len(inputs)], shown[len(inputs) :][: len(outputs)], shown[len(inputs) + len(outputs) :]):
        groups.append(" ".join(f"{_literal(port.name)}=%0d" for port, _, _ in group))
    text = f'"FAIL inputs {groups[0]}: got {groups[1]}, expected {groups[2]}"'
    return declared, ", ".join([text, *(net for _, net, _ in shown)])


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

    inputs = _ports(circuit.input_names, circuit.input_types)
    outputs = _ports(circuit.output_names, circuit.output_types)
    pins = [f".{identifier(port.name)}({port.part('given')})" for port in inputs]
    pins += [f".{identifier(port.name)}({port.part('found')})" for port in outputs]
    ports, failure = _shown_ports(inputs, outputs) if circuit.has_words else ("", _BITS_FAILURE)
    text = _BENCH.format(
        bench=identifier(f"{circuit.name}_tb"),
        module=identifier(circuit.name),
        input_msb=max(len(words), 1) - 1,
        output_msb=max(len(wanted), 1) - 1,
        spare="" if outputs else "  assign found = 1'b0;\n",
        ports=ports,
        failure=failure,
        pins=", ".join(pins),
        checks="".join(f"    check({x}, {y});\n" for x, y in zip(spelled(words), spelled(wanted), strict=True)),
        patterns=patterns,
    )
    return text.encode()
