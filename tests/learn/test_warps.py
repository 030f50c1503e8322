"""Warps: small deformations of images as maps of rows, and training on them."""

import numpy as np
import pytest

from learn import lut_kernels as kernels
from learn.encoders import ImageEncoder
from learn.errors import TrainError
from learn.keys import Key
from learn.models.lut_network import make_network
from learn.train import Settings, fit

ENCODER = ImageEncoder(8, 6)
BANK = ENCODER.comparisons(Key(1), 1000)
STILL = {"shift": 0, "turn": 0, "scale": 0, "bend": 0}


def images(count: int, seed: int = 0) -> np.ndarray:
    return Key(seed, ("images",)).integers(256, (count, 48)).astype(np.uint8)


def test_warped_samples_are_laid_out_by_their_maps():
    codes, warps = ENCODER.codes(images(70)), ENCODER.warps(Key(1), 5, shift=2, turn=20, scale=0.2, bend=1)
    index, chosen = Key(2).integers(70, 100), Key(3).integers(5, 100)
    rows = np.full((ENCODER.rows, 128), 7, np.uint8)
    for first in range(2):
        kernels.gather_warped(codes, index, warps, chosen, rows, first, first + 1)
    for b in range(100):
        assert np.array_equal(rows[:, b], codes[index[b]][warps[chosen[b]]])
    assert (rows[:, 100:] == 7).all()


def test_the_first_map_is_the_identity_and_so_are_all_without_deformation():
    warps = ENCODER.warps(Key(0), 4, **STILL)
    assert (warps == np.arange(ENCODER.rows)).all()
    moved = ENCODER.warps(Key(0), 4, **{**STILL, "shift": 3})
    assert (moved[0] == np.arange(ENCODER.rows)).all()
    assert (moved[1:] != np.arange(ENCODER.rows)).any(axis=1).all()
    assert moved.dtype == np.int32 and moved.min() == 0 and moved.max() < ENCODER.rows
    assert np.array_equal(moved, ENCODER.warps(Key(0), 4, **{**STILL, "shift": 3}))


def test_pixels_and_their_blurred_copies_move_together():
    warps = ENCODER.warps(Key(5), 6, shift=2, turn=30, scale=0.2, bend=0.5)
    pixels, blurred = warps[:, 1:49], warps[:, 49:]
    assert ((pixels == 0) == (blurred == 0)).all()
    assert (blurred[pixels > 0] == pixels[pixels > 0] + 48).all()
    assert (warps[:, 0] == 0).all()


def test_a_shift_moves_the_image():
    image = np.zeros((1, 48), np.uint8)
    image[0, 3 * 6 + 2] = 255
    codes = ENCODER.codes(image)[0]
    for warp in ENCODER.warps(Key(7), 30, **{**STILL, "shift": 2}):
        lit = np.flatnonzero(codes[warp][1:49])
        assert len(lit) <= 1
        if len(lit):
            y, x = divmod(int(lit[0]), 6)
            assert abs(y - 3) <= 2 and abs(x - 2) <= 2


def test_half_of_the_maps_are_mirrored():
    maps = ENCODER.warps(Key(3), 200, **STILL, mirror=True)
    same = np.arange(ENCODER.rows)
    turned = np.concatenate([same[:1], *(1 + copy + np.arange(48).reshape(8, 6)[:, ::-1].ravel() for copy in (0, 48))])
    mirrored = (maps == turned).all(axis=1)
    assert (mirrored | (maps == same).all(axis=1)).all() and not mirrored[0] and 70 < mirrored.sum() < 130


def network():
    return make_network(BANK, rows=ENCODER.rows, classes=2, widths=[20], pins=4, bound=8, key=Key(0))


def test_training_on_warps_is_reproducible_and_differs_from_training_without():
    codes, labels = ENCODER.codes(images(256)), np.arange(256) % 2
    warps = ENCODER.warps(Key(2), 8, shift=2, turn=10, scale=0.1, bend=0.3)
    how = {"bank": BANK, "key": Key(3), "settings": Settings(epochs=2, batch=64)}
    runs = [
        list(fit(network(), codes, labels, warps=given, threads=threads, **how))[-1].network.layers[0].counters
        for given, threads in ((warps, 1), (warps, 2), (None, 1))
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 5), np.int32),
        np.zeros((0, ENCODER.rows), np.int32),
        np.zeros((2, ENCODER.rows), np.int64),
        np.full((2, ENCODER.rows), ENCODER.rows, np.int32),
        np.full((2, ENCODER.rows), -1, np.int32),
    ],
)
def test_maps_that_do_not_fit_are_refused(wrong):
    training = fit(
        network(), ENCODER.codes(images(64)), np.arange(64) % 2,
        bank=BANK, key=Key(3), warps=wrong,
    )  # fmt: skip
    with pytest.raises(TrainError, match="got warps"):
        next(training)
