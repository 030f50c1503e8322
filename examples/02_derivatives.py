"""Lesson 2: build a full adder by hand and look at its three derivatives.

What does flipping an input do to the outputs? A reverse derivative answers with a circuit, gate by gate; the variation
also says in which direction; observability is exact for the whole circuit, whatever paths meet again.
"""

import sys

import numpy as np

from circuits import Builder, evaluate, observability, reverse_derivative, truth_table, variation
from circuits.draw import View, draw
from circuits.words import enumerate_inputs, unpack

build = Builder(["a", "b", "carry_in"], name="full_adder")
a, b, carry_in = (build.term(wire) for wire in build.inputs)
half = a ^ b
adder = build.circuit({"sum": (half ^ carry_in).wire, "carry_out": (a & b | half & carry_in).wire})
print(adder)

table = truth_table(adder)
print("\na b c   sum carry")
for pattern, (s, c) in enumerate(unpack(table.outputs, table.patterns).T.astype(int)):
    print(*(pattern >> k & 1 for k in range(3)), "    ", s, "", c)

# Observability, the exact one: on which of the 8 patterns does an output change when a wire is flipped?
inputs = enumerate_inputs(3)
seen = unpack(observability(adder, inputs, patterns=8), 8)
print("\nin how many of 8 patterns an output sees a wire flip:")
for wire, name in enumerate(adder.wire_names()):
    print(f"  {name:8}", ", ".join(f"{out} {seen[wire, k].sum()}" for k, out in enumerate(adder.output_names)))

# The reverse derivative is a circuit: it reads the inputs and a change per output, and gives a change per input.
backwards = reverse_derivative(adder)
print(f"\nreverse derivative: {', '.join(backwards.input_names)} -> {', '.join(backwards.output_names)}")
traced = [evaluate(backwards, [*(p >> k & 1 for k in range(3)), 0, 1])[0] for p in range(8)]

# The variation knows the direction as well: +1 where the carry moves with a, -1 against it, 0 where it stays.
carry_only = np.array([[0] * 8, [1] * 8])
varied = variation(adder, inputs, carry_only)[0][0]

exact = seen[0, 1].astype(int)
print("\nthe carry when a is flipped, pattern by pattern:")
print("  observability      ", *(f"{v:2}" for v in exact))
print("  reverse derivative ", *(f"{v:2}" for v in traced))
print("  variation          ", *(f"{v:2}" for v in varied))

# a reaches the carry by two paths, through a & b and through (a ^ b) & carry_in. Where b and carry_in are both 1 the
# carry stays 1 whatever a is: one path rises as the other falls. The two chain rules follow each path alone.
differ = [p for p in range(8) if exact[p] != abs(varied[p])]
print("they differ where b = carry_in = 1: patterns", *differ)
assert differ == [p for p in range(8) if p >> 1 == 3]
assert list(abs(varied)) == traced
if sys.argv[1:]:
    draw(adder, sys.argv[1], view=View(pattern="111", derivative=True, cone="carry_out"))
