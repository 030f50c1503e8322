import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from learn.errors import LossError
from learn.loss_kernels import softmax_oracle, softmax_signals
from learn.losses import absolute, exponentials, hamming, huber, logistic, softmax, squared

LOSSES = {"hamming": (hamming, (0, 1)), "absolute": (absolute, (-50, 50)), "squared": (squared, (-50, 50))}
SHAPE = (3, 4)


@pytest.mark.parametrize("name", LOSSES)
@given(data=st.data())
def test_the_signal_is_the_loss_difference(name, data):
    loss, (lo, hi) = LOSSES[name]
    integers = hnp.arrays(data.draw(st.sampled_from([np.int8, np.int64])), SHAPE, elements=st.integers(lo, hi))
    outputs, wanted = data.draw(integers), data.draw(integers)
    care = data.draw(hnp.arrays(bool, SHAPE))
    total, signal = loss(outputs, wanted, care=care)
    assert isinstance(total, int) and signal.dtype == np.int64 and signal.shape == SHAPE
    for where in np.ndindex(SHAPE):
        up, down = outputs.copy(), outputs.copy()
        up[where], down[where] = (1, 0) if hi == 1 else (outputs[where] + 1, outputs[where] - 1)
        spread = 1 if hi == 1 else 2
        assert loss(up, wanted, care=care)[0] - loss(down, wanted, care=care)[0] == spread * signal[where]
    assert loss(np.where(care, wanted, outputs), wanted, care=care)[0] == 0
    assert not signal[~care].any()


@given(
    hnp.arrays(np.int64, (3, 4, 2), elements=st.integers(-300, 300)),
    st.data(),
    st.sampled_from([1, 5, 127]),
    st.sampled_from([1, 2, 7.0]),
)
def test_huber_is_the_residual_held(scores, data, scale, tau):
    wanted = data.draw(hnp.arrays(np.int64, (3, 4), elements=st.integers(-300, 300)))
    loss, signal = huber(scores, wanted, scale=scale, tau=tau)
    residual = [a[1] - a[0] - b for a, b in zip(scores.reshape(-1, 2).tolist(), wanted.ravel().tolist(), strict=True)]
    end = scale * tau
    assert loss == sum(r * r / 2 if abs(r) <= end else end * (abs(r) - end / 2) for r in residual)
    held = [max(-scale, min(scale, math.floor(r / tau + 0.5))) for r in residual]
    assert signal.reshape(-1, 2).tolist() == [[-r, r] for r in held]


@pytest.mark.parametrize(
    ("scores", "wanted", "scale", "tau"),
    [([[1, 2]], [1, 2], 9, 1), ([1, 2, 3], 0, 9, 1), ([1, 2], 0, 0, 1), ([1, 2], 0, 9, 0), ([1, 2], 0, 9, 1.5)],
)
def test_huber_of_what_does_not_fit(scores, wanted, scale, tau):
    with pytest.raises(LossError, match=r"^huber: got scores \(.*, expected \(\.\.\., 2\)"):
        huber(scores, wanted, scale=scale, tau=tau)


def test_values():
    assert hamming([0, 1, 1], [0, 0, 1])[0] == 1
    assert hamming([0, 1, 1], [0, 0, 1])[1].tolist() == [1, 1, -1]
    assert absolute([3, -2], [1, 1])[0] == 5
    assert squared([3, -2], [1, 1])[0] == 13
    assert squared(np.array([-128], np.int8), np.array([127], np.int8))[0] == 255**2
    assert hamming(np.zeros(0, int), np.zeros(0, int))[0] == 0


@given(
    scores=hnp.arrays(np.int64, (5, 7), elements=st.integers(-300, 300)),
    labels=hnp.arrays(np.int64, 5, elements=st.integers(0, 6)),
    scale=st.sampled_from([1, 31, 63, 255]),
    tau=st.sampled_from([0.5, 3.0, 9.0, 100.0]),
)
def test_softmax_against_real_numbers(scores, labels, scale, tau):
    loss, signal = softmax(scores, labels, scale=scale, tau=tau)
    exact, entropy = np.zeros((5, 7)), 0.0
    for i, row in enumerate(scores.tolist()):
        e = [math.exp((s - max(row)) / tau) for s in row]
        exact[i] = [scale * (v / sum(e) - (j == labels[i])) for j, v in enumerate(e)]
        entropy += (max(row) - row[labels[i]]) / tau + math.log(sum(e))
    assert signal.dtype == np.int64
    near_half = np.abs(exact - np.floor(exact) - 0.5) < 0.02
    assert np.array_equal(signal[~near_half], np.rint(exact)[~near_half])
    assert np.all(np.abs(signal - exact) < 0.53)
    assert loss == pytest.approx(entropy, abs=1e-3)


@given(
    scores=hnp.arrays(np.int64, (5, 7), elements=st.integers(-300, 300)),
    labels=hnp.arrays(np.int64, 5, elements=st.integers(0, 6)),
    scale=st.sampled_from([1, 31, 63, 255]),
    tau=st.sampled_from([0.5, 3.0, 9.0, 100.0]),
)
def test_logistic_against_real_numbers(scores, labels, scale, tau):
    loss, signal = logistic(scores, labels, scale=scale, tau=tau)
    wanted = np.arange(7) == labels[:, None]
    exact = scale * (1 / (1 + np.exp(-np.clip(scores / tau, -500, 500))) - wanted)
    assert signal.dtype == np.int64
    near_half = np.abs(exact - np.floor(exact) - 0.5) < 0.02
    assert np.array_equal(signal[~near_half], np.rint(exact)[~near_half])
    assert np.all(np.abs(signal - exact) < 0.53)
    entropy = np.logaddexp(0, np.where(wanted, -scores, scores) / tau).sum()
    assert loss == pytest.approx(entropy, abs=1e-3)


@given(st.integers(0, 5), st.integers(1, 7), st.integers(0, 99), st.sampled_from([0.3, 8.0, 40.0]), st.integers(1, 300))
def test_the_softmax_kernel_is_its_oracle(samples, classes, seed, tau, scale):
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(-200, 200, (samples, classes)), rng.integers(classes, size=samples)
    found = softmax_signals(scores, labels, exponentials(tau), scale)
    for ours, theirs in zip(found, softmax_oracle(scores, labels, exponentials(tau), scale), strict=True):
        assert np.array_equal(ours, theirs)


def test_softmax_rounds_half_up_and_ignores_a_common_offset():
    assert softmax([[5, 5]], [0], scale=1)[1].tolist() == [[0, 1]]
    a, b = softmax([[1, 2, 3]], [0]), softmax([[10**15 + 1, 10**15 + 2, 10**15 + 3]], [0])
    assert a[0] == b[0] and np.array_equal(a[1], b[1])
    assert softmax([[0, 10**9]], [1])[1].tolist() == [[0, 0]]
    assert softmax([[0, 10**9]], [0])[1].tolist() == [[-63, 63]]


@pytest.mark.parametrize("tau", [0.01, 1.0, 9.0, 333.3])
def test_the_table_ends_at_its_first_zero(tau):
    table = exponentials(tau)
    assert table[0] == 1 << 16 and table[-1] == 0 and (table[:-1] > 0).all()
    assert not table.flags.writeable


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hamming([0, 2], [0, 1]), r"outputs lie in 0\.\.2, expected bits"),
        (lambda: hamming([0, 1], [0, -1]), r"wanted lie in -1\.\.0"),
        (lambda: absolute([0, 1], [0]), "expected one shape"),
        (lambda: squared([0], [0], care=[1, 1]), "expected one shape"),
        (lambda: squared([0.5], [0]), "outputs: got dtype float64"),
        (lambda: softmax([[1, 2]], [2]), r"labels lie in 2\.\.2, expected 0\.\.1"),
        (lambda: softmax([[1, 2]], [0, 1]), "labels"),
        (lambda: softmax(np.zeros((2, 0), int), [0, 0]), "scores"),
        (lambda: softmax([[1, 2]], [0], tau=0.0), "tau 0.0"),
        (lambda: softmax([[1, 2]], [0], tau=math.inf), "tau inf"),
        (lambda: softmax([[1, 2]], [0], scale=0), "scale 0"),
        (lambda: logistic([[1, 2]], [2]), r"logistic: labels lie in 2\.\.2"),
        (lambda: logistic([[1, 2]], [0], tau=0.0), "logistic: got scale 63 and tau 0.0"),
    ],
)
def test_errors(call, message):
    with pytest.raises(LossError, match=message):
        call()
