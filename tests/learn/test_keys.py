import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learn.errors import DrawError
from learn.keys import MAX_WORDS, Key

names = st.integers() | st.text(max_size=5)
WORD = (1 << 64) - 1


def philox(counter: list[int], key: tuple[int, int]) -> list[int]:
    """Philox 4x64-10 in plain integers, after Salmon et al. 2011."""
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(b >> 64) ^ c[1] ^ k0, b & WORD, (a >> 64) ^ c[3] ^ k1, a & WORD]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & WORD, (k1 + 0xBB67AE8584CAA73B) & WORD
    return c


def test_the_oracle_gives_the_published_answer():
    assert philox([0, 0, 0, 0], (0, 0)) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]


@given(seed=st.integers(), path=st.lists(names, max_size=4))
def test_words_are_philox_at_counter_one_and_up(seed, path):
    key = Key(seed, tuple(path))
    expected = [w for counter in (1, 2, 3) for w in philox([counter, 0, 0, 0], key.philox_key())]
    assert key.words(11).tolist() == expected[:11]
    assert np.array_equal(np.random.Philox(key=np.array(key.philox_key(), np.uint64)).random_raw(9), key.words(9))


def test_pinned():
    """A change of these numbers changes every recorded run."""
    key = Key(1).fold("layer0", 3)
    assert key.philox_key() == (12482021765292107197, 8031200915124149262)
    assert int(key.words(1)[0]) == 15585177452701238707


@given(seed=st.integers(), a=st.lists(names, max_size=3), b=st.lists(names, max_size=3))
def test_fold_joins_names(seed, a, b):
    assert Key(seed).fold(*a).fold(*b) == Key(seed, (*a, *b))
    assert hash(Key(seed).fold(*a)) == hash(Key(seed, tuple(a)))


def test_different_paths_draw_differently():
    keys = [
        Key(1),
        Key(2),
        Key(-1),
        Key(1, ("1",)),
        Key(1, (1,)),
        Key(1, ("a", "b")),
        Key(1, ("ab",)),
        Key(1, ("a', 'b",)),
        Key(1, (12,)),
        Key(1, (1, 2)),
        Key(12),
        Key(1, ("é",)),
        Key(1, ("\\xe9",)),
    ]
    assert len({key.philox_key() for key in keys}) == len(keys)


def test_names_are_normalised():
    key = Key(np.int64(3), (np.int32(4), True, np.str_("x")))
    assert key == Key(3, (4, 1, "x")) and key.philox_key() == Key(3, (4, 1, "x")).philox_key()


@pytest.mark.parametrize(
    "make", [lambda: Key(1.5), lambda: Key("1"), lambda: Key(1).fold(2.0), lambda: Key(1).fold(None)]
)
def test_bad_names(make):
    with pytest.raises(DrawError, match="expected an integer"):
        make()


def test_a_longer_draw_begins_with_the_shorter():
    assert np.array_equal(Key(3).words(100)[:7], Key(3).words(7))
    assert Key(3).words(0).shape == (0,)


@pytest.mark.parametrize("n", [-1, MAX_WORDS + 1, 10**12])
def test_too_many_words(n):
    with pytest.raises(DrawError, match=f"got {n} words"):
        Key(3).words(n)


def test_uniform():
    u = Key(5).uniform((100, 200))
    assert u.shape == (100, 200) and u.dtype == np.float64
    assert u.min() >= 0 and u.max() < 1
    assert np.array_equal(u * 2.0**53, np.floor(u * 2.0**53))
    # Six standard errors of the mean and of the second moment.
    assert abs(u.mean() - 1 / 2) < 6 * math.sqrt(1 / 12 / u.size)
    assert abs((u**2).mean() - 1 / 3) < 6 * math.sqrt(4 / 45 / u.size)
    assert Key(5).uniform().shape == () and Key(5).uniform(3).shape == (3,)


@pytest.mark.parametrize("n", [1, 2, 7, 2**63])
def test_integers(n):
    drawn = Key(6).integers(n, (40, 50))
    assert drawn.shape == (40, 50) and drawn.dtype == np.int64
    assert drawn.min() >= 0 and drawn.max() < n
    if n == 7:
        assert np.all(np.abs(np.bincount(drawn.ravel()) - 2000 / 7) < 6 * math.sqrt(2000 / 7))


def test_integers_pass_over_words_that_would_favour_some():
    n = (1 << 62) + (1 << 61)  # 2**64 is 2 n + 2**62: a fourth of the words is passed over
    words = Key(8).words(1000)
    kept = [int(w) % n for w in words if int(w) < (1 << 64) - (1 << 64) % n]
    assert len(kept) < 900
    assert Key(8).integers(n, 500).tolist() == kept[:500]


@pytest.mark.parametrize("n", [0, -1, 2**63 + 1])
def test_integers_out_of_range(n):
    with pytest.raises(DrawError, match="integers: got n"):
        Key(1).integers(n)


def test_bernoulli():
    p = np.repeat([0.0, 0.25, 1.0], 10_000)
    hits = Key(9).bernoulli(p).reshape(3, -1).sum(axis=1)
    assert hits[0] == 0 and hits[2] == 10_000
    assert abs(hits[1] - 2500) < 6 * math.sqrt(10_000 * 3 / 16)


@given(
    n=st.integers(0, 500),
    weights=st.lists(st.sampled_from([0.0, 1e-300, 0.5, 3.0, 1e15]), min_size=1, max_size=30),
    seed=st.integers(0, 1000),
)
def test_multinomial_counts_all_balls_and_leaves_empty_cells_empty(n, weights, seed):
    if not any(weights):
        with pytest.raises(DrawError, match="sum to 0"):
            Key(seed).multinomial(n, weights)
        return
    counts = Key(seed).multinomial(n, weights)
    assert counts.shape == (len(weights),) and counts.dtype == np.int64
    assert counts.sum() == n and counts.min() >= 0
    assert not counts[np.array(weights) == 0].any()


def test_multinomial_moments():
    p, n, runs = np.array([0.1, 0.0, 0.4, 0.5]), 20, 4000
    x = np.array([Key(10).fold(i).multinomial(n, 8 * p) for i in range(runs)])
    assert np.all(np.abs(x.mean(axis=0) - n * p) <= 5 * np.sqrt(n * p * (1 - p) / runs))
    covariance = n * (np.diag(p) - np.outer(p, p))
    assert np.allclose(np.cov(x.T), covariance, atol=0.4)


@pytest.mark.parametrize("weights", [[], [-1.0, 2.0], [[1.0]], [float("inf")], [float("nan"), 1.0]])
def test_multinomial_refuses(weights):
    with pytest.raises(DrawError, match="multinomial"):
        Key(1).multinomial(3, weights)


def test_gumbel():
    noise = Key(11).gumbel((100, 200))
    assert noise.shape == (100, 200) and np.isfinite(noise).all()
    assert abs(noise.mean() - np.euler_gamma) < 6 * math.sqrt(math.pi**2 / 6 / noise.size)
    assert abs(noise.var() - math.pi**2 / 6) < 0.1


@settings(max_examples=20)
@given(seed=st.integers())
def test_keys_are_values(seed):
    key = Key(seed)
    assert np.array_equal(key.uniform(3), key.uniform(3))
    with pytest.raises(AttributeError):
        key.seed = 4
