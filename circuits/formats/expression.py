"""The text of a gate in a language with the operators ``& | ^ ~``, recorded from the gate's own row."""

from __future__ import annotations

from functools import lru_cache

from circuits.gates import GATE


class Text:
    """A term that records itself as text; parentheses where two different operators meet."""

    __slots__ = ("operations", "sign", "text")

    def __init__(self, text: str, sign: str = "", operations: int = 0) -> None:
        self.text, self.sign, self.operations = text, sign, operations

    def _beside(self, sign: str) -> str:
        return f"({self.text})" if self.sign and self.sign != sign else self.text

    def _two(self, sign: str, other: Text) -> Text:
        text = f"{self._beside(sign)} {sign} {other._beside(sign)}"
        return Text(text, sign, self.operations + other.operations + 1)

    def __and__(self, other: Text) -> Text:
        return self._two("&", other)

    def __or__(self, other: Text) -> Text:
        return self._two("|", other)

    def __xor__(self, other: Text) -> Text:
        return self._two("^", other)

    def __invert__(self) -> Text:
        return Text(f"~{self._beside('~')}", "", self.operations)


@lru_cache(maxsize=1 << 16)
def template(op: str, params: tuple[int, ...], zero: str, ones: str) -> Text:
    """Return a gate's expression, with ``{0}``, ``{1}``, ... for its fan-ins.

    Args:
        op: a row of the gate table.
        params: its parameters.
        zero: how the language writes the constant 0.
        ones: how it writes the constant 1; a row never has a constant within an expression.
    """
    row = GATE[op]
    made: Text = row.forward([Text(f"{{{k}}}") for k in range(row.arity)], params, Text(zero))
    return Text(ones) if made.text == f"~{zero}" else made
