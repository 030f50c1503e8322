"""Lesson 5: make a circuit as small as can be, prove it, and see what a proof catches.

A seven-segment display shows a decimal digit with seven bars, a to g. Ten of the sixteen four-bit codes are digits; on
the other six the circuit may do what it likes, and the search uses that freedom.
"""

import sys
from dataclasses import replace

from circuits import Proof, and_count, equivalent, evaluate, satisfies, simplified
from circuits.draw import draw
from learn import Key, learn, load

table = load(["seven_segment"])
print(f"{table.num_inputs} inputs, {table.num_outputs} outputs, {table.patterns} patterns")

# Once every value is right, moves that keep it so make the circuit smaller.
for event in learn(table, key=Key(0), steps=20):
    print(f"step {event.step:2}: {event.errors} wrong values, {event.ands} AND nodes")

circuit, equal = simplified(event.circuit)
proof = satisfies(circuit, table)
print(f"{and_count(circuit)} AND nodes, {proof}; simplified, and that is proved too: {equal}")
assert isinstance(proof, Proof)

print("digits as the learned circuit shows them:")
for digit in range(10):
    bits = [digit >> k & 1 for k in range(4)]  # the inputs are d0 d1 d2 d3
    lit = dict(zip(circuit.output_names, evaluate(circuit, bits), strict=True))
    print(digit, "".join(name if on else "." for name, on in lit.items()))

# A wrong circuit gets a counterexample instead: here every bar shows what another should.
wrong = replace(circuit, outputs=circuit.outputs[::-1])
print("with the bars the other way round:", equivalent(circuit, wrong))
if sys.argv[1:]:
    draw(circuit, sys.argv[1])
