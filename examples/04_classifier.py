"""Lesson 4: a classifier that is a circuit, trained with integers only.

MONK's first problem: six attributes of a robot, and a class that says whether its head and body have the same shape or
its jacket is red. A network of look-up tables learns it from 124 of the 432 robots; what it becomes is a circuit from
the attributes to the class, and that circuit is what is scored.
"""

import sys

from circuits import and_count
from circuits.draw import draw
from learn import Key, classes_of, learn_classifier, load_dataset, plan_for

train = load_dataset("monk1")  # 124 robots
test = load_dataset("monk1", split="test")  # all 432
print(f"{train.name}: {train.num_samples} samples of {train.num_features} attributes, {train.num_classes} classes")

# Some samples are held out to validate on. An event comes after every pass over the others.
plan = plan_for(train, tables=24)
for progress in learn_classifier(train, key=Key(0), plan=plan):
    event = progress.event
    if event.epoch % 100 == 0:
        print(
            f"pass {event.epoch}: {event.accuracy:.0%} of the training samples right, {event.validation:.0%} held out"
        )

network = progress.classifier.network
counters = network.layers[0].counters
print(f"\n{network.num_tables} look-up tables, {counters.size:,} counters of one byte: {counters[0, :8]} ...")

circuit = progress.classifier.circuit()
print(
    f"the circuit: {circuit.num_gates:,} gates of words, {and_count(circuit):,} AND nodes, encoder and argmax included"
)
right = (classes_of(circuit, test.features) == test.labels).mean()
print(f"of all robots it classifies {right:.1%} right")
assert right > 0.8
if sys.argv[1:]:
    draw(circuit, sys.argv[1])
