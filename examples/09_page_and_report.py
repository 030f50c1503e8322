"""Lesson 9: watch how a circuit was learned, and send what it came to as one file.

A log keeps every better circuit on the way. A page replays it: toggle inputs, watch values and derivatives, search. A
report holds headline figures, curves, proof, and the command that repeats the run. Neither needs a server. The command
line does the same: gatewright learn multiplier:3 -o page.html --report report.html --log run.jsonl
"""

import sys
import tempfile
from pathlib import Path

from circuits import and_count, satisfies, simplified
from circuits.draw import draw
from learn import Key, learn, load, score
from learn.report import Log, frames, trends, write_log, write_report

table, log = load(["multiplier:3"]), Log()
for event in learn(table, key=Key(3), steps=10):
    log.note(event)
print(f"{len(log)} circuits on the way:")
print(*trends(log), sep="\n")

circuit, _ = simplified(event.circuit)
facts = {
    "exact": event.errors == 0,
    "accuracy": score(circuit, table).accuracy,
    "ands": and_count(circuit),
    "seconds": event.seconds,
    "proof": str(satisfies(circuit, table)),
}
command = "gatewright learn multiplier:3 --model exact --steps 10 --seed 3"

with tempfile.TemporaryDirectory() as folder:
    page = Path(sys.argv[1] if sys.argv[1:] else f"{folder}/page.html")
    draw(circuit, page, frames=frames(log))
    (Path(folder) / "run.jsonl").write_bytes(write_log(log))
    report = page.with_name(f"{page.stem}_report.html")
    written = write_report(report, table.name, facts, log, circuit, command)
    for file in (page, *written):
        print(f"{file.name}: {file.stat().st_size:,} bytes")
