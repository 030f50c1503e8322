"""Dual numbers: derivatives without any rule for them."""

from __future__ import annotations


class Dual:
    """a + b e with e * e = 0, also as the multilinear polynomial over Z of a bit gate of one or two fan-ins."""

    def __init__(self, a: int, b: int = 0) -> None:
        self.a, self.b = a, b

    def __add__(self, other):
        other = other if isinstance(other, Dual) else Dual(other)
        return Dual(self.a + other.a, self.b + other.b)

    def __neg__(self):
        return Dual(-self.a, -self.b)

    def __sub__(self, other):
        return self + -(other if isinstance(other, Dual) else Dual(other))

    def __mul__(self, other):
        other = other if isinstance(other, Dual) else Dual(other)
        return Dual(self.a * other.a, self.a * other.b + self.b * other.a)

    def __lshift__(self, amount):
        return self * (1 << amount)

    def __and__(self, other):
        return self * other

    def __or__(self, other):
        return self + other - self * other

    def __xor__(self, other):
        return self + other - self * other * 2

    def __invert__(self):
        return Dual(1) - self

    __radd__, __rmul__ = __add__, __mul__
