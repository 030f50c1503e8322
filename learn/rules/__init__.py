"""Update rules: an integer signal in, integer steps out. RULES is the table of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from learn.errors import RuleError
from learn.rules.accumulated import accumulated, big_rounding
from learn.rules.base import (
    IDENTITY,
    Rule,
    RuleSpace,
    Schedule,
    chain,
    constant,
    cosine,
    grouped,
    linear,
    masked,
    powers,
    scheduled,
    state_arrays,
    thinned,
    with_arrays,
)
from learn.rules.binary_connect import binary_connect
from learn.rules.bold import bold
from learn.rules.bop import bop
from learn.rules.dq import dq
from learn.rules.heat_bath import heat_bath
from learn.rules.moments import adam_big_rounding, adam_binary_connect, adam_nearest, adam_rounding, moments
from learn.rules.nearest import nearest
from learn.rules.real import adam, sgd
from learn.rules.reverse_ascent import reverse_ascent
from learn.rules.rounding import rounding
from learn.rules.vote import vote
from learn.rules.zim import zim
from learn.spaces import Bit, Choice, Int, Real, Sign, Ternary

__all__ = [
    "IDENTITY",
    "RULES",
    "Row",
    "Rule",
    "Schedule",
    "accumulated",
    "adam",
    "adam_big_rounding",
    "adam_binary_connect",
    "adam_nearest",
    "adam_rounding",
    "annealed",
    "big_rounding",
    "binary_connect",
    "bold",
    "bop",
    "chain",
    "constant",
    "cosine",
    "dq",
    "grouped",
    "heat_bath",
    "linear",
    "make_rule",
    "masked",
    "moments",
    "nearest",
    "powers",
    "reverse_ascent",
    "rounding",
    "rules_in",
    "scheduled",
    "sgd",
    "state_arrays",
    "thinned",
    "vote",
    "with_arrays",
    "zim",
]


class Row(NamedTuple):
    """One row of the rule table.

    Attributes:
        factory: ``factory(space, **settings)`` makes the rule.
        spaces: the kinds of space it works in.
        at_rate: ``at_rate(space, rate)`` makes it move a parameter by about ``rate`` a step on average, whatever the
            size of the signal; of the heat bath, Bop and reverse derivative ascent, it lets that share of the
            parameters step; of SGD and differential quantisation it is the rate times the signal.
        paper: where it is stated.
        needs_key: whether its steps depend on the key.
        has_latent: whether its state holds floats: latent parameters, moments or errors of the past.
        rests: whether a zero signal, on a fresh state, never steps.
        has_chances: whether an update draws by float probabilities; else an integer signal meets no float
            but that state.
        freezes: whether a small rate stops it altogether.
        ring: whether its signal is the change that is asked for, modulo 2, and no slope.
    """

    factory: Callable[..., Rule]
    spaces: tuple[type, ...]
    at_rate: Callable[[Any, float], Rule]
    paper: str
    needs_key: bool = False
    has_latent: bool = False
    rests: bool = True
    has_chances: bool = False
    freezes: bool = False
    ring: bool = False


_ORDERED = (Bit, Sign, Ternary, Int)
_EVERY = (*_ORDERED, Choice)
_REAL = (Real,)
_LI = "Li et al. 2017, arXiv 1706.02379"
_DQ = "Lin, Kostina and Hassibi 2020, arXiv 2002.02508"
_ZIM = "Wilson, Zanasi and Constantinides 2025, arXiv 2512.04051"


RULES: dict[str, Row] = {
    "zim": Row(
        zim,
        _EVERY,
        needs_key=True,
        has_chances=True,
        at_rate=lambda space, rate: zim(space, share=rate),
        paper=_ZIM,
    ),
    "zim_global": Row(
        partial(zim, scope="all"),
        _EVERY,
        needs_key=True,
        has_chances=True,
        at_rate=lambda space, rate: zim(space, share=rate, scope="all"),
        paper=_ZIM,
    ),
    "bold": Row(
        bold,
        _EVERY,
        at_rate=lambda space, rate: bold(space, eta=rate, scale=None),
        paper="BOLD 2024, arXiv 2405.16339",
    ),
    "vote": Row(
        vote,
        _EVERY,
        needs_key=True,
        has_chances=True,
        at_rate=lambda space, rate: vote(space, rate=rate),
        paper="relative of ZIM, arXiv 2512.04051",
    ),
    "rounding": Row(
        rounding,
        _ORDERED,
        needs_key=True,
        at_rate=lambda space, rate: rounding(space, rate=rate),
        paper=_LI,
    ),
    "binary_connect": Row(
        binary_connect,
        _ORDERED,
        at_rate=lambda space, rate: binary_connect(space, rate=rate),
        paper="Courbariaux, Bengio and David 2015, arXiv 1511.00363",
    ),
    "heat_bath": Row(
        heat_bath,
        _EVERY,
        needs_key=True,
        rests=False,
        has_chances=True,
        at_rate=lambda space, rate: thinned(heat_bath(space), rate),
        paper="Geman and Geman 1984, doi 10.1109/TPAMI.1984.4767596",
    ),
    "nearest": Row(
        nearest,
        _ORDERED,
        at_rate=lambda space, rate: nearest(space, rate=rate),
        paper=_LI,
        freezes=True,
    ),
    "big_rounding": Row(
        big_rounding,
        _ORDERED,
        needs_key=True,
        at_rate=lambda space, rate: big_rounding(space, rate=4 * rate, every=4),
        paper=_LI,
    ),
    "adam_nearest": Row(
        adam_nearest,
        _ORDERED,
        has_latent=True,
        at_rate=lambda space, rate: adam_nearest(space, rate=rate),
        paper=_LI,
        freezes=True,
    ),
    "adam_rounding": Row(
        adam_rounding,
        _ORDERED,
        needs_key=True,
        has_latent=True,
        at_rate=lambda space, rate: adam_rounding(space, rate=rate),
        paper=_LI,
    ),
    "adam_big_rounding": Row(
        adam_big_rounding,
        _ORDERED,
        needs_key=True,
        has_latent=True,
        at_rate=lambda space, rate: adam_big_rounding(space, rate=4 * rate, every=4),
        paper=_LI,
    ),
    "adam_binary_connect": Row(
        adam_binary_connect,
        _ORDERED,
        has_latent=True,
        at_rate=lambda space, rate: adam_binary_connect(space, rate=rate),
        paper=_LI,
    ),
    "bop": Row(
        bop,
        _ORDERED,
        at_rate=lambda space, rate: thinned(bop(space), rate),
        paper="Helwegen et al. 2019, arXiv 1906.02107",
    ),
    "reverse_ascent": Row(
        reverse_ascent,
        (Bit,),
        at_rate=lambda space, rate: thinned(reverse_ascent(space), rate),
        paper="Wilson and Zanasi 2021, arXiv 2101.10488",
        ring=True,
    ),
    "sgd": Row(
        sgd,
        _REAL,
        at_rate=lambda space, rate: sgd(space, rate=rate),
        paper="Robbins and Monro 1951, doi 10.1214/aoms/1177729586",
    ),
    "adam": Row(
        adam,
        _REAL,
        has_latent=True,
        at_rate=lambda space, rate: adam(space, rate=rate),
        paper="Kingma and Ba 2015, arXiv 1412.6980",
    ),
    "dq_gd": Row(
        dq,
        _REAL,
        has_latent=True,
        at_rate=lambda space, rate: dq(space, rate=rate),
        paper=_DQ,
    ),
    "dq_nag": Row(
        partial(dq, momentum=0.9, lookahead=True),
        _REAL,
        has_latent=True,
        at_rate=lambda space, rate: dq(space, rate=rate, momentum=0.9, lookahead=True),
        paper=_DQ,
    ),
    "dq_hb": Row(
        partial(dq, momentum=0.9),
        _REAL,
        has_latent=True,
        at_rate=lambda space, rate: dq(space, rate=rate, momentum=0.9),
        paper=_DQ,
    ),
}


SHORT = {
    "r": "nearest",
    "sr": "rounding",
    "big_sr": "big_rounding",
    "bc": "binary_connect",
    "adam_r": "adam_nearest",
    "adam_sr": "adam_rounding",
    "adam_big_sr": "adam_big_rounding",
    "adam_bc": "adam_binary_connect",
}
"""What papers call a rule -> its name in RULES."""


def rule_name(name: str, kind: type) -> str:
    """Return the name in RULES of a rule, given that or what papers call it; an unknown one is returned as it is.

    ``adam`` works on reals; in a space of another kind it is Adam on real latents, ``adam_binary_connect``.
    """
    found = SHORT.get(name, name)
    return "adam_binary_connect" if found == "adam" and kind not in RULES["adam"].spaces else found


def rules_in(kind: type) -> list[str]:
    """Return the names of the rules that work in this kind of space: ``rules_in(Choice)``."""
    return [name for name, row in RULES.items() if kind in row.spaces]


def make_rule(name: str, space: RuleSpace, **settings: object) -> Rule:
    """Make a rule by name.

    Raises:
        RuleError: an unknown name, a space the rule does not work in, or a bad setting.
    """
    return _row(name, space).factory(space, **settings)


def _row(name: str, space: RuleSpace) -> Row:
    row = RULES.get(name)
    if row is None:
        raise RuleError(f"rule: got {name!r}, expected one of {', '.join(RULES)}")
    if not isinstance(space, row.spaces):
        works = ", ".join(kind.__name__ for kind in row.spaces)
        raise RuleError(f"rule {name}: does not work in {space}, expected one of {works}")
    return row


def annealed(name: str, space: RuleSpace, *, rate: float, end: float, steps: int) -> Rule:
    """Make a rule by name whose rate falls along half a cosine from ``rate`` to ``end`` times that, over ``steps``.

    Raises:
        RuleError: as for :func:`make_rule`.
    """
    row = _row(name, space)
    return scheduled(partial(row.at_rate, space), rate=cosine(rate, end * rate, steps=steps))
