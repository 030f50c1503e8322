"""Lesson 1: learn a half adder from its truth table, prove it, draw it and write it.

Four rows say what is wanted; the search finds gates that do it. With a file name (.svg, .png, .pdf, .html) this and
every other lesson draws its picture there.
"""

import sys

from circuits import complete_table, evaluate, satisfies
from circuits.draw import draw
from circuits.formats import encode
from learn import Key, learn

# One row an output, one column a pattern: a + b for (a, b) = 00, 10, 01, 11. Input 0 changes fastest.
table = complete_table(
    [[0, 1, 1, 0], [0, 0, 0, 1]], inputs=2, input_names=("a", "b"), output_names=("sum", "carry"), name="half_adder"
)

# The search yields an event after each step; the last one holds the best circuit. The key decides every draw.
for event in learn(table, key=Key(0), steps=3):
    print(f"step {event.step}: {event.errors} wrong values, {event.ands} AND nodes")
circuit = event.circuit

print(f"\n{circuit}\n")
print("proved:", satisfies(circuit, table))
print("1 + 1 =", dict(zip(circuit.output_names, evaluate(circuit, [1, 1]), strict=True)))
assert evaluate(circuit, [1, 1]) == (0, 1)

print("\nthe same as Verilog, a format hardware tools read:\n")
print(encode(circuit, ".v").decode())
if sys.argv[1:]:
    draw(circuit, sys.argv[1])
