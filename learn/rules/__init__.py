"""Update rules: an integer signal in, integer steps out. RULES is the table of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from learn.errors import RuleError
from learn.rules.base import (
    IDENTITY,
    Rule,
    Schedule,
    chain,
    constant,
    cosine,
    linear,
    masked,
    powers,
    scheduled,
    state_arrays,
    with_arrays,
)
from learn.rules.bold import bold
from learn.rules.heat_bath import heat_bath
from learn.rules.vote import vote
from learn.rules.zim import zim
from learn.spaces import Bit, Choice, Int, Sign, Ternary

__all__ = [
    "IDENTITY",
    "RULES",
    "Row",
    "Rule",
    "Schedule",
    "bold",
    "chain",
    "constant",
    "cosine",
    "heat_bath",
    "linear",
    "make_rule",
    "masked",
    "powers",
    "scheduled",
    "state_arrays",
    "vote",
    "with_arrays",
    "zim",
]


class Row(NamedTuple):
    """One row of the rule table.

    Attributes:
        factory: ``factory(space, **settings)`` makes the rule.
        spaces: the kinds of space it works in.
        needs_key: whether its steps depend on the key.
        has_latent: whether its state holds float copies of the parameters.
        rests: whether a zero signal, on a fresh state, never steps.
        paper: where it is stated.
    """

    factory: Callable[..., Rule]
    spaces: tuple[type, ...]
    needs_key: bool
    has_latent: bool
    rests: bool
    paper: str


_EVERY = (Bit, Sign, Ternary, Int, Choice)
_ZIM = "Wilson, Zanasi and Constantinides 2025, arXiv 2512.04051"

RULES: dict[str, Row] = {
    "zim": Row(zim, _EVERY, needs_key=True, has_latent=False, rests=True, paper=_ZIM),
    "zim_global": Row(partial(zim, scope="all"), _EVERY, needs_key=True, has_latent=False, rests=True, paper=_ZIM),
    "bold": Row(bold, _EVERY, needs_key=False, has_latent=False, rests=True, paper="BOLD 2024, arXiv 2405.16339"),
    "vote": Row(vote, _EVERY, needs_key=True, has_latent=False, rests=True, paper="relative of ZIM, arXiv 2512.04051"),
    "heat_bath": Row(
        heat_bath,
        _EVERY,
        needs_key=True,
        has_latent=False,
        rests=False,
        paper="Geman and Geman 1984, doi 10.1109/TPAMI.1984.4767596",
    ),
}


def make_rule(name: str, space: Bit | Sign | Ternary | Int | Choice, **settings: object) -> Rule:
    """Make a rule by name.

    Raises:
        RuleError: an unknown name, a space the rule does not work in, or a bad setting.
    """
    row = RULES.get(name)
    if row is None:
        raise RuleError(f"rule: got {name!r}, expected one of {', '.join(RULES)}")
    if not isinstance(space, row.spaces):
        works = ", ".join(kind.__name__ for kind in row.spaces)
        raise RuleError(f"rule {name}: does not work in {space}, expected one of {works}")
    return row.factory(space, **settings)
