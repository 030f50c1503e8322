"""Lesson 8: the same network of look-up tables, trained by every update rule there is.

MONK's second problem: are exactly two of six attributes at their first value? A rule turns the votes of the samples
into integer steps of counters; all else is the same: pins, order of the samples, passes. What differs is how soon a
rule gets it right, and how many entries it flips on the way.
"""

import sys
from dataclasses import replace
from pathlib import Path

from learn import RULES, Key, learn_classifier, load_dataset, plan_for
from learn.report import Chart, figure_of
from learn.rules import rules_in
from learn.spaces import Int

train = load_dataset("monk2", split="all")
plan = plan_for(train, tables=100)
settings = replace(plan.settings, epochs=50)
print(f"{'rule':<20} held out  after pass   flips  from")

curves = {}
for rule in rules_in(Int):
    for progress in learn_classifier(train, key=Key(0), plan=plan._replace(settings=replace(settings, rule=rule))):
        history = progress.event.history
    curves[rule] = [done.validation for done in history]
    best, flips = max(curves[rule]), sum(sum(done.flips) for done in history)
    print(f"{rule:<20} {best:>8.1%} {1 + curves[rule].index(best):>11} {flips:>7,}  {RULES[rule].paper}")

if sys.argv[1:]:
    shown = {rule: curves[rule] for rule in ("zim", "bold", "rounding", "heat_bath", "adam_nearest")}
    chart = Chart("rules", "Held-out accuracy after each pass, by rule", ("pass", range(1, 51)), shown)
    path = Path(sys.argv[1])
    path.write_bytes(figure_of(chart)[path.suffix[1:]])  # drawn by matplotlib: svg or png
