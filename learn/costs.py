"""What the exact search makes small once a circuit is exact: COSTS is the table of measures, a cost a sum of them.

A cost is written as ``ands``, ``luts:4`` or ``ands+10*levels``: measures with whole weights. A measure is judged: of
the circuits met, the one of least cost is kept. Some also steer the moves (``Cost.xor_cost``, ``Cost.level_price``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from circuits.aig import Literals, and_levels, from_literals, xor_and_count
from circuits.circuit import Circuit
from circuits.mapping import lut_mapping
from learn.errors import SearchError

LEVEL_PRICE = 0.5
"""Nodes that a level is worth to the moves, at most: a high price bars most of them. Of a few
prices from 0 to 10 this one gave the least ands+10*levels and the least levels in sum over four small functions."""
SIZES = range(2, 7)
"""Inputs that look-up tables may have."""


class Measure(NamedTuple):
    """One row of COSTS.

    Attributes:
        about: what is counted.
        of: an and-inverter graph without dead or equal nodes, and the K of ``luts:K`` -> the count.
        sized: whether it takes a K.
    """

    about: str
    of: Callable[[Literals, int], int]
    sized: bool = False


def _circuit(lits: Literals) -> Circuit:
    inputs, outputs = (
        tuple(f"{s}{i}" for i in range(n)) for s, n in (("x", lits.num_inputs), ("y", len(lits.outputs)))
    )
    return from_literals(lits, inputs, outputs)


def _luts(lits: Literals, k: int) -> int:
    return sum(op != "const" for op, _, _ in lut_mapping(_circuit(lits), k).gates())


COSTS: dict[str, Measure] = {
    "ands": Measure("AND nodes of the and-inverter graph", lambda lits, k: len(lits.ands)),
    "xor_ands": Measure("gates where an XOR counts as one", lambda lits, k: xor_and_count(_circuit(lits))),
    "luts": Measure("look-up tables of at most K inputs that cover the circuit", _luts, sized=True),
    "levels": Measure("AND nodes on the longest way", lambda lits, k: and_levels(_circuit(lits))),
}
"""Name -> measure. ANDs, XORs and levels steer the moves; look-up tables are only judged, and ANDs steer instead."""


class Cost(NamedTuple):
    """A weighted sum of measures.

    Attributes:
        terms: (weight, name of a row of COSTS, K or 0) each.
    """

    terms: tuple[tuple[int, str, int], ...]

    def of(self, lits: Literals) -> int:
        """Return what an and-inverter graph without dead or equal nodes costs."""
        return sum(weight * COSTS[name].of(lits, k) for weight, name, k in self.terms)

    def _weight(self, *names: str) -> int:
        return sum(weight for weight, name, _ in self.terms if name in names)

    @property
    def judged(self) -> bool:
        """Whether it takes a look at the whole circuit to tell the cost: it is not the number of ANDs."""
        return any(name != "ands" for _, name, _ in self.terms)

    @property
    def xor_cost(self) -> int:
        """What an XOR is worth to the moves, in ANDs: 3, or 1 where XORs are asked to count as one."""
        return 1 if self._weight("xor_ands") > self._weight("ands", "luts") else 3

    @property
    def level_price(self) -> float:
        """What a level is worth to the moves, in nodes."""
        levels, nodes = self._weight("levels"), self._weight("ands", "xor_ands", "luts")
        return min(LEVEL_PRICE, levels / nodes) if nodes else LEVEL_PRICE

    def __str__(self) -> str:
        """Spell it as :func:`make_cost` reads it."""
        return "+".join(
            (f"{weight}*" if weight > 1 else "") + name + (f":{k}" if COSTS[name].sized else "")
            for weight, name, k in self.terms
        )


def make_cost(text: str) -> Cost:
    """Read a cost such as ``ands``, ``luts:6`` or ``ands+10*levels``.

    Raises:
        SearchError: something else.
    """
    terms = []
    for part in text.split("+"):
        match = re.fullmatch(r"(?:([1-9][0-9]{0,5})\*)?([a-z_]+)(?::([0-9]))?", part.strip(), re.ASCII)
        name, k = (match[2], int(match[3] or 0)) if match else ("", 0)
        if match is None or name not in COSTS or (k not in SIZES if COSTS[name].sized else match[3] is not None):
            spelled = ", ".join(row + (":K" if measure.sized else "") for row, measure in COSTS.items())
            raise SearchError(
                f"cost: got {part.strip()!r}, expected one of {spelled} (K {SIZES[0]} to {SIZES[-1]}), "
                "or a sum of them with whole weights such as ands+10*levels"
            )
        terms.append((int(match[1] or 1), name, k))
    return Cost(tuple(terms))


ANDS = make_cost("ands")
