"""Lesson 1: learn a circuit from a truth table, prove it, and use it.

A seven-segment display shows a decimal digit with seven bars, a to g. Ten of the sixteen four-bit codes are digits; on
the other six the circuit may do what it likes, and the search uses that freedom.
"""

from circuits import Proof, and_count, evaluate, satisfies, simplified
from learn import Key, learn, load

table = load(["seven_segment"])
print(f"{table.num_inputs} inputs, {table.num_outputs} outputs, {table.patterns} patterns")

# The search yields an event after each step; the last one holds the best circuit.
for event in learn(table, key=Key(0), steps=20):
    print(f"step {event.step:2}: {event.errors} wrong values, {event.ands} AND nodes")

circuit, _ = simplified(event.circuit)
proof = satisfies(circuit, table)
print(f"{and_count(circuit)} AND nodes, {proof}")
assert isinstance(proof, Proof)

print("digits as the learned circuit shows them:")
for digit in range(10):
    bits = [digit >> k & 1 for k in range(4)]  # the inputs are d0 d1 d2 d3
    lit = dict(zip(circuit.output_names, evaluate(circuit, bits), strict=True))
    print(digit, "".join(name if on else "." for name, on in lit.items()))
