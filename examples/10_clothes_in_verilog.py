"""Lesson 10: pictures of clothes, told apart by a circuit in Verilog.

Fashion-MNIST: 28 x 28 grey pixels, ten kinds of clothes. Look-up tables read comparisons of pixels and vote; what they
become is a module from 784 bytes to a class. Its files are read from --data-dir (those of the Debian package
dataset-fashion-mnist are in /usr/share/datasets); without it the lesson draws small shapes of its own.
"""

import argparse
from dataclasses import replace

import numpy as np

from circuits.draw import draw
from circuits.formats import encode
from learn import Key, classes_of, learn_classifier, load_dataset, plan_for
from learn.data import Dataset

options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
options.add_argument("picture", nargs="?", help="where to draw the circuit: .svg, .png, .pdf")
options.add_argument("--data-dir", help="where the files of Fashion-MNIST are")
options.add_argument("--tables", type=int, default=600)
options.add_argument("--passes", type=int, default=6)
given = options.parse_args()


def shapes(key: Key, count: int) -> Dataset:
    """Draw bars, poles, crosses and frames in 10 x 10 grey pixels, each somewhere, under noise."""
    kind = key.fold("kind").integers(4, count)
    row, column = key.fold("row").integers(6, count) + 2, key.fold("column").integers(6, count) + 2
    pixels = key.fold("noise").integers(80, (count, 10, 10))
    for image, k, r, c in zip(pixels, kind, row, column, strict=True):
        if k in (0, 2):
            image[r, :] += 120
        if k in (1, 2):
            image[:, c] += 120
        if k == 3:
            image[[r - 2, r + 2], c - 2 : c + 3] += 120
            image[r - 2 : r + 3, [c - 2, c + 2]] += 120
    names = tuple(f"p{i}" for i in range(100))
    grey = np.minimum(pixels, 255).astype(np.uint8).reshape(count, 100)
    return Dataset("shapes", grey, kind, names, ("bar", "pole", "cross", "frame"), (10, 10))


key = Key(0)
if given.data_dir:
    train, test = (load_dataset("fashion_mnist", split=part, data_dir=given.data_dir) for part in ("train", "test"))
else:
    train, test = (shapes(key.fold(part), count) for part, count in (("train", 3000), ("test", 1000)))
print(f"{train.name}: {train.num_samples:,} pictures of {train.num_features} pixels, {train.num_classes} classes")

plan = plan_for(train, tables=given.tables)._replace(warps="none")
plan = plan._replace(settings=replace(plan.settings, epochs=given.passes))
for progress in learn_classifier(train, key=key, plan=plan):
    event = progress.event
    print(f"pass {event.epoch}: {event.accuracy:.1%} of the training pictures right, {event.validation:.1%} held out")

circuit = progress.classifier.circuit()
verilog = encode(circuit, ".v").decode()
right = (classes_of(circuit, test.features) == test.labels).mean()
print(f"{circuit.num_gates:,} gates of words classify {right:.1%} of {test.num_samples:,} new pictures right")
print(f"{len(verilog.splitlines()):,} lines of Verilog, the last of them")
print(*verilog.splitlines()[-2:], sep="\n")
assert right > 0.75
if given.picture:
    draw(circuit, given.picture)
