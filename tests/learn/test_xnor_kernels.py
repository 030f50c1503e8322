"""Packed products equal products of integers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.words import pack
from learn import xnor_kernels as kernels
from learn.keys import Key

SIZES = st.integers(0, 150)


def signs(shape, name, seed):
    return 2 * Key(seed).fold(name).integers(2, shape) - 1


@settings(max_examples=60, deadline=None)
@given(rows=SIZES, n=SIZES, columns=SIZES, seed=st.integers(0, 99), threads=st.integers(1, 3))
def test_products_equal_those_of_integers(rows, n, columns, seed, threads):
    x, y = signs((rows, n), "x", seed), signs((n, columns), "y", seed)
    right = kernels.pack_columns(y > 0)
    assert np.array_equal(right, pack(y.T > 0).T)
    assert np.array_equal(kernels.sign_product(pack(x > 0), right, n, threads=threads), x @ y)
    z = Key(seed).fold("z").integers(3, (rows, n)) - 1
    assert np.array_equal(kernels.ternary_product(z, right, threads=threads), z @ y)
