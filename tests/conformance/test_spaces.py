"""Every space: what it holds, and that no step leaves it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from learn.errors import SpaceError
from learn.keys import Key
from learn.spaces import MAX_BOUND, Bit, Choice, Int, Ordered, Sign, Ternary, smallest, space_of

SPACES = [
    Bit(),
    Sign(),
    Ternary(),
    Int(-8, 7),
    Int(0, 255),
    Int(5, 5),
    Int(-MAX_BOUND, MAX_BOUND),
    Choice(1),
    Choice(7),
    Choice(1000),
]
every_space = pytest.mark.parametrize("space", SPACES, ids=str)
int64 = st.integers(-(2**63), 2**63 - 1)
steps_arrays = hnp.arrays(np.int64, 20, elements=int64 | st.integers(-3, 3))


def meaning(space):
    """What a step does, on unbounded Python integers."""
    if isinstance(space, Choice):
        return lambda p, s: (p + s) % space.n
    if isinstance(space, Bit):
        return lambda p, s: p ^ (s % 2)
    return lambda p, s: min(max(p + space.stride * s, space.lo), space.hi)


@every_space
@given(steps=steps_arrays, seed=st.integers(0, 99))
def test_no_step_leaves_the_space(space, steps, seed):
    params = space.init(20, key=Key(seed))
    before = params.copy()
    after = space.add(params, steps)
    assert space.contains(params) and space.contains(after)
    assert after.dtype == params.dtype and np.array_equal(params, before)
    move = meaning(space)
    assert after.tolist() == [move(int(p), int(s)) for p, s in zip(params, steps, strict=True)]


@every_space
@given(steps=steps_arrays, seed=st.integers(0, 99))
def test_a_fitted_step_is_the_saturating_move(space, steps, seed):
    if not isinstance(space, Ordered):
        assert not hasattr(space, "fit")
        return
    params = space.init(20, key=Key(seed))
    fitted = space.fit(params, steps)
    wanted = [min(max(int(p) + space.stride * int(s), space.lo), space.hi) for p, s in zip(params, steps, strict=True)]
    assert (params.astype(np.int64) + space.stride * fitted).tolist() == wanted
    assert space.add(params, fitted).tolist() == wanted


@every_space
def test_init_is_uniform_and_keyed(space):
    params = space.init((50, 40), key=Key(1))
    assert params.shape == (50, 40)
    assert np.array_equal(params, space.init((50, 40), key=Key(1)))
    if 1 < space.size < 20:
        counts = np.unique(params, return_counts=True)[1]
        expected = params.size / space.size
        assert len(counts) == space.size
        # Six standard deviations of a binomial count.
        assert np.all(np.abs(counts - expected) < 6 * np.sqrt(expected))
    elif space.size > 1:
        assert not np.array_equal(params, space.init((50, 40), key=Key(2)))


@every_space
def test_contains_refuses_strangers(space):
    lo, hi = (space.lo, space.hi) if isinstance(space, Ordered) else (0, space.n - 1)
    assert space.contains(np.array([lo, hi]))
    assert not space.contains(np.array([lo - 1, hi]))
    assert not space.contains(np.array([lo, hi + 1]))


def test_sign_has_no_zero():
    assert not Sign().contains(np.array([0]))


def test_ranges_of_gate_rows():
    assert space_of(0, 1) == Bit()
    assert space_of(-1, 1) == Ternary()
    assert space_of(-3, 9) == Int(-3, 9)
    assert len({Bit(), Sign(), Ternary(), Int(0, 1), Choice(2)}) == 5


def test_smallest_dtype():
    assert [smallest(*r).__name__ for r in [(-128, 127), (0, 128), (-40000, 0), (0, 2**40)]] == [
        "int8",
        "int16",
        "int32",
        "int64",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Int(3, 2), "got 3..2"),
        (lambda: Int(0, 2**63), "2\\*\\*62"),
        (lambda: Choice(0), "n = 0"),
        (lambda: Bit().add(np.array([0]), np.array([0.5])), "float64, expected integers"),
        (lambda: Choice(3).add(np.array([0]), np.array([1.0])), "float64, expected integers"),
        (lambda: Int(0, 255).add(np.zeros(3, np.int8), np.ones(3, np.int64)), "int8 cannot hold"),
    ],
)
def test_errors(make, message):
    with pytest.raises(SpaceError, match=message):
        make()
