import numpy as np
import pytest

from learn.errors import RuleError
from learn.keys import Key
from learn.rules import (
    IDENTITY,
    RULES,
    SHORT,
    Rule,
    chain,
    constant,
    cosine,
    linear,
    masked,
    powers,
    rule_name,
    scheduled,
    state_arrays,
    with_arrays,
)
from learn.rules.bold import bold
from learn.spaces import Bit, Choice, Int, Real

KEY = Key(50)


def test_schedules():
    assert [constant(0.3)(k) for k in (0, 99)] == [0.3, 0.3]
    assert [linear(1.0, 0.0, steps=4)(k) for k in (0, 1, 4, 9)] == [1.0, 0.75, 0.0, 0.0]
    assert [cosine(1.0, 0.5, steps=4)(k) for k in (0, 2, 4, 9)] == pytest.approx([1.0, 0.75, 0.5, 0.5])
    assert [powers(8.0, power=1)(k) for k in (0, 1, 3)] == [8.0, 4.0, 2.0]
    assert powers(8.0, power=0.5)(3) == 4.0
    assert linear(1.0, 0.25, steps=0)(0) == 0.25


def spy(seen):
    def update(signal, state, params, *, key):
        seen.append(key)
        return signal + 1, state

    return Rule(lambda params: (), update)


def test_chain_hands_on_and_keeps_draws_apart():
    seen = []
    signal, state = chain(spy(seen), spy(seen), spy(seen)).update(np.zeros(2), ((), (), ()), np.zeros(2), key=KEY)
    assert signal.tolist() == [3, 3] and state == ((), (), ())
    assert seen[-1] == KEY and len(set(seen)) == 3


def test_an_empty_chain_is_the_identity():
    assert chain().update(5, chain().init(np.zeros(1)), np.zeros(1), key=KEY) == (5, ())
    assert IDENTITY.update(5, IDENTITY.init(np.zeros(1)), np.zeros(1), key=KEY)[0] == 5


def test_a_masked_rule_sees_no_signal_there():
    rule = masked(bold(Choice(2), threshold=9.0), np.array([True, False]))
    params = np.array([0, 0])
    _, state = rule.update(np.array([[0, -1], [0, -1]]), rule.init(params), params, key=KEY)
    assert state.votes.any(axis=1).tolist() == [True, False]


def test_state_names():
    rule = chain(IDENTITY, scheduled(lambda eta: bold(Bit(), eta=eta), eta=constant(1.0)))
    state = rule.init(np.zeros(3, np.int8))
    arrays = state_arrays(state)
    assert sorted(arrays) == ["state.1.inner.flipped", "state.1.inner.votes", "state.1.updates"]
    again = with_arrays(state, arrays)
    assert again[1].inner.votes is state[1].inner.votes and type(again[1]) is type(state[1])


def test_a_state_that_does_not_fit():
    rule = bold(Bit())
    arrays = state_arrays(rule.init(np.zeros(3, np.int8)))
    with pytest.raises(RuleError, match=r"state.votes: got int64 \(3,\), expected int64 \(4,\)"):
        with_arrays(rule.init(np.zeros(4, np.int8)), arrays)
    with pytest.raises(RuleError, match="got nothing"):
        with_arrays(rule.init(np.zeros(3, np.int8)), {})


def test_short_names_are_of_rules():
    assert all(name in RULES and short not in RULES for short, name in SHORT.items())
    assert [rule_name(name, Int) for name in ("zim", "sr", "bc", "adam", "what")] == [
        "zim",
        "rounding",
        "binary_connect",
        "adam_binary_connect",
        "what",
    ]
    assert rule_name("adam", Real) == "adam"
