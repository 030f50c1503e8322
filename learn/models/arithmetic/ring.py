"""Polynomials over the ring Z_{2**b}, learned from the low bit up in the binomial basis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, product
from math import comb, factorial, prod

import numpy as np

from circuits.circuit import Builder
from circuits.polynomial import Polynomial, polynomial_wire
from circuits.wires import BIT
from learn.models.arithmetic.forms import Integers, Learned, Samples
from learn.models.arithmetic.gf2 import solution
from learn.models.structure import SPARE

Exponents = tuple[int, ...]


def exponents(variables: int, degree: int) -> list[Exponents]:
    """List the exponents of total degree at most ``degree``, by degree."""
    chosen = (factors for d in range(degree + 1) for factors in combinations_with_replacement(range(variables), d))
    return [tuple(factors.count(i) for i in range(variables)) for factors in chosen]


def binomials(x: Integers, terms: Sequence[Exponents], modulus: int) -> np.ndarray:
    """Return the products of C(x_i, k_i) modulo a power of two: Python integers (samples, terms)."""
    columns = []
    numbers = x.astype(object)
    for term in terms:
        column = np.ones(len(x), object)
        for i, k in enumerate(term):
            part = np.ones(len(x), object)
            for j in range(k):
                part = part * (numbers[:, i] - j) // (j + 1)
            column = column * part
        columns.append(column % modulus)
    return np.stack(columns, axis=1)


def from_low_bits(x: Integers, y: Integers, terms: Sequence[Exponents], bits: int) -> list[int] | None:
    """Find coefficients c with y = sum of c_k C(x, k) modulo 2**bits, bit by bit.

    Where the bits below t are right, bit t of what is left is a linear function over Z_2 of bit t of the coefficients.
    In the basis of monomials it would not determine them: x**2 = x modulo 2. Binomials of different degree are
    independent functions modulo 2 (Lucas).

    Returns:
        the coefficients in 0..2**bits - 1; None if there are none.
    """
    modulus = 1 << bits
    columns = binomials(x, terms, modulus)
    odd = (columns & 1).astype(bool)
    found = np.zeros(len(terms), object)
    for t in range(bits):
        rest = (y.astype(object) - columns @ found) % modulus
        step = solution(odd, (rest >> t & 1).astype(bool)[:, None])
        if step is None:
            return None
        found = found + (step[:, 0].astype(object) << t)
    return [int(c) for c in found]


def _falling(k: int) -> list[int]:
    """Return the coefficients of x (x - 1) ... (x - k + 1), the constant first."""
    row = [1]
    for j in range(k):
        row = [(row[i - 1] if i else 0) - j * (row[i] if i < len(row) else 0) for i in range(len(row) + 1)]
    return row


def monomial_form(coefficients: Sequence[int], terms: Sequence[Exponents], bits: int) -> tuple[Polynomial, int]:
    """Return a sum of binomials as a polynomial P and the least v with sum = floor(P / 2**v), P over Z_{2**(bits + v)}.

    v is 0 where the sum is a polynomial over Z_{2**bits}, as a function.
    """
    scales = [prod(map(factorial, term)) for term in terms]
    twos = [(s & -s).bit_length() - 1 for s in scales]
    kept = [(c, t, s, v) for c, t, s, v in zip(coefficients, terms, scales, twos, strict=True) if c]
    least = max([0, *(v - ((c & -c).bit_length() - 1) for c, _, _, v in kept)])
    modulus = 1 << bits + least
    total: dict[Exponents, int] = {}
    for c, term, scale, two in kept:
        factor = (c << least) // (1 << two) * pow(scale >> two, -1, modulus)
        for powers in product(*(range(k + 1) for k in term)):
            value = factor * prod(_falling(k)[p] for k, p in zip(term, powers, strict=True))
            total[powers] = total.get(powers, 0) + value
    return Polynomial.of(total, modulus=modulus, variables=len(terms[0])), least


def _spelled(polynomial: Polynomial, shift: int, names: Sequence[str]) -> str:
    text = str(polynomial)
    for i in reversed(range(len(names))):
        text = text.replace(f"x{i}", f"\0{i}\0")
    for i, name in enumerate(names):
        text = text.replace(f"\0{i}\0", name)
    return f"({text}) >> {shift}" if shift else text


def ring(samples: Samples, degree: int) -> Learned | None:
    """Learn a polynomial of a degree over Z_{2**b}, b the width of the result, if all samples obey one.

    Returns:
        None if there is none, or too few samples to tell.
    """
    terms = exponents(samples.x.shape[1], degree)
    count = len(terms) + SPARE
    if len(samples.x) < count:
        return None
    bits = samples.word.bits
    few = samples.at(slice(0, 2 * count))
    found = from_low_bits(few.x, few.y, terms, bits)
    if found is None:
        return None
    polynomial, shift = monomial_form(found, terms, bits)
    if bits + shift > 63:
        return None

    def recipe(b: Builder, wires: Sequence[int]) -> int:
        wide = polynomial_wire(b, polynomial, wires)
        return b.add("slice", wide, params=(shift,), type=samples.word._replace(saturate=False))

    names = [samples.name(i) for i in range(samples.x.shape[1])]
    return Learned(f"ring, degree {degree}", _spelled(polynomial, shift, names), recipe)


def degrees(samples: Samples, most: int = 8) -> Iterator[int]:
    """Yield the degrees that there are samples enough for."""
    variables = samples.x.shape[1]
    for degree in range(1, 1 + (1 if all(word == BIT for word in samples.types) else most)):
        if comb(variables + degree, degree) + SPARE <= len(samples.x) and comb(variables + degree, degree) <= 400:
            yield degree
