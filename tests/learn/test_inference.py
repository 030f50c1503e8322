"""The kernels that classify, beside those that train."""

import numpy as np
import pytest

from learn.classify import Classifier
from learn.encoders import ImageEncoder, TabularEncoder
from learn.inference import BLOCK, blur, first_greatest, lay_out
from learn.keys import Key
from learn.models.lut_network import make_network


def drawn(encoder, *, classes=3, widths=(30,), pins=6, seed=0):
    key = Key(seed)
    network = make_network(
        encoder.comparisons(key, 1 << 16),
        rows=encoder.rows,
        classes=classes,
        widths=widths,
        pins=pins,
        bound=8,
        key=key,
    )
    return Classifier(network, encoder, "drawn")


@pytest.mark.parametrize(("samples", "features"), [(1, 1), (7, 9), (8, 8), (64, 16), (61, 35)])
def test_samples_are_laid_out_as_rows(samples, features):
    data = Key(0).integers(256, (samples + 3, features)).astype(np.uint8)
    rows = np.full((features + 2, 64), 255, np.uint8)
    lay_out(data, 2, samples, rows, 1)
    assert np.array_equal(rows[1:-1, :samples], data[2 : 2 + samples].T)
    assert (rows[[0, -1]] == 255).all() and (rows[:, samples:] == 255).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (4, 3), (7, 8)])
def test_pixels_are_blurred_as_the_encoder_does(height, width):
    encoder = ImageEncoder(height, width)
    images = Key(1).integers(256, (64, height * width)).astype(np.uint8)
    rows = np.zeros((encoder.rows, 64), np.uint8)
    rows[1 : 1 + height * width] = images.T
    blur(rows, height, width)
    assert np.array_equal(rows.T, encoder.codes(images))


def test_the_first_of_the_greatest_scores_wins():
    scores = Key(2).integers(4, (5, 64)).astype(np.uint16)
    classes = np.full(64, -1)
    first_greatest(scores, 50, classes)
    assert np.array_equal(classes[:50], scores.argmax(axis=0)[:50]) and (classes[50:] == -1).all()


@pytest.mark.parametrize("pins", [2, 3, 6])
@pytest.mark.parametrize("widths", [(30,), (40, 21)])
@pytest.mark.parametrize("samples", [0, 1, BLOCK, BLOCK + 77])
def test_classes_are_those_of_the_training_kernels(pins, widths, samples):
    images = Key(3).integers(256, (samples, 30)).astype(np.uint8)
    numbers = Key(4).integers(50, (300, 4))
    for encoder, given in ((ImageEncoder(5, 6), images), (TabularEncoder.fit(numbers), numbers[:samples])):
        classifier = drawn(encoder, widths=widths, pins=pins)
        wanted = classifier.scores(given).argmax(axis=1) if len(given) else np.zeros(0, np.int64)
        assert np.array_equal(classifier.predict(given), wanted)
        assert np.array_equal(classifier.predict(given.astype(np.int64)), wanted)
