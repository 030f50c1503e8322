"""Lesson 3: circuits of integer words: build, evaluate, differentiate, prove and ship them.

A wire carries a bit or a word of a declared width and sign. A gate computes the exact integer; the type of its wire
says what is stored: the value modulo a power of two, or the nearest one in range.
"""

import sys

import numpy as np

from circuits import Builder, Circuit, Word, and_count, equivalent, evaluate, reverse_derivative, simulate_values
from circuits.draw import View, draw
from circuits.formats import encode

byte = Word(8)

# A quantised neuron: weights 3 and -2, bias 5, its sum shifted right by two and clamped to 0..15.
build = Builder(["x", "y"], name="neuron", types=[byte, byte])
total = build.add("dot", 0, 1, params=(3, -2, 5))  # no type given: the narrowest that holds every sum
build_out = build.add("clip", build.add("shift", total, params=(-2,)), params=(0, 15))
neuron = build.circuit({"z": build_out, "fires": build.add("threshold", total, params=(20,))})
print(neuron)

print("\nneuron(10, -3) =", evaluate(neuron, [10, -3]))
values = simulate_values(neuron, np.array([[10, 127, -128], [-3, -128, 127]]))
print("three patterns at once:", values.tolist())
print(f"as gates: {and_count(neuron)} AND nodes")


def circuit_of(name: str, formula) -> Circuit:
    """Build z = formula(x, y) in the ring of bytes: operators on terms add gates."""
    builder = Builder(["x", "y"], name=name, types=[byte, byte])
    x, y = (builder.term(wire, byte) for wire in builder.inputs)
    return builder.circuit({"z": formula(x, y).wire})


# Modulo 256 the usual laws of arithmetic hold, and that is proved, not tried: all 65,536 patterns.
product = circuit_of("product", lambda x, y: (x + y) * (x - y))
squares = circuit_of("squares", lambda x, y: x * x - y * y)
print("\n(x + y)(x - y) and xx - yy:", equivalent(product, squares))
wrong = circuit_of("wrong", lambda x, y: x * x - y * y * 3)
print("(x + y)(x - y) and xx - 3yy:", equivalent(product, wrong))

# The reverse derivative over the ring of bytes is a circuit again: the change asked of z, times 2x and times -2y.
backwards = reverse_derivative(squares)
print("\nreverse derivative:", ", ".join(backwards.input_names), "->", ", ".join(backwards.output_names))
print("at x = 5, y = 3 for a change of 1:", evaluate(backwards, [5, 3, 1]))
assert evaluate(backwards, [5, 3, 1]) == (10, -6)

print("\n" + encode(neuron, ".v").decode())
if sys.argv[1:]:
    draw(neuron, sys.argv[1], view=View(pattern="10,-3"))
