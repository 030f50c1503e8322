"""Polynomials over Z_n: read off a table or a circuit, evaluated, and turned into circuits; functions that are none.

Over a prime modulus every function is a polynomial; over Z_2 it is the algebraic normal form. Over a composite modulus
few are, and the gate ``eq`` repairs it: :func:`indicator_circuit`.

A table lists f(x0, x1, ...) in mixed radix: place x0 + n x1 + n**2 x2 + ... holds the value there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import compress, product
from math import gcd
from operator import lt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuits.arithmetic import INT32, INT64
from circuits.circuit import Builder, Circuit
from circuits.errors import CircuitError, TableError
from circuits.rewrite import without_dead_gates
from circuits.simulate import truth_table
from circuits.table import default_names
from circuits.values import simulate_values
from circuits.wires import BIT, Word, holding
from circuits.words import unpack

V = Any  # a number, an array of numbers, or a wire under construction
Values = NDArray[np.integer[Any]]
Term = tuple[tuple[int, ...], int]  # exponents, one a variable, and a coefficient

MAX_VALUES = 1 << 20
"""Tables have at most so many values."""
MAX_STEPS = 1 << 30
"""A table becomes a polynomial in at most so many steps: its values times the degree they can need."""
MAX_POWER = 1 << 63
"""The greatest modulus of a circuit that is a power of two: that of the widest unsigned words."""
MAX_MODULUS = 1 << 15
"""The greatest other modulus of a circuit: every number below 2**30, such as the product of two words of 15 bits, has
a :func:`reciprocal` then."""


# --- Polynomials -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Polynomial:
    """A polynomial in x0, x1, ... over Z_n.

    Attributes:
        modulus: n, at least 2.
        variables: how many there are.
        terms: pairs of exponents, one a variable, and a coefficient in 1..n-1, sorted.

    Raises:
        CircuitError: terms that are not so; :meth:`of` puts any in order.
    """

    modulus: int
    variables: int
    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        n, variables = _checked_ring(self.modulus, self.variables)
        exponents, coefficients = zip(*self.terms, strict=True) if self.terms else ((), ())
        if self.terms and not (
            set(map(len, exponents)) == {variables}
            and (not variables or min(map(min, exponents)) >= 0)
            and 0 < min(coefficients) <= max(coefficients) < n
            and all(map(lt, exponents, exponents[1:]))
        ):
            raise CircuitError(
                f"polynomial over Z_{n}: expected terms in the order of their exponents, each with {variables} "
                f"exponents from 0 on and a coefficient in 1..{n - 1}; Polynomial.of puts any in order"
            )

    @staticmethod
    def of(terms: Mapping[tuple[int, ...], int] | Iterable[Term], *, modulus: int, variables: int) -> Polynomial:
        """Return the sum of any terms.

        Args:
            terms: exponents -> coefficient, or such pairs, which may repeat; coefficients are any integers.
            modulus: n.
            variables: how many there are.

        Raises:
            CircuitError: a modulus below 2, or exponents that are not one a variable from 0 on.
        """
        _checked_ring(modulus, variables)
        total: dict[tuple[int, ...], int] = {}
        for exponents, coefficient in terms.items() if isinstance(terms, Mapping) else terms:
            key = tuple(map(int, exponents))
            total[key] = (total.get(key, 0) + int(coefficient)) % modulus
        return Polynomial(modulus, variables, tuple(sorted((e, c) for e, c in total.items() if c)))

    def __call__(self, *x: Any) -> Any:
        """Return the value in 0..n-1.

        Args:
            x: one integer, or array of integers, a variable; arrays are broadcast.

        Returns:
            an int if every x is one; else int64, or Python integers of dtype object if the modulus exceeds 2**31.

        Raises:
            TableError: a wrong number of variables, or no integers.
        """
        if len(x) != self.variables:
            raise TableError(f"polynomial: got {len(x)} values, expected one for each of {self.variables} variables")
        n = self.modulus
        if all(isinstance(value, int) for value in x):
            return _horner(self.terms, [value % n for value in x], lambda v: v % n)
        given = [_residues(value, n) for value in x]
        value = np.asarray(_horner(self.terms, given, lambda v: v % n), given[0].dtype)
        return np.broadcast_to(value, np.broadcast_shapes(*(array.shape for array in given))).copy()

    def __str__(self) -> str:
        """Return the polynomial as in ``3*x0^2*x1 + 1 mod 8``, the greatest term first."""
        return f"{' + '.join(map(_spelled, reversed(self.terms))) or 0} mod {self.modulus}"


def _spelled(term: Term) -> str:
    exponents, coefficient = term
    powers = [f"x{i}" if e == 1 else f"x{i}^{e}" for i, e in enumerate(exponents) if e]
    return "*".join([str(coefficient)] * (coefficient != 1 or not powers) + powers)


def _checked_ring(modulus: int, variables: int) -> tuple[int, int]:
    if modulus < 2 or variables < 0:
        raise CircuitError(
            f"polynomial: got modulus {modulus} and {variables} variables, expected a modulus of 2 or more and no "
            "negative number"
        )
    return modulus, variables


def _residues(values: ArrayLike, n: int) -> NDArray[Any]:
    """Return integers modulo n in a type that holds the product of two and a third."""
    given = np.asarray(values)
    if given.dtype.kind not in "iub" and not all(isinstance(value, int) for value in given.flat):
        raise TableError(f"polynomial: got values of {given.dtype}, expected integers")
    wide = n > 1 << 31 or given.dtype.kind not in "ib"
    found = np.asarray(given.astype(object if wide else np.int64) % n)
    return found if n > 1 << 31 else found.astype(np.int64)


def _power(x: V, exponent: int, reduced: Callable[[V], V]) -> V:
    """Return x**exponent, exponent >= 1, by squaring: the leading bits of the exponent first."""
    value = x
    for bit in bin(exponent)[3:]:
        value = reduced(value * value)
        if bit == "1":
            value = reduced(value * x)
    return value


def _horner(terms: Sequence[Term], x: Sequence[V], reduced: Callable[[V], V]) -> V:
    """Evaluate a sum of terms by Horner's rule in every variable, the last one innermost.

    Args:
        terms: sorted pairs of exponents and coefficient.
        x: the variables, with ``+`` and ``*`` among them and with numbers.
        reduced: what follows every step.

    Returns:
        the value; a number if no variable occurs.
    """
    value: V = 0
    sums: list[tuple[int, V] | None] = [None] * len(x)  # per variable an exponent, and what its power is multiplied by
    for k in reversed(range(len(terms))):
        exponents, value = terms[k]
        split = next(i for i, e in enumerate(exponents) if e != terms[k - 1][0][i]) if k else -1
        for i in range(len(x) - 1, max(split, 0) - 1, -1):  # up to the variable in which the next term differs
            exponent, higher = exponents[i], sums[i]
            if higher:
                value = reduced(reduced(_power(x[i], higher[0] - exponent, reduced) * higher[1]) + value)
            sums[i] = (exponent, value) if i == split else None
            if exponent and i != split:
                value = reduced(_power(x[i], exponent, reduced) * value)
    return value


# --- To circuits -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 12)
def reciprocal(n: int, hi: int) -> tuple[int, int] | None:
    """Return m and k with floor(x / n) = (x * m) >> k for every x in 0..hi.

    Let m = ceil(2**k / n) and e = m n - 2**k, in 0..n-1. Then x m / 2**k = x / n + x e / (n 2**k), and x / n lies 1 / n
    below an integer where x = n-1 modulo n, elsewhere further. So for hi >= n-1 all quotients agree if and only if
    ``e * last < 2**k``, where ``last`` is the greatest x = n-1 modulo n up to hi. Granlund and Montgomery 1994 (doi
    10.1145/178243.178249) have k = N + l, e <= 2**l and hi < 2**N, which imply it. The least such k is taken.

    Args:
        n: the divisor, at least 2.
        hi: the greatest dividend; n-1 if it is less.

    Returns:
        (m, k); None if a parameter of ``scale`` does not hold m, or a wire x m.
    """
    hi = max(hi, n - 1)
    last = hi - (hi + 1) % n
    for k in range(64):
        m = -(-(1 << k) // n)
        if m > INT32[1] or hi * m > INT64[1]:
            break
        if (m * n - (1 << k)) * last < 1 << k:
            return m, k
    return None


class _Ring:
    """Z_n as gates of a builder.

    A wire carries a natural number that is congruent to an element of the ring. Where n is a power of two it wraps;
    else it is reduced only if what is made of it would be too large to be reduced any more.
    """

    def __init__(self, builder: Builder, modulus: int, *, early: bool = False) -> None:
        self.builder, self.modulus, self.word = builder, modulus, holding(0, modulus - 1)
        self.limit = self.word.hi**2 if early else INT64[1]
        self.wraps = modulus == self.word.hi + 1
        self.ops = {"add": "xor", "mul": "and"} if self.word == BIT else {"add": "add", "mul": "mul"}

    def number(self, value: int) -> _Residue:
        """Return a constant."""
        return _Residue(self, self.builder.add("const", params=(value,), type=self.word), value)

    def fits(self, hi: int) -> bool:
        """Tell whether a wire may carry a number up to ``hi``: whether it could be reduced."""
        return self.wraps or (hi <= self.limit and reciprocal(self.modulus, hi) is not None)

    def reduced(self, x: _Residue) -> _Residue:
        """Return x - n floor(x / n) on a wire of ``word``, which wraps: only the low bits of both are needed."""
        n, found = self.modulus, reciprocal(self.modulus, x.hi)
        if self.wraps or x.hi < n:
            return x
        assert found  # it fits
        factor, amount = found
        add = self.builder.add
        product = add("scale", x.wire, params=(factor,), type=holding(0, x.hi * factor))
        quotient = add("shift", product, params=(-amount,), type=holding(0, x.hi // n))
        multiple = add("scale", quotient, params=(n,), type=self.word)
        return _Residue(self, add("sub", x.wire, multiple, type=self.word), n - 1)

    def apply(self, op: str, x: _Residue, y: _Residue, bound: Callable[[int, int], int]) -> _Residue:
        """Add a gate, its fan-ins reduced first where its result could not be."""
        for _ in range(2):
            if not self.fits(bound(x.hi, y.hi)):
                x, y = (self.reduced(x), y) if x.hi > y.hi else (x, self.reduced(y))
        hi = self.modulus - 1 if self.wraps else bound(x.hi, y.hi)
        word = self.word if self.wraps else holding(0, hi)
        return _Residue(self, self.builder.add(self.ops[op], x.wire, y.wire, type=word), hi)

    def scaled(self, x: _Residue, factor: int) -> _Residue:
        """Return x times a number in 1..n-1."""
        if factor == 1:
            return x
        if self.wraps:  # the residue of least size
            factor -= self.modulus * (2 * factor > self.modulus)
            if not INT32[0] <= factor <= INT32[1]:
                return self.apply("mul", x, self.number(factor % self.modulus), lambda p, q: p * q)
            return _Residue(self, self.builder.add("scale", x.wire, params=(factor,), type=self.word), self.word.hi)
        if not self.fits(x.hi * factor):
            x = self.reduced(x)
        hi = x.hi * factor
        return _Residue(self, self.builder.add("scale", x.wire, params=(factor,), type=holding(0, hi)), hi)


class _Residue:
    """A wire of a ring, which carries a number up to ``hi``: ``+`` and ``*`` add gates; numbers are in 1..n-1."""

    __slots__ = ("hi", "ring", "wire")

    def __init__(self, ring: _Ring, wire: int, hi: int) -> None:
        self.ring, self.wire, self.hi = ring, wire, hi

    def __add__(self, other: _Residue | int) -> _Residue:
        y = self.ring.number(other) if isinstance(other, int) else other
        return self.ring.apply("add", self, y, lambda p, q: p + q)

    def __mul__(self, other: _Residue | int) -> _Residue:
        if isinstance(other, int):
            return self.ring.scaled(self, other)
        return self.ring.apply("mul", self, other, lambda p, q: p * q)


def polynomial_circuit(
    polynomials: Polynomial | Sequence[Polynomial],
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    name: str = "polynomial",
    early: bool = False,
) -> Circuit:
    """Build the circuit of polynomials over one ring, by Horner's rule with powers and equal parts shared.

    Over Z_2 it has bits, XOR and AND. Over Z_{2**b} it has unsigned words of b bits, which wrap. Over any other Z_n it
    has the narrowest unsigned words that hold 0..n-1 and is computed with integers, which are reduced modulo n by
    :func:`reciprocal` where they would grow too long and at the end; an input of n or more counts modulo n.

    Args:
        polynomials: one, or several of the same modulus and variables: an output each.
        input_names: one a variable, default x0, x1, ...
        output_names: one a polynomial, default y0, y1, ...
        name: the circuit's name.
        early: reduce whatever exceeds a product of two inputs: more word gates, but narrow ones and so, for small n,
            several times fewer AND nodes.

    Raises:
        CircuitError: polynomials that do not go together, none, wrong numbers of names, or a modulus beyond
            :data:`MAX_POWER`, for others than powers of two :data:`MAX_MODULUS`.
    """
    wanted = [polynomials] if isinstance(polynomials, Polynomial) else list(polynomials)
    rings = {(p.modulus, p.variables) for p in wanted}
    if len(rings) != 1:
        raise CircuitError(
            f"polynomial circuit: got {len(wanted)} polynomials of (modulus, variables) {sorted(rings)}, expected one "
            "or more of the same"
        )
    ((n, variables),) = rings
    inputs = default_names("x", variables) if input_names is None else tuple(input_names)
    outputs = default_names("y", len(wanted)) if output_names is None else tuple(output_names)
    if len(inputs) != variables or len(outputs) != len(wanted):
        raise CircuitError(
            f"polynomial circuit: got {len(inputs)} input names and {len(outputs)} output names, expected {variables} "
            f"and {len(wanted)}"
        )
    if n > (MAX_MODULUS if n & (n - 1) else MAX_POWER):
        raise CircuitError(
            f"polynomial circuit: got modulus {n}, expected a power of two up to 2**63, or at most {MAX_MODULUS}"
        )
    word = holding(0, n - 1)
    builder = Builder(inputs, name=name, types=[word] * variables)
    ring = _Ring(builder, n, early=early)
    x = [_Residue(ring, wire, word.hi) for wire in builder.inputs]
    values = [_horner(p.terms, x, lambda value: value) for p in wanted]
    wires = [(ring.number(v) if isinstance(v, int) else ring.reduced(v)).wire for v in values]
    return without_dead_gates(builder.circuit(zip(outputs, wires, strict=True)))


def polynomial_wire(builder: Builder, polynomial: Polynomial, wires: Sequence[int]) -> int:
    """Add a polynomial over Z_{2**b} of words of any type, which count modulo 2**b, and return its wire, of b bits.

    Args:
        builder: where the gates go.
        polynomial: its modulus is a power of two, at most :data:`MAX_POWER`.
        wires: one a variable.

    Raises:
        CircuitError: another modulus, or another number of wires.
    """
    n = polynomial.modulus
    if n & (n - 1) or n > MAX_POWER or len(wires) != polynomial.variables:
        raise CircuitError(
            f"polynomial: got modulus {n} and {len(wires)} wires, expected a power of two up to 2**63 and one wire for "
            f"each of {polynomial.variables} variables"
        )
    ring = _Ring(builder, n)
    same = [
        w if builder.type_of(w) == ring.word else builder.add("slice", w, params=(0,), type=ring.word) for w in wires
    ]
    x = [_Residue(ring, wire, ring.word.hi) for wire in same]
    value = _horner(polynomial.terms, x, lambda v: v)
    return ring.number(value).wire if isinstance(value, int) else value.wire


def indicator_circuit(
    values: ArrayLike,
    *,
    modulus: int,
    variables: int,
    input_names: Sequence[str] | None = None,
    name: str = "indicator",
) -> Circuit:
    """Build a circuit of any function over Z_n, composite n included: the sum over a of f(a) prod_i [x_i = a_i].

    Inputs and the output are as :func:`polynomial_circuit` has them; at most one product is 1, so the sum needs no
    reduction. Its size is that of the table. The result is 0 where an input is n or more.

    Args:
        values: the table, n**variables integers in 0..n-1.
        modulus: n.
        variables: how many there are.
        input_names: one a variable, default x0, x1, ...
        name: the circuit's name.

    Raises:
        CircuitError: a modulus below 2, or a wrong number of names.
        TableError: a wrong number of values, values out of range, or a table beyond :data:`MAX_VALUES`.
    """
    table = _checked_table(values, modulus, variables)
    inputs = default_names("x", variables) if input_names is None else tuple(input_names)
    if len(inputs) != variables:
        raise CircuitError(f"indicator circuit: got {len(inputs)} input names, expected {variables}")
    word = holding(0, modulus - 1)
    builder = Builder(inputs, name=name, types=[word] * variables)
    numbers = [builder.add("const", params=(a,), type=word) for a in range(modulus if variables else 0)]
    equal = [[builder.add("eq", wire, number) for number in numbers] for wire in builder.inputs]
    places = np.flatnonzero(table)
    products = []
    for place in places.tolist():  # the last variable first, so that neighbours share what is before x0
        digits = [equal[i][place // modulus**i % modulus] for i in reversed(range(variables))]
        products.append(reduce(lambda x, y: builder.add("and", x, y), digits) if digits else builder.const(1))
    total = (
        builder.add("dot", *products, params=(*table[places].tolist(), 0), type=word)
        if products
        else builder.add("const", params=(0,), type=word)
    )
    return without_dead_gates(builder.circuit({"y0": total}))


# --- From tables -----------------------------------------------------------------------------------------------------


def _count(modulus: int, variables: int, what: str) -> int:
    """Return modulus**variables, the number of places of a table.

    Raises:
        CircuitError: no ring.
        TableError: too many; ``what`` says of what.
    """
    n, variables = _checked_ring(modulus, variables)
    if variables >= MAX_VALUES.bit_length() or max(n, n**variables) > MAX_VALUES:
        raise TableError(f"{what}: got {n}**{variables} values, expected n and n**variables of at most {MAX_VALUES}")
    return n**variables


def _checked_table(values: ArrayLike, modulus: int, variables: int) -> Values:
    """Return a table as int64 (modulus**variables).

    Raises:
        CircuitError: no ring.
        TableError: another table.
    """
    count, table, what = _count(modulus, variables, "table"), np.asarray(values), f"table over Z_{modulus}"
    if table.shape != (count,) or table.dtype.kind not in "iub":
        raise TableError(f"{what}: got {table.dtype} of shape {table.shape}, expected integers of shape ({count},)")
    lo, hi = int(table.min()), int(table.max())
    if not 0 <= lo <= hi < modulus:
        raise TableError(f"{what}: holds {lo}..{hi}, expected 0..{modulus - 1}")
    return table.astype(np.int64)


@lru_cache
def _degree_bound(n: int) -> int:
    """Return the least s such that n divides s! (Kempner): every polynomial function over Z_n has degree below s."""
    s, factorial = 1, 1
    while factorial := factorial * s % n:
        s += 1
    return s


def _modulo(x: Values, n: int) -> Values:
    """Return x modulo n; numpy divides by a number faster than it finds the remainder."""
    return x - x // n * n


def _differenced(f: Values, steps: int, n: int) -> None:
    """Put the forward differences at 0 of order 0, 1, ... ``steps`` along the middle axis, in place.

    From place ``steps`` on stand the differences of that order at 0, 1, 2, ...
    """
    for k in range(1, steps + 1):
        f[:, k:] = _modulo(f[:, k:] - f[:, k - 1 : -1], n)


def _expanded(c: Values, n: int) -> None:
    """Turn coefficients of falling factorials along the middle axis into those of powers, in place.

    P_k = c_k + (x - k) P_{k+1}: Horner's rule applies the signed Stirling numbers of the first kind.
    """
    for k in range(c.shape[1] - 2, 0, -1):
        c[:, k:-1] = _modulo(c[:, k:-1] - k * c[:, k + 1 :], n)


def _no_polynomial(n: int, order: Sequence[Any], difference: Any, divisor: Any) -> CircuitError:
    return CircuitError(
        f"no polynomial over Z_{n} computes the table: its difference of order {tuple(map(int, order))} at 0 is "
        f"{difference}, expected a multiple of {divisor}; indicator_circuit builds any function"
    )


def _newton(table: Values, n: int, variables: int) -> Values:
    """Return the differences at 0 of all orders k with every k_i below the degree bound s.

    Returns:
        integers (s**variables), order 0 of variable 0 fastest.

    Raises:
        CircuitError: a difference of higher order that is not 0.
    """
    s = _degree_bound(n)
    f: Values = table.astype(np.int32) if n * n <= INT32[1] else table
    for i in range(variables):
        f = f.reshape(-1, n, s**i)  # later variables, this one, those that are done
        _differenced(f, min(s, n - 1), n)
        if f[:, s:].any():
            k = s + int(np.flatnonzero(f[:, s:].any(axis=(0, 2)))[0])
            rest = f[:, k].ravel()
            for j in range(variables - 1 - i):
                _differenced(rest.reshape(-1, n, s**i * n**j), n - 1, n)
            place = int(np.flatnonzero(rest)[0])
            order = np.unravel_index(place, (n,) * (variables - 1 - i) + (s,) * i)[::-1]
            raise _no_polynomial(n, [*order[:i], k, *order[i:]], rest[place], n)
        f = np.ascontiguousarray(f[:, :s])
    return f.ravel()


def _divided(differences: Values, n: int, variables: int) -> Values:
    """Return the least c with (prod k_i!) c_k = the difference of order k, modulo n.

    Raises:
        CircuitError: naming the first difference that cannot be divided so.
    """
    s = _degree_bound(n)
    factorials = [1]
    for k in range(1, s):
        factorials.append(factorials[-1] * k % n)
    products = np.ones(1, np.int64)
    for _ in range(variables):
        products = np.multiply.outer(products, np.array(factorials)).ravel() % n
    divisors = np.gcd(products, n)
    wrong = np.flatnonzero(differences % divisors)
    if len(wrong):
        order = np.unravel_index(wrong[0], (s,) * variables)[::-1]
        raise _no_polynomial(n, order, differences[wrong[0]], divisors[wrong[0]])
    kinds, kind = np.unique(products, return_inverse=True)
    inverses = [pow(p // gcd(p, n), -1, n // gcd(p, n)) for p in kinds.tolist()]
    return (differences // divisors * np.array(inverses)[kind] % (n // divisors)).astype(differences.dtype)


def to_polynomial(values: ArrayLike, *, modulus: int, variables: int) -> Polynomial:
    """Find the polynomial of a complete table f: Z_n^v -> Z_n.

    By Newton, f(x) is the sum over k of D_k binom(x_1, k_1) ... binom(x_v, k_v), D_k the forward difference of order k
    at 0; so f = sum_k c_k (x_1)_{k_1} ... (x_v)_{k_v} in falling factorials if and only if k_1! ... k_v! c_k = D_k
    modulo n for all k, which has a solution for all k if and only if f is a polynomial function, since falling
    factorials span all polynomials over Z. The least solutions are taken, so functions that are equal get equal
    polynomials. There is one for every function if n is prime, and for no other n; over Z_2 this is the Moebius
    transform to the algebraic normal form. Kempner (1921, Trans. AMS 22:240-288) counts prod_k n / gcd(n, k!)
    polynomial functions of one variable (OEIS A058067); see also Singmaster (1974, J. Number Theory 6:345-352) and,
    for several variables, Guha and Dukkipati (arXiv 1402.5789).

    Args:
        values: n**v integers in 0..n-1.
        modulus: n.
        variables: v.

    Raises:
        CircuitError: a modulus below 2, or a function that no polynomial over Z_n computes.
        TableError: a wrong number of values, values out of range, or a table beyond :data:`MAX_VALUES` or
            :data:`MAX_STEPS`.
    """
    table = _checked_table(values, modulus, variables)
    if variables and table.size * _degree_bound(modulus) > MAX_STEPS:
        raise TableError(
            f"table over Z_{modulus}: its polynomial can have degree {_degree_bound(modulus) - 1}, which takes more "
            f"than {MAX_STEPS} steps for {table.size} values; expected a smaller modulus"
        )
    c = _divided(_newton(table, modulus, variables), modulus, variables)
    s = _degree_bound(modulus)
    for i in range(variables):
        _expanded(c.reshape(-1, s, s**i), modulus)
    coefficients = c.reshape((s,) * variables).T.ravel().tolist()
    exponents = product(range(s), repeat=variables)  # in the same order: the last variable fastest
    terms = zip(compress(exponents, coefficients), filter(None, coefficients), strict=True)
    return Polynomial(modulus, variables, tuple(terms))


def polynomials_of(circuit: Circuit, modulus: int | None = None) -> tuple[Polynomial, ...]:
    """Return the polynomial over Z_n of every output, by the circuit's table.

    Args:
        circuit: a circuit of bits, whose algebraic normal forms are found, or of words.
        modulus: n; by default 2**b, b the width of all inputs and outputs. Inputs then have the values 0..n-1, signed
            words those congruent to them; outputs count modulo n.

    Raises:
        CircuitError: inputs and outputs of several widths and no modulus, an input that does not hold 0..n-1, or a
            function that no polynomial over Z_n computes.
        TableError: more than :data:`MAX_VALUES` patterns.
    """
    types, what = {*circuit.input_types, *circuit.output_types}, f"polynomials of {circuit.name!r}"
    widths = sorted({word.bits for word in types})
    if modulus is None and len(widths) != 1:
        raise CircuitError(f"{what}: got words of {widths} bits, expected one width, or a modulus")
    n = 1 << widths[0] if modulus is None else modulus
    _count(n, circuit.num_inputs, what)
    narrow = next((word for word in circuit.input_types if word.hi < n - 1 and 1 << word.bits != n), None)
    if narrow:
        raise CircuitError(f"{what}: got an input of type {narrow}, expected one that holds 0..{n - 1}")
    return tuple(to_polynomial(row, modulus=n, variables=circuit.num_inputs) for row in _tabulated(circuit, n, types))


def _tabulated(circuit: Circuit, n: int, types: set[Word]) -> Values:
    """Return the outputs modulo n for all inputs in 0..n-1: (outputs, n**inputs)."""
    if n == 2 and types <= {BIT}:
        table = truth_table(circuit)
        return unpack(table.outputs, table.patterns).astype(np.int64)
    place = np.arange(n**circuit.num_inputs)
    digits = [place // n**i % n for i in range(circuit.num_inputs)]
    inputs = [
        np.where(digit > word.hi, digit - n, digit) for digit, word in zip(digits, circuit.input_types, strict=True)
    ]
    given = np.array(inputs, np.int64).reshape(len(inputs), len(place))
    return simulate_values(circuit, given) % n
