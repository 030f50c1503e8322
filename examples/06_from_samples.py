"""Lesson 6: learn a function from some of its rows, and be right on rows never seen.

A thousand pairs of numbers below 256, each with one bit: whether their sum is above 255. There are 65,536 pairs. A
portfolio tries models, the cheapest first, holds a quarter of the rows out, and keeps what is best on those.
"""

import sys

import numpy as np

from circuits import and_count, sampled_table, truth_table
from circuits.draw import draw
from circuits.words import unpack
from learn import Key
from learn.portfolio import learn

key = Key(0)
pairs = key.fold("pairs").integers(256, (1000, 2))
bits = (pairs[:, :, None] >> np.arange(8) & 1).reshape(len(pairs), 16)
above = pairs.sum(1, keepdims=True) > 255
names = tuple(f"{word}{bit}" for word in "xy" for bit in range(8))
table = sampled_table(bits, above, input_names=names, output_names=("above",), name="above")
print(f"{table.patterns:,} rows of {table.num_inputs} bits")

told = 0
for event in learn(table, key=key, steps=8):
    if event.step > told:
        told = event.step
        print(f"trial {told}: best {event.name}, {event.held_out:.1%} of the rows held out, {event.ands} AND nodes")
circuit = event.circuit

# All pairs can be counted here: pattern p is x = p mod 256, y = p // 256. What no row gives a sign of may be wrong.
patterns = np.arange(1 << 16)
answers = unpack(truth_table(circuit).outputs, len(patterns))[0]
right = (answers == (patterns % 256 + patterns // 256 > 255)).mean()
print(f"{and_count(circuit)} AND nodes, right on {right:.2%} of all pairs")
assert right > 0.99
if sys.argv[1:]:
    draw(circuit, sys.argv[1])
