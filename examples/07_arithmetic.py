"""Lesson 7: learn arithmetic: a formula from a table of integers, and a cheap circuit near a function.

Weights and constants are integers while they are learned, so the formula found is the circuit that ships.
"""

import sys
import tempfile
from pathlib import Path

from circuits import evaluate
from circuits.draw import draw
from learn import Key
from learn.arithmetic import approximated, from_table

key = Key(0)
with tempfile.TemporaryDirectory() as folder:
    # 200 rows of three bytes and two outputs; a name may declare the type of its column, s8 or u8.
    rows = key.fold("rows").integers(256, (200, 3)).tolist()
    file = Path(folder) / "machine.csv"
    lines = [f"{a},{b},{c},{5 * a - 3 * b + 7},{(a * b + 2 * c * c) % 256}" for a, b, c in rows]
    file.write_text("\n".join(["a:u8,b:u8,c:u8,level,phase:u8", *lines]) + "\n")
    found = from_table(file, key=key, label="level,phase", seconds=5)

print(*found.lines, sep="\n")
print(found.circuit)
assert found.exact
print("at a = 20, b = 3, c = 1:", evaluate(found.circuit, [20, 3, 1]))

# Where an error is allowed, circuits get smaller: the square root of six bits in at most 20 AND nodes.
print()
near = approximated("sqrt", 6, 6, max_ands=20, key=key)
print(*near.lines, sep="\n")
if sys.argv[1:]:
    draw(found.circuit, sys.argv[1])
